/**
 * What some run of many must have seen of the core and the group around it: the rare branches, where the bugs are. A
 * simulation that never comes here proves little about what happens when somebody does.
 */
import { type Probe, probe } from '../../base/fault-points.ts'

// Elections.
export const deniedByLog: Probe = probe('raft.vote.denied-by-log', 'a candidate lacked entries that the voter has')
export const deniedByVote: Probe = probe('raft.vote.denied-by-vote', 'the vote of the term was given to another')
export const shieldedVote: Probe = probe(
  'raft.vote.shielded',
  'a voter that hears a leader, or may have forgotten one, kept silent',
)
export const stoodAgain: Probe = probe(
  'raft.election.again',
  'an election ended in silence, and the candidate stood again',
)
export const lostElection: Probe = probe('raft.election.lost', 'a majority refused')
export const heirWon: Probe = probe('raft.election.heir-won', 'the heir that a leader chose was elected')
export const inheritedTail: Probe = probe(
  'raft.election.inherited-tail',
  'a leader began with entries that nobody knew committed',
)
export const jointElection: Probe = probe(
  'raft.election.joint',
  'a leader was elected by both majorities of a joint configuration',
)
export const quorumLost: Probe = probe('raft.leader.quorum-lost', 'a leader stepped down for want of a quorum')
export const deposed: Probe = probe('raft.leader.deposed', 'a leader heard of a newer term')
export const toldStale: Probe = probe('raft.leader.stale-told', 'a leader of an old term was told of the new one')

// Appends and what comes back.
export const overwritten: Probe = probe('raft.append.overwritten', 'entries of an earlier leader were replaced')
export const overwrittenOnDisk: Probe = probe('raft.append.overwritten-on-disk', 'and had been on disk already')
export const configurationCut: Probe = probe(
  'raft.append.configuration-cut',
  'a configuration was cut off again with its entry',
)
export const partlyCommitted: Probe = probe('raft.append.partly-committed', 'an append began below the commit index')
export const oldAppend: Probe = probe('raft.append.old', 'an append held nothing that was not committed')
export const windowFull: Probe = probe('raft.append.window-full', 'a follower had to wait for acknowledgements')
export const lateRefusal: Probe = probe('raft.mismatched.late', 'a refusal was older than what is known since')
export const stuckFollower: Probe = probe('raft.heartbeat-ack.stuck', 'a heartbeat found that appends were lost')
export const earlierTermHeld: Probe = probe(
  'raft.commit.earlier-term',
  'a majority held entries of an earlier term, which do not count',
)

// Snapshots in place of the log.
export const snapshotAsked: Probe = probe('raft.snapshot.asked', 'a follower needed more than the log holds')
export const snapshotUnneeded: Probe = probe(
  'raft.snapshot.unneeded',
  'a follower caught up by the log while its snapshot was under way',
)
export const snapshotKeptTail: Probe = probe(
  'raft.snapshot.kept-tail',
  'a snapshot was installed and the log after it stayed',
)
export const snapshotResetLog: Probe = probe('raft.snapshot.reset-log', 'a snapshot took the place of the log')

// Commit and the log.
export const machineBehind: Probe = probe('raft.apply.held-back', 'the machine did not keep up with what is committed')
export const compactionWaits: Probe = probe('raft.compact.waits', 'a slow follower kept the log from being compacted')
export const compactedPast: Probe = probe('raft.compact.past-follower', 'the log was compacted past a slow follower')
export const readFromDisk: Probe = probe('raft.log.read-back', 'entries were read back from disk')
export const lateReport: Probe = probe('raft.log.late-report', 'the disk reported entries that were cut off since')

// What clients and operators ask for.
export const overQuota: Probe = probe('raft.propose.over-quota', 'a proposal was dropped for the quota')
export const proposedInTransfer: Probe = probe(
  'raft.propose.in-transfer',
  'a proposal came while leadership was handed over',
)
export const forwardedWrong: Probe = probe('raft.forward.not-leader', 'a proposal was passed on to who leads no more')
export const forwardAbandoned: Probe = probe(
  'raft.forward.abandoned',
  'the leader changed under proposals passed on to it',
)
export const readWaitsForTerm: Probe = probe(
  'raft.read.waits-for-term',
  'a read waited for the first commit of the term',
)
export const readNextRound: Probe = probe('raft.read.next-round', 'reads that came during a round began the next')
export const readRepeated: Probe = probe('raft.read.repeated', "a follower's question came twice")
export const readAbandoned: Probe = probe('raft.read.abandoned', 'leadership ended under a read')
export const readAnswerLate: Probe = probe('raft.read.answer-late', 'the answer to an earlier question came')
export const heirTold: Probe = probe('raft.transfer.told', 'the heir was told to stand')
export const transferLate: Probe = probe('raft.transfer.timed-out', 'the heir did not come')
export const jointEntered: Probe = probe('raft.change.joint', 'a joint configuration came into force')
export const jointLeft: Probe = probe('raft.change.joint-left', 'a joint configuration was left')
export const changeRefused: Probe = probe('raft.change.refused', 'a change of members was refused')
export const leaderLeft: Probe = probe('raft.retire.left', 'a leader that is no voter any more went')

// Sleep.
export const fellAsleep: Probe = probe('raft.quiesce.asleep', 'a group fell asleep')
export const wokeUp: Probe = probe('raft.quiesce.woken', 'a message woke a group')

// The group around the core.
export const openOvertaken: Probe = probe('group.open.overtaken', 'the replica started again before its group was open')
export const formerEpoch: Probe = probe('group.replica.former-epoch', 'the replica spoke of a life that was over')
