/**
 * What many runs together came by: a table of all places of the product's code and of all probes, the dead ones first, and
 * the question that a nightly run asks of it: is anything dead?
 *
 * A site is dead when it was never active, or active and never fired: whatever it would have bent was never tried. A probe
 * is dead when no run reached it.
 */
import { allProbes, type FaultSite, faultSites, type Probe } from '../base/fault-points.ts'
import { areaOf, type Coverage } from './fault-firing.ts'

export interface SiteRow {
  readonly name: string
  readonly area: string
  readonly kind: FaultSite['kind']
  readonly text: string
  /** Runs that came by, in which it was active, in which it fired. */
  readonly evaluated: number
  readonly activated: number
  readonly fired: number
}

export interface ProbeRow {
  readonly name: string
  readonly area: string
  readonly text: string
  readonly reached: number
}

export interface CoverageReport {
  readonly runs: number
  /** The rarest first. */
  readonly sites: readonly SiteRow[]
  readonly probes: readonly ProbeRow[]
}

/** @param places - What there is to come by; all that is loaded, when absent. */
export function coverageReport(
  coverage: Coverage,
  runs: number,
  places: { readonly sites: readonly FaultSite[]; readonly probes: readonly Probe[] } = {
    sites: faultSites(),
    probes: allProbes(),
  },
): CoverageReport {
  const { evaluated, activated, fired, reached } = coverage
  const sites = places.sites.map(({ name, kind, text }): SiteRow => {
    const counts = { evaluated: of(evaluated, name), activated: of(activated, name), fired: of(fired, name) }
    return { name, area: areaOf(name), kind, text, ...counts }
  })
  const probes = places.probes.map(({ name, text }): ProbeRow => {
    return { name, area: areaOf(name), text, reached: of(reached, name) }
  })
  sites.sort((a, b) => a.fired - b.fired || a.activated - b.activated || inOrder(a, b))
  probes.sort((a, b) => a.reached - b.reached || inOrder(a, b))
  return { runs, sites, probes }
}

export interface Reached {
  readonly total: number
  readonly reached: number
}

/** How many sites fired, and how many probes were reached, in any run. */
export function reachedOf({ sites, probes }: CoverageReport): { readonly sites: Reached; readonly probes: Reached } {
  return {
    sites: { total: sites.length, reached: sites.filter(({ fired }) => fired > 0).length },
    probes: { total: probes.length, reached: probes.filter(({ reached }) => reached > 0).length },
  }
}

/** Names of what no run tried or reached. */
export function deadPlaces({ sites, probes }: CoverageReport): string[] {
  return [...sites.filter(({ fired }) => fired === 0), ...probes.filter(({ reached }) => reached === 0)].map(
    ({ name }) => name,
  )
}

/** The report as text, a line a place. */
export function renderCoverage(report: CoverageReport): string {
  const { runs, sites, probes } = report
  const flow = sites.filter(({ kind }) => kind === 'flow').length
  const dead = deadPlaces(report)
  const wide = Math.max(...sites.map(({ name }) => name.length), ...probes.map(({ name }) => name.length), 4)
  return [
    `${runs} runs, ${sites.length} sites (${flow} of control flow, ${sites.length - flow} limits), ${probes.length} probes`,
    dead.length === 0 ? 'nothing is dead' : `dead: ${dead.join(', ')}`,
    '',
    `${'site'.padEnd(wide)}  kind   evaluated  activated  fired`,
    ...sites.map(({ name, kind, evaluated, activated, fired, text }) =>
      [name.padEnd(wide), kind.padEnd(5), column(evaluated, 9), column(activated, 9), column(fired, 5), text].join(
        '  ',
      ),
    ),
    '',
    `${'probe'.padEnd(wide)}  reached`,
    ...probes.map(({ name, reached, text }) => [name.padEnd(wide), column(reached, 7), text].join('  ')),
  ].join('\n')
}

function of(counts: ReadonlyMap<string, number>, name: string): number {
  return counts.get(name) ?? 0
}

function inOrder(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1
}

function column(count: number, width: number): string {
  return String(count).padStart(width)
}
