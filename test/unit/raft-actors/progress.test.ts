import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ProgressReply } from '../../../actors/raft/replica-messages.ts'
import { edgeAsk } from '../../../runtime/kernel/edge.ts'
import { Cluster } from './cluster.ts'

/** Asks the group of `of`, from `node`. */
function progress(cluster: Cluster, node: number, of: number): ProgressReply {
  let found: ProgressReply | undefined
  edgeAsk(
    cluster.executor(node),
    { type: 'named', node: of, name: 'raft/g' },
    { type: 'progress' },
    { deadlineMs: 5_000 },
    (answer) => {
      if (answer.type === 'reply') found = answer.value as ProgressReply
    },
  )
  cluster.run(50)
  return found ?? assert.fail('no answer')
}

test('a leader tells any node how far each follower is, and which of them it has not heard of late', () => {
  const cluster = new Cluster()
  const leader = cluster.leader()
  for (let n = 0; n < 5; n++) cluster.add(leader, 'a')
  cluster.converge()
  const [asker, away] = cluster.nodes.filter((node) => node !== leader) as [number, number]
  const before = progress(cluster, asker, leader)
  assert.deepEqual(
    before.followers.map(({ matched, active }) => [matched, active]),
    [
      [before.lastIndex, true],
      [before.lastIndex, true],
    ],
  )

  cluster.crash(away)
  cluster.run(2_000)
  cluster.add(leader, 'a')
  const after = progress(cluster, asker, leader)

  assert.equal(after.lastIndex, before.lastIndex + 1)
  const found = new Map(after.followers.map(({ node, matched, active }) => [node, { matched, active }]))
  assert.deepEqual(found.get(asker), { matched: after.lastIndex, active: true })
  assert.deepEqual(found.get(away), { matched: before.lastIndex, active: false })
})

test('a follower knows its own log alone', () => {
  const cluster = new Cluster()
  const leader = cluster.leader()
  cluster.add(leader, 'a')
  cluster.converge()
  const [follower] = cluster.nodes.filter((node) => node !== leader) as [number]

  const { followers, lastIndex } = progress(cluster, leader, follower)

  assert.deepEqual([followers, lastIndex], [[], cluster.status(leader).lastIndex])
})
