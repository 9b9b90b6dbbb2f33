// A cluster that changes its members while it serves.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../../base/bytes.ts'
import type { Member as ListedMember } from '../../client/interface.ts'
import { type Cluster, eventually, withCluster } from './cluster.ts'
import type { Member } from './process.ts'

async function listed(cluster: Cluster, at: Member): Promise<readonly ListedMember[]> {
  const client = cluster.client(at)
  return (await client.memberList({ linearizable: true })).members
}

test('a fourth node joins as a learner, is promoted, and counts; a removed one ends', () =>
  withCluster({ nodes: 3 }, async (cluster) => {
    const [n1, n2, n3] = cluster.members as [Member, Member, Member]
    const client = cluster.client(n1)
    for (let at = 0; at < 50; at++) await client.put({ key: utf8(`k${at}`), value: utf8(String(at)) })
    const n4 = await cluster.joiner('n4')

    // Joins: added first, then started.
    const added = await cluster.aspen(['member', 'add', 'n4', '--peer-urls', n4.peerUrl, '--learner'], { at: [n1] })
    assert.equal(added.code, 0, added.stderr)
    assert.equal((await listed(cluster, n2)).find(({ learner }) => learner)?.peerUrls[0], n4.peerUrl)
    n4.start()
    const learner = await eventually('the learner has started', async () =>
      (await listed(cluster, n1)).find(({ name, learner: isLearner }) => name === 'n4' && isLearner),
    )
    await eventually('the learner has the data', async () => {
      const own = await cluster.client(n4).range({ key: utf8('k49'), serializable: true })
      return own.count === 1 ? true : undefined
    })

    // Promoted: it counts from then on.
    await eventually('the promotion', async () => {
      const promoted = await cluster.aspen(['member', 'promote', learner.id.toString(16)], { at: [n1] })
      return promoted.code === 0 ? true : undefined
    })
    assert.equal((await listed(cluster, n3)).filter((member) => !member.learner).length, 4)
    await n4.ready()
    assert.equal((await cluster.client(n4).range({ key: utf8('k7') })).count, 1)

    // Removed: the process says why it ends, and the others do not miss it.
    const third = (await listed(cluster, n1)).find(({ name }) => name === 'n3') as ListedMember
    const removed = await cluster.aspen(['member', 'remove', third.id.toString(16)], { at: [n1] })
    assert.equal(removed.code, 0, removed.stderr)
    const exit = await n3.exited()
    assert.equal(exit.code, 1)
    assert.match(n3.tail(), /removed from the cluster/)
    assert.deepEqual((await listed(cluster, n1)).map(({ name }) => name).sort(), ['n1', 'n2', 'n4'])

    // Three are left, so one of them may go.
    await n2.kill()
    await eventually('a write with two of three', () =>
      client.put({ key: utf8('after'), value: utf8('1') }, { request: { client: 'members', number: 1 } }),
    )
    await cluster.start([n2])
    assert.equal(new Set(await cluster.hashes([n1, n2, n4])).size, 1)

    // A removed member that is started again does not come back.
    n3.start()
    assert.equal((await n3.exited(20_000)).code, 1)
    assert.match(n3.tail(), /removed from the cluster/)
  }))

test('a voter joins a single node, and the two are one cluster', () =>
  withCluster({ nodes: 1 }, async (cluster) => {
    const n1 = cluster.member(0)
    await cluster.client(n1).put({ key: utf8('a'), value: utf8('1') })
    const n2 = await cluster.joiner('n2')

    await cluster.aspen(['member', 'add', 'n2', '--peer-urls', n2.peerUrl], { at: [n1] })
    await cluster.start([n2])

    assert.equal((await cluster.client(n2).range({ key: utf8('a') })).count, 1)
    await cluster.client(n2).put({ key: utf8('b'), value: utf8('2') })
    assert.equal((await cluster.client(n1).range({ key: utf8('b') })).count, 1)
  }))

test('who was not added cannot join, and is told what to do', () =>
  withCluster({ nodes: 1 }, async (cluster) => {
    const uninvited = await cluster.joiner('n2')

    uninvited.start()

    assert.equal((await uninvited.exited(60_000)).code, 1)
    assert.match(
      uninvited.tail(),
      /aspen: .*no member of the cluster has the peer URL .*; add it first with 'aspen member add'/,
    )
  }))

test('changes that would cost the quorum are refused as etcd refuses them', () =>
  withCluster({ nodes: 2 }, async (cluster) => {
    const [n1, n2] = cluster.members as [Member, Member]
    const client = cluster.client(n1)
    const absent = 'http://127.0.0.1:1'

    await client.memberAdd({ peerUrls: [absent], learner: false })
    await assert.rejects(
      client.memberAdd({ peerUrls: [absent], learner: false }),
      /Peer URLs already exists|not enough started members/,
    )
    const [first] = (await listed(cluster, n2)).filter(({ name }) => name === 'n2')
    await assert.rejects(client.memberRemove({ id: first?.id ?? 0 }), /not enough started members/)
    await assert.rejects(client.memberRemove({ id: 12_345 }), /member not found/)
    await assert.rejects(client.memberPromote({ id: first?.id ?? 0 }), /can only promote a learner member/)
  }))
