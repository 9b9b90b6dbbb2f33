/**
 * The rules of Raft that only a certain situation puts to the test: each scenario brings that situation about, and its title
 * begins with the number of the rule (`actors/raft/README.md`). There are no leases yet; what a lease would need of its
 * surroundings (shields, bans, forced votes, merged heartbeats) shows in who leads.
 */
import { isJoint } from '../../actors/raft/membership.ts'
import type { PeerMessage } from '../../actors/raft/messages.ts'
import type { ReplicaReply, ReplicaRequest } from '../../actors/raft/replica-messages.ts'
import type { RaftState } from '../../actors/raft/state.ts'
import { utf8 } from '../../base/bytes.ts'
import { draw } from '../../base/draw.ts'
import { edgeTell } from '../../runtime/kernel/edge.ts'
import { check } from '../../sim/checkers/violation.ts'
import type { SimCluster } from '../../sim/cluster.ts'
import { calm } from '../../sim/faults.ts'
import { scenario } from './scenario.ts'

const withinMs = 5_000
const seeds = [1, 2, 3, 5]
const lossy = { ...calm, network: { ...calm.network, loss: 0.05, duplicate: 0.05, reorder: 0.1 } }

// Alone it speaks of its new term at once: its own vote elects it. A crash before the term is on disk would make it live
// through the term twice.
scenario(
  'R2: a leader that elected itself says nothing in a term that a crash could take back',
  { seeds, nodes: 1, faults: { ...calm, diskSlowMs: 60 } },
  (cluster) => {
    cluster.awaitLeader({ withinMs })
    cluster.change({ type: 'addMember', id: 2, peerUrls: ['http://n2:2380'], learner: true }, { withinMs })
    cluster.join(2)
    cluster.await('the learner follows', () => cluster.core(2)?.leader === 1, { withinMs })

    for (let round = 0; round < 12; round++) {
      cluster.crash(1)
      cluster.run({ ms: 50 })
      cluster.world.slowDisks(1, 300)
      cluster.restart(1)
      cluster.run({ ms: 20 + 200 * draw(cluster.world.seed, 'scenario.moment', round) })
    }

    cluster.run({ ms: 500 })
    cluster.client('alice').put('a', 'done')
    cluster.expectConverged({ withinMs })
  },
)

// Two leaders came and went while the node was away, and its own tail is longer than what the second one began with: only
// the entry before the new ones shows that the tail belongs to nobody any more.
scenario('R6: a tail that nobody else has gives way to the log of a later leader', { seeds, nodes: 3 }, (cluster) => {
  const { old, next, other } = oldTail(cluster, 12)
  for (let i = 0; i < 3; i++) cluster.client('free', { nodes: () => [next, other] }).put('a', `${i}`)
  const reply = cluster.ask(next, { type: 'transferLeadership', to: other }, { withinMs })
  check(reply?.type === 'transferred', 'R19', () => `the transfer ended with ${JSON.stringify(reply)}`)

  cluster.heal()

  cluster.client('free').put('b', 'after')
  cluster.expectConverged({ withinMs })
  check((core(cluster, old).log.lastTerm ?? 0) >= core(cluster, other).term, 'R6', () => 'the old tail is still there')
  cluster.checkHistory()
})

scenario('R7: a longer log of an earlier term does not win an election', { seeds, nodes: 3 }, (cluster) => {
  const { old, next, other } = oldTail(cluster, 12)
  cluster.client('free', { nodes: () => [next, other] }).put('a', 'committed without the old leader')
  cluster.run({ ms: 200 })

  cluster.crash(next)
  cluster.heal()
  for (let round = 0; round < 40; round++) {
    edgeTell(cluster.world.node(old).executor(0), groupOf(old), { type: 'campaign' }, 'control')
    cluster.run({ ms: 25 })
  }

  cluster.restart(next)
  cluster.expectConverged({ withinMs: 2 * withinMs })
  cluster.checkHistory()
})

