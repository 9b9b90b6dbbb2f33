// A program must hear that its lease is lost before the cluster may give away what the lease protected.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '../../../client/client.ts'
import { AspenError } from '../../../client/interface.ts'
import { LeaseEndedError } from '../../../client/lease.ts'
import { inProcess } from '../../../client/transport.ts'
import { MemoryCluster, type MemoryNode, memoryNode } from './memory-node.ts'

interface World {
  readonly cluster: MemoryCluster
  readonly node: MemoryNode
  readonly client: Client
}

function open(t: { after(end: () => void): void }): World {
  const cluster = new MemoryCluster()
  const node = memoryNode(cluster)
  const client = Client.over(inProcess(node))
  t.after(() => client.close())
  return { cluster, node, client }
}

const keepAlives = ({ calls }: MemoryNode): number => calls.filter(({ method }) => method === 'leaseKeepAlive').length

describe('a lease', { concurrency: true }, () => {
  test('is kept alive in the background, and its keys go when it is revoked', async (t) => {
    const { client, cluster, node } = open(t)
    const lease = await client.lease({ ttlSeconds: 1 })
    await client.kv.put('k', 'v', { lease })

    await sleep(1_300)
    assert.equal(lease.signal.aborted, false)
    assert.ok(keepAlives(node) >= 2, `${keepAlives(node)} keep-alives`)
    assert.ok(lease.remainingMs > 0 && lease.remainingMs <= 990)
    await lease.revoke()
    await lease.revoke()

    assert.equal(await lease.lost, 'revoked')
    assert.ok(lease.signal.reason instanceof LeaseEndedError && lease.signal.reason.end === 'revoked')
    assert.deepEqual([cluster.leases.size, await client.kv.count('k'), lease.remainingMs], [0, 0, 0])
  })

  test('`await using` revokes it, and a lease that is gone already is not missed', async (t) => {
    const { client, cluster } = open(t)
    {
      await using lease = await client.lease({ ttlSeconds: 60, keepAlive: false })
      assert.equal(cluster.leases.has(lease.id), true)
    }
    assert.equal(cluster.leases.size, 0)

    await using other = await client.lease({ ttlSeconds: 60, keepAlive: false })
    cluster.leases.clear()
    await assert.rejects(other.keepAliveOnce(), LeaseEndedError)
    assert.equal(await other.lost, 'gone')
  })

  test('a failed keep-alive is tried again while there is time', async (t) => {
    const { client, node } = open(t)
    const troubles = [new AspenError('noLeader'), new AspenError('leaderChanged'), new AspenError('timeout')]
    node.before = (method) => (method === 'leaseKeepAlive' ? troubles.shift() : undefined)

    const lease = await client.lease({ ttlSeconds: 1 })
    await sleep(1_300)

    assert.equal(lease.signal.aborted, false)
    assert.ok(keepAlives(node) >= 4)
    await lease.revoke()
  })

  test('the server says that there is no such lease: it is gone', async (t) => {
    const { client, cluster } = open(t)
    const lease = await client.lease({ ttlSeconds: 1 })

    cluster.leases.clear()

    assert.equal(await lease.lost, 'gone')
    assert.equal(cluster.leases.size, 0)
  })

  test('E1, E2: nobody answers in time: it counts as lost before the server may end it', async (t) => {
    const { client, node } = open(t)
    const askedAtMs = performance.now()
    const lease = await client.lease({ ttlSeconds: 1 })
    node.before = () => new AspenError('noLeader')
    let fired = 0
    lease.signal.addEventListener('abort', () => {
      fired += 1
    })

    const end = await lease.lost
    const passedMs = performance.now() - askedAtMs
    await assert.rejects(lease.keepAliveOnce(), LeaseEndedError)

    assert.deepEqual([end, fired], ['late', 1])
    // Counted from before the lease was asked for; how late a busy machine notices is no matter of the rule.
    assert.ok(passedMs >= 980, `it was given up after ${passedMs} ms`)
    assert.equal(lease.remainingMs, 0)
  })

  test('E1: what counts is when a keep-alive was sent, not when it was answered', async (t) => {
    const { client, node } = open(t)
    const lease = await client.lease({ ttlSeconds: 10, keepAlive: false })
    const keepAlive = node.leaseKeepAlive.bind(node)
    node.leaseKeepAlive = async (request, options) => {
      await sleep(200)
      return keepAlive(request, options)
    }

    await lease.keepAliveOnce()

    assert.ok(lease.remainingMs <= 9_900 - 190, `${lease.remainingMs} ms remain`)
  })

  test('ends with its client, which does not revoke it', async (t) => {
    const { client, cluster } = open(t)
    const lease = await client.lease({ ttlSeconds: 60 })

    client.close()

    assert.equal(await lease.lost, 'closed')
    assert.equal(cluster.leases.size, 1)
    await lease[Symbol.asyncDispose]()
  })

  test('a grant whose answer was lost grants one lease', async (t) => {
    const { client, cluster, node } = open(t)
    const troubles = [new AspenError('timeout')]
    node.after = (method) => (method === 'leaseGrant' ? troubles.shift() : undefined)

    const lease = await client.lease({ ttlSeconds: 60, keepAlive: false })

    assert.deepEqual([...cluster.leases.keys()], [lease.id])
  })
})
