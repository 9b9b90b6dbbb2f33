/** Leases (J1 to J11), each where one could end too early, live on when it is gone, or be promised by who may promise nothing. */

import { lessorName } from '../../actors/lease/lessor.ts'
import type { LessorState } from '../../actors/lease/lessor-state.ts'
import type { LeaseCommand, LeaseRecord } from '../../actors/lease/messages.ts'
import type { ReplicaReply } from '../../actors/raft/replica-messages.ts'
import type { StrictState } from '../../actors/strict/machine.ts'
import type { StrictReply, StrictResponse } from '../../actors/strict/messages.ts'
import type { Answer } from '../../runtime/kernel/actor.ts'
import { edgeAsk, edgeTell } from '../../runtime/kernel/edge.ts'
import { perform } from '../../sim/acts.ts'
import { Chaos } from '../../sim/chaos.ts'
import { check } from '../../sim/checkers/violation.ts'
import type { SimCluster } from '../../sim/cluster.ts'
import { defaultGroup } from '../../sim/cluster-body.ts'
import { calm, type FaultPlan } from '../../sim/faults.ts'
import { awaitLeaders, endFaults } from '../../sim/liveness.ts'
import type { Operation, Outcome } from '../../sim/operation.ts'
import { startWorkers } from '../../sim/worker.ts'
import { checkWorkloads, expectFailures, lookOnceMore } from '../../sim/workloads/verdict.ts'
import { scenario } from './scenario.ts'
import { core, probe, seeds, settled, withinMs } from './situations.ts'

const lease = '77'
const fine = { grainMs: 1 }
/** Of a replica. */
const mailboxMax = 16_384

// What a deposed leader decided may reach the log by way of the next one, when the client has long been heard of again.
scenario(
  'J1: an end, or a remaining time, counts in its own term and for its own lease alone',
  { seeds, nodes: 3 },
  (cluster) => {
    const leader = settled(cluster)
    act(cluster, { type: 'leaseGrant', lease, ttlMs: 60_000 })
    const mark = { id: lease, granted: tableOf(cluster, leader)?.granted ?? 0 }
    const { term } = core(cluster, leader)
    const said = (command: LeaseCommand): StrictResponse => applied(cluster, leader, command)

    const old = said({ type: 'leaseExpire', leases: [mark], term: term - 1 })
    const other = said({ type: 'leaseExpire', leases: [{ ...mark, granted: mark.granted - 1 }], term })
    said({ type: 'leaseCheckpoint', remaining: [{ ...mark, seconds: 5 }], term: term - 1 })
    said({ type: 'leaseCheckpoint', remaining: [{ ...mark, granted: mark.granted - 1, seconds: 5 }], term })

    const wrong = (response: StrictResponse): boolean => response.type !== 'leasesExpired' || response.expired > 0
    check(!wrong(old) && !wrong(other), 'J1', () => `ends of others counted: ${JSON.stringify([old, other])}`)
    const now = tableOf(cluster, leader)
    check(now !== undefined && now.remainingSeconds === undefined, 'J1', () => `the lease is ${JSON.stringify(now)}`)
  },
)

// Clients could not reach a leader while there was none: that time is not theirs to lose.
scenario(
  'J4: a new leader gives every lease its whole time, and an election timeout on top',
  { seeds, nodes: 3, leases: fine },
  (cluster) => {
    const old = settled(cluster)
    const ttlMs = 600
    act(cluster, { type: 'leaseGrant', lease, ttlMs })
    cluster.run({ ms: 500 })
    cluster.crash(old)
    const next = cluster.awaitLeader({ withinMs, among: cluster.others(old) })
    until(cluster, () => tenureOf(cluster, next)?.phase === 'counting')
    const beganMs = cluster.world.nowMs

    until(cluster, () => tableOf(cluster, next) === undefined)
    const lastedMs = cluster.world.nowMs - beganMs
    const wantedMs = ttlMs + cluster.electionTicks * cluster.tickMs
    check(lastedMs >= wantedMs, 'J4', () => `it lasted ${lastedMs} ms of a new leadership, wanted ${wantedMs}`)
    verdict(cluster)
  },
)

