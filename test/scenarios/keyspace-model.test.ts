/**
 * The keyspace on a cluster against a keyspace on a blackboard: every kind of command and query, drawn, each answered as the
 * reference answers it, while nodes crash, fall behind and are filled by snapshots.
 */
import type {
  Compare,
  KeyspaceCommand,
  KeyspaceQuery,
  KeyspaceReply,
  PutRequest,
  RangeRequest,
  TxnOperation,
  TxnRequest,
} from '../../actors/keyspace/messages.ts'
import type { ReplicaReply, ReplicaRequest, SnapshotChunkReply } from '../../actors/raft/replica-messages.ts'
import { equalBytes, utf8 } from '../../base/bytes.ts'
import { draw } from '../../base/draw.ts'
import { check } from '../../sim/checkers/violation.ts'
import type { SimCluster } from '../../sim/cluster.ts'
import { Reference } from '../unit/keyspace/reference.ts'
import { scenario } from './scenario.ts'

const withinMs = 5_000
const keys = ['a', 'b', 'ba', 'c', 'd']

scenario(
  'K8: every command and query is answered as the reference does, whatever the replicas go through',
  { seeds: [1, 2, 3, 5, 8], nodes: 3, logKeepEntries: 16 },
  (cluster) => {
    cluster.awaitLeader({ withinMs })
    const reference = new Reference([])
    const dice = new Dice(cluster.world.seed)
    const { revision } = answerOf(cluster, { type: 'range', key: utf8('a') }, dice)
    check(revision === reference.revision, 'K8', () => `an empty keyspace is at revision ${revision}`)

    for (let step = 0; step < 160; step++) {
      dice.step = step
      trouble(cluster, dice)
      const request = dice.operation(reference.revision)
      const wanted = 'command' in request ? reference.apply(request.command) : reference.query(request.query)
      const found =
        'command' in request ? appliedOf(cluster, request.command, step, dice) : answerOf(cluster, request.query, dice)
      check(
        text(found) === text(wanted),
        'K8',
        () => `step ${step}: ${text(request)}\n  ${text(found)}, the reference says\n  ${text(wanted)}`,
      )
    }

    for (const id of cluster.nodes) if (!cluster.upNodes.includes(id)) cluster.restart(id)
    cluster.expectConverged({ withinMs: 2 * withinMs })
    const hashes = cluster.nodes.map((id) =>
      text(cluster.ask(id, read({ type: 'hashKv', revision: 0 }, 'serializable'), { withinMs: 1_000 })),
    )
    for (const hash of hashes)
      check(withoutPlace(hash) === withoutPlace(hashes[0] ?? ''), 'K13', () => hashes.join('\n'))
  },
)

// Two readings of one revision: one is taken at once, the other while a compaction removes most of what it reads.
scenario(
  'K14: a snapshot that is read slowly is of the moment it was opened',
  { seeds: [1, 2, 3], nodes: 3 },
  (cluster) => {
    const leader = cluster.awaitLeader({ withinMs })
    const dice = new Dice(cluster.world.seed)
    for (let step = 0; step < 30; step++) appliedOf(cluster, put(keys[step % 3] as string, `${step}`), step, dice)
    const slow = open(cluster, leader)
    const quick = open(cluster, leader)
    const all = drain(cluster, leader, quick, [])
    const begun = drain(cluster, leader, slow, [], 2)

    appliedOf(cluster, { type: 'compact', revision: 28 }, 100, dice)
    cluster.run({ ms: 1_000 })
    const rest = drain(cluster, leader, slow, begun)

    const equal = all.length === rest.length && all.every((bytes, at) => equalBytes(bytes, rest[at] as Uint8Array))
    check(equal, 'K14', () => `${lengths(all)} bytes were read at once, ${lengths(rest)} slowly`)
  },
)

/** Every choice of the scenario, keyed by its step. */
class Dice {
  readonly #seed: number
  step = 0

  constructor(seed: number) {
    this.#seed = seed
  }

