/**
 * Decides in a run which fault sites of the product fire, and remembers which sites and probes were reached.
 *
 * Two draws: a site is active in a run or it is not, and where it is, it fires with its own probability at each evaluation.
 * One run of five is crowded: in some areas most sites are active together, which leads deep into what they bend. Elsewhere
 * it is one of a hundred, so that a run is bent in few places and one site more leaves most runs as they were. A firing is
 * keyed by site, actor and the message at hand, so that neither another site nor another actor's work moves it.
 */
import { hashText, mix32 } from '../base/digest.ts'
import { byDoublings } from '../base/draw.ts'
import type { FaultPoints, FaultSite, Probe } from '../base/fault-points.ts'
import type { Envelope } from '../mailbox/envelope.ts'
import type { ActorRef } from '../runtime/kernel/actor.ts'
import type { Cell } from '../runtime/kernel/cell.ts'
import { type DecisionSite, type Decisions, decisionSite } from './decisions.ts'
import { identityOf } from './identity.ts'

/** How often what happened, by name; over one run or many. */
export interface Coverage {
  /** Runs in which the site was come by, active or not. */
  readonly evaluated: Map<string, number>
  /** Runs in which the site was evaluated and active. */
  readonly activated: Map<string, number>
  /** Runs in which it fired. */
  readonly fired: Map<string, number>
  /** Runs in which the probe was reached. */
  readonly reached: Map<string, number>
}

export function newCoverage(): Coverage {
  return { evaluated: new Map(), activated: new Map(), fired: new Map(), reached: new Map() }
}

/** Adds the run of `from`, which covers one run, to `to`. */
export function addCoverage(to: Coverage, from: Coverage): void {
  for (const part of ['evaluated', 'activated', 'fired', 'reached'] as const) {
    for (const [name, runs] of from[part]) to[part].set(name, (to[part].get(name) ?? 0) + runs)
  }
}

interface SiteState {
  readonly firing: DecisionSite
  readonly active: boolean
  /** Evaluations under one (actor, message). */
  readonly counts: Map<number, number>
  limit: number
}

const crowdedRuns = 0.2
const crowdedAreas = 0.4
const crowdedShare = 0.6
const usualShare = 0.01

const crowdedSite = decisionSite('sites.crowded')
const areaSite = decisionSite('sites.area')

export class FaultFiring implements FaultPoints {
  readonly coverage: Coverage = newCoverage()
  readonly #decisions: Decisions
  /** By slot: most evaluations are of sites that are not active, and cost little more than this look-up. */
  readonly #sites: (SiteState | undefined)[] = []
  readonly #reached: boolean[] = []
  readonly #areas = new Map<string, boolean>()
  #crowdedRun: boolean | undefined = undefined
  /** False: nothing fires. Probes are heard all the same. */
  enabled: boolean
  #cell: Cell | undefined = undefined
  #envelope: Envelope<ActorRef> | undefined = undefined

  constructor(decisions: Decisions, enabled: boolean) {
    this.#decisions = decisions
    this.enabled = enabled
  }

  /** What is evaluated from now on belongs to `cell` handling `envelope`. */
  at(cell: Cell, envelope: Envelope<ActorRef>): void {
    this.#cell = cell
    this.#envelope = envelope
  }

  fires(site: FaultSite, probability: number): boolean {
    if (!this.enabled) return false
    const state = this.#stateOf(site)
    if (!state.active) return false
    const moment = this.#moment()
    const count = (state.counts.get(moment) ?? 0) + 1
    state.counts.set(moment, count)
    const fires = this.#decisions.happens(state.firing, probability, moment, count)
    if (fires) this.coverage.fired.set(site.name, 1)
    return fires
  }

  limit(site: FaultSite, usual: number, least: number): number {
    if (!this.enabled || usual <= least) return usual
    const state = this.#stateOf(site)
    if (!state.active) return usual
    if (state.limit < 0) {
      // As likely between 1 and 10 as between 1,000 and 10,000, or the bound would seldom be felt. A share of 0 leaves it.
      const share = this.#decisions.share(state.firing, 0)
      state.limit = share === 0 ? usual : Math.floor(byDoublings(least + 1, usual + 1, 1 - share)) - 1
    }
    this.coverage.fired.set(site.name, 1)
    return Math.min(state.limit, usual)
  }

  reached(probe: Probe): void {
    if (this.#reached[probe.slot] === true) return
    this.#reached[probe.slot] = true
    this.coverage.reached.set(probe.name, 1)
  }

  // Made only where a site is active: most deliveries never need it.
  #moment(): number {
    if (this.#cell === undefined || this.#envelope === undefined) return 0
    return mix32(hashText(this.#cell.name) ^ identityOf(this.#envelope.body))
  }

  #stateOf(site: FaultSite): SiteState {
    return this.#sites[site.slot] ?? this.#decideOn(site)
  }

  #decideOn(site: FaultSite): SiteState {
    const share = this.#isCrowded(areaOf(site.name)) ? crowdedShare : usualShare
    const active = this.#decisions.happens(decisionSite(`site.active ${site.name}`), share, 0)
    const state = { firing: decisionSite(`site ${site.name}`), active, counts: new Map(), limit: -1 }
    while (this.#sites.length < site.slot) this.#sites.push(undefined)
    this.#sites[site.slot] = state
    this.coverage.evaluated.set(site.name, 1)
    if (active) this.coverage.activated.set(site.name, 1)
    return state
  }

  #isCrowded(area: string): boolean {
    let crowded = this.#areas.get(area)
    if (crowded === undefined) {
      this.#crowdedRun ??= this.#decisions.happens(crowdedSite, crowdedRuns, 0)
      crowded = this.#crowdedRun && this.#decisions.happens(areaSite, crowdedAreas, hashText(area))
      this.#areas.set(area, crowded)
    }
    return crowded
  }
}

/** What sites are grouped by: the first word of their names. */
export function areaOf(name: string): string {
  return name.slice(0, name.indexOf('.'))
}