// It cannot know better, and its own clock says that there is time left: but it cannot prove that it leads.
scenario(
  'J6: a leader that stood still while it was replaced keeps no lease alive',
  { seeds, nodes: 3, leases: fine },
  (cluster) => {
    const old = settled(cluster)
    const others = cluster.others(old)
    act(cluster, { type: 'leaseGrant', lease, ttlMs: 60_000 })
    act(cluster, { type: 'leaseKeep', lease })
    cluster.partition([old], others)
    const pauseMs = 8 * cluster.electionMs
    cluster.world.pause(old, pauseMs)
    const resumeMs = cluster.world.nowMs + pauseMs
    cluster.awaitLeader({ withinMs: 6 * cluster.electionMs, among: others })
    act(cluster, { type: 'leaseRevoke', lease }, others)

    cluster.run({ ms: resumeMs - cluster.world.nowMs + cluster.tickMs })
    check(core(cluster, old).role === 'leader', 'I23', () => 'it takes itself for the leader')
    const reached = [old]
    const asked = begin(cluster, { type: 'leaseKeep', lease }, reached)
    cluster.run({ ms: 5 * cluster.tickMs })
    cluster.heal()
    reached.push(...others)
    until(cluster, () => asked.outcome !== undefined)
    verdict(cluster)
  },
)

// What comes on the control lane finds the user lane full, with no room for the word that ends the collecting of questions.
scenario('J6.2: a proof is made though the mailbox of the replica is full', { seeds: [1, 2], nodes: 3 }, (cluster) => {
  const leader = settled(cluster)
  const name = `replica/${defaultGroup}`
  const to = { type: 'named', node: leader, name } as const
  const executor = cluster.world.node(leader).executor(0)
  for (let room = mailboxMax; room > 0; room--) edgeTell(executor, to, { type: 'status' })
  let answer: Answer | undefined
  const proof = { type: 'read', query: { type: 'leasesOf', ids: [lease] }, consistency: 'linearizable' }
  edgeAsk(executor, to, proof, { deadlineMs: 3_000, lane: 'control' }, (came) => {
    answer = came
  })

  until(cluster, () => answer !== undefined)
  const reply = answer?.type === 'reply' ? (answer.value as ReplicaReply) : undefined
  check(reply?.type === 'answer', 'J6', () => `the proof came to ${JSON.stringify(answer)}`)

  const write = probe(cluster, leader, { type: 'propose', command: { type: 'leaseGrant', id: lease, ttlSeconds: 9 } })
  cluster.run({ ms: 1_000 })
  check(write.reply?.type === 'applied', 'I23', () => 'a write is not answered afterwards')
})

// The notice of it found its mailbox full. Its replica follows another by now, and answers what that one confirms.
scenario(
  'J6.3: a lessor that never heard that its replica was replaced keeps no lease alive',
  { seeds, nodes: 3, leases: fine },
  (cluster) => {
    const old = settled(cluster)
    const others = cluster.others(old)
    act(cluster, { type: 'leaseGrant', lease, ttlMs: 600 })
    const { role, term, tenure } = lessorOf(cluster, old) as LessorState
    perform(cluster, { type: 'transferLeadership', to: others[0] as number })
    until(cluster, () => tenureOf(cluster, others[0] as number)?.phase === 'counting')
    Object.assign(lessorOf(cluster, old) as LessorState, { role, term, tenure })
    cluster.run({ ms: 400 })

    const reached = [old]
    const asked = begin(cluster, { type: 'leaseKeep', lease }, reached)
    cluster.run({ ms: 100 })
    reached.push(...others)
    until(cluster, () => asked.outcome !== undefined)
    until(cluster, () => cluster.nodes.every((id) => tableOf(cluster, id) === undefined))
    verdict(cluster)
  },
)