// A leader may send its entries one by one. What a replica holds beyond the last of them may be another leader's.
scenario('R8: an append commits no more than it has shown to be equal', { seeds, nodes: 3 }, (cluster) => {
  const old = cluster.awaitLeader({ withinMs })
  const [next = 0, other = 0] = cluster.others(old)
  cluster.client('alice').put('a', 'shared')
  cluster.cut(old, other)
  cluster.cut(next, other)
  const before = core(cluster, old).log.last
  propose(cluster, old, 'b', 'held by two, committed by nobody')
  until(cluster, () => core(cluster, next).log.last > before)
  cluster.partition([old], [next, other])
  cluster.world.network.joinAll()
  cluster.partition([old], [next, other])
  for (let i = 0; i < 5; i++) {
    propose(cluster, old, 'c', `lost ${i}`)
    cluster.run({ ms: 3 })
  }
  const leader = cluster.awaitLeader({ withinMs: 20 * cluster.electionMs, among: [next, other] })
  for (let i = 0; i < 4; i++) cluster.client('free', { nodes: () => [next, other] }).put('d', `${i}`)

  const { log, term, commit } = core(cluster, leader)
  const { commit: known } = core(cluster, old)
  const entries = log.slice(known + 1, known + 1, 1)
  const message: PeerMessage = {
    type: 'append',
    from: leader,
    term,
    prevIndex: known,
    prevTerm: log.term(known) ?? 0,
    entries,
    commit,
    round: 0,
  }
  edgeTell(
    cluster.world.node(old).executor(0),
    groupOf(old),
    { type: 'peer', message: structuredClone(message), lineage: lineageOf(cluster, old) },
    'control',
  )
  cluster.run({ ms: 20 })

  cluster.heal()
  cluster.expectConverged({ withinMs })
  cluster.checkHistory()
})

// With pre-vote it cannot even raise its term while it is alone, so nothing it says when it returns unseats anybody.
scenario('R11: a replica that was cut off comes back without unseating the leader', { seeds, nodes: 3 }, (cluster) => {
  const leader = settled(cluster)
  const [lost = 0] = cluster.others(leader)
  const { term } = core(cluster, leader)

  cluster.partition([lost], cluster.others(lost))
  cluster.run({ ms: 10 * cluster.electionMs })
  cluster.heal()
  cluster.run({ ms: 5 * cluster.electionMs })

  check(cluster.leader() === leader && core(cluster, leader).term === term, 'R11', () => cluster.describe())
})

scenario(
  'R13.1: joint configurations come and go under crashes and cuts, and lose nothing',
  { seeds, nodes: 5, faults: lossy },
  (cluster) => {
    cluster.awaitLeader({ withinMs })
    const stop = writers(cluster, 3)
    const { seed } = cluster.world
    for (let round = 0; round < 24; round++) {
      const roll = (site: string): number => draw(seed, `scenario.${site}`, round)
      const leader = cluster.leader()
      const voters = cluster.nodes.filter((id) => roll(`voter.${id}`) < 0.55)
      if (leader !== undefined && voters.length > 0) {
        const learners = cluster.others(...voters)
        probe(cluster, leader, { type: 'changeConfiguration', wanted: { voters, learners } })
      }
      cluster.run({ ms: 5 + 60 * roll('moment') })
      if (roll('cut') < 0.5) {
        const side = cluster.nodes.filter((id) => roll(`side.${id}`) < 0.5)
        cluster.partition(side, cluster.others(...side))
      } else if (roll('crash') < 0.4) {
        const victim = 1 + Math.floor(roll('victim') * 5)
        cluster.crash(victim)
        cluster.world.later(100, () => cluster.restart(victim))
      }
      cluster.run({ ms: 20 + 200 * roll('lasts') })
      cluster.heal()
    }
    stop()
    cluster.world.calm()
    cluster.run({ ms: 500 })

    const simple = (): boolean => cluster.upNodes.every((id) => !isJoint(core(cluster, id).membership.current))
    cluster.await('joint configurations are left', simple, { withinMs: 2 * withinMs })
    cluster.client('last').put('z', 'end', { withinMs: 2 * withinMs })
    cluster.expectConverged({ withinMs: 2 * withinMs })
    cluster.checkHistory()
  },
)

