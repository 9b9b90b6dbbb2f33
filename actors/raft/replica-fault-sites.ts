/**
 * Where a simulation bends a replica, the transfer of snapshots and the heartbeat service. As in `fault-sites.ts`: what
 * happens there could happen anywhere. Nothing of the kind stands where entries are applied, for replicas must do that
 * alike.
 */
import { type FaultSite, faultSite } from '../../base/fault-points.ts'

// Proposals and reads.
export const refuseAsker: FaultSite = faultSite('replica.propose.overloaded', 'flow', 'a command finds no room')
export const entryBytes: FaultSite = faultSite('replica.entry.bytes', 'limit', 'few bytes fit an entry')
export const entryCommands: FaultSite = faultSite('replica.entry.commands', 'limit', 'few commands fit an entry')
export const proposalMs: FaultSite = faultSite(
  'replica.propose.timeout',
  'limit',
  'the fate of a command is awaited briefly',
)
export const leaderLostMs: FaultSite = faultSite(
  'replica.propose.leader-lost',
  'limit',
  'little time is given to what a lost leader had',
)
export const expireNow: FaultSite = faultSite('replica.propose.expire', 'flow', 'the time of an entry is up at once')
export const flushLater: FaultSite = faultSite('replica.flush.later', 'flow', 'what was collected waits a turn longer')
export const refuseReader: FaultSite = faultSite('replica.read.overloaded', 'flow', 'a read finds no room')
export const readMs: FaultSite = faultSite('replica.read.timeout', 'limit', 'a read is given up soon')
export const repeatMs: FaultSite = faultSite('replica.read.repeat', 'limit', 'a question is soon taken for lost')
export const loseBatch: FaultSite = faultSite('replica.read.lose', 'flow', 'a question is taken for lost at once')

// The pair of group and replica.
export const pairAgain: FaultSite = faultSite(
  'replica.pair.again',
  'flow',
  'group and replica agree anew on where they stand',
)
export const foldedSilent: FaultSite = faultSite('replica.fold.silent', 'flow', 'the group is not told of a fold')
export const skipSweep: FaultSite = faultSite('replica.sweep.skip', 'flow', 'deadlines are looked at the next time')

// Snapshots: the sending end.
export const snapshotWindow: FaultSite = faultSite('snapshot.send.window', 'limit', 'few chunks are under way')
export const snapshotWindowBytes: FaultSite = faultSite(
  'snapshot.send.window-bytes',
  'limit',
  'few bytes are under way',
)
export const transfers: FaultSite = faultSite('snapshot.send.transfers', 'limit', 'one transfer at a time')
export const sessionChunk: FaultSite = faultSite('snapshot.send.session-chunk', 'limit', 'few sessions fit a chunk')
export const resendMs: FaultSite = faultSite('snapshot.send.resend', 'limit', 'sends again soon')
export const stallNow: FaultSite = faultSite('snapshot.send.stall', 'flow', 'takes a transfer for stuck')
export const dropParked: FaultSite = faultSite('snapshot.send.forget', 'flow', 'does not keep a transfer that broke')
export const freshSource: FaultSite = faultSite('snapshot.send.afresh', 'flow', 'begins anew instead of where it broke')
export const ignoreSnapshotAck: FaultSite = faultSite('snapshot.send.ignore-ack', 'flow', 'an acknowledgement is lost')
export const offerTwice: FaultSite = faultSite('snapshot.send.offer-twice', 'flow', 'the same offer leaves twice')

// Snapshots: the receiving end.
export const refuseOffer: FaultSite = faultSite('snapshot.receive.refuse', 'flow', 'an offer is refused')
export const restage: FaultSite = faultSite(
  'snapshot.receive.restage',
  'flow',
  'what was staged is thrown away and begun anew',
)
export const brokenChunk: FaultSite = faultSite('snapshot.receive.broken', 'flow', 'a chunk is taken for broken')
export const brokenTotal: FaultSite = faultSite(
  'snapshot.receive.total',
  'flow',
  'a whole snapshot is taken for broken',
)
export const giveUpStaging: FaultSite = faultSite('snapshot.receive.give-up', 'flow', 'a staged snapshot is given up')
export const snapshotUnheard: FaultSite = faultSite(
  'snapshot.receive.unheard',
  'flow',
  'a message of a transfer finds the mailbox full',
)

// The heartbeat service.
export const beatItems: FaultSite = faultSite('beats.items-per-beat', 'limit', 'few heartbeats fit a message')
export const beatsWaiting: FaultSite = faultSite('beats.items-max', 'limit', 'few heartbeats may wait for a node')
export const dropBeat: FaultSite = faultSite('beats.drop', 'flow', 'a heartbeat finds no room')
export const missedTicks: FaultSite = faultSite('beats.missed-ticks', 'limit', 'a node counts as gone soon')
export const noEmptyBeat: FaultSite = faultSite('beats.no-sign', 'flow', 'a node with nothing to say says nothing')
