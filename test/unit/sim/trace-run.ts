/** Runs made by hand, for tests of what reads them: deliveries and who sent them, nothing else. */
import type { DecisionKind, RaftDecision, RaftView } from '../../../sim/trace/raft-view.ts'
import type { Broken, Delivery, Json, Message, RunTrace, Via } from '../../../sim/trace/record.ts'

export interface HandMade {
  readonly node?: number
  readonly actor?: string
  readonly kind?: string
  readonly body?: Json
  readonly via?: Via
  /** Who sent it; 0 for nobody. */
  readonly from?: number
}

export const view: RaftView = {
  term: 1,
  vote: 0,
  role: 'follower',
  leader: 0,
  commit: 0,
  compacted: 0,
  last: 0,
  lastTerm: 0,
  voters: [1, 2, 3],
  votersOutgoing: [],
  learners: [],
  granted: [],
  snapshots: [],
  matched: [],
}

export function decided(
  seq: number,
  node: number,
  kinds: readonly DecisionKind[],
  state: Partial<RaftView> = {},
  diff: RaftDecision['diff'] = [],
): RaftDecision {
  return { seq, node, group: 'default', kinds, state: { ...view, ...state }, diff }
}

export interface HandMadeRun {
  readonly deliveries: readonly HandMade[]
  readonly decisions?: readonly RaftDecision[]
  readonly broken?: Partial<Broken>
  readonly happened?: RunTrace['happened']
  readonly spans?: RunTrace['spans']
}

/** Delivery i happens at i milliseconds; the clocks and the edges to the delivery before are worked out. */
export function handMade({
  deliveries: made,
  decisions = [],
  broken,
  happened = [],
  spans = [],
}: HandMadeRun): RunTrace {
  const messages: Message[] = []
  const deliveries: Delivery[] = []
  const last = new Map<string, number>()
  const lamport = new Map<number, number>()
  for (const [at, one] of made.entries()) {
    const seq = at + 1
    const { node = 1, actor = 'raft/default', kind = 'peer.append', body = null, via = 'network', from = 0 } = one
    const sender = deliveries[from - 1]
    const clock = 1 + Math.max(lamport.get(node) ?? 0, sender?.lamport ?? 0)
    lamport.set(node, clock)
    messages.push({
      id: seq,
      kind,
      via,
      sentAtMs: from === 0 ? seq - 0.5 : from,
      sender: from,
      fromNode: sender?.node ?? node,
      fromExecutor: 0,
      toNode: node,
      toActor: actor,
      cut: false,
      body,
      deliveries: [seq],
    })
    deliveries.push({
      seq,
      atMs: seq,
      node,
      executor: 0,
      life: 1,
      actor,
      message: seq,
      parents: from === 0 ? [] : [from],
      previous: last.get(`${node} ${actor}`) ?? 0,
      reborn: false,
      lamport: clock,
      hash: seq.toString(16).padStart(16, '0'),
      sends: [],
      effects: [],
    })
    last.set(`${node} ${actor}`, seq)
    const sends = sender?.sends as number[] | undefined
    sends?.push(seq)
  }
  const violation: Broken = {
    invariant: 'I1',
    text: 'I1: default: broken',
    seq: deliveries.length,
    witnesses: [],
    ...broken,
  }
  return {
    format: 1,
    scenario: 'by hand',
    seed: 7,
    digest: 'd',
    simulatedMs: deliveries.length,
    nodes: [...new Set(deliveries.map(({ node }) => node))].sort().map((id) => ({ id, executors: 1 })),
    broken: broken === undefined ? null : violation,
    deliveries,
    messages,
    decisions,
    happened,
    spans,
    asked: [],
  }
}
