/**
 * Where a simulation bends the core and the group around it. What happens at each place could happen anywhere: a message is
 * lost or comes twice, a node is slow, a bound is small, a request is refused. None of them breaks a rule of the README;
 * whatever follows, the group must survive it.
 */
import { type FaultSite, faultSite } from '../../base/fault-points.ts'

// Elections.
export const refuseVote: FaultSite = faultSite('raft.vote.refuse', 'flow', 'a voter refuses a vote it could give')
export const ignoreAskVote: FaultSite = faultSite('raft.vote.ignore', 'flow', 'a voter does not hear a candidate')
export const loseVote: FaultSite = faultSite('raft.vote.lose-answer', 'flow', 'a candidate does not hear a vote')
export const skipPreVote: FaultSite = faultSite('raft.prevote.skip', 'flow', 'stands without asking beforehand')
export const standEarly: FaultSite = faultSite(
  'raft.election.early',
  'flow',
  'patience with a silent leader ends at once',
)
export const timeoutSpread: FaultSite = faultSite(
  'raft.election.spread',
  'limit',
  'election timeouts lie close together',
)
export const loseQuorum: FaultSite = faultSite(
  'raft.quorum.step-down',
  'flow',
  'a leader believes that no quorum hears it',
)
export const ignoreTimeoutNow: FaultSite = faultSite('raft.timeout-now.ignore', 'flow', 'the heir does not take over')

// Appends and what comes back.
export const appendBytes: FaultSite = faultSite('raft.append.bytes', 'limit', 'few bytes fit an append')
export const windowMessages: FaultSite = faultSite('raft.append.window', 'limit', 'few appends are in flight')
export const windowBytes: FaultSite = faultSite('raft.append.window-bytes', 'limit', 'few bytes are in flight')
export const appendOne: FaultSite = faultSite('raft.append.one-entry', 'flow', 'sends one entry where many would fit')
export const appendTwice: FaultSite = faultSite('raft.append.twice', 'flow', 'the same append leaves twice')
export const appendLater: FaultSite = faultSite('raft.append.later', 'flow', 'a follower waits for the next heartbeat')
export const commitSilent: FaultSite = faultSite(
  'raft.append.commit-silent',
  'flow',
  'news of a commit wait for a heartbeat',
)
export const ignoreAppend: FaultSite = faultSite('raft.append.ignore', 'flow', 'a follower does not hear an append')
export const takeOne: FaultSite = faultSite('raft.append.take-one', 'flow', 'a follower takes the first entry of many')
export const ignoreMatched: FaultSite = faultSite('raft.matched.ignore', 'flow', 'an acknowledgement is lost')
export const probeAgain: FaultSite = faultSite(
  'raft.matched.probe',
  'flow',
  'a leader begins to search where the logs meet',
)
export const ignoreMismatched: FaultSite = faultSite('raft.mismatched.ignore', 'flow', 'a refusal is lost')
export const stepBackOne: FaultSite = faultSite('raft.mismatched.step-one', 'flow', 'steps back entry by entry')
export const ignoreHeartbeatAck: FaultSite = faultSite(
  'raft.heartbeat-ack.ignore',
  'flow',
  'an answer to a heartbeat is lost',
)
export const probeInFlight: FaultSite = faultSite(
  'raft.heartbeat-ack.probe',
  'flow',
  'asks what is lost, though nothing is late',
)
export const skipHeartbeat: FaultSite = faultSite('raft.heartbeat.skip', 'flow', 'one follower gets no heartbeat')
export const silentToStale: FaultSite = faultSite('raft.stale.silent', 'flow', 'who is of an old term is not told')
export const snapshotInstead: FaultSite = faultSite(
  'snapshot.log.instead',
  'flow',
  'sends a snapshot where the log would do',
)

