/** Which sites fire in a run, and that a site never moves another one's draws. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { type FaultSite, faultSite, probe } from '../../../base/fault-points.ts'
import { Envelope } from '../../../mailbox/envelope.ts'
import type { Cell } from '../../../runtime/kernel/cell.ts'
import { type Decision, Decisions } from '../../../sim/decisions.ts'
import { addCoverage, areaOf, FaultFiring, newCoverage } from '../../../sim/fault-firing.ts'

const flow = faultSite('firing.one.flow', 'flow', 'a place in the flow')
const other = faultSite('firing.one.other', 'flow', 'another')
const bound = faultSite('firing.one.bound', 'limit', 'a bound')
const wide = faultSite('firing.two.wide', 'limit', 'a wide bound')
const reached = probe('firing.one.reached', 'a probe')

const ref = { type: 'named', node: 1, name: 'somebody' } as const

function envelope(body: unknown): Envelope<typeof ref> {
  return new Envelope(ref, body, 'user', undefined, -1, 0)
}

function at(firing: FaultFiring, actor: string, body: unknown): void {
  firing.at({ name: actor } as Cell, envelope(body))
}

/** A run in which exactly these are active. */
function bending(sites: readonly FaultSite[], more: readonly Decision[] = []): FaultFiring {
  const active = sites.map(({ name }): Decision => [`site.active ${name}`, 0, 0, 0, 1])
  return new FaultFiring(Decisions.scripted([...active, ...more]), true)
}

function firings(seed: number, body: (firing: FaultFiring) => readonly boolean[]): string {
  return body(new FaultFiring(Decisions.drawn(seed), true)).join()
}

test('a site is active in few runs, alone or with others of its area, and in those fires with its own probability', () => {
  let active = 0
  let together = 0
  let fired = 0
  let evaluations = 0
  for (let seed = 0; seed < 4_000; seed++) {
    const firing = new FaultFiring(Decisions.drawn(seed), true)
    for (let n = 0; n < 20; n++) {
      at(firing, 'a', { type: 'x', id: n })
      if (firing.fires(flow, 0.25)) fired += 1
    }
    firing.fires(other, 0.25)
    const { activated } = firing.coverage
    if (!activated.has(flow.name)) continue
    active += 1
    evaluations += 20
    if (activated.has(other.name)) together += 1
  }

  assert.ok(active > 120 && active < 320, `active in ${active} of 4000 runs`)
  assert.ok(together > active / 3, `with the other in ${together} of ${active}`)
  assert.ok(Math.abs(fired / evaluations - 0.25) < 0.04, `fired ${fired} of ${evaluations} times`)
})

test('one site more moves no draw of another', () => {
  const alone = (firing: FaultFiring): boolean[] => {
    at(firing, 'a', { type: 'x', id: 1 })
    return Array.from({ length: 30 }, () => firing.fires(flow, 0.5))
  }
  const beside = (firing: FaultFiring): boolean[] => {
    at(firing, 'a', { type: 'x', id: 1 })
    return Array.from({ length: 30 }, () => {
      firing.fires(other, 0.5)
      firing.limit(bound, 100, 1)
      return firing.fires(flow, 0.5)
    })
  }

  const seeds = Array.from({ length: 400 }, (_, seed) => seed)

  assert.ok(seeds.some((seed) => firings(seed, alone).includes('true')))
  for (const seed of seeds) assert.equal(firings(seed, beside), firings(seed, alone))
})

test("another actor's work between two evaluations moves neither", () => {
  const seeds = Array.from({ length: 200 }, (_, seed) => seed)
  const one = (busy: boolean) => (firing: FaultFiring) =>
    Array.from({ length: 20 }, (_, n) => {
      if (busy) {
        at(firing, 'b', { type: 'y', id: n })
        firing.fires(flow, 0.5)
      }
      at(firing, 'a', { type: 'x', id: n })
      return firing.fires(flow, 0.5)
    })

  for (const seed of seeds) assert.equal(firings(seed, one(true)), firings(seed, one(false)))
})

test('a limit stays what it is for the whole run, within its bounds, and never above what is usual now', () => {
  const firing = bending([bound], [['site firing.one.bound', 0, 0, 0, 0.5]])

  const drawn = firing.limit(bound, 10_000, 1)

  assert.ok(drawn >= 1 && drawn < 10_000)
  assert.equal(firing.limit(bound, 10_000, 1), drawn)
  assert.equal(firing.limit(bound, 3, 1), Math.min(drawn, 3))
  assert.equal(firing.limit(bound, 1, 1), 1)
})

test('limits are drawn over all orders of magnitude', () => {
  const drawn = Array.from({ length: 1_000 }, (_, n) => {
    return bending([wide], [['site firing.two.wide', 0, 0, 0, (n + 0.5) / 1_000]]).limit(wide, 1_000_000, 1)
  })

  assert.ok(drawn.every((value) => value >= 1 && value <= 1_000_000))
  for (const most of [10, 100, 1_000, 10_000, 100_000]) {
    const decade = drawn.filter((value) => value < most && value >= most / 10).length
    assert.ok(decade > 100 && decade < 250, `${decade} of 1000 below ${most}`)
  }
})

test('while it is off nothing fires, and probes are heard all the same', () => {
  const firing = bending([flow, bound], [['site firing.one.flow', 0, 1, 0, 1]])
  firing.enabled = false

  assert.deepEqual([firing.fires(flow, 1), firing.limit(bound, 100, 1)], [false, 100])
  firing.reached(reached)

  assert.deepEqual([...firing.coverage.reached], [[reached.name, 1]])
  assert.equal(firing.coverage.evaluated.size, 0)
})

test('coverage counts runs, not evaluations, and is added up over them', () => {
  const total = newCoverage()
  for (const sites of [[flow, bound], [flow], []]) {
    const firing = bending(sites, [['site firing.one.bound', 0, 0, 0, 0.9]])
    for (let n = 0; n < 5; n++) {
      firing.fires(flow, 0.5)
      firing.limit(bound, 100, 1)
      firing.reached(reached)
    }
    addCoverage(total, firing.coverage)
  }

  assert.deepEqual([...total.evaluated.values()], [3, 3])
  assert.deepEqual([total.activated.get(flow.name), total.activated.get(bound.name)], [2, 1])
  assert.deepEqual([total.fired.get(flow.name) ?? 0, total.fired.get(bound.name)], [0, 1])
  assert.equal(total.reached.get(reached.name), 3)
})

test('a recorded run fires again where its script says so, without its seed', () => {
  let proved = 0
  for (let seed = 0; seed < 300; seed++) {
    const body = (firing: FaultFiring): string => {
      const said: unknown[] = []
      for (let n = 0; n < 10; n++) {
        at(firing, 'a', { type: 'x', id: n })
        said.push(firing.fires(flow, 0.5), firing.limit(bound, 500, 2))
      }
      return said.join()
    }
    const decisions = Decisions.drawn(seed)
    decisions.record()
    const first = body(new FaultFiring(decisions, true))

    const again = body(new FaultFiring(Decisions.scripted(decisions.recorded), true))

    assert.equal(again, first)
    if (first.includes('true')) proved += 1
  }
  assert.ok(proved > 0)
})

test('an area is the first word of a name', () => {
  assert.equal(areaOf('raft.append.twice'), 'raft')
})
