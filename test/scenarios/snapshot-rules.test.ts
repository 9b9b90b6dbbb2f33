/**
 * Rules of snapshots in the situations that put them to the test. Where it matters which packet comes when, a snapshot is
 * taken from the leader as a client takes one and handed over as its replica would send it, chunk by chunk.
 */

import { lineageKey } from '../../actors/raft/lineage.ts'
import type {
  SnapshotChunkReply,
  SnapshotManifest,
  SnapshotMessage,
  SnapshotPart,
} from '../../actors/raft/replica-messages.ts'
import { chainChecksum, chunkChecksum } from '../../actors/raft/snapshot-chunks.ts'
import { utf8 } from '../../base/bytes.ts'
import { draw } from '../../base/draw.ts'
import { edgeTell } from '../../runtime/kernel/edge.ts'
import { check } from '../../sim/checkers/violation.ts'
import type { SimCluster } from '../../sim/cluster.ts'
import { calm } from '../../sim/faults.ts'
import { scenario } from './scenario.ts'
import { core, lineageOf, seeds, settled, until, withinMs } from './situations.ts'

scenario(
  'A2.2: a proposal that comes again after a snapshot is passed over by everybody',
  { seeds, nodes: 3, logKeepEntries: 8 },
  (cluster) => {
    const leader = rested(cluster)
    const [away = 0, other = 0] = cluster.others(leader)
    cluster.crash(away)
    const before = core(cluster, leader).log.last
    const first = cluster.ask(
      other,
      { type: 'propose', command: { type: 'put', key: utf8('a'), value: utf8('once') } },
      { withinMs },
    )
    check(first?.type === 'applied', 'I23', () => `the put was answered ${JSON.stringify(first)}`)
    const [entry] = core(cluster, leader).log.slice(before + 1, before + 1, 1)
    check(entry?.type === 'normal', 'I23', () => 'the put is the next entry')
    const data = entry.data.slice()
    fill(cluster, leader, 60)
    cluster.restart(away)
    cluster.expectConverged({ withinMs: 2 * withinMs })
    check(core(cluster, away).log.first > entry.index, 'I23', () => 'it was brought up by a snapshot')

    // A packet of long ago: the follower passes on what it passed on before.
    const { term } = core(cluster, leader)
    const message = { type: 'forwardPropose', from: other, term, proposals: [{ id: 1_000_000, data }] }
    toGroup(cluster, leader, { type: 'peer', message, lineage: lineageOf(cluster, leader) })
    cluster.run({ ms: 200 })

    cluster.client('alice').put('b', 'after')
    cluster.expectConverged({ withinMs })
  },
)

scenario(
  'A10: a snapshot is installed when every chunk of it is here, and not before',
  { seeds, nodes: 3 },
  (cluster) => {
    const { leader, behind } = withOneBehind(cluster)
    const { manifest, pieces } = take(cluster, leader)
    const { applied } = cluster.replica(behind) as { applied: number }

    const messages = messagesOf(cluster, leader, manifest, pieces)
    for (const [at, message] of messages.entries()) {
      // The second piece is lost on the way.
      if (at === 2) continue
      toReplica(cluster, behind, message)
      cluster.run({ ms: 2 })
    }

    const present = (cluster.replica(behind) as { applied: number }).applied
    check(present === applied, 'A10', () => `node ${behind} went from ${applied} to ${present} by parts of a snapshot`)
    cluster.heal()
    cluster.expectConverged({ withinMs })
    cluster.checkHistory()
  },
)

