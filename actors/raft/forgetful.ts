/**
 * A replica whose store was lost (R25). It may have voted, and may have acknowledged what was committed by that; so until
 * it holds again whatever it had promised, it helps nobody to win anything. No clock is asked: it takes a proof.
 *
 *   replica                                            leader of term T
 *   every answer carries {life, trusted: false} ──▶    a life not heard of: forget what its match was, append an entry N
 *   takes N like any follower                          N is committed by a quorum in which the replica does not count,
 *                                                      and the replica of this life has matched N
 *   a follower like any other           ◀── trusted ─  and counts from now on
 *
 * While `forgetful`: no vote and no pre-vote (not even for a transfer), no candidacy, no commit index from a heartbeat
 * (the leader may speak of what was confirmed before the loss), no sleep. On the leader, while `proof` > 0: it counts for
 * no commit, no read round, no check-quorum, no sleep; messages without its life are of before the loss and ignored.
 * An acknowledgement of a heartbeat is no safer than one of an entry: it says that no newer leader has got this vote,
 * and that is what was forgotten.
 *
 * Why it is enough. Let S be the quorum that committed N; the replica R is not in it.
 *   1  No candidate of a term T' > T that holds a vote of R from before the loss is ever elected. Its log was fixed when it
 *      asked, before N existed, so it lacks N. Its quorum meets S in somebody other than R, who either took N first, and
 *      gives no vote to a log without it, or voted in T' first, and then cannot have taken N in T < T'.
 *   2  So whatever R acknowledged and was committed is of a term up to T: its leader would have to be elected before the
 *      loss, which is the candidate of 1. If of an earlier term, the leader of T holds it (R7); if of T, the leader made
 *      it before N. Either way it stands before N, and R has matched N: R holds it again.
 *   3  What R acknowledged and was not committed may be lost: nobody was told of it. A late acknowledgement from before
 *      the loss may still commit its entry at a leader of a term up to T, and then 2 holds.
 *   4  R's term is T or higher, so it takes nothing from leaders older than T; and by 1 no vote it forgot, its own as a
 *      candidate among them, makes a leader in a term above T. A second vote in such a term meets none that counts.
 * Where several are forgetful, none of them counts for another's S; where they are a majority, nobody is ever trusted,
 * and the group stands still: what they held may exist nowhere else. So does a group of two that lost one store.
 *
 * Who restarts before it was trusted begins again, with a new life. That it was trusted lies in its store (the effect
 * `trusted`), before any vote that follows from it.
 */
import { buggify } from '../../base/fault-points.ts'
import { callEverybody } from './fault-sites.ts'
import { members } from './membership.ts'
import type { PeerMessage, RaftEffect, StoreLoss } from './messages.ts'
import { type RaftState, send } from './state.ts'

type Trusted = Extract<PeerMessage, { type: 'trusted' }>

const none: { readonly lost?: StoreLoss } = {}

/** What every answer to a leader carries. */
export function lossOf({ life, forgetful }: RaftState): { readonly lost?: StoreLoss } {
  return life === 0 ? none : { lost: { life, trusted: !forgetful } }
}

export function onTrusted(state: RaftState, { from, life }: Trusted, out: RaftEffect[]): void {
  if (!state.forgetful || from !== state.leader || life !== state.life) return
  state.forgetful = false
  out.push({ type: 'trusted' })
}

/**
 * Silence makes others stand for election, which wakes a group that sleeps. Who may not stand says that it is there; who
 * does not even know its members any more says so to everybody, or it would be missed by nobody until the next write.
 */
export function callForLeader(state: RaftState, out: RaftEffect[]): void {
  const { self: from, term, membership } = state
  const call: PeerMessage = { type: 'heartbeatAck', from, term, round: 0, ...lossOf(state) }
  const known = members(membership.current)
  if (known.size === 0 || buggify(callEverybody, 0.5)) out.push({ type: 'call', message: call })
  for (const node of known) if (node !== from) send(out, node, call, 'durable')
}
