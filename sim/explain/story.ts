/**
 * What happened in a delivery as one plain sentence, for a reader who knows Raft and not this code. The story of a violation
 * is the sentences of its cone, with the faults between them.
 */
import type { DecisionKind, RaftDecision, RaftView } from '../trace/raft-view.ts'
import { type Delivery, deliveryOf, type Json, messageOf, type RunTrace } from '../trace/record.ts'
import { lengthOfSketch } from '../trace/sketch.ts'
import type { Cone, Link } from './cone.ts'

export interface Sentence {
  readonly atMs: number
  /** 0 for a fault. */
  readonly seq: number
  readonly link: Link | 'fault'
  readonly text: string
}

export function storyOf(trace: RunTrace, cone: Cone): Sentence[] {
  const decided = new Map(trace.decisions.map((decision) => [decision.seq, decision]))
  const sentences: Sentence[] = cone.steps.map(({ seq, link }) => {
    const delivery = deliveryOf(trace, seq)
    return { atMs: delivery.atMs, seq, link, text: sentenceOf(trace, delivery, decided.get(seq)) }
  })
  const faults = cone.happened.map(({ atMs, text }): Sentence => ({ atMs, seq: 0, link: 'fault', text }))
  return [...sentences, ...faults].sort((a, b) => a.atMs - b.atMs || a.seq - b.seq)
}

export function sentenceOf(trace: RunTrace, delivery: Delivery, decision: RaftDecision | undefined): string {
  const { node, actor } = delivery
  const message = messageOf(trace, delivery)
  const heard = heardText(message.kind, message.body)
  const who = `node ${node}${actor.startsWith('raft/') ? '' : ` ${actor}`}`
  if (decision === undefined) return `${who} ${heard ?? `handles ${message.kind}`}`
  const did = decisionText(decision)
  return heard === undefined ? `${who} ${did}` : `${who} ${heard}, and ${did}`
}

/** What was decided, said in full. */
export function decisionText({ kinds, state, diff }: RaftDecision): string {
  if (state === null) return 'drops its core'
  const was = new Map(diff.map(([field, before]) => [field, before]))
  const said = kinds
    // A step into a term is told by what was done there.
    .filter((kind) => kind !== 'term' || kinds.length === 1)
    .map((kind) => kindText(kind, state, was))
  return said.length === 0 ? 'takes note' : said.join(' and ')
}

function kindText(kind: DecisionKind, state: RaftView, was: ReadonlyMap<string, string>): string {
  const { term, vote, leader, last, commit, compacted, voters } = state
  switch (kind) {
    case 'opened':
      return `finds on its disk: term ${term}, vote ${vote === 0 ? 'for nobody' : `for ${vote}`}, log up to ${last}, commit ${commit}`
    case 'closed':
      return 'drops its core'
    case 'term':
      return `enters term ${term}`
    case 'preCampaign':
      return `asks whether it would be elected in term ${term + 1}`
    case 'campaign':
      return `stands for election in term ${term}`
    case 'voteGranted':
      return `votes for ${vote} in term ${term}`
    case 'voteCounted':
      return `has ${state.granted.join(' and ')} for it`
    case 'leadershipWon':
      return `leads term ${term}`
    case 'leadershipLost':
      return `no longer leads (term ${was.get('term') ?? term})`
    case 'follows':
      return `follows ${leader} in term ${term}`
    case 'append':
      return `appends up to ${last} (it had ${was.get('last') ?? last})`
    case 'matched':
      return `knows the logs of its followers to hold ${state.matched.join(' ')}`
    case 'cut':
      return `takes back what it had after ${Math.min(last, Number(was.get('last') ?? last))}`
    case 'commit':
      return `commits up to ${commit} (before: ${was.get('commit') ?? commit})`
    case 'compacted':
      return `drops its log up to ${compacted}`
    case 'snapshotSent':
      return `sends a snapshot to ${state.snapshots.join(' and ')}`
    case 'snapshotInstalled':
      return `continues from a snapshot at ${compacted}`
    case 'configuration':
      return `takes the voters to be ${voters.join(', ')}`
  }
}

/** The same in a word or two, for a label in a drawing. */
export function decisionLabel({ kinds, state }: RaftDecision): string {
  if (state === null) return 'closed'
  const labels: { readonly [kind in DecisionKind]?: string } = {
    leadershipWon: `leads t${state.term}`,
    leadershipLost: 'steps down',
    voteGranted: `votes ${state.vote}`,
    campaign: `stands t${state.term}`,
    preCampaign: 'asks round',
    snapshotInstalled: `snapshot ${state.compacted}`,
    snapshotSent: 'sends snapshot',
    configuration: `voters ${state.voters.join(' ')}`,
    cut: 'cuts log',
    commit: `commit ${state.commit}`,
    append: `log ${state.last}`,
    follows: `follows ${state.leader}`,
    opened: 'opened',
    compacted: `compact ${state.compacted}`,
    term: `term ${state.term}`,
    voteCounted: `has ${state.granted.join(' ')}`,
    matched: 'counts',
  }
  for (const [kind, label] of Object.entries(labels)) if (kinds.includes(kind as DecisionKind)) return label
  return ''
}

/** Undefined where what was decided says it all. */
function heardText(kind: string, body: Json): string | undefined {
  const outer = objectOf(body)
  const fields = objectOf(outer['message'] ?? body)
  const from = String(fields['from'] ?? '?')
  const term = String(fields['term'] ?? '?')
  const pre = fields['pre'] === true
  switch (kind.replace(/^(?:peer|fromReplica)\./, '')) {
    case 'timer.tick':
      return 'has a tick'
    case 'askVote':
      return pre
        ? `is asked by ${from} whether it would vote for it in term ${term}`
        : `is asked by ${from} for its vote in term ${term}`
    case 'vote': {
      const yes = fields['granted'] === true
      if (pre)
        return yes ? `hears that ${from} would vote for it in term ${term}` : `hears that ${from} would not vote for it`
      return yes ? `gets the vote of ${from} in term ${term}` : `does not get the vote of ${from} in term ${term}`
    }
    case 'append': {
      const count = lengthOfSketch(fields['entries'])
      const after = String(fields['prevIndex'] ?? '?')
      const what = count === 0 ? 'an empty append' : `${count} ${count === 1 ? 'entry' : 'entries'} after ${after}`
      return `gets ${what} from ${from} (term ${term}, commit ${String(fields['commit'] ?? '?')})`
    }
    case 'matched':
      return `hears that ${from} has its log on disk up to ${String(fields['index'] ?? '?')}`
    case 'mismatched':
      return `hears that the log of ${from} differs before ${String(fields['prevIndex'] ?? '?')}`
    case 'heartbeat':
      return `hears from leader ${from} of term ${term}`
    case 'persisted':
      return `has its own log on disk up to ${String(fields['index'] ?? '?')}`
    case 'timeoutNow':
      return `is told by ${from} to take over`
    case 'propose':
      return 'is asked to replicate a command'
    case 'open':
      return undefined
    default:
      return undefined
  }
}

function objectOf(value: Json): { readonly [field: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as { readonly [field: string]: Json })
    : {}
}