scenario('R13.2: a change is refused while another is not committed', { seeds, nodes: 3 }, (cluster) => {
  const leader = settled(cluster)
  const [a = 0, b = 0] = cluster.others(leader)

  cluster.partition([leader], [a, b])
  const first = probe(cluster, leader, changeTo([leader, a], [b]))
  cluster.run({ ms: 5 })
  const second = probe(cluster, leader, changeTo([leader, b], [a]))
  cluster.run({ ms: 20 })

  check(first.reply === undefined, 'R13', () => `the first change was answered: ${JSON.stringify(first.reply)}`)
  refused(second.reply, 'configurationPending')
  cluster.heal()
  cluster.expectConverged({ withinMs })
})

// The majorities of two changes of one voter each need not meet, unless the second leader has committed something first.
scenario('R13.3: a leader changes nothing before it committed in its term', { seeds, nodes: 3 }, (cluster) => {
  const old = settled(cluster)
  const [a = 0, b = 0] = cluster.others(old)
  cluster.crash(old)

  until(cluster, () => cluster.leader('default', [a, b]) !== undefined)
  const leader = cluster.leader('default', [a, b]) as number
  cluster.cut(a, b)
  const { commit, termStart } = core(cluster, leader)
  check(commit < termStart, 'R8', () => `node ${leader} committed ${commit} before anybody answered`)
  const change = probe(cluster, leader, changeTo([leader, leader === a ? b : a], [old]))
  cluster.run({ ms: 20 })

  refused(change.reply, 'notReady')
  cluster.heal()
  cluster.restart(old)
  cluster.expectConverged({ withinMs: 2 * withinMs })
})

scenario('R13.4: a configuration whose entry was replaced is no longer in force', { seeds, nodes: 3 }, (cluster) => {
  const old = settled(cluster)
  const [a = 0, b = 0] = cluster.others(old)

  cluster.partition([old], [a, b])
  probe(cluster, old, changeTo([old, a], [b]))
  cluster.run({ ms: 20 })
  const inForce = (): number => core(cluster, old).membership.current.voters.length
  check(inForce() === 2, 'R13', () => 'a configuration is in force with its entry')
  const next = cluster.awaitLeader({ withinMs: 20 * cluster.electionMs, among: [a, b] })
  cluster.client('free', { nodes: () => [a, b] }).put('a', 'newer')
  cluster.heal()
  cluster.await('the old leader follows', () => core(cluster, old).leader === next, { withinMs })
  until(cluster, () => core(cluster, old).log.last === core(cluster, next).log.last)

  check(inForce() === 3, 'R13', () => `node ${old} still counts ${inForce()} voters`)
  cluster.expectConverged({ withinMs })
})

scenario('R14: a learner that hears nobody does not stand', { seeds, nodes: 1 }, (cluster) => {
  cluster.awaitLeader({ withinMs })
  cluster.change({ type: 'addMember', id: 2, peerUrls: ['http://n2:2380'], learner: true }, { withinMs })
  cluster.join(2)
  cluster.await('the learner follows', () => cluster.core(2)?.leader === 1, { withinMs })

  cluster.crash(1)
  for (let tick = 0; tick < 100; tick++) {
    cluster.run({ ms: cluster.tickMs })
    const { role, term } = core(cluster, 2)
    check(role === 'follower', 'R14', () => `the learner is ${role} of term ${term}`)
  }
  cluster.restart(1)
  cluster.client('alice').put('a', 'done')
  cluster.expectConverged({ withinMs })
})

// Followers hear it, so none of them stands; it hears nobody, so it commits nothing. Only itself can end that.
scenario('R15: a leader that is heard and hears nobody gives way', { seeds, nodes: 3 }, (cluster) => {
  const old = settled(cluster)

  for (const other of cluster.others(old)) cluster.world.network.cut(other, old)

  const next = cluster.awaitLeader({ withinMs: 20 * cluster.electionMs, among: cluster.others(old) })
  check(next !== old, 'R15', () => cluster.describe())
  cluster.client('free', { nodes: () => cluster.others(old) }).put('a', 'goes on')
  cluster.heal()
  cluster.expectConverged({ withinMs })
})

// It does not hear the leader; the third node does, and must not help it. Only the leader's own wish would be an exception.
scenario('R16: who hears the leader gives no vote to one who does not', { seeds, nodes: 3 }, (cluster) => {
  const leader = settled(cluster)
  const [deaf = 0] = cluster.others(leader)
  const { term } = core(cluster, leader)

  cluster.cut(leader, deaf)
  // Long enough for it to lose patience, and too short for the group to fall asleep: a leader that sleeps is heard by nobody.
  cluster.run({ ms: 1.1 * cluster.electionMs })

  check(cluster.leader() === leader && core(cluster, leader).term === term, 'R16', () => cluster.describe())
  cluster.heal()
  cluster.expectConverged({ withinMs })
})

