/**
 * Decides in a run which fault sites of the product fire, and remembers which sites and probes were reached.
 *
 * Two draws, as in FoundationDB's BUGGIFY: a site is active in a quarter of the runs, and where it is, it fires with its own
 * probability at each evaluation. A firing is keyed by site, actor and the message at hand, so that neither another site nor
 * another actor's work moves it.
 */
import { hashText, mix32 } from '../base/digest.ts'
import type { FaultPoints, FaultSite, Probe } from '../base/fault-points.ts'
import type { Envelope } from '../mailbox/envelope.ts'
import type { ActorRef } from '../runtime/kernel/actor.ts'
import type { Cell } from '../runtime/kernel/cell.ts'
import { type DecisionSite, type Decisions, decisionSite } from './decisions.ts'
import { identityOf } from './identity.ts'

/** How often what happened, by name; over one run or many. */
export interface Coverage {
  /** Runs in which the site was evaluated and active. */
  readonly activated: Map<string, number>
  /** Runs in which it fired. */
  readonly fired: Map<string, number>
  /** Runs in which the probe was reached. */
  readonly reached: Map<string, number>
}

export function newCoverage(): Coverage {
  return { activated: new Map(), fired: new Map(), reached: new Map() }
}

/** Adds the run of `from`, which covers one run, to `to`. */
export function addCoverage(to: Coverage, from: Coverage): void {
  for (const part of ['activated', 'fired', 'reached'] as const) {
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

const activeShare = 0.25

export class FaultFiring implements FaultPoints {
  readonly coverage: Coverage = newCoverage()
  readonly #decisions: Decisions
  readonly #sites = new Map<FaultSite, SiteState>()
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
      // Mostly small, or the bound would seldom be felt. A share of 0 leaves the limit as it is.
      const share = this.#decisions.share(state.firing, 0)
      state.limit = share === 0 ? usual : least + Math.floor((usual - least) * (1 - share) ** 4)
    }
    this.coverage.fired.set(site.name, 1)
    return state.limit
  }

  reached(probe: Probe): void {
    this.coverage.reached.set(probe.name, 1)
  }

  // Made only where a site is active: most deliveries never need it.
  #moment(): number {
    if (this.#cell === undefined || this.#envelope === undefined) return 0
    return mix32(hashText(this.#cell.name) ^ identityOf(this.#envelope.body))
  }

  #stateOf(site: FaultSite): SiteState {
    let state = this.#sites.get(site)
    if (state === undefined) {
      const active = this.#decisions.happens(decisionSite(`site.active ${site.name}`), activeShare, 0)
      state = { firing: decisionSite(`site ${site.name}`), active, counts: new Map(), limit: -1 }
      this.#sites.set(site, state)
      if (active) this.coverage.activated.set(site.name, 1)
    }
    return state
  }
}