// The end is on its way through slow disks when the client asks: it must not be told of a time that the lease does not have.
scenario(
  'J7: whoever asks for a lease whose end is under way hears of the end',
  { seeds, nodes: 3, leases: fine, faults: { ...calm, diskSlowMs: 150 } },
  (cluster) => {
    const leader = settled(cluster)
    act(cluster, { type: 'leaseGrant', lease, ttlMs: 400 })
    for (const id of cluster.nodes) cluster.world.slowDisks(id, 3_000)
    until(cluster, () => (tenureOf(cluster, leader)?.endings.size ?? 0) > 0)
    const asked = begin(cluster, { type: 'leaseKeep', lease })
    until(cluster, () => asked.outcome !== undefined && tableOf(cluster, leader) === undefined)
    verdict(cluster)
  },
)

// The table holds what was left minutes ago; the client was just told of the whole TTL; the leader that told it dies.
scenario(
  'J8: what was written down of a lease is taken back before it is said to be begun anew',
  { seeds, nodes: 3, leases: { ...fine, checkpointEveryMs: 80 } },
  (cluster) => {
    const old = settled(cluster)
    act(cluster, { type: 'leaseGrant', lease, ttlMs: 3_000 })
    cluster.run({ ms: 2_600 })
    const left = tableOf(cluster, old)?.remainingSeconds ?? 3
    check(left < 0.8, 'I23', () => `wanted little of the lease to be left in the table, found ${left} s`)

    act(cluster, { type: 'leaseKeep', lease })
    cluster.crash(old)
    const next = cluster.awaitLeader({ withinMs, among: cluster.others(old) })
    until(cluster, () => tableOf(cluster, next) === undefined)
    verdict(cluster)
  },
)

// Leaders come and go faster than the lease runs out: each begins where the one before had come to.
scenario(
  'J9: a long lease that nobody keeps alive ends, however often leaders change',
  { seeds, nodes: 3, leases: { ...fine, checkpointEveryMs: 100 } },
  (cluster) => {
    settled(cluster)
    act(cluster, { type: 'leaseGrant', lease, ttlMs: 4_000 })
    for (let changes = 0; changes < 12; changes++) {
      const leader = cluster.awaitLeader({ withinMs })
      until(cluster, () => tenureOf(cluster, leader)?.phase === 'counting')
      cluster.run({ ms: 600 })
      if (tableOf(cluster, leader) === undefined) break
      perform(cluster, { type: 'transferLeadership', to: cluster.others(leader)[changes % 2] as number })
      cluster.run({ ms: 300 })
    }
    const leader = cluster.awaitLeader({ withinMs })
    check(tableOf(cluster, leader) === undefined, 'J9', () => 'twelve leaders later it is there still')
    verdict(cluster)
  },
)

// The new one knows nothing of what the old one said in the same term, and that may still be carried out.
scenario(
  'J11: a lessor that was restarted waits for what the one before it said',
  { seeds, nodes: 3, leases: fine, faults: { ...calm, diskSlowMs: 400 } },
  (cluster) => {
    const leader = settled(cluster)
    act(cluster, { type: 'leaseGrant', lease, ttlMs: 400 })
    for (const id of cluster.nodes) cluster.world.slowDisks(id, 3_000)
    until(cluster, () => (tenureOf(cluster, leader)?.endings.size ?? 0) > 0)
    perform(cluster, { type: 'crashActor', node: leader, actor: lessorName(defaultGroup) })
    const asked = begin(cluster, { type: 'leaseKeep', lease })
    until(cluster, () => asked.outcome !== undefined && tableOf(cluster, leader) === undefined)
    verdict(cluster)
  },
)

