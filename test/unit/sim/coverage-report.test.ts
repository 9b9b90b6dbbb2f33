/** What many runs came by: the table, what is dead, and that the product has as many places as it should. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { allProbes, type FaultSite, faultSites, type Probe } from '../../../base/fault-points.ts'
import { coverageReport, deadPlaces, renderCoverage } from '../../../sim/coverage-report.ts'
import { areaOf, newCoverage } from '../../../sim/fault-firing.ts'
// Loads all that a node is made of, and with it every place that is declared.
import '../../../sim/cluster.ts'

const site = (name: string, kind: FaultSite['kind'], slot: number): FaultSite => {
  return { name, kind, text: `${name} bends`, hash: 0, slot }
}
const probed = (name: string, slot: number): Probe => ({ name, text: `${name} was seen`, hash: 0, slot })
const places = {
  sites: [site('a.often.fired', 'flow', 0), site('b.never.fired', 'limit', 1), site('c.never.seen', 'flow', 2)],
  probes: [probed('a.rare.thing', 0), probed('b.unseen.thing', 1)],
}

function covered(): ReturnType<typeof newCoverage> {
  const coverage = newCoverage()
  coverage.evaluated.set('a.often.fired', 90).set('b.never.fired', 40)
  coverage.activated.set('a.often.fired', 9).set('b.never.fired', 4)
  coverage.fired.set('a.often.fired', 7)
  coverage.reached.set('a.rare.thing', 2)
  return coverage
}

test('what never fired and what was never reached is dead, and stands first', () => {
  const report = coverageReport(covered(), 100, places)

  assert.deepEqual(deadPlaces(report), ['c.never.seen', 'b.never.fired', 'b.unseen.thing'])
  assert.deepEqual(
    report.sites.map(({ name, area, kind, evaluated, activated, fired }) => [
      name,
      area,
      kind,
      evaluated,
      activated,
      fired,
    ]),
    [
      ['c.never.seen', 'c', 'flow', 0, 0, 0],
      ['b.never.fired', 'b', 'limit', 40, 4, 0],
      ['a.often.fired', 'a', 'flow', 90, 9, 7],
    ],
  )
  assert.deepEqual(
    report.probes.map(({ name, reached }) => [name, reached]),
    [
      ['b.unseen.thing', 0],
      ['a.rare.thing', 2],
    ],
  )
})

test('the text has the counts of every place and names the dead', () => {
  const text = renderCoverage(coverageReport(covered(), 100, places))

  assert.match(text, /^100 runs, 3 sites \(2 of control flow, 1 limits\), 2 probes$/m)
  assert.match(text, /^dead: c\.never\.seen, b\.never\.fired, b\.unseen\.thing$/m)
  assert.match(text, /^a\.often\.fired +flow +90 +9 +7 +a\.often\.fired bends$/m)
  assert.match(text, /^a\.rare\.thing +2 +a\.rare\.thing was seen$/m)
})

test('where all was reached nothing is dead', () => {
  const only = { sites: places.sites.slice(0, 1), probes: places.probes.slice(0, 1) }

  const report = coverageReport(covered(), 100, only)

  assert.deepEqual(deadPlaces(report), [])
  assert.match(renderCoverage(report), /^nothing is dead$/m)
})

test('the product has its places: Raft, storage and the rest, most of them in the flow', () => {
  const sites = faultSites()
  const of = (...areas: readonly string[]): number => sites.filter(({ name }) => areas.includes(areaOf(name))).length

  assert.ok(sites.length >= 110, `${sites.length} sites`)
  assert.ok(of('raft', 'group') >= 45, `${of('raft', 'group')} in Raft and the group around it`)
  assert.ok(of('storage', 'keyspace') >= 20, `${of('storage', 'keyspace')} in stores and keyspaces`)
  assert.ok(of('snapshot') >= 20, `${of('snapshot')} in snapshots`)
  const flow = sites.filter(({ kind }) => kind === 'flow').length
  assert.ok(flow >= 65, `${flow} of control flow`)
  assert.ok(allProbes().length >= 65, `${allProbes().length} probes`)
})

test('every place says in a few words what it does', () => {
  for (const { name, text } of [...faultSites(), ...allProbes()]) {
    assert.match(name, /^[a-z]+(-[a-z]+)*(\.[a-z]+(-[a-z]+)*){1,2}$/, name)
    assert.ok(text.length >= 12 && text.length <= 100, `${name}: '${text}'`)
  }
})
