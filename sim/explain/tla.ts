/**
 * A recorded run of one Raft group in the trace format of etcd-raft's TLA+ specification: NDJSON, a line a step, of 19 kinds.
 * The first line, with another tag, says what of this Raft the specification has no word for; its reader skips that line.
 *
 * One delivery to a group is, there, several steps: a message is received (with the state before), the role changes, entries
 * are appended, commit moves, messages are made, and `Ready` hands them out.
 */
import { readLineageKey } from '../../actors/raft/lineage.ts'
import type { RaftDecision, RaftView } from '../trace/raft-view.ts'
import { type Delivery, type Json, type Message, messageOf, type RunTrace } from '../trace/record.ts'
import { lengthOfSketch } from '../trace/sketch.ts'

export const tlaEventNames = [
  'InitState',
  'BecomeCandidate',
  'BecomeFollower',
  'BecomeLeader',
  'Commit',
  'Replicate',
  'ChangeConf',
  'ApplyConfChange',
  'Ready',
  'SendAppendEntriesRequest',
  'ReceiveAppendEntriesRequest',
  'SendAppendEntriesResponse',
  'ReceiveAppendEntriesResponse',
  'SendRequestVoteRequest',
  'ReceiveRequestVoteRequest',
  'SendRequestVoteResponse',
  'ReceiveRequestVoteResponse',
  'SendSnapshot',
  'ReceiveSnapshot',
] as const

export type TlaEventName = (typeof tlaEventNames)[number]

export interface TlaMessage {
  readonly type: 'MsgApp' | 'MsgAppResp' | 'MsgVote' | 'MsgVoteResp' | 'MsgHeartbeat' | 'MsgHeartbeatResp' | 'MsgSnap'
  readonly term: number
  readonly from: string
  readonly to: string
  readonly entries: number
  readonly logTerm: number
  readonly index: number
  readonly commit: number
  readonly vote: string
  readonly reject: boolean
  readonly rejectHint: number
}

export interface TlaEvent {
  readonly name: TlaEventName
  readonly nid: string
  readonly state: { readonly term: number; readonly vote: string; readonly commit: number }
  readonly role: string
  readonly log: number
  readonly conf: readonly [readonly string[], readonly string[]]
  readonly msg?: TlaMessage
  readonly prop?: { readonly [name: string]: unknown }
}

/** What a reader of the trace must know before believing what the specification says of it. */
const unmapped: readonly string[] = [
  'pre-votes are left out: the specification has none, so preCandidate is shown as a follower',
  'terms begin at 0 and the first configuration is not in the log: the specification begins at term 1 with it in the log',
  'a configuration is in force when it is appended, as in the thesis; there it is when it is applied',
  'the round on appends, heartbeats and their answers, which reads and leases are proved with, is not shown',
  'read indexes, forwarded proposals, leader transfer (timeoutNow), quiescence and the vouching for a lost store are not shown',
  'a hint in a refused append is the last index that may match; it is written as rejectHint',
  'a snapshot is sent by the replica beside the group, in chunks: SendSnapshot is the decision, ReceiveSnapshot the installation',
  'a message may be delivered twice, and more than one run of a node appears: the specification must be let do so',
  'at most the entries of one step are counted apart as Replicate; those of other leaders are not',
]

const none: RaftView = {
  term: 0,
  vote: 0,
  role: 'follower',
  leader: 0,
  commit: 0,
  compacted: 0,
  last: 0,
  lastTerm: 0,
  voters: [],
  votersOutgoing: [],
  learners: [],
  granted: [],
  snapshots: [],
  matched: [],
}

/** @param group - Of those in the run; the others are left out. */
export function tlaLines(trace: RunTrace, group: string): string[] {
  const { scenario, seed } = trace
  const head = { tag: 'about', group, scenario, seed, unmapped }
  return [head, ...tlaEvents(trace, group).map((event) => ({ tag: 'trace', event }))].map((line) =>
    JSON.stringify(line),
  )
}

export function tlaEvents(trace: RunTrace, group: string): TlaEvent[] {
  const actor = `raft/${group}`
  const decided = new Map<number, RaftDecision>()
  for (const decision of trace.decisions) if (decision.group === group) decided.set(decision.seq, decision)
  const views = new Map<number, RaftView>()
  const events: TlaEvent[] = []
  for (const delivery of trace.deliveries) {
    if (delivery.actor !== actor) continue
    const before = views.get(delivery.node)
    const decision = decided.get(delivery.seq)
    const after = decision === undefined ? before : (decision.state ?? undefined)
    if (after === undefined) views.delete(delivery.node)
    else views.set(delivery.node, after)
    if (before === undefined && after === undefined) continue
    eventsOf(trace, delivery, group, decision, before ?? none, after ?? none, events)
  }
  return events
}