// Commit and the log.
export const applyBytes: FaultSite = faultSite(
  'raft.apply.bytes',
  'limit',
  'few bytes are handed to the machine at once',
)
export const accountBytes: FaultSite = faultSite(
  'raft.commit.account-bytes',
  'limit',
  'reads the log back in small pieces',
)
export const restoreBytes: FaultSite = faultSite(
  'raft.restore.scan-bytes',
  'limit',
  'reads the log at start in small pieces',
)
export const logKeep: FaultSite = faultSite('snapshot.log.keep', 'limit', 'keeps few entries behind the machine')
export const compactSoon: FaultSite = faultSite('snapshot.log.compact-soon', 'flow', 'compacts for a single entry')
export const compactLater: FaultSite = faultSite(
  'snapshot.log.compact-later',
  'flow',
  'leaves compaction to the next fold',
)
export const overgrown: FaultSite = faultSite(
  'snapshot.log.overgrown',
  'flow',
  'takes the log for overgrown: slow followers get snapshots',
)
export const cacheEntries: FaultSite = faultSite('raft.log.cache-entries', 'limit', 'remembers few entries')
export const cacheBytes: FaultSite = faultSite('raft.log.cache-bytes', 'limit', 'remembers few bytes of entries')
export const forgetEntries: FaultSite = faultSite('raft.log.forget', 'flow', 'forgets entries once they are on disk')
export const sliceShort: FaultSite = faultSite('raft.log.slice-short', 'flow', 'a slice of the log ends early')
export const marksApart: FaultSite = faultSite('raft.log.mark-every', 'limit', 'notes the bytes of the log often')

// What clients and operators ask for.
export const refuseProposal: FaultSite = faultSite(
  'raft.propose.overloaded',
  'flow',
  'a leader refuses a proposal as too much',
)
export const quotaBytes: FaultSite = faultSite(
  'raft.propose.quota',
  'limit',
  'few bytes may be proposed and not committed',
)
export const uncommittedBytes: FaultSite = faultSite(
  'raft.propose.uncommitted',
  'limit',
  'few bytes may be uncommitted',
)
export const refuseForward: FaultSite = faultSite(
  'raft.forward.refuse',
  'flow',
  'a follower passes a proposal on to nobody',
)
export const splitForward: FaultSite = faultSite('raft.forward.split', 'flow', 'passes proposals on one by one')
export const forwardTwice: FaultSite = faultSite('raft.forward.twice', 'flow', 'passes the same proposals on twice')
export const forgetForwarded: FaultSite = faultSite('raft.forward.forget', 'flow', 'forgets what it passed on')
export const refuseRead: FaultSite = faultSite('raft.read.refuse', 'flow', 'refuses a read as too much')
export const anotherRound: FaultSite = faultSite(
  'raft.read.another-round',
  'flow',
  'confirms a read with one round more',
)
export const loseReadIndex: FaultSite = faultSite(
  'raft.read.answer-lost',
  'flow',
  'the index for a read of a follower is lost',
)
export const loseQuestion: FaultSite = faultSite('raft.read.question-lost', 'flow', "a follower's question is lost")
export const repeatTicks: FaultSite = faultSite('raft.read.repeat-ticks', 'limit', 'asks again soon')
export const ignoreTransfer: FaultSite = faultSite('raft.transfer.refuse', 'flow', 'leadership is not handed over')
export const abortTransfer: FaultSite = faultSite('raft.transfer.abort', 'flow', 'a transfer ends with the next tick')
export const hastyTransfer: FaultSite = faultSite(
  'raft.transfer.hasty',
  'flow',
  'the heir is told before it holds everything',
)
export const refuseChange: FaultSite = faultSite(
  'raft.change.refuse',
  'flow',
  'a change of members is refused as pending',
)
export const alwaysJoint: FaultSite = faultSite(
  'raft.change.joint',
  'flow',
  'goes through a joint configuration for a single voter',
)
export const lingerJoint: FaultSite = faultSite(
  'raft.change.linger',
  'flow',
  'stays in a joint configuration for one step more',
)
export const noHeir: FaultSite = faultSite('raft.retire.no-heir', 'flow', 'a leader that left asks nobody to take over')

// Sleep.
export const callEverybody: FaultSite = faultSite('raft.forgetful.call', 'flow', 'calls whoever is there for a leader')
export const quiesceTicks: FaultSite = faultSite('raft.quiesce.after', 'limit', 'falls asleep soon')
export const wakeForNothing: FaultSite = faultSite('raft.quiesce.wake', 'flow', 'wakes for nothing')

// The group around the core.
export const skipTick: FaultSite = faultSite('group.tick.skip', 'flow', 'the group comes too late for a tick')
export const persistedLate: FaultSite = faultSite('group.persisted.late', 'flow', "the disk's word comes a turn later")
export const openLate: FaultSite = faultSite('group.open.late', 'flow', 'a core is made a turn later')
export const losePeerMessage: FaultSite = faultSite(
  'group.peer.lose',
  'flow',
  'a message of a peer finds the mailbox full',
)
export const sendAlone: FaultSite = faultSite('group.heartbeat.alone', 'flow', 'a heartbeat travels by itself')
export const introduceLater: FaultSite = faultSite(
  'group.members.untold',
  'flow',
  'the heartbeat service is told at the next occasion',
)
