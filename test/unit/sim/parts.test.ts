/** The parts of a simulated world, each by itself. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers'
import { TripwireError, withTripwires } from '../../../cli/tripwires.ts'
import { Ledger } from '../../../sim/checkers/ledger.ts'
import { invariantOf, Violation } from '../../../sim/checkers/violation.ts'
import { SimClock } from '../../../sim/clock.ts'
import { Decisions } from '../../../sim/decisions.ts'
import { EventQueue } from '../../../sim/event-queue.ts'
import { drawFaults } from '../../../sim/faults.ts'
import { SimNetwork } from '../../../sim/network.ts'

test('events run by time; of one moment and key in the order they came, of several keys in an order of the seed', () => {
  const orders = new Set<string>()
  for (let seed = 0; seed < 8; seed++) {
    const queue = new EventQueue(seed)
    const ran: string[] = []
    for (const [atMs, key, name] of [
      [5, 1, 'late'],
      [2, 1, 'a1'],
      [2, 2, 'b1'],
      [2, 1, 'a2'],
      [2, 2, 'b2'],
      [2, 3, 'c'],
    ] as const) {
      queue.at(atMs, key, () => ran.push(name))
    }
    while (queue.length > 0) queue.step()

    assert.equal(ran[5], 'late')
    assert.ok(ran.indexOf('a1') < ran.indexOf('a2') && ran.indexOf('b1') < ran.indexOf('b2'))
    assert.equal(queue.nowMs, 5)
    orders.add(ran.join())
  }
  assert.ok(orders.size > 1, 'seeds differ')
})

test('a clock that runs fast gains, and says how long its time takes', () => {
  const queue = new EventQueue(1)
  const clock = new SimClock(queue, 1_000)
  clock.drift(0.1)
  queue.skipTo(100)

  assert.equal(clock.nowMs(), 1_110)
  assert.equal(clock.virtual(11), 10)
  const wall = clock.wallMs()
  clock.stepWall(-500)
  clock.drift(0)
  assert.deepEqual([clock.nowMs(), clock.wallMs()], [1_110, wall - 500])
})

function link(seed: number): { network: SimNetwork; queue: EventQueue; arrived: number[]; send: (at: number) => void } {
  const queue = new EventQueue(seed)
  const network = new SimNetwork(queue, Decisions.drawn(seed))
  const arrived: number[] = []
  const port = network.attach(1, 0, 1)
  port.setPeer(2, ['http://n2:2380'])
  network
    .attach(2, 0, 1)
    .onFrame((_node, _executor, frame) => arrived.push((frame[0] as number) * 256 + (frame[1] as number)))
  return { network, queue, arrived, send: (at) => void port.send(2, 0, new Uint8Array([at >> 8, at & 255, 7])) }
}

function drain(queue: EventQueue): void {
  while (queue.length > 0) queue.step()
}

test('without faults a link keeps every frame and their order', () => {
  const { queue, arrived, send } = link(3)
  for (let i = 0; i < 500; i++) send(i)
  drain(queue)
  assert.deepEqual(
    arrived,
    Array.from({ length: 500 }, (_, at) => at),
  )
})

test('I22: frames are lost, doubled, reordered and damaged, and damaged ones never arrive', () => {
  const { network, queue, arrived, send } = link(5)
  Object.assign(network.faults, { loss: 0.2, duplicate: 0.2, reorder: 0.3, corrupt: 0.05, slow: 0.2, slowMs: 50 })
  for (let i = 0; i < 1_000; i++) {
    send(i)
    queue.step()
  }
  drain(queue)

  const { sent, delivered, duplicated, dropped, corrupted } = network.counts
  assert.equal(delivered, arrived.length)
  assert.equal(delivered + dropped + corrupted, sent + duplicated)
  assert.ok(duplicated > 50 && dropped > 100 && corrupted > 5, JSON.stringify(network.counts))
  assert.ok(
    arrived.every((at) => at < 1_000),
    'what arrived was sent',
  )
  assert.ok(
    arrived.some((at, i) => at < (arrived[i - 1] ?? 0)),
    'some overtook others',
  )
})

test('the fate of a frame is its own: one frame more changes nothing for the others', () => {
  const fate = (extra: boolean): number[] => {
    const { network, queue, arrived, send } = link(9)
    network.faults.loss = 0.5
    if (extra) send(9_999)
    for (let i = 0; i < 200; i++) send(i)
    drain(queue)
    return arrived.filter((at) => at < 200)
  }
  assert.deepEqual(fate(true), fate(false))
})

test('a cut is of one direction, and lasts until it is joined', () => {
  const { network, queue, arrived, send } = link(1)
  network.cut(2, 1)
  send(1)
  drain(queue)
  network.cut(1, 2)
  send(2)
  drain(queue)
  network.joinAll()
  send(3)
  drain(queue)
  assert.deepEqual(arrived, [1, 3])
})

test('I16, I20, I21: the ledger finds what ran backwards, what was done twice and what is gone', () => {
  const ledger = new Ledger()
  ledger.answered(0, 5, true, () => 'put')
  ledger.acknowledged({ key: 'a', value: 'x', revision: 5 })
  assert.equal(ledger.newest, 5)
  assert.throws(() => ledger.answered(5, 5, true, () => 'put'), /^Violation: I16/)
  assert.throws(() => ledger.answered(5, 4, false, () => 'get'), /^Violation: I16/)

  ledger.checkAgainst('node 1', [{ key: 'a', value: 'x', revision: 5 }])
  assert.throws(() => ledger.checkAgainst('node 1', []), /^Violation: I21/)
  assert.throws(() => ledger.checkAgainst('node 1', [{ key: 'a', value: 'y', revision: 5 }]), /^Violation: I21/)
  const twice = [
    { key: 'a', value: 'x', revision: 5 },
    { key: 'a', value: 'x', revision: 6 },
  ]
  assert.throws(() => ledger.checkAgainst('node 1', twice), /^Violation: I20/)
})

test('a failure is known by the number at its head', () => {
  assert.equal(invariantOf('InvariantError: R8: commit fell'), 'R8')
  assert.equal(invariantOf('something else'), 'I0')
  assert.equal(new Violation('I7', 'voted twice').message, 'I7: voted twice')
})

test('plans are drawn whole from a seed, and differ in what there is at all', () => {
  assert.deepEqual(drawFaults(11), drawFaults(11))
  const plans = Array.from({ length: 200 }, (_, seed) => drawFaults(seed))
  const share = (has: (plan: (typeof plans)[number]) => boolean): number => plans.filter(has).length / plans.length
  for (const rare of [
    share(({ crash }) => crash.everyMs === 0),
    share(({ network }) => network.loss > 0),
    share(({ partition }) => partition.everyMs > 0),
  ]) {
    assert.ok(rare > 0.1 && rare < 0.9, String(rare))
  }
})

test('whatever touches the real world within a simulated step is stopped, and only there', () => {
  const touches: readonly (() => unknown)[] = [
    () => Date.now(),
    () => new Date(),
    () => globalThis.Math['random'](),
    () => performance.now(),
    () => setTimeout(() => {}, 0),
    () => process.hrtime(),
    () => readFileSync('/dev/null'),
    () => connect(1),
    () => spawn('true'),
    () => randomBytes(4),
    () => sleep(() => {}, 1),
  ]
  for (const touch of touches) {
    assert.throws(
      () => withTripwires(touch),
      (error) =>
        error instanceof TripwireError &&
        /was used within a simulated step, at .*parts\.test\.[jt]s/.test(error.message),
    )
  }
  assert.equal(
    withTripwires(() => new Date(5).getTime()),
    5,
  )
  assert.ok(Date.now() > 0 && performance.now() > 0, 'the wires are taken up again')
})