function eventsOf(
  trace: RunTrace,
  delivery: Delivery,
  group: string,
  decision: RaftDecision | undefined,
  before: RaftView,
  after: RaftView,
  out: TlaEvent[],
): void {
  const { node } = delivery
  const received = peerMessage(messageOf(trace, delivery), node, group)
  if (received !== undefined) add(out, `Receive${received.step}`, node, before, received.msg)
  if (decision !== undefined) ofDecision(decision, before, after, out)
  let sent = false
  for (const id of delivery.sends) {
    const message = trace.messages[id - 1]
    const made = message === undefined ? undefined : peerMessage(message, undefined, group)
    if (made === undefined) continue
    sent = true
    add(out, `Send${made.step}`, node, after, made.msg)
  }
  const wrote = delivery.effects.some((effect) => effect.startsWith('writes'))
  if (sent || wrote) add(out, 'Ready', node, after)
  // A leader counts itself when its own disk has the entries.
  if (after.role === 'leader' && messageOf(trace, delivery).kind === 'persisted')
    add(out, 'ReceiveAppendEntriesResponse', node, after, selfAppended(node, after))
}

function ofDecision({ node, kinds }: RaftDecision, before: RaftView, after: RaftView, out: TlaEvent[]): void {
  if (kinds.includes('opened')) add(out, 'InitState', node, after)
  if (kinds.includes('snapshotInstalled')) {
    const msg = { ...noMessage('MsgSnap', after.term, after.leader, node), entries: after.compacted }
    add(out, 'ReceiveSnapshot', node, after, msg)
  }
  const stepsDown = kinds.includes('leadershipLost') || (kinds.includes('term') && !kinds.includes('campaign'))
  // The vote of the new term is given in a later step of the same delivery.
  if (stepsDown) add(out, 'BecomeFollower', node, { ...after, vote: 0, last: before.last, commit: before.commit })
  const candidate: RaftView = { ...after, role: 'candidate', leader: 0, last: before.last, commit: before.commit }
  if (kinds.includes('campaign')) {
    add(out, 'BecomeCandidate', node, candidate)
    const self = noMessage('MsgVoteResp', after.term, node, node)
    add(out, 'SendRequestVoteResponse', node, candidate, self)
    add(out, 'Ready', node, candidate)
    add(out, 'ReceiveRequestVoteResponse', node, candidate, self)
  }
  if (kinds.includes('leadershipWon'))
    add(out, 'BecomeLeader', node, { ...after, last: before.last, commit: before.commit })
  if (after.role === 'leader') ofLeader(node, kinds, before, after, out)
  if (kinds.includes('commit')) add(out, 'Commit', node, after)
  if (kinds.includes('configuration')) {
    const newconf = names(after.voters)
    add(
      out,
      'ApplyConfChange',
      node,
      { ...after, voters: before.voters, votersOutgoing: before.votersOutgoing },
      undefined,
      {
        cc: { newconf },
      },
    )
  }
  if (kinds.includes('snapshotSent'))
    for (const to of after.snapshots)
      if (!before.snapshots.includes(to)) {
        const msg = { ...noMessage('MsgSnap', after.term, node, to), entries: after.commit }
        add(out, 'SendSnapshot', node, after, msg)
      }
}

function ofLeader(
  node: number,
  kinds: RaftDecision['kinds'],
  before: RaftView,
  after: RaftView,
  out: TlaEvent[],
): void {
  const changes = kinds.includes('configuration') ? 1 : 0
  for (let last = before.last + 1; last <= after.last - changes; last++)
    add(out, 'Replicate', node, { ...after, last, commit: before.commit })
  if (changes === 1)
    add(out, 'ChangeConf', node, { ...after, commit: before.commit }, undefined, {
      cc: { changes: changesOf(before, after) },
    })
  if (after.last > before.last) add(out, 'SendAppendEntriesResponse', node, after, selfAppended(node, after))
}

function changesOf(before: RaftView, after: RaftView): { readonly nid: string; readonly action: string }[] {
  const added = after.voters.filter((node) => !before.voters.includes(node))
  const learners = after.learners.filter((node) => !before.learners.includes(node))
  const gone = [...before.voters, ...before.learners].filter(
    (node) => !after.voters.includes(node) && !after.learners.includes(node),
  )
  const change = (action: string) => (node: number) => ({ nid: String(node), action })
  return [
    ...added.map(change('AddNewServer')),
    ...learners.map(change('AddLearner')),
    ...gone.map(change('RemoveServer')),
  ]
}

