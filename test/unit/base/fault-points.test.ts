/** Places that a simulation may bend, without a simulation. */
import assert from 'node:assert/strict'
import test from 'node:test'
import {
  allProbes,
  buggify,
  buggifyNamed,
  decideFaultPoints,
  type FaultPoints,
  type FaultSite,
  faultSite,
  faultSites,
  limit,
  type Probe,
  probe,
  sometimes,
} from '../../../base/fault-points.ts'

const early = faultSite('unit.thing.early', 'flow', 'returns early')
const small = faultSite('unit.thing.small', 'limit', 'is small')
const seen = probe('unit.thing.seen', 'was seen')

/** Bends everything, and writes down what it was asked. */
class Everything implements FaultPoints {
  readonly asked: string[] = []

  fires({ name }: FaultSite, probability: number): boolean {
    this.asked.push(`${name} ${probability}`)
    return true
  }

  limit({ name }: FaultSite, usual: number, least: number): number {
    this.asked.push(`${name} ${usual} ${least}`)
    return least
  }

  reached({ name }: Probe): void {
    this.asked.push(name)
  }
}

function decidedBy<T>(points: FaultPoints, act: () => T): T {
  const before = decideFaultPoints(points)
  try {
    return act()
  } finally {
    decideFaultPoints(before)
  }
}

test('outside of a simulation nothing is bent and nobody hears of probes', () => {
  assert.equal(buggify(early, 1), false)
  assert.equal(buggifyNamed('unit.never.declared', 1), false)
  assert.equal(limit(small, 100, 1), 100)
  sometimes(seen)

  assert.ok(!faultSites().some(({ name }) => name === 'unit.never.declared'))
})

test('a simulation is asked for each place with what the place says, and for probes where the condition holds', () => {
  const points = new Everything()

  const said = decidedBy(points, () => {
    const fired = [buggify(early), buggify(early, 0.01), limit(small, 100, 3)]
    sometimes(seen, false)
    sometimes(seen)
    return fired
  })

  assert.deepEqual(said, [true, true, 3])
  assert.deepEqual(points.asked, [
    'unit.thing.early 0.25',
    'unit.thing.early 0.01',
    'unit.thing.small 100 3',
    'unit.thing.seen',
  ])
})

test('who decided before decides again', () => {
  const outer = new Everything()
  const inner = new Everything()

  decidedBy(outer, () => {
    decidedBy(inner, () => buggify(early))
    buggify(early)
  })

  assert.deepEqual([inner.asked.length, outer.asked.length], [1, 1])
  assert.equal(buggify(early, 1), false)
})

test('a name is of one place', () => {
  assert.throws(
    () => faultSite('unit.thing.early', 'limit', 'another'),
    /'unit\.thing\.early': wanted a name of its own/,
  )
  assert.throws(() => probe('unit.thing.seen', 'another'), /'unit\.thing\.seen': wanted a name of its own/)
})

test('places are listed by name, each with a slot of its own', () => {
  const sites = faultSites()
  const names = sites.map(({ name }) => name)

  assert.deepEqual(names, [...names].sort())
  assert.equal(new Set(sites.map(({ slot }) => slot)).size, sites.length)
  assert.equal(new Set(allProbes().map(({ slot }) => slot)).size, allProbes().length)
})

test("a place that a user's actor names is declared when a simulation first comes by", () => {
  const points = new Everything()

  decidedBy(points, () => [buggifyNamed('unit.user.named', 0.5), buggifyNamed('unit.user.named', 0.5)])

  assert.deepEqual(points.asked, ['unit.user.named 0.5', 'unit.user.named 0.5'])
  assert.equal(faultSites().filter(({ name }) => name === 'unit.user.named').length, 1)
})
