import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, test } from 'node:test'
import { Driver } from '../../../client/coordination/driver.ts'
import { Elapsed } from '../../../client/coordination/elapsed.ts'
import { Session, type SessionLinks } from '../../../client/coordination/session.ts'
import { AspenError, type NodeClient } from '../../../client/interface.ts'

/** A leader with one lease, and clocks that the test moves. */
class World {
  monotonicMs = 0
  wallMs = 1_000_000
  reachable = true
  ttlSeconds = 10
  kept = 0
  revoked = 0
  readonly elapsed: Elapsed = new Elapsed({ monotonicMs: () => this.monotonicMs, wallMs: () => this.wallMs })
  readonly links: SessionLinks

  constructor() {
    const client = {
      leaseGrant: ({ id = '0' }: { readonly id?: string }) => Promise.resolve({ id, ttlSeconds: this.ttlSeconds }),
      leaseRevoke: () => {
        this.revoked += 1
        return Promise.resolve({})
      },
    } as unknown as NodeClient
    const keepAlive = (id: string): ReturnType<NodeClient['leaseKeepAlive']> => {
      if (!this.reachable) return Promise.reject(new AspenError('noLeader'))
      this.kept += 1
      return Promise.resolve({ id, ttlSeconds: this.ttlSeconds }) as unknown as ReturnType<NodeClient['leaseKeepAlive']>
    }
    this.links = { driver: new Driver(client), keepAlive, elapsed: this.elapsed }
  }

  /** Time passes, and whoever waited for it acts. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 100) {
      this.monotonicMs += 100
      this.wallMs += 100
      mock.timers.tick(100)
      for (let at = 0; at < 5; at++) await Promise.resolve()
    }
  }
}

beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }))
afterEach(() => mock.timers.reset())

test('G18: a session that is kept alive lives on', async () => {
  const world = new World()
  const session = await Session.open(world.links, { ttlSeconds: 10 })

  await world.pass(60_000)

  assert.equal(session.lost.aborted, false)
  assert.ok(world.kept >= 17, `${world.kept} keepalives in a minute`)
  await session.close()
  assert.equal(world.revoked, 1)
  assert.equal(session.lost.aborted, true)
})

test('G18: without an answer it is lost before its lease can end, and not much before', async () => {
  const world = new World()
  const session = await Session.open(world.links, { ttlSeconds: 10 })
  world.reachable = false

  await world.pass(8_900)
  assert.equal(session.lost.aborted, false)
  await world.pass(200)

  assert.equal(session.lost.aborted, true)
  assert.equal(session.certainForMs, 0)
})

test('G18: the time counts from when the keepalive was sent that was answered', async () => {
  const world = new World()
  const session = await Session.open(world.links, { ttlSeconds: 10 })
  await world.pass(3_400)
  assert.equal(world.kept, 1)
  world.reachable = false

  await world.pass(8_600)
  assert.equal(session.lost.aborted, false)
  await world.pass(600)

  assert.equal(session.lost.aborted, true)
})

test('G18: a machine that slept does not believe in its lease when it wakes', async () => {
  const world = new World()
  const session = await Session.open(world.links, { ttlSeconds: 10 })

  // The monotonic clock stood still.
  world.wallMs += 9_500

  assert.equal(session.certainForMs, 0)
  await world.pass(3_400)
  assert.equal(session.lost.aborted, true)
})

test('G18: a lease that is gone at the leader is lost at once', async () => {
  const world = new World()
  const session = await Session.open(world.links, { ttlSeconds: 10 })
  world.ttlSeconds = 0

  await world.pass(3_400)

  assert.equal(session.lost.aborted, true)
})

test('bounds of a session are checked at the edge', async () => {
  const world = new World()

  for (const ttlSeconds of [0, -1, 1.5, 86_401, Number.NaN])
    await assert.rejects(Session.open(world.links, { ttlSeconds }), RangeError)
})

test('a wall clock that is put back, or slewed, is no time', () => {
  const clocks = { monotonicMs: 0, wallMs: 0 }
  const elapsed = new Elapsed({ monotonicMs: () => clocks.monotonicMs, wallMs: () => clocks.wallMs })

  clocks.wallMs = -3_600_000
  assert.equal(elapsed.nowMs(), 0)
  for (let at = 1; at <= 1_000; at++) {
    clocks.monotonicMs += 10
    clocks.wallMs += at % 2 === 0 ? 11 : 9
    assert.equal(elapsed.nowMs(), 10 * at)
  }
  clocks.wallMs += 60_000
  assert.equal(elapsed.nowMs(), 70_000)
})