interface Step {
  readonly step: 'AppendEntriesRequest' | 'AppendEntriesResponse' | 'RequestVoteRequest' | 'RequestVoteResponse'
  readonly msg: TlaMessage
}

/** @param receiver - Undefined for a message that is sent: it then says itself where it goes. */
function peerMessage({ kind, body, toNode }: Message, receiver: number | undefined, group: string): Step | undefined {
  const outer = fieldsOf(body)
  const fields = fieldsOf(outer['message'] ?? null)
  const direct = kind.startsWith('peer.')
  // Heartbeats of several groups travel together: the group hands them to the service beside it.
  const collected = kind.startsWith('collect.') && readLineageKey(String(outer['group'])).group === group
  if (!direct && !(collected && receiver === undefined)) return undefined
  const from = numberOf(fields, 'from')
  const term = numberOf(fields, 'term')
  const to = receiver ?? (collected ? numberOf(outer, 'to') : toNode)
  switch (fields['type']) {
    case 'append': {
      const msg = { ...noMessage('MsgApp', term, from, to), entries: lengthOfSketch(fields['entries']) }
      const [index, logTerm, commit] = ['prevIndex', 'prevTerm', 'commit'].map((name) => numberOf(fields, name))
      return {
        step: 'AppendEntriesRequest',
        msg: { ...msg, index: index ?? 0, logTerm: logTerm ?? 0, commit: commit ?? 0 },
      }
    }
    case 'heartbeat':
      return {
        step: 'AppendEntriesRequest',
        msg: { ...noMessage('MsgHeartbeat', term, from, to), commit: numberOf(fields, 'commit') },
      }
    case 'matched':
      return {
        step: 'AppendEntriesResponse',
        msg: { ...noMessage('MsgAppResp', term, from, to), index: numberOf(fields, 'index') },
      }
    case 'mismatched': {
      const [index, rejectHint] = [numberOf(fields, 'prevIndex'), numberOf(fields, 'hintIndex')]
      const logTerm = numberOf(fields, 'hintTerm')
      const msg = { ...noMessage('MsgAppResp', term, from, to), index, rejectHint, logTerm, reject: true }
      return { step: 'AppendEntriesResponse', msg }
    }
    case 'heartbeatAck':
      return { step: 'AppendEntriesResponse', msg: noMessage('MsgHeartbeatResp', term, from, to) }
    case 'askVote': {
      if (fields['pre'] === true) return undefined
      const [index, logTerm] = [numberOf(fields, 'lastIndex'), numberOf(fields, 'lastTerm')]
      return { step: 'RequestVoteRequest', msg: { ...noMessage('MsgVote', term, from, to), index, logTerm } }
    }
    case 'vote':
      if (fields['pre'] === true) return undefined
      return {
        step: 'RequestVoteResponse',
        msg: { ...noMessage('MsgVoteResp', term, from, to), reject: fields['granted'] !== true },
      }
    default:
      return undefined
  }
}

function add(
  out: TlaEvent[],
  name: TlaEventName,
  node: number,
  view: RaftView,
  msg?: TlaMessage,
  prop?: { readonly [name: string]: unknown },
): void {
  const { term, vote, commit, role, last, voters, votersOutgoing } = view
  const roles = {
    follower: 'StateFollower',
    preCandidate: 'StateFollower',
    candidate: 'StateCandidate',
    leader: 'StateLeader',
  }
  out.push({
    name,
    nid: String(node),
    state: { term, vote: String(vote), commit },
    role: roles[role],
    log: last,
    conf: [names(voters), names(votersOutgoing)],
    ...(msg === undefined ? {} : { msg }),
    ...(prop === undefined ? {} : { prop }),
  })
}

function selfAppended(node: number, { term, last }: RaftView): TlaMessage {
  return { ...noMessage('MsgAppResp', term, node, node), index: last }
}

function noMessage(type: TlaMessage['type'], term: number, from: number, to: number): TlaMessage {
  const [sender, receiver] = [String(from), String(to)]
  const zero = { entries: 0, logTerm: 0, index: 0, commit: 0, vote: '0', reject: false, rejectHint: 0 }
  return { type, term, from: sender, to: receiver, ...zero }
}

function names(nodes: readonly number[]): string[] {
  return nodes.map(String)
}

function fieldsOf(value: Json): { readonly [field: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as { readonly [field: string]: Json })
    : {}
}

function numberOf(fields: { readonly [field: string]: Json }, name: string): number {
  const value = fields[name]
  return typeof value === 'number' ? value : 0
}