const stormy: FaultPlan = {
  ...calm,
  sites: true,
  drift: 0.1,
  wallOffsetMs: 5_000,
  diskSlowMs: 100,
  crash: { everyMs: 2_500, lastsMs: 400 },
  actorCrash: { everyMs: 3_000, lastsMs: 0 },
  partition: { everyMs: 2_500, lastsMs: 500 },
  pause: { everyMs: 3_000, lastsMs: 500 },
  suspend: { everyMs: 3_000, lastsMs: 500 },
  wallStep: { everyMs: 1_000, lastsMs: 0 },
  diskSlow: { everyMs: 2_000, lastsMs: 400 },
  transfer: { everyMs: 1_500, lastsMs: 0 },
}

// Everything at once, of what moves clocks and leaders; the true time of the world is the judge.
scenario(
  'I17: no lease ends before its time by any clock, and every lease ends',
  {
    seeds: [1, 2],
    nodes: 3,
    faults: stormy,
    budget: 'recoverable',
    leases: { ...fine, checkpointEveryMs: 150, auditMs: 700 },
  },
  (cluster) => {
    const plans = [{ name: 'leases', clients: 4 }] as const
    expectFailures(cluster)
    const chaos = new Chaos(cluster)
    cluster.acts = chaos.acts
    chaos.start()
    const workers = startWorkers(cluster, plans)
    cluster.run({ ms: 3_000 })
    chaos.stop()
    for (const worker of workers) worker.stop()

    endFaults(cluster, { type: 'all' })
    awaitLeaders(cluster)
    cluster.await('every client is answered', () => workers.every(({ idle }) => idle), { withinMs: 20_000 })
    lookOnceMore(cluster, plans, { withinMs: 20_000 })
    cluster.expectConverged({ withinMs: 20_000 })
    cluster.checkHistory()
    checkWorkloads(cluster, plans)
  },
)

/** Looks every millisecond. */
function until(cluster: SimCluster, predicate: () => boolean): void {
  for (const endMs = cluster.world.nowMs + 2 * withinMs; !predicate(); cluster.run({ ms: 1 }))
    check(cluster.world.nowMs < endMs, 'I23', () => `it never came to pass\n${cluster.describe()}`)
}

/** Does it, and waits for its end. */
function act(cluster: SimCluster, operation: Operation, nodes: readonly number[] = cluster.nodes): Outcome {
  const asked = begin(cluster, operation, nodes)
  until(cluster, () => asked.outcome !== undefined)
  const { outcome } = asked
  check(outcome?.type === 'done', 'I23', () => `${operation.type} ended ${JSON.stringify(outcome)}`)
  return outcome
}

function begin(
  cluster: SimCluster,
  operation: Operation,
  nodes: readonly number[] = cluster.nodes,
): { outcome: Outcome | undefined } {
  const asked: { outcome: Outcome | undefined } = { outcome: undefined }
  cluster.client(`holder ${nodes.join('-')}`, { nodes: () => nodes }).session.start(operation, (outcome) => {
    asked.outcome = outcome
  })
  return asked
}

function applied(cluster: SimCluster, node: number, command: LeaseCommand): StrictResponse {
  const asked = probe(cluster, node, { type: 'propose', command })
  until(cluster, () => asked.reply !== undefined)
  const { reply } = asked
  const said = reply?.type === 'applied' ? (reply.reply as StrictReply) : undefined
  check(said?.type === 'done', 'I23', () => `${command.type} was answered ${JSON.stringify(reply)}`)
  return said.response
}

function tableOf(cluster: SimCluster, node: number): LeaseRecord | undefined {
  return (cluster.replica(node)?.machineState as StrictState | undefined)?.leases.leases.get(lease)
}

function lessorOf(cluster: SimCluster, node: number): LessorState | undefined {
  return cluster.running(node, lessorName(defaultGroup))?.cell.state as LessorState | undefined
}

function tenureOf(cluster: SimCluster, node: number): LessorState['tenure'] {
  return lessorOf(cluster, node)?.tenure
}

/** As after a run of the workload. */
function verdict(cluster: SimCluster): void {
  checkWorkloads(cluster, [{ name: 'leases', clients: 1 }])
}