scenario('R16.2: a leader whose heartbeats arrive keeps its place', { seeds, nodes: 3, executors: 2 }, (cluster) => {
  const leader = settled(cluster)
  const { term } = core(cluster, leader)

  // A write now and then keeps the group awake; between two of them heartbeats are all that followers hear.
  for (let i = 0; i < 10; i++) {
    cluster.client('alice').put('a', `${i}`)
    cluster.run({ ms: 1.2 * cluster.electionMs })
  }

  check(cluster.leader() === leader && core(cluster, leader).term === term, 'R16', () => cluster.describe())
})

// Time passed without it: when it goes on, it still takes itself for the leader, and cannot know better.
scenario(
  'R18: a leader that stood still while it was replaced answers no read from its own memory',
  { seeds, nodes: 3 },
  (cluster) => {
    const old = settled(cluster)
    const others = cluster.others(old)
    cluster.client('reader', { nodes: () => [old] }).get('s')
    cluster.partition([old], others)
    const pauseMs = 8 * cluster.electionMs
    cluster.world.pause(old, pauseMs)
    const resumeMs = cluster.world.nowMs + pauseMs
    cluster.awaitLeader({ withinMs: 6 * cluster.electionMs, among: others })
    cluster.client('free', { nodes: () => others }).put('s', 'newer')

    cluster.run({ ms: resumeMs - cluster.world.nowMs + cluster.tickMs })
    check(core(cluster, old).role === 'leader', 'I23', () => 'it takes itself for the leader')
    const query = { type: 'range', key: utf8('s') }
    const read = probe(cluster, old, { type: 'read', query, consistency: 'linearizable' })
    cluster.run({ ms: 5 * cluster.tickMs })

    check(read.reply?.type !== 'answer', 'R18', () => `it was answered: ${JSON.stringify(read.reply)}`)
    cluster.heal()
    cluster.expectConverged({ withinMs })
  },
)

scenario(
  'R19: during a transfer nothing is taken, and the heir stands only with the whole log',
  { seeds, nodes: 3 },
  (cluster) => {
    const leader = settled(cluster)
    const [heir = 0, other = 0] = cluster.others(leader)
    cluster.cut(leader, heir)
    cluster.cut(other, heir)
    cluster.client('alice', { nodes: () => [leader] }).put('a', 'not at the heir')

    probe(cluster, leader, { type: 'transferLeadership', to: heir })
    cluster.run({ ms: 10 })
    const { transfer } = core(cluster, leader)
    const write = propose(cluster, leader, 'b', 'refused')
    cluster.run({ ms: 20 })

    check(transfer?.to === heir, 'R19', () => 'the transfer is under way')
    check(transfer?.told === false, 'R19', () => 'the heir was told to stand although it lacks an entry')
    refused(write.reply, 'transferring')
    cluster.heal()
    cluster.expectConverged({ withinMs })
  },
)

scenario('R19.2: a transfer to one who does not come is given up', { seeds, nodes: 3 }, (cluster) => {
  const leader = settled(cluster)
  const [heir = 0, other = 0] = cluster.others(leader)
  cluster.partition([heir], [leader, other])
  cluster.client('alice', { nodes: () => [leader] }).put('a', 'not at the heir')

  probe(cluster, leader, { type: 'transferLeadership', to: heir })
  cluster.run({ ms: 3 * cluster.electionMs })

  const write = propose(cluster, leader, 'b', 'taken again')
  cluster.run({ ms: 200 })
  check(write.reply?.type === 'applied', 'R19', () => `the leader answers ${JSON.stringify(write.reply)}`)
  cluster.heal()
  cluster.expectConverged({ withinMs })
})