  share(site: string, count: number = 0): number {
    return draw(this.#seed, `scenario.${site}`, this.step, count)
  }

  below(site: string, bound: number, count: number = 0): number {
    return Math.floor(this.share(site, count) * bound)
  }

  operation(revision: number): { readonly command: KeyspaceCommand } | { readonly query: KeyspaceQuery } {
    const kind = this.share('kind')
    if (kind < 0.25) return { command: this.put(0) }
    if (kind < 0.35)
      return { command: { type: 'deleteRange', ...this.#selection(1), prevKv: this.share('prev') < 0.5 } }
    if (kind < 0.6) return { command: this.#txn(2, 0) }
    if (kind < 0.66) return { command: { type: 'compact', revision: Math.max(1, revision - this.below('back', 6)) } }
    if (kind < 0.95) return { query: this.#range(3, revision) }
    return { query: { type: 'txn', compare: [this.#compare(4)], success: [this.#range(5, revision)], failure: [] } }
  }

  put(at: number): PutRequest {
    const keeps = this.share('keeps', at) < 0.15
    const value = keeps ? new Uint8Array(0) : utf8(`v${this.below('value', 4, at)}`)
    const request = { type: 'put', key: this.#key(at), value, prevKv: this.share('prevKv', at) < 0.4 } as const
    return keeps ? { ...request, ignoreValue: true } : request
  }

  #key(at: number): Uint8Array {
    return utf8(keys[this.below('key', keys.length, at)] as string)
  }

  #selection(at: number): { readonly key: Uint8Array; readonly rangeEnd?: Uint8Array } {
    const shape = this.share('shape', at)
    if (shape < 0.4) return { key: this.#key(at) }
    return { key: this.#key(at), rangeEnd: shape < 0.8 ? this.#key(at + 100) : new Uint8Array([0]) }
  }

  #range(at: number, revision: number): RangeRequest {
    const past = this.share('past', at) < 0.4 ? Math.max(1, revision - this.below('age', 8, at)) : 0
    return {
      type: 'range',
      ...this.#selection(at),
      limit: this.below('limit', 4, at),
      revision: past,
      countOnly: this.share('count', at) < 0.1,
      sortOrder: (['none', 'ascend', 'descend'] as const)[this.below('order', 3, at)] ?? 'none',
      sortTarget: (['key', 'version', 'create', 'mod', 'value'] as const)[this.below('target', 5, at)] ?? 'key',
    }
  }

  #compare(at: number): Compare {
    const result = (['equal', 'notEqual', 'greater', 'less'] as const)[this.below('result', 4, at)] ?? 'equal'
    const what = this.share('what', at)
    if (what < 0.4)
      return { key: this.#key(at), result, target: { type: 'value', value: utf8(`v${this.below('than', 4, at)}`) } }
    const type = what < 0.7 ? 'version' : what < 0.85 ? 'create' : 'mod'
    return { ...this.#selection(at), result, target: { type, value: this.below('than', 5, at) } }
  }

  #txn(at: number, depth: number): TxnRequest {
    const branch = (side: number): TxnOperation[] =>
      Array.from({ length: this.below('size', 4, at + side) }, (_, i) => this.#inTxn(at * 7 + side * 3 + i + 10, depth))
    const compare = Array.from({ length: this.below('compares', 3, at) }, (_, i) => this.#compare(at * 5 + i + 50))
    return { type: 'txn', compare, success: branch(1), failure: branch(2) }
  }

  #inTxn(at: number, depth: number): TxnOperation {
    const kind = this.share('inner', at)
    if (kind < 0.45) return this.put(at)
    if (kind < 0.6) return { type: 'deleteRange', ...this.#selection(at), prevKv: this.share('prev', at) < 0.5 }
    return kind < 0.8 || depth > 1 ? this.#range(at, 0) : this.#txn(at, depth + 1)
  }
}

/** One node at a time is away, for some steps. */
function trouble(cluster: SimCluster, dice: Dice): void {
  const away = cluster.nodes.find((id) => !cluster.upNodes.includes(id))
  if (away !== undefined) {
    if (dice.share('return') < 0.06) cluster.restart(away)
  } else if (dice.share('crash') < 0.05) {
    cluster.crash(1 + dice.below('victim', 3))
  }
}

function appliedOf(cluster: SimCluster, command: KeyspaceCommand, number: number, dice: Dice): KeyspaceReply {
  const request: ReplicaRequest = { type: 'propose', command, request: { client: 'model', number: number + 1 } }
  const reply = insist(cluster, request, dice, (each) => each.type === 'applied')
  return (reply as ReplicaReply & { type: 'applied' }).reply as KeyspaceReply
}

function answerOf(cluster: SimCluster, query: KeyspaceQuery, dice: Dice): KeyspaceReply {
  const reply = insist(cluster, read(query, 'linearizable'), dice, (each) => each.type === 'answer')
  return (reply as ReplicaReply & { type: 'answer' }).answer as KeyspaceReply
}

function read(query: KeyspaceQuery, consistency: 'linearizable' | 'serializable'): ReplicaRequest {
  return { type: 'read', query, consistency }
}

/** Asks one node after the other until it is done. */
function insist(
  cluster: SimCluster,
  request: ReplicaRequest,
  dice: Dice,
  done: (reply: ReplicaReply) => boolean,
): ReplicaReply {
  for (let attempt = 0; attempt < 60; attempt++) {
    const up = cluster.upNodes
    const node = up[dice.below('node', up.length, attempt)] as number
    const reply = cluster.ask(node, request, { withinMs: 600 })
    if (reply !== undefined && done(reply)) return reply
    cluster.run({ ms: 20 })
  }
  check(false, 'I23', () => `${text(request)} was never done\n${cluster.describe()}`)
}

function put(key: string, value: string): PutRequest {
  return { type: 'put', key: utf8(key), value: utf8(value) }
}

function open(cluster: SimCluster, node: number): number {
  const reply = cluster.ask(node, { type: 'openSnapshot' }, { withinMs })
  check(reply?.type === 'opened', 'I23', () => `openSnapshot: ${text(reply)}`)
  return reply.id
}

/** Reads on, to the end or `chunks` more. */
function drain(
  cluster: SimCluster,
  node: number,
  id: number,
  before: readonly Uint8Array[],
  chunks: number = 99,
): Uint8Array[] {
  const found = [...before]
  for (let chunk = 0; chunk < chunks; chunk++) {
    const reply = cluster.ask(node, { type: 'nextSnapshotChunk', id }, { withinMs }) as SnapshotChunkReply | undefined
    if (reply?.type !== 'chunk') break
    found.push(reply.bytes)
  }
  return found
}

function lengths(chunks: readonly Uint8Array[]): string {
  return chunks.map((bytes) => bytes.length).join('+')
}

function text(value: unknown): string {
  return JSON.stringify(readable(value))
}

/** Bytes as text, whichever kind of array holds them. */
function readable(value: unknown): unknown {
  if (value instanceof Uint8Array) return String.fromCharCode(...value)
  if (Array.isArray(value)) return value.map(readable)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, readable(each)]))
}

/** Where an answer was read says nothing about what it says. */
function withoutPlace(answer: string): string {
  return answer.replace(/"(index|term)":\d+/g, '')
}
