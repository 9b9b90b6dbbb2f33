/**
 * Golden traces: a text of commands (`> ...`) and, below each, what the cluster did. Played again, a trace must give the
 * same text. Lines with `#` are comments and stay.
 *
 *   > group voters=1,2,3 learners=4 spares=5 keep=4 quiesce=5 window=2 ban=0 prevote=off
 *   > stand 1 | tick 1 5 | propose 1 text | read 1 7 | change 1 voters=1,2 learners=3 | transfer 1 2 | link 1 2 down
 *   > disk 1 [turns] | machine 1 | fold 1 | crash 1 | wipe 1 | restart 1 | report 1 index term
 *   > deliver | deliver 1>2 | deliver append | drop 1>2 | cut 1 2 | isolate 3 | heal | snapshot delivered | snapshot lost
 *   > settle | settle quietly | run 5 | elect 1
 *   > show | logs | progress 1
 *
 * `settle quietly`, `run` and `elect` say only what the world was told; the others tell each step.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { NodeId, RaftEffect, RaftMessage } from '../../../actors/raft/messages.ts'
import type { RaftConfig } from '../../../actors/raft/state.ts'
import { Cluster, type Envelope } from './cluster.ts'
import { configurationText, effectText, entryText, messageText } from './trace-text.ts'

class TracedCluster extends Cluster {
  lines: string[] = []
  loud = true

  override step(id: NodeId, message: RaftMessage): RaftEffect[] {
    const up = this.replica(id).state !== undefined
    const at = this.lines.length
    const out = super.step(id, message)
    const told = this.loud ? out : out.filter((effect) => isNews(effect))
    if (!up || (told.length === 0 && (message.type === 'tick' || !this.loud))) return out
    const from = 'from' in message && message.type !== 'installed' ? ` from ${message.from}` : ''
    // Deeper steps, of a flush within a settle, have written their lines already; ours come before what follows.
    const head = this.loud ? [`  ${id} hears${from}: ${messageText(message)}`] : []
    this.lines.splice(
      at,
      0,
      ...head,
      ...told.map((effect) => (this.loud ? `      ${effectText(effect)}` : `  ${id} ${effectText(effect)}`)),
    )
    return out
  }
}

type Command = (cluster: TracedCluster, words: readonly string[]) => void

const node = (words: readonly string[], at: number): number => {
  const id = Number(words[at])
  if (!Number.isSafeInteger(id)) throw new RangeError(`a trace names replicas by number, "${words[at]}" given`)
  return id
}

const commands: Readonly<Record<string, Command>> = {
  tick: (cluster, words) => cluster.tick(node(words, 0), Number(words[1] ?? 1)),
  stand: (cluster, words) => void cluster.step(node(words, 0), { type: 'campaign' }),
  propose: (cluster, words) => cluster.propose(node(words, 0), words.slice(1).join(' '), 1),
  read: (cluster, words) => void cluster.step(node(words, 0), { type: 'read', id: node(words, 1) }),
  transfer: (cluster, words) => void cluster.step(node(words, 0), { type: 'transferLeadership', to: node(words, 1) }),
  link: (cluster, words) =>
    void cluster.step(node(words, 0), { type: 'peerLink', node: node(words, 1), up: words[2] === 'up' }),
  change: (cluster, words) => {
    const wanted = { voters: nodesOf(words, 'voters'), learners: nodesOf(words, 'learners') }
    cluster.step(node(words, 0), { type: 'changeConfiguration', id: 1, wanted })
  },
  report: (cluster, words) =>
    void cluster.step(node(words, 0), { type: 'persisted', index: node(words, 1), term: node(words, 2) }),
  disk: (cluster, words) => {
    for (let left = Number(words[1] ?? 1_000); left > 0 && cluster.flush(node(words, 0)); left--);
  },
  machine: (cluster, words) => {
    while (cluster.apply(node(words, 0)));
  },
  fold: (cluster, words) => cluster.fold(node(words, 0)),
  crash: (cluster, words) => cluster.crash(node(words, 0)),
  wipe: (cluster, words) => cluster.wipe(node(words, 0)),
  restart: (cluster, words) => cluster.restart(node(words, 0)),
  deliver: (cluster, words) => {
    for (const envelope of takeMatching(cluster, words[0])) cluster.deliver(envelope)
  },
  drop: (cluster, words) => {
    for (const { from, to, message } of takeMatching(cluster, words[0]))
      cluster.lines.push(`  lost ${from}>${to}: ${messageText(message)}`)
  },
  cut: (cluster, words) => cluster.cut(node(words, 0), node(words, 1)),
  isolate: (cluster, words) => cluster.isolate(node(words, 0)),
  heal: (cluster) => cluster.heal(),
  snapshot: (cluster, words) => cluster.finishSnapshot(words[0] === 'delivered'),
  settle: (cluster, words) => {
    cluster.loud = words[0] !== 'quietly'
    cluster.settle()
  },
  run: (cluster, words) => {
    cluster.loud = false
    cluster.run(Number(words[0]))
  },
  elect: (cluster, words) => {
    cluster.loud = false
    cluster.elect(node(words, 0))
  },
  show: (cluster) => {
    for (const { id, state } of cluster.replicas.values()) {
      const about =
        state &&
        `${state.role} of term ${state.term}, commit ${state.commit}, applied ${state.applied}, log ${state.log.first}..${state.log.last}${state.quiesced ? ', asleep' : ''}, ${configurationText(state.membership.current)}`
      cluster.lines.push(`  ${id} ${about ?? 'is down'}`)
    }
  },
  logs: (cluster) => {
    for (const { log, self } of cluster.states) {
      const entries = Array.from(
        { length: log.last - log.first + 1 },
        (_, n) => log.slice(log.first + n, log.first + n, 1)[0],
      )
      cluster.lines.push(
        `  ${self}: ${log.first > 1 ? `... ${log.first - 1}@${log.term(log.first - 1)} | ` : ''}${entries.flatMap((each) => (each ? [entryText(each)] : [])).join(', ')}; on disk as far as known: ${log.stable}`,
      )
    }
  },
  progress: (cluster, words) => {
    for (const [id, { phase, match, next, inflight }] of cluster.state(node(words, 0)).progress) {
      cluster.lines.push(`  ${id} ${phase}, match ${match}, next ${next}, ${inflight.length} in flight`)
    }
  },
}

/** Plays the commands of `text` and gives the text that belongs there. */
export function play(text: string): string {
  const played: string[] = []
  let cluster: TracedCluster | undefined
  for (const line of text.split('\n')) {
    if (line.startsWith('#') || line === '') played.push(line)
    if (!line.startsWith('> ')) continue
    played.push(line)
    const [name = '', ...words] = line.slice(2).split(' ')
    if (name === 'group') {
      cluster = group(words)
      continue
    }
    const command = commands[name]
    if (cluster === undefined || command === undefined)
      throw new RangeError(`no such command in a trace, or no group yet: ${line}`)
    cluster.lines = []
    cluster.loud = true
    command(cluster, words)
    cluster.check()
    played.push(...cluster.lines)
  }
  return played.join('\n')
}