scenario(
  'R20: a follower that was away for a moment is served from the log',
  { seeds, nodes: 3, logKeepEntries: 8 },
  (cluster) => {
    const leader = settled(cluster)
    const [away = 0, other = 0] = cluster.others(leader)
    cluster.partition([away], [leader, other])
    const { last } = core(cluster, away).log
    const alice = cluster.client('alice', { nodes: () => [leader] })
    for (let i = 0; i < 16; i++) alice.put('a', alice.session.unique('v'))
    cluster.run({ ms: 300 })

    const { first } = core(cluster, leader).log
    check(first <= last + 1, 'R20', () => `the leader's log begins at ${first}, the follower needs ${last + 1}`)
    cluster.heal()
    cluster.expectConverged({ withinMs })
  },
)

// It was asked while the old leader still believed in itself, and it can never learn whether it was right.
scenario('R21: a read of a leader that loses its place is not answered', { seeds, nodes: 3 }, (cluster) => {
  const old = settled(cluster)
  cluster.partition([old], cluster.others(old))
  const read = probe(cluster, old, {
    type: 'read',
    query: { type: 'range', key: utf8('s') },
    consistency: 'linearizable',
  })

  cluster.awaitLeader({ withinMs: 20 * cluster.electionMs, among: cluster.others(old) })
  cluster.client('free', { nodes: () => cluster.others(old) }).put('s', 'newer')
  until(cluster, () => core(cluster, old).role !== 'leader')
  cluster.run({ ms: 100 })

  check(read.reply?.type !== 'answer', 'R21', () => `it was answered: ${JSON.stringify(read.reply)}`)
  cluster.heal()
  cluster.expectConverged({ withinMs })
})

// Nothing is written, and nothing need be heard: only the silence of the leader's node can wake the others.
scenario('R23.1: a group that sleeps wakes when the node of its leader is gone', { seeds, nodes: 3 }, (cluster) => {
  const leader = asleep(cluster)

  cluster.crash(leader)

  const next = cluster.awaitLeader({ withinMs: 10 * cluster.electionMs, among: cluster.others(leader) })
  check(next !== leader, 'R23', () => cluster.describe())
  cluster.restart(leader)
  cluster.expectConverged({ withinMs })
})

scenario('R23.2: a leader that wakes must hear its quorum anew', { seeds, nodes: 3 }, (cluster) => {
  const leader = asleep(cluster)

  cluster.partition([leader], cluster.others(leader))
  until(cluster, () => !core(cluster, leader).quiesced)
  const wokeMs = cluster.world.nowMs
  until(cluster, () => core(cluster, leader).role !== 'leader')

  const ticks = (cluster.world.nowMs - wokeMs) / cluster.tickMs
  check(ticks <= cluster.electionTicks + 2, 'R23', () => `it led for ${ticks} ticks without hearing anybody`)
  cluster.heal()
  cluster.expectConverged({ withinMs })
})

scenario(
  'R23.3: a group stays awake while a follower that is there lacks something',
  { seeds, nodes: 3 },
  (cluster) => {
    const leader = settled(cluster)
    const [behind = 0] = cluster.others(leader)

    // It is heard and does not hear: its node is there, its log is not.
    cluster.world.network.cut(leader, behind)
    cluster.client('alice', { nodes: () => [leader] }).put('a', 'not there')
    for (let tick = 0; tick < 150; tick++) {
      cluster.run({ ms: cluster.tickMs / 4 })
      check(!core(cluster, leader).quiesced, 'R23', () => `it sleeps while node ${behind} lacks an entry`)
    }

    cluster.heal()
    cluster.expectConverged({ withinMs })
  },
)

scenario('R23.4: a group that has nothing to do stays asleep while its nodes live', { seeds, nodes: 3 }, (cluster) => {
  asleep(cluster)

  for (let tick = 0; tick < 100; tick++) {
    cluster.run({ ms: cluster.tickMs })
    const awake = cluster.nodes.filter((id) => !core(cluster, id).quiesced)
    check(awake.length === 0, 'R23', () => `nodes ${awake.join()} are awake`)
  }
})

