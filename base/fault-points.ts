/**
 * Places in product code that a simulation may bend, and places that it wants to have reached. Outside of a simulation
 * nobody listens: a place then costs one comparison.
 *
 *   const tinyBatch = faultSite('raft.append.tiny-batch', 'flow', 'sends one entry where many would fit')
 *   if (buggify(tinyBatch)) …                        a place in the flow: taken at random, in some runs
 *   const bytes = limit(batchBytes, 65_536, 1)       a limit: in some runs anything from 1 to 65_536
 *   sometimes(resumed)                               a rare thing happened: some run of many must see it
 *
 * A place is declared once, beside the code it bends, and belongs to its name: a name is never used for two places, and
 * adding one leaves the draws of all others as they were.
 */
import { hashText } from './digest.ts'

/** `flow`: takes another path. `limit`: makes a bound or a timeout small. */
export type FaultSiteKind = 'flow' | 'limit'

export interface FaultSite {
  readonly name: string
  readonly kind: FaultSiteKind
  /** What it does when it fires. */
  readonly text: string
  readonly hash: number
  /** Counts up from 0 in the order of declaration: to look it up fast, never to draw by. */
  readonly slot: number
}

export interface Probe {
  readonly name: string
  readonly text: string
  readonly hash: number
  /** As of a site. */
  readonly slot: number
}

/** Who decides, while a simulation runs. */
export interface FaultPoints {
  fires(site: FaultSite, probability: number): boolean
  /** A whole number of `least` to `usual`. */
  limit(site: FaultSite, usual: number, least: number): number
  reached(probe: Probe): void
}

const sites = new Map<string, FaultSite>()
const probes = new Map<string, Probe>()
let present: FaultPoints | undefined

/**
 * Declares a place. @param name - `area.thing.what`, lower case.
 *
 * @throws {RangeError} The name is taken.
 */
export function faultSite(name: string, kind: FaultSiteKind, text: string): FaultSite {
  if (sites.has(name)) throw new RangeError(`fault site '${name}': wanted a name of its own, but it is taken`)
  const site: FaultSite = { name, kind, text, hash: hashText(name), slot: sites.size }
  sites.set(name, site)
  return site
}

/** As `buggify`, for places that users' actors name as they go: declared when a simulation first comes by. */
export function buggifyNamed(name: string, probability: number): boolean {
  return present?.fires(sites.get(name) ?? faultSite(name, 'flow', ''), probability) === true
}

/** Declares something that some run must reach. @throws {RangeError} The name is taken. */
export function probe(name: string, text: string): Probe {
  if (probes.has(name)) throw new RangeError(`probe '${name}': wanted a name of its own, but it is taken`)
  const made: Probe = { name, text, hash: hashText(name), slot: probes.size }
  probes.set(name, made)
  return made
}

/** True where a simulation bends `site` now; never outside of one. */
export function buggify(site: FaultSite, probability: number = 0.25): boolean {
  return present?.fires(site, probability) === true
}

/** `usual`; in a simulation that bends `site`, a whole number of `least` to `usual` that stays the same for the run. */
export function limit(site: FaultSite, usual: number, least: number): number {
  return present === undefined ? usual : present.limit(site, usual, least)
}

/** Notes that `probe` was reached, if `condition` holds. */
export function sometimes(reached: Probe, condition: boolean = true): void {
  if (condition && present !== undefined) present.reached(reached)
}

/** Lets `points` decide from now on; undefined: nobody. Returns who decided before. */
export function decideFaultPoints(points: FaultPoints | undefined): FaultPoints | undefined {
  const before = present
  present = points
  return before
}

/** All places of the code that is loaded, by name. */
export function faultSites(): readonly FaultSite[] {
  return [...sites.values()].sort(byName)
}

export function allProbes(): readonly Probe[] {
  return [...probes.values()].sort(byName)
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1
}