// The first chunks came while the follower was behind, the last one when its log had long passed the snapshot.
scenario('R21.1: a snapshot that comes late does not take the machine back', { seeds, nodes: 3 }, (cluster) => {
  const { leader, behind } = withOneBehind(cluster)
  const { manifest, pieces } = take(cluster, leader)
  const messages = messagesOf(cluster, leader, manifest, pieces)
  for (const message of messages.slice(0, -1)) {
    toReplica(cluster, behind, message)
    cluster.run({ ms: 2 })
  }
  cluster.heal()
  fill(cluster, leader, 3)
  cluster.expectConverged({ withinMs })
  const before = (cluster.replica(behind) as { applied: number }).applied

  toReplica(cluster, behind, messages[messages.length - 1] as SnapshotMessage)
  cluster.run({ ms: 50 })

  const after = (cluster.replica(behind) as { applied: number }).applied
  check(after >= before, 'R21', () => `applied fell from ${before} to ${after}`)
  cluster.client('alice').put('z', 'end')
  cluster.expectConverged({ withinMs })
  cluster.checkHistory()
})

scenario(
  'R21.2: who continues after a snapshot knows the members as of it',
  { seeds, nodes: 3, logKeepEntries: 8 },
  (cluster) => {
    const leader = rested(cluster)
    const [away = 0] = cluster.others(leader)
    cluster.crash(away)
    cluster.addMember({ withinMs: 4 * withinMs })
    cluster.await('four voters', () => voters(cluster, cluster.leader() ?? leader) === '1,2,3,4', {
      withinMs: 4 * withinMs,
    })
    fill(cluster, cluster.awaitLeader({ withinMs }), 60)

    cluster.restart(away)
    cluster.expectConverged({ withinMs: 4 * withinMs })

    check(core(cluster, away).log.first > 20, 'I23', () => 'it was brought up by a snapshot')
    check(voters(cluster, away) === '1,2,3,4', 'R13', () => `node ${away} counts ${voters(cluster, away)}`)
  },
)

// It confirmed entries that a quorum needs it for, and remembers of the commit only what was on its disk.
scenario(
  'R21.3: a snapshot leaves what follows it in the log',
  { seeds, nodes: 3, faults: { ...calm, diskSlowMs: 100 } },
  (cluster) => {
    const leader = rested(cluster)
    const [follower = 0, other = 0] = cluster.others(leader)
    cluster.partition([other], [leader, follower])
    const before = core(cluster, leader).log.last
    const alice = cluster.client('alice', { nodes: () => [leader] }).session
    cluster.world.slowDisks(follower, 1_000)
    for (let i = 0; i < 5; i++) {
      alice.once(leader, { type: 'propose', command: { type: 'put', key: utf8(`k${i}`), value: utf8(`${i}`) } })
      cluster.run({ ms: 1 })
    }
    const last = core(cluster, leader).log.last
    until(cluster, () => core(cluster, leader).commit > before)
    const { manifest, pieces } = take(cluster, leader)
    until(cluster, () => core(cluster, follower).log.stable >= last)
    cluster.crash(follower)
    cluster.partition([follower], [leader])
    cluster.restart(follower)
    cluster.run({ ms: 20 })
    until(cluster, () => cluster.replica(follower)?.open === true)
    const { applied } = cluster.replica(follower) as { applied: number }
    const { index } = manifest.meta
    // In some seeds the disk was too quick, or knew of the commit.
    if (index < last && applied < index) {
      for (const message of messagesOf(cluster, leader, manifest, pieces)) {
        toReplica(cluster, follower, message)
        cluster.run({ ms: 10 })
      }
      cluster.run({ ms: 200 })
      const end = core(cluster, follower).log.last
      check(end >= last, 'R21', () => `a snapshot at ${index} left a log up to ${end}, it had confirmed ${last}`)
    }

    cluster.heal()
    cluster.client('bob').put('z', 'end')
    cluster.expectConverged({ withinMs: 2 * withinMs })
    cluster.checkHistory()
  },
)