// What it confirmed before the loss may be all that keeps a write from being forgotten: until it holds that again, it
// must not be believed.
scenario(
  'R25: a replica whose disk was lost is trusted only when it holds again what it may have confirmed',
  { seeds, nodes: 3 },
  (cluster) => {
    const leader = settled(cluster)
    const [lost = 0] = cluster.others(leader)
    const alice = cluster.client('alice', { nodes: () => [leader] })
    for (let i = 0; i < 10; i++) alice.put('a', alice.session.unique('v'))
    const { commit } = core(cluster, leader)

    cluster.wipe(lost)
    cluster.run({ ms: 20 })
    cluster.restart(lost)
    until(cluster, () => cluster.core(lost) !== undefined)
    check(core(cluster, lost).forgetful, 'R25', () => 'it knows that its disk was lost')
    until(cluster, () => !core(cluster, lost).forgetful)

    const { last } = core(cluster, lost).log
    check(last >= commit, 'R25', () => `it is trusted with a log up to ${last}, and may have confirmed ${commit}`)
    cluster.expectConverged({ withinMs })
    cluster.checkHistory()
  },
)

/** A leader that is cut off with entries nobody else has, and the two others, the first of which leads. */
function oldTail(cluster: SimCluster, entries: number): { old: number; next: number; other: number } {
  const old = settled(cluster)
  const others = cluster.others(old)
  cluster.partition([old], others)
  for (let i = 0; i < entries; i++) {
    propose(cluster, old, 'lost', `${i}`)
    cluster.run({ ms: 3 })
  }
  const next = cluster.awaitLeader({ withinMs: 20 * cluster.electionMs, among: others })
  return { old, next, other: others.find((id) => id !== next) as number }
}

/** Waits for a leader that committed in its term and whom everybody follows. */
function settled(cluster: SimCluster): number {
  const leader = cluster.awaitLeader({ withinMs })
  cluster.client('settler').put('s', cluster.client('settler').session.unique('s'))
  cluster.await('everybody follows', () => cluster.nodes.every((id) => cluster.core(id)?.leader === leader), {
    withinMs,
  })
  cluster.run({ ms: 50 })
  return leader
}

function asleep(cluster: SimCluster): number {
  const leader = settled(cluster)
  const sleeps = (): boolean => cluster.nodes.every((id) => cluster.core(id)?.quiesced === true)
  cluster.await('the group sleeps', sleeps, { withinMs: 2 * withinMs })
  return leader
}

function core(cluster: SimCluster, id: number): RaftState {
  const found = cluster.core(id)
  check(found !== undefined, 'I23', () => `node ${id} has no group\n${cluster.describe()}`)
  return found
}

/** Looks often, for what lasts less than a tick. */
function until(cluster: SimCluster, predicate: () => boolean): void {
  const endMs = cluster.world.nowMs + withinMs
  while (!predicate()) {
    check(cluster.world.nowMs < endMs, 'I23', () => `it never came to pass\n${cluster.describe()}`)
    cluster.run({ ms: 0.1 })
  }
}

function probe(cluster: SimCluster, node: number, request: ReplicaRequest): { reply: ReplicaReply | undefined } {
  return cluster.client('probe').session.once(node, request)
}

function propose(cluster: SimCluster, node: number, key: string, value: string): { reply: ReplicaReply | undefined } {
  return probe(cluster, node, { type: 'propose', command: { type: 'put', key: utf8(key), value: utf8(value) } })
}

function changeTo(voters: readonly number[], learners: readonly number[]): ReplicaRequest {
  return { type: 'changeConfiguration', wanted: { voters, learners } }
}

function refused(reply: ReplicaReply | undefined, reason: string): void {
  const right = reply?.type === 'dropped' && reply.reason === reason
  check(right, reason === 'transferring' ? 'R19' : 'R13', () => `wanted ${reason}, found ${JSON.stringify(reply)}`)
}

/** Clients that write one value after another until the returned function is called. */
function writers(cluster: SimCluster, count: number): () => void {
  let over = false
  for (let at = 0; at < count; at++) {
    const { session } = cluster.client(`writer-${at}`)
    const next = (): void => {
      if (over) return
      const operation = { type: 'put', key: `w${at}`, value: session.unique('v') } as const
      session.start(operation, () => cluster.world.later(5, next))
    }
    next()
  }
  return () => {
    over = true
  }
}

function groupOf(node: number): { readonly type: 'named'; readonly node: number; readonly name: string } {
  return { type: 'named', node, name: 'raft/default' }
}

function lineageOf(cluster: SimCluster, node: number): number {
  return cluster.replica(node)?.lineage ?? 0
}
