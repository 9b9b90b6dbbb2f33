/**
 * I25: whatever grows has a bound. Of each kind of queue and table, what its owner promises of it, and a little for what was
 * let in last or is put back.
 */

import type { ReplicaState } from '../../actors/raft/replica-state.ts'
import { applyBytesMax, forwardedMax, type RaftState, readsMax } from '../../actors/raft/state.ts'
import type { Cell } from '../../runtime/kernel/cell.ts'
import { Violation } from './violation.ts'

export function checkMailbox(node: number, cell: Cell): void {
  const { mailbox } = cell
  if (mailbox === undefined) return
  const bound = 2 * cell.definition.mailbox.messagesMax + 1_024
  if (mailbox.depth <= bound) return
  tooMany(`mailbox of '${cell.name}' on node ${node}`, mailbox.depth, bound)
}

/** What a group keeps in memory beside its log. */
export function checkCoreBounds(group: string, core: RaftState): void {
  const { config, reads, self } = core
  if (reads.waiting.length > readsMax)
    tooMany(`${group}: reads that wait on node ${self}`, reads.waiting.length, readsMax)
  if (reads.asked.length > readsMax) tooMany(`${group}: reads under way on node ${self}`, reads.asked.length, readsMax)
  if (core.forwarded.length > forwardedMax)
    tooMany(`${group}: proposals node ${self} passed on`, core.forwarded.length, forwardedMax)
  // One entry that is larger than all of it still goes alone.
  if (core.applyBytes > 2 * applyBytesMax)
    tooMany(`${group}: bytes on their way to the machine of node ${self}`, core.applyBytes, 2 * applyBytesMax)
  const tail = config.uncommittedBytesMax + config.proposalQuotaBytes
  if (core.uncommittedBytes > tail) tooMany(`${group}: uncommitted bytes on node ${self}`, core.uncommittedBytes, tail)
}

export function checkReplicaBounds(node: number, state: ReplicaState): void {
  const { group } = state.args
  const { sessions, proposals, reads, streams } = state
  if (proposals.askers > proposals.limits.askersMax)
    tooMany(`${group}: proposals that node ${node} answers for`, proposals.askers, proposals.limits.askersMax)
  if (reads.askers > reads.limits.askersMax)
    tooMany(`${group}: reads that node ${node} answers for`, reads.askers, reads.limits.askersMax)
  if (sessions.answers > sessions.limits.answersMax)
    tooMany(`${group}: answers that node ${node} remembers`, sessions.answers, sessions.limits.answersMax)
  if (sessions.clients.size > sessions.limits.clientsMax)
    tooMany(`${group}: clients that node ${node} remembers`, sessions.clients.size, sessions.limits.clientsMax)
  if (streams.size > streamsMax)
    tooMany(`${group}: snapshots that clients pull from node ${node}`, streams.size, streamsMax)
}

/** As in `actors/raft/replica-snapshots.ts`, which keeps it to itself. */
const streamsMax = 4

// A function of its own: what is never reached costs nothing where it is not.
function tooMany(what: string, count: number, bound: number): never {
  throw new Violation('I25', `${what}: ${count}, the bound is ${bound}`)
}
