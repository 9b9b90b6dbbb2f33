/**
 * The proposing side of a replica, pure: commands are collected, packed into few entries, and their askers wait until
 * the entry is applied here, is dropped, or their time is up.
 *
 *   collect ─▶ waiting ──flush──▶ pending ──entry applied here──▶ `applied`
 *                                    ├──Raft dropped it──▶ `dropped` or `unknown`
 *                                    └──deadline──▶ `unknown`
 *
 * When a drop is certain, and when it is not. Raft drops an entry for a reason and means that it did not append it *this
 * time*. That is the whole story only where this node alone had it: it led when the entry was handed over and leads in
 * the same term now, or it says `noLeader`, which a node says only of what it forwards to nobody. A leader elsewhere
 * that refuses may have taken an earlier copy that the network doubled, so its refusal is `unknown`, with the reason;
 * so is `leaderChanged`, always. An entry that was overtaken by a later one of ours in the log is certainly dead, too:
 * A2 passes it over.
 *
 *   A5  every asker is answered exactly once, at the latest at its deadline
 *   A6  `dropped` is said only of a command that is not and never will be applied
 */
import { buggify, limit, sometimes } from '../../base/fault-points.ts'
import type { ReplyHandle } from '../../runtime/kernel/actor.ts'
import { encodeBatch } from './entry-codec.ts'
import type { DropReason, NodeId, Proposal, Term } from './messages.ts'
import { entryBytes, entryCommands, expireNow, leaderLostMs, proposalMs, refuseAsker } from './replica-fault-sites.ts'
import type { ProposeReply, RequestId } from './replica-messages.ts'
import { droppedPerhaps, droppedSurely, entryOvertaken, entrySplit, proposalExpired } from './replica-probes.ts'

export interface ProposalLimits {
  /** An entry is closed when its data is about this large; a single larger command has an entry of its own. */
  readonly entryBytesMax: number
  /** A larger command is refused. */
  readonly commandBytesMax: number
  readonly commandsPerEntryMax: number
  /** Askers waiting or pending. */
  readonly askersMax: number
  readonly timeoutMs: number
  /** How long an entry may still turn up in the log after the leader it was given to lost its place. */
  readonly leaderLostMs: number
}

export const proposalLimits: ProposalLimits = {
  entryBytesMax: 1024 * 1024,
  commandBytesMax: 8 * 1024 * 1024,
  commandsPerEntryMax: 4_096,
  askersMax: 16_384,
  timeoutMs: 7_000,
  leaderLostMs: 2_000,
}

/** Somebody who asked for `command`; without a handle nobody waits for the outcome. */
export interface Asked {
  readonly command: unknown
  readonly request: RequestId | undefined
  readonly handle: ReplyHandle | undefined
}

interface PendingEntry {
  readonly number: number
  readonly handles: readonly (ReplyHandle | undefined)[]
  /** The term in which this node led when it handed the entry over; undefined when another led. */
  readonly ledInTerm: Term | undefined
  deadlineMs: number
  leaderLost: boolean
}

export interface Proposals {
  readonly node: NodeId
  readonly incarnation: number
  readonly limits: ProposalLimits
  nextNumber: number
  waiting: Asked[]
  /** By the entry's number, in order. */
  readonly pending: Map<number, PendingEntry>
  askers: number
  /** Of recent commands, to guess how many fill an entry. */
  averageBytes: number
}

/** An outcome for one asker. */
export interface ProposalAnswer {
  readonly handle: ReplyHandle
  readonly reply: ProposeReply
}

/** Where this node stands in the eyes of its replica. */
export interface Standing {
  readonly term: Term
  readonly leading: boolean
  readonly leader: NodeId | undefined
}

export function createProposals(node: NodeId, incarnation: number, limits: ProposalLimits = proposalLimits): Proposals {
  return { node, incarnation, limits, nextNumber: 1, waiting: [], pending: new Map(), askers: 0, averageBytes: 256 }
}

/** False when there is no room: the asker must be told `overloaded`. */
export function collect(proposals: Proposals, asked: Asked): boolean {
  if (proposals.askers >= proposals.limits.askersMax || buggify(refuseAsker, 0.1)) return false
  proposals.askers += 1
  proposals.waiting.push(asked)
  return true
}

/** Packs everything that waits into entries, ready for Raft. Commands too large for any entry are answered in `out`. */
export function flushProposals(
  proposals: Proposals,
  standing: Standing,
  time: { readonly nowMs: number; readonly wallMs: number },
  out: ProposalAnswer[],
): Proposal[] {
  const entries: Proposal[] = []
  const waiting = proposals.waiting
  proposals.waiting = []
  for (let from = 0; from < waiting.length; ) {
    const guess = Math.max(1, Math.floor(entryBytesMax(proposals) / proposals.averageBytes))
    const commandsMax = limit(entryCommands, proposals.limits.commandsPerEntryMax, 1)
    const count = Math.min(guess, commandsMax, waiting.length - from)
    sometimes(entrySplit, from + count < waiting.length)
    packEntries(proposals, waiting.slice(from, from + count), standing, time, entries, out)
    from += count
  }
  return entries
}

/**
 * Our entry `number` was applied, or passed over (`admitted` false).
 *
 * @returns Who waits for each of its commands; answer them with the outcome of each.
 */