// The log must not forget what leads to a state that a crash can still take back.
scenario(
  'R20.2: a crash at any moment after a snapshot was installed finds log and machine in agreement',
  { seeds, nodes: 3 },
  (cluster) => {
    const leader = settled(cluster)
    const [victim = 0] = cluster.others(leader)
    for (let round = 0; round < 5; round++) {
      cluster.partition([victim], cluster.others(victim))
      const present = cluster.awaitLeader({ withinMs, among: cluster.others(victim) })
      fill(cluster, present, 3)
      const { manifest, pieces } = take(cluster, present)
      for (const message of messagesOf(cluster, present, manifest, pieces)) {
        toReplica(cluster, victim, message)
        cluster.run({ ms: 1 })
      }
      cluster.run({ ms: 60 * draw(cluster.world.seed, 'scenario.moment', round) })
      cluster.crash(victim)
      cluster.restart(victim)
      cluster.heal()
      cluster.expectConverged({ withinMs: 2 * withinMs })
    }
    cluster.checkHistory()
  },
)

interface Piece {
  readonly part: SnapshotPart
  readonly bytes: Uint8Array
}

/** All of a snapshot of `node`, as of now. */
function take(cluster: SimCluster, node: number): { manifest: SnapshotManifest; pieces: Piece[] } {
  const opened = cluster.ask(node, { type: 'openSnapshot' }, { withinMs })
  check(opened?.type === 'opened', 'I23', () => `openSnapshot: ${JSON.stringify(opened)}`)
  const pieces: Piece[] = []
  for (;;) {
    const reply = cluster.ask(node, { type: 'nextSnapshotChunk', id: opened.id }, { withinMs }) as SnapshotChunkReply
    if (reply.type !== 'chunk') return { manifest: opened.manifest, pieces }
    pieces.push({ part: reply.part, bytes: reply.bytes })
  }
}

/** The packets of a transfer from `from`: the offer, the pieces, and the end. */
function messagesOf(
  cluster: SimCluster,
  from: number,
  manifest: SnapshotManifest,
  pieces: readonly Piece[],
): SnapshotMessage[] {
  const id = lineageKey(`${from}.1.1`, lineageOf(cluster, from))
  const { term } = core(cluster, from)
  const messages: SnapshotMessage[] = [{ type: 'snapshotOffer', from, id, term, manifest }]
  let chain = 0
  const end: Piece = { part: 'machine', bytes: new Uint8Array(0) }
  for (const [index, { part, bytes }] of [...pieces, end].entries()) {
    const checksum = chunkChecksum(id, index, part, bytes)
    chain = chainChecksum(chain, checksum)
    const total = index === pieces.length ? chain : undefined
    messages.push({ type: 'snapshotChunk', from, id, index, part, bytes, checksum, total })
  }
  return messages
}

/** A leader, and a node that is cut off and lacks some entries. */
function withOneBehind(cluster: SimCluster): { leader: number; behind: number } {
  const leader = rested(cluster)
  const [behind = 0] = cluster.others(leader)
  cluster.partition([behind], cluster.others(behind))
  fill(cluster, leader, 5)
  return { leader, behind }
}

/** Long enough for every replica to be on its disk: what a node finds after a crash is then the same in every seed. */
function rested(cluster: SimCluster): number {
  const leader = settled(cluster)
  cluster.run({ ms: 300 })
  return leader
}

function fill(cluster: SimCluster, leader: number, puts: number): void {
  const alice = cluster.client('alice', { nodes: () => [leader] })
  for (let i = 0; i < puts; i++) alice.put(`k${i % 10}`, alice.session.unique('v'), { withinMs: 4 * withinMs })
}

function voters(cluster: SimCluster, node: number): string {
  return core(cluster, node).membership.current.voters.join()
}

function toGroup(cluster: SimCluster, node: number, message: unknown): void {
  edgeTell(cluster.world.node(node).executor(0), { type: 'named', node, name: 'raft/default' }, message, 'control')
}

function toReplica(cluster: SimCluster, node: number, message: SnapshotMessage): void {
  edgeTell(cluster.world.node(node).executor(0), { type: 'named', node, name: 'replica/default' }, message, 'control')
}
