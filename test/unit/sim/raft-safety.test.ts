/** That each rule of a Raft group would be found broken: cores that are led astray by hand, one rule at a time. */
import assert from 'node:assert/strict'
import test from 'node:test'
import type { Configuration, PeerMessage, RaftMessage } from '../../../actors/raft/messages.ts'
import { createProgress } from '../../../actors/raft/progress.ts'
import { createRaftState, type HardState, type RaftState, raftDefaults } from '../../../actors/raft/state.ts'
import { utf8 } from '../../../base/bytes.ts'
import type { LogEntry, LogView } from '../../../runtime/ports/store.ts'
import { RaftSafety } from '../../../sim/checkers/raft-safety.ts'
import { ReplicaSafety } from '../../../sim/checkers/replica-safety.ts'

const three: Configuration = { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [] }
const tick: RaftMessage = { type: 'tick' }

const entry = (index: number, term: number, text: string = `e${index}`): LogEntry => ({
  index,
  term,
  type: 'normal',
  data: utf8(text),
})

/** @param cut - So many entries were compacted away. */
function viewOf(entries: readonly LogEntry[], cut: number = 0): LogView {
  return {
    firstIndex: cut + 1,
    lastIndex: entries.length,
    term: (index: number) => (index === 0 ? 0 : entries[index - 1]?.term),
    entries: (from: number, to: number) => entries.slice(from - 1, to),
  } as LogView
}

/** A group of three: what their disks hold, and their cores as they please. */
class Lab {
  readonly disks = new Map<number, { hardState: HardState; entries: readonly LogEntry[]; wiped: boolean }>()
  readonly safety = new RaftSafety('lab', (node) => {
    const disk = this.disks.get(node)
    return disk === undefined
      ? undefined
      : { wiped: disk.wiped, term: (index) => disk.entries[index - 1]?.term, hardState: () => disk.hardState }
  })

  /** Node `self` starts on what its disk holds, `cut` entries of which are compacted away. */
  start(
    self: number,
    term: number,
    entries: readonly LogEntry[],
    commit: number = 0,
    votedFor?: number,
    cut: number = 0,
  ): RaftState {
    const hardState: HardState = { term, votedFor, commit }
    this.disks.set(self, { hardState, entries, wiped: false })
    const core = createRaftState(
      { ...raftDefaults, self, seed: 1 },
      { hardState, configuration: three, appliedIndex: cut },
      viewOf(entries, cut),
    )
    this.safety.after(self, core, undefined)
    return core
  }

  /** `core` becomes the leader of the next term, with the votes of `voters` beside its own. */
  lead(core: RaftState, voters: readonly number[] = [2, 3]): void {
    const term = core.term + 1
    for (const from of voters) {
      const disk = this.disks.get(from)
      if (disk !== undefined) disk.hardState = { ...disk.hardState, term, votedFor: core.self }
      this.safety.arrived(core.self, { type: 'vote', from, term, pre: true, granted: true })
    }
    for (const from of voters) this.vote(from, core.self, term)
    Object.assign(core, {
      term,
      role: 'leader',
      leader: core.self,
      votedFor: core.self,
      votes: new Map(voters.map((node) => [node, true])),
    })
    for (const node of [1, 2, 3]) if (node !== core.self) core.progress.set(node, createProgress(core.log.last + 1))
    this.safety.after(core.self, core, undefined)
  }

  vote(from: number, to: number, term: number): void {
    // Its own core moved to the term before it voted.
    const voter = this.cores.get(from)
    if (voter !== undefined && voter.term < term) {
      Object.assign(voter, { term, votedFor: to, role: 'follower', leader: undefined })
      this.safety.after(from, voter, undefined)
    }
    this.safety.arrived(to, { type: 'vote', from, term, pre: false, granted: true })
  }

  readonly cores = new Map<number, RaftState>()

  /** Three nodes with the same log; the first leads. */
  static led(entries: readonly LogEntry[], commit: number = 0): { lab: Lab; leader: RaftState; follower: RaftState } {
    const lab = new Lab()
    for (const node of [1, 2, 3]) lab.cores.set(node, lab.start(node, 1, entries, commit))
    const leader = lab.cores.get(1) as RaftState
    lab.lead(leader)
    return { lab, leader, follower: lab.cores.get(2) as RaftState }
  }
}

const log = [entry(1, 1), entry(2, 1)]

test('a group that does nothing wrong passes: elected, appended, committed on a quorum, matched', () => {
  const { lab, leader, follower } = Lab.led(log)
  const more = entry(3, 2)
  leader.log.append([more])
  lab.safety.after(1, leader, { type: 'propose', proposals: [] })
  follower.log.append([more])
  lab.safety.after(2, follower, undefined)
  for (const node of [1, 2]) (lab.disks.get(node) as { entries: readonly LogEntry[] }).entries = [...log, more]
  const matched: PeerMessage = { type: 'matched', from: 2, term: 2, index: 3, round: 0 }
  lab.safety.arrived(1, matched)
  Object.assign(leader.progress.get(2) as object, { match: 3, next: 4 })
  leader.commit = 3
  lab.safety.after(1, leader, matched)
  assert.equal(lab.safety.committed, 3)
})