export function takeApplied(
  proposals: Proposals,
  number: number,
  admitted: boolean,
  standing: Standing,
  out: ProposalAnswer[],
): readonly (ReplyHandle | undefined)[] {
  const overtaken: ProposeReply = { type: 'dropped', reason: 'leaderChanged', leader: standing.leader }
  for (const entry of proposals.pending.values()) {
    if (entry.number >= number) break
    sometimes(entryOvertaken)
    answerAll(proposals, entry, overtaken, out)
  }
  const entry = proposals.pending.get(number)
  if (entry === undefined) return []
  if (!admitted) {
    answerAll(proposals, entry, overtaken, out)
    return []
  }
  settle(proposals, entry)
  return entry.handles
}

/** Raft did not take these entries. */
export function onProposalsDropped(
  proposals: Proposals,
  numbers: readonly number[],
  reason: DropReason,
  standing: Standing,
  out: ProposalAnswer[],
): void {
  for (const number of numbers) {
    const entry = proposals.pending.get(number)
    if (entry === undefined) continue
    const ours = standing.leading && entry.ledInTerm === standing.term && reason !== 'leaderChanged'
    const certain = ours || reason === 'noLeader'
    sometimes(certain ? droppedSurely : droppedPerhaps)
    answerAll(
      proposals,
      entry,
      certain ? { type: 'dropped', reason, leader: standing.leader } : { type: 'unknown', reason },
      out,
    )
  }
}

/** Another leader or term: what was handed to the old one has a little time left to turn up. */
export function onLeaderLost(proposals: Proposals, nowMs: number): void {
  for (const entry of proposals.pending.values()) {
    entry.leaderLost = true
    entry.deadlineMs = Math.min(entry.deadlineMs, nowMs + limit(leaderLostMs, proposals.limits.leaderLostMs, 1))
  }
}

/**
 * A snapshot replaced the state: whether our pending entries are in it cannot be told from outside, so nobody may wait
 * for their turn in the log any more.
 */
export function abandonPending(proposals: Proposals, out: ProposalAnswer[]): void {
  for (const entry of proposals.pending.values())
    answerAll(proposals, entry, { type: 'unknown', reason: 'leaderChanged' }, out)
}

/** Answers everybody whose time is up. */
export function expireProposals(proposals: Proposals, nowMs: number, out: ProposalAnswer[]): void {
  for (const entry of proposals.pending.values()) {
    if (nowMs < entry.deadlineMs && !buggify(expireNow, 0.1)) continue
    sometimes(proposalExpired, nowMs >= entry.deadlineMs)
    answerAll(proposals, entry, { type: 'unknown', reason: entry.leaderLost ? 'leaderChanged' : 'timeout' }, out)
  }
}

/** Answers everybody who waits and has not been handed over: certainly without effect. */
export function refuseWaiting(
  proposals: Proposals,
  reason: DropReason | 'timeout',
  leader: NodeId | undefined,
  out: ProposalAnswer[],
): void {
  proposals.askers -= proposals.waiting.length
  for (const { handle } of proposals.waiting) {
    if (handle !== undefined) out.push({ handle, reply: { type: 'dropped', reason, leader } })
  }
  proposals.waiting = []
}

/** A single command has an entry of its own however large it is, so the bound may be as small as one likes. */
function entryBytesMax({ limits }: Proposals): number {
  return limit(entryBytes, limits.entryBytesMax, 1)
}

function packEntries(
  proposals: Proposals,
  asked: readonly Asked[],
  standing: Standing,
  time: { readonly nowMs: number; readonly wallMs: number },
  entries: Proposal[],
  out: ProposalAnswer[],
): void {
  const { node, incarnation, nextNumber: number, limits } = proposals
  const data = encodeBatch({ node, incarnation, number, wallMs: time.wallMs, commands: asked })
  proposals.averageBytes = Math.max(16, (proposals.averageBytes + data.length / asked.length) / 2)
  if (data.length > entryBytesMax(proposals) && asked.length > 1) {
    const half = asked.length >> 1
    packEntries(proposals, asked.slice(0, half), standing, time, entries, out)
    packEntries(proposals, asked.slice(half), standing, time, entries, out)
    return
  }
  if (data.length > limits.commandBytesMax) {
    proposals.askers -= asked.length
    for (const { handle } of asked) {
      if (handle !== undefined)
        out.push({ handle, reply: { type: 'dropped', reason: 'tooLarge', leader: standing.leader } })
    }
    return
  }
  proposals.nextNumber += 1
  proposals.pending.set(number, {
    number,
    handles: asked.map(({ handle }) => handle),
    ledInTerm: standing.leading ? standing.term : undefined,
    deadlineMs: time.nowMs + limit(proposalMs, limits.timeoutMs, 1),
    leaderLost: false,
  })
  entries.push({ id: number, data })
}

function settle(proposals: Proposals, entry: PendingEntry): void {
  proposals.pending.delete(entry.number)
  proposals.askers -= entry.handles.length
}

function answerAll(proposals: Proposals, entry: PendingEntry, reply: ProposeReply, out: ProposalAnswer[]): void {
  settle(proposals, entry)
  for (const handle of entry.handles) if (handle !== undefined) out.push({ handle, reply })
}