/** Every trace by name, with its text and a way to rewrite it. */
export function traces(): { name: string; text: string; write: (text: string) => void }[] {
  const folder = traceFolder(dirname(fileURLToPath(import.meta.url)))
  return readdirSync(folder)
    .filter((name) => name.endsWith('.txt'))
    .sort()
    .map((name) => {
      const path = join(folder, name)
      return { name, text: readFileSync(path, 'utf8'), write: (text) => writeFileSync(path, text) }
    })
}

/** The tests run from a build folder beside or below the repository, which alone holds the traces. */
function traceFolder(from: string): string {
  for (let at = from; ; at = dirname(at)) {
    const folder = join(at, 'test/traces')
    if (isTraceFolder(at, folder)) return folder
    if (dirname(at) === at) throw new RangeError(`no repository with test/traces above ${from}`)
  }
}

function isTraceFolder(root: string, folder: string): boolean {
  try {
    return readdirSync(root).includes('package.json') && readdirSync(folder).some((name) => name.endsWith('.txt'))
  } catch {
    return false
  }
}

function group(words: readonly string[]): TracedCluster {
  const numbers: Record<string, keyof RaftConfig> = {
    keep: 'logKeepEntries',
    quiesce: 'quiesceAfterTicks',
    window: 'inflightMessagesMax',
    ban: 'voteBanTicks',
    bytes: 'maxEntriesBytes',
    quota: 'proposalQuotaBytes',
  }
  const config: Partial<Record<keyof RaftConfig, number | boolean>> = {}
  for (const word of words) {
    const [key = '', value = ''] = word.split('=')
    const name = numbers[key]
    if (name !== undefined) config[name] = Number(value)
    if (key === 'prevote') config.preVote = value !== 'off'
    if (key === 'checkquorum') config.checkQuorum = value !== 'off'
  }
  return new TracedCluster({
    voters: nodesOf(words, 'voters'),
    learners: nodesOf(words, 'learners'),
    spares: nodesOf(words, 'spares'),
    config: config as Partial<RaftConfig>,
  })
}

function nodesOf(words: readonly string[], key: string): number[] {
  const word = words.find((each) => each.startsWith(`${key}=`))
  return word === undefined
    ? []
    : word
        .slice(key.length + 1)
        .split(',')
        .map(Number)
}

/** What is under way now and fits `which`: a link as `1>2`, a kind of message, or everything. */
function takeMatching(cluster: Cluster, which: string | undefined): Envelope[] {
  const fits = ({ from, to, message }: Envelope): boolean =>
    which === undefined || which === `${from}>${to}` || which === message.type
  const taken = cluster.bag.filter(fits)
  cluster.bag = cluster.bag.filter((envelope) => !fits(envelope))
  return taken
}

function isNews({ type }: RaftEffect): boolean {
  return type !== 'send' && type !== 'append' && type !== 'persistHardState' && type !== 'apply'
}