test('I1: a second leader of a term', () => {
  const { lab, follower } = Lab.led(log)
  follower.role = 'leader'
  assert.throws(() => lab.safety.after(2, follower, undefined), /^Violation: I1: lab: nodes 1 and 2 both led term 2/)
})

test('I2: a leader that cuts its own log', () => {
  const { lab, leader } = Lab.led(log)
  leader.log.truncate(2, 2)
  assert.throws(
    () => lab.safety.after(1, leader, undefined),
    /^Violation: I2: lab: leader 1 of term 2 cut its own log after 1/,
  )
})

test('I3: two logs that share an entry and differ in it, or before it', () => {
  const { lab } = Lab.led(log)
  assert.throws(
    () => lab.start(3, 2, [entry(1, 1), entry(2, 1, 'other')]),
    /^Violation: I3: lab: logs differ at or before \(2/,
  )
  assert.throws(
    () => lab.start(3, 2, [entry(1, 1, 'other'), entry(2, 1)]),
    /^Violation: I3: lab: logs differ at or before \(1/,
  )
})

test('I4: a leader that lacks what was committed', () => {
  const { lab } = Lab.led(log, 2)
  const lacking = lab.start(3, 2, [entry(1, 1)])
  assert.throws(() => lab.lead(lacking, [1, 2]), /^Violation: I4: lab: node 3 leads term 3 without committed entry 2/)
})

test('I5: two nodes that committed different entries', () => {
  const { lab } = Lab.led(log, 2)
  assert.throws(
    () => lab.start(3, 2, [entry(1, 1), entry(2, 2)], 2),
    /^Violation: I5: lab: node 3 committed \(2, term 2\)/,
  )
})

test('I5, I10, I11: replicas that differ after the same, fall back, or run ahead; by the log or by a snapshot', () => {
  const replicas = new ReplicaSafety('lab')
  const one = { applied: 3, machineState: {} }
  const two = { applied: 3, machineState: {} }
  replicas.stands(1, one, 5, 77)
  assert.throws(() => replicas.stands(2, two, 5, 78), /^Violation: I5/)
  assert.throws(() => replicas.stands(1, Object.assign(one, { applied: 2 }), 5, 76), /^Violation: I10/)
  assert.throws(() => replicas.stands(3, { applied: 6, machineState: {} }, 5, 1), /^Violation: I10/)

  const installing = { applied: 1, machineState: {} }
  replicas.stands(4, installing, 5, 70)
  Object.assign(installing, { applied: 3, machineState: {} })
  assert.throws(() => replicas.stands(4, installing, 5, 99), /^Violation: I11: lab: nodes 1 and 4 differ/)
  Object.assign(installing, { applied: 6, machineState: {} })
  assert.throws(() => replicas.stands(4, installing, 5, 1), /^Violation: I11: lab: node 4 applied 6/)
})

test('I6: a term that others heard of and the disk does not know, at once or after a restart', () => {
  const { lab } = Lab.led(log)
  const spoken: PeerMessage = { type: 'matched', from: 3, term: 9, index: 2, round: 0 }
  assert.throws(() => lab.safety.arrived(1, spoken), /^Violation: I6: lab: node 3 spoke for term 9 with term 2/)
  assert.throws(() => lab.start(3, 1, log), /^Violation: I6: lab: node 3 came back in term 1, having told others of 2/)
})

test('I7: two votes in a term, and a vote that is not on disk', () => {
  const { lab } = Lab.led(log)
  assert.throws(
    () => lab.safety.arrived(3, { type: 'vote', from: 2, term: 2, pre: false, granted: true }),
    /^Violation: I7: lab: node 2 voted for 1 and for 3 in term 2/,
  )
  const other = new Lab()
  other.start(2, 4, log, 0, 3)
  assert.throws(
    () => other.safety.arrived(1, { type: 'vote', from: 2, term: 4, pre: false, granted: true }),
    /^Violation: I7: lab: the vote of node 2 for 1 in term 4 was sent before it was on disk/,
  )
})

test('I8: what is committed is not cut off again, and commits leave no gap', () => {
  const { lab, follower } = Lab.led(log, 2)
  follower.log.truncate(2, 2)
  assert.throws(() => lab.safety.after(2, follower, undefined), /^Violation: I8: lab: node 2 cut its log after 1/)

  // Nobody committed the entries that this one compacted away.
  const gap = Lab.led(log).lab
  const further = [...log, entry(3, 2)]
  assert.throws(() => gap.start(3, 2, further, 3, undefined, 2), /^Violation: I8: lab: node 3 commits 3 after 0/)
})

test('I9: a commit that is not on the disks of a quorum, and one that is gone when its node comes back', () => {
  const { lab, leader } = Lab.led(log)
  leader.log.append([entry(3, 2)])
  leader.commit = 3
  assert.throws(() => lab.safety.after(1, leader, undefined), /^Violation: I9: lab: leader 1 committed \(3, term 2\)/)

  const kept = Lab.led(log, 2).lab
  kept.safety.arrived(1, { type: 'matched', from: 3, term: 2, index: 2, round: 0 })
  kept.safety.down(3)
  assert.throws(
    () => kept.start(3, 2, [entry(1, 1)]),
    /^Violation: I9: lab: node 3 came back without committed entry 2/,
  )
})

test('I12: a leader that counts on more than its follower has on disk', () => {
  const { lab, leader, follower } = Lab.led(log)
  leader.log.append([entry(3, 2)])
  follower.log.append([entry(3, 2)])
  Object.assign(follower, { term: 2 })
  lab.safety.after(2, follower, undefined)
  const matched: PeerMessage = { type: 'matched', from: 2, term: 2, index: 3, round: 0 }
  Object.assign(leader.progress.get(2) as object, { match: 3, next: 4 })
  assert.throws(() => lab.safety.after(1, leader, matched), /^Violation: I12: lab: leader 1 counts on node 2 up to 3/)
})

test('I13: a leader without the votes of a quorum, of each voter set', () => {
  const lab = new Lab()
  for (const node of [1, 2, 3]) lab.cores.set(node, lab.start(node, 1, log))
  assert.throws(
    () => lab.lead(lab.cores.get(1) as RaftState, []),
    /^Violation: I13: lab: node 1 leads term 2 without votes of a quorum/,
  )
  const joint = new Lab()
  for (const node of [1, 2, 3]) joint.cores.set(node, joint.start(node, 1, log))
  const core = joint.cores.get(1) as RaftState
  core.membership.add(2, { ...three, votersOutgoing: [1, 4, 5] })
  assert.throws(() => joint.lead(core), /^Violation: I13: lab: node 1 leads term 2 without votes of a quorum/)
})

test('I13: a configuration that may not follow the one before, or comes while that is not committed', () => {
  const changed = (next: Configuration, first?: Configuration): (() => void) => {
    const { lab, leader } = Lab.led(log)
    for (const [at, configuration] of [first, next].entries()) {
      if (configuration === undefined) continue
      leader.log.append([entry(leader.log.last + 1, 2)])
      leader.membership.add(leader.log.last, configuration)
      if (at === 0) lab.safety.after(1, leader, undefined)
    }
    return () => lab.safety.after(1, leader, undefined)
  }
  assert.throws(changed({ ...three, voters: [1, 4, 5] }), /^Violation: I13: lab: leader 1 went from/)
  assert.throws(changed({ ...three, votersOutgoing: [1, 2] }), /^Violation: I13: lab: leader 1 went from/)
  assert.throws(changed({ ...three, learners: [3] }), /^Violation: I13: lab: node 3 votes and learns at once/)
  assert.throws(
    changed({ ...three, voters: [1, 2] }, { ...three, voters: [1, 2, 3, 4] }),
    /^Violation: I13: lab: leader 1 began a configuration at 4 before that of 3 was committed/,
  )
  assert.doesNotThrow(changed({ ...three, voters: [1, 2, 3, 4] }))
  assert.doesNotThrow(changed({ voters: [1, 4, 5], votersOutgoing: [1, 2, 3], learners: [], learnersNext: [] }))
})

test('I14: a pre-vote that takes a node to another term', () => {
  const { lab, follower } = Lab.led(log)
  Object.assign(follower, { term: 3, role: 'preCandidate' })
  assert.throws(
    () => lab.safety.after(2, follower, tick),
    /^Violation: I14: lab: a pre-vote took node 2 from term 2 to 3/,
  )
})

test('I22: a message of a term in which nobody ever saw its sender', () => {
  const { lab } = Lab.led(log)
  const forged: PeerMessage = { type: 'heartbeatAck', from: 3, term: 7, round: 1 }
  assert.throws(() => lab.safety.arrived(1, forged), /^Violation: I22: lab: a heartbeatAck of node 3 in term 7/)
})

test('I25: queues of a core that outgrow their bounds', () => {
  for (const grow of [
    (core: RaftState) => Object.assign(core.reads, { waiting: new Array(8_193) }),
    (core: RaftState) => Object.assign(core.reads, { asked: new Array(8_193) }),
    (core: RaftState) => Object.assign(core, { forwarded: new Array(4_097) }),
    (core: RaftState) => Object.assign(core, { applyBytes: 2 ** 30 }),
    (core: RaftState) => Object.assign(core, { uncommittedBytes: 2 ** 30 }),
  ]) {
    const { lab, follower } = Lab.led(log)
    grow(follower)
    assert.throws(() => lab.safety.after(2, follower, tick), /^Violation: I25: lab: /)
  }
})
