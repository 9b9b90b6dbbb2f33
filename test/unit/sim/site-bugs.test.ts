/** What fault sites brought to light stays away: a refusal or a full mailbox at the wrong moment must not last for ever. */
import assert from 'node:assert/strict'
import test from 'node:test'
import type { KeeperState } from '../../../aspen/keeper.ts'
import { utf8 } from '../../../base/bytes.ts'
import type { Cell } from '../../../runtime/kernel/cell.ts'
import { mailboxOf } from '../../../runtime/kernel/cell.ts'
import { SimCluster } from '../../../sim/cluster.ts'

const calmly = { withinMs: 5_000 }

function clusterOf(nodes: number): SimCluster {
  const cluster = new SimCluster({ seed: 1, nodes })
  cluster.awaitLeader(calmly)
  cluster.client('alice').put('key', 'value', calmly)
  return cluster
}

/** Bends `site` at its first evaluation from now on, and nothing else. Returns how often it fired. */
function bendOnce({ world }: SimCluster, site: string): () => number {
  let fired = 0
  world.points.fires = ({ name }) => {
    if (name !== site || fired > 0) return false
    fired += 1
    return true
  }
  return () => fired
}

function cellOf(cluster: SimCluster, node: number, name: string): Cell {
  const executor = cluster.world.node(node).executor(0)
  return executor.cells.get(executor.registry.holder(name)?.id as number) as Cell
}

/** From now on the mailbox of an actor has no room for messages of a kind. Returns how many it refused, and how to end it. */
function refuse(cell: Cell, type: string): { readonly refused: () => number; readonly end: () => void } {
  const mailbox = mailboxOf(cell)
  const push = mailbox.push.bind(mailbox)
  let refused = 0
  mailbox.push = (envelope) => {
    if ((envelope.body as { readonly type?: unknown }).type !== type) return push(envelope)
    refused += 1
    return envelope
  }
  return {
    refused: () => refused,
    end: () => {
      mailbox.push = push
    },
  }
}

test('N1: a keeper asks again where its supervisor had no room for the meta group', () => {
  const cluster = clusterOf(3)
  cluster.crash(2)
  const fired = bendOnce(cluster, 'supervisor.start.full')

  cluster.restart(2)

  cluster.expectConverged(calmly)
  assert.equal(fired(), 1)
})

test('N1: a keeper that was not told which groups run asks again', () => {
  const cluster = clusterOf(3)
  cluster.crash(2)
  const fired = bendOnce(cluster, 'supervisor.list.silent')
  cluster.restart(2)
  cluster.expectConverged(calmly)

  cluster.await('the list', () => (cellOf(cluster, 2, 'keeper').state as KeeperState).listed === 'known', calmly)

  assert.equal(fired(), 1)
})

test("R10: the disk's word that found a mailbox full is said again, so a leader alone goes on", () => {
  const cluster = clusterOf(1)
  const { refused, end } = refuse(cellOf(cluster, 1, 'raft/default'), 'persisted')
  const command = { type: 'put', key: utf8('key'), value: utf8('lost word') }
  // Asked once: a second attempt would be written, and the word of that would do for both.
  const result = cluster.client('bob').session.once(1, { type: 'propose', command })
  cluster.world.runUntil(() => refused() > 0, 1_000)

  end()

  cluster.await('an answer', () => result.reply !== undefined, calmly)
  assert.equal(result.reply?.type, 'applied')
  const core = cluster.core(1)
  assert.equal(core?.log.stable, core?.log.last)
})

test('R18: a core that is made anew asks questions that no answer to the former one fits', () => {
  const cluster = clusterOf(3)
  const follower = cluster.others(cluster.awaitLeader(calmly))[0] as number
  const before = cluster.core(follower)
  const asked = before?.reads.question ?? 0
  // Group and replica agree anew on where they stand, on every node, and the group makes another core.
  cluster.world.points.fires = ({ name }) => name === 'replica.pair.again'
  cluster.run({ ms: 300 })
  cluster.world.points.fires = () => false
  cluster.awaitLeader(calmly)

  const core = cluster.core(follower)

  assert.notEqual(core, before)
  const asks = core?.reads.question ?? 0
  assert.ok(Math.abs(asks - asked) > 1_000_000, `asked ${asked}, asks ${asks}`)
})

test('R20: a fold whose word found a mailbox full is asked about again, so the log can be compacted', () => {
  const cluster = clusterOf(1)
  cluster.run({ ms: 500 })
  const { refused, end } = refuse(cellOf(cluster, 1, 'replica/default'), 'foldedUpTo')
  cluster.client('alice').put('key', 'unheard', calmly)
  cluster.world.runUntil(() => refused() > 0, 1_000)

  end()
  cluster.run({ ms: 12_000 })

  const core = cluster.core(1)
  assert.equal(core?.folded, core?.applied)
})

test('R20: what was folded was applied, though the word of that found a mailbox full', () => {
  const cluster = clusterOf(1)
  const group = cellOf(cluster, 1, 'raft/default')
  const mailbox = mailboxOf(group)
  const push = mailbox.push.bind(mailbox)
  let lost = 0
  mailbox.push = (envelope) => {
    const { message } = envelope.body as { readonly message?: { readonly type?: unknown } }
    if (message?.type !== 'applied') return push(envelope)
    lost += 1
    return envelope
  }

  cluster.client('alice').put('key', 'another', calmly)
  cluster.run({ ms: 1_000 })

  const core = cluster.core(1)
  assert.ok(lost > 0)
  assert.equal(group.failure, '')
  assert.deepEqual([core?.applied, core?.folded], [core?.commit, core?.commit])
})
