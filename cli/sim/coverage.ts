/** Which fault sites and probes of the product were reached, and which never. */
import { allProbes, faultSites } from '../../base/fault-points.ts'
import type { Coverage } from '../../sim/fault-firing.ts'

export interface Covered {
  readonly name: string
  readonly text: string
  /** Runs in which a site was active; undefined for a probe. */
  readonly activated: number | undefined
  /** Runs in which it fired, or was reached. */
  readonly runs: number
}

export interface CoverageSummary {
  readonly sites: readonly Covered[]
  readonly probes: readonly Covered[]
  /** Names of what was never reached. */
  readonly dead: readonly string[]
}

export function summarise({ activated, fired, reached }: Coverage): CoverageSummary {
  const sites = faultSites().map(({ name, text }): Covered => {
    return { name, text, activated: activated.get(name) ?? 0, runs: fired.get(name) ?? 0 }
  })
  const probes = allProbes().map(({ name, text }): Covered => {
    return { name, text, activated: undefined, runs: reached.get(name) ?? 0 }
  })
  const dead = [...sites, ...probes].filter(({ runs }) => runs === 0).map(({ name }) => name)
  return { sites, probes, dead }
}

export function reachedOf(covered: readonly Covered[]): string {
  return `${covered.filter(({ runs }) => runs > 0).length}/${covered.length}`
}
