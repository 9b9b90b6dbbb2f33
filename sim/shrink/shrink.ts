/**
 * Makes a failing run small: the same rule is still broken, by as little as possible.
 *
 *   end ─▶ cluster ─▶ clients ─▶ kinds of choices ─▶ acts ─▶ operations ─▶ single choices ─▶ lengths and moments
 *
 * Every step plays a smaller script and keeps it if the same invariant fails. It can be played at all because choices have
 * names: what is left out becomes harmless and leaves the others what they were. Coarse steps come first, so that the fine
 * ones have little to try; the passes are repeated until one round changes nothing or time is up.
 */
import type { TimedAct } from '../act.ts'
import { type Capture, captureScript } from '../capture.ts'
import type { Decision } from '../decisions.ts'
import type { Script } from '../run-plan.ts'
import type { Scenario } from '../scenario.ts'
import { ddmin } from './ddmin.ts'

export interface ShrinkOptions {
  /** False when time is up: what was reached by then is the result. */
  readonly goOn: () => boolean
  /** Hears of every script that was played. */
  readonly progress?: (tried: number, best: ScriptSize) => void
}

/** How much there is of what. */
export interface ScriptSize {
  readonly nodes: number
  readonly clients: number
  readonly acts: number
  readonly operations: number
  readonly decisions: number
  readonly deliveries: number
}

export interface Shrunk {
  readonly capture: Capture
  readonly before: ScriptSize
  readonly after: ScriptSize
  /** Scripts that were played. */
  readonly tried: number
  /** The script alone did not fail as the seed did: nothing was made smaller. */
  readonly faithful: boolean
}

export function shrink(scenario: Scenario, failing: Capture, options: ShrinkOptions): Shrunk {
  return new Shrinker(scenario, failing, options).run()
}

export function sizeOf({ script, deliveries }: Capture): ScriptSize {
  return {
    nodes: script.plan.nodes,
    clients: new Set(script.operations.map(({ client }) => client)).size,
    acts: script.acts.length,
    operations: script.operations.length,
    decisions: script.decisions.length,
    deliveries,
  }
}

const roundsMax = 4

class Shrinker {
  readonly #scenario: Scenario
  readonly #failing: Capture
  readonly #options: ShrinkOptions
  #best: Capture
  #tried = 0

  constructor(scenario: Scenario, failing: Capture, options: ShrinkOptions) {
    this.#scenario = scenario
    this.#failing = failing
    this.#options = options
    this.#best = failing
  }

  run(): Shrunk {
    const faithful = this.#accept(this.#failing.script)
    if (faithful) {
      for (let round = 0; round < roundsMax && this.#options.goOn(); round++) if (!this.#round()) break
    }
    const before = sizeOf(this.#failing)
    return { capture: this.#best, before, after: sizeOf(this.#best), tried: this.#tried, faithful }
  }

  /** All passes once; whether anything became smaller. */
  #round(): boolean {
    const before = weight(this.#best)
    this.#end()
    this.#cluster()
    this.#clients()
    this.#kinds()
    this.#acts()
    this.#operations()
    this.#decisions()
    this.#lengths()
    return weight(this.#best) < before
  }

  get #script(): Script {
    return this.#best.script
  }

  /** Plays `script`; when the same rule is broken, it is the best so far. */
  #accept(script: Script): boolean {
    this.#tried += 1
    const played = captureScript(this.#scenario, this.#failing.seed, script)
    const same = played.invariant !== undefined && played.invariant === this.#failing.invariant
    if (same) this.#best = played
    this.#options.progress?.(this.#tried, sizeOf(this.#best))
    return same
  }

  /** Nothing that comes after the violation can be its cause. */
  #end(): void {
    const { script, endedMs } = this.#best
    const acts = script.acts.filter(({ atMs }) => atMs <= endedMs)
    const operations = script.operations.filter(({ atMs }) => atMs <= endedMs)
    const durationMs = Math.min(script.plan.durationMs, Math.ceil(endedMs))
    const shorter = durationMs < script.plan.durationMs
    if (!shorter && acts.length === script.acts.length && operations.length === script.operations.length) return
    this.#accept({ ...script, acts, operations, plan: { ...script.plan, durationMs } })
  }

  #cluster(): void {
    for (const nodes of [1, 2, 3, 4]) {
      if (nodes >= this.#script.plan.nodes || !this.#options.goOn()) break
      if (this.#accept({ ...this.#script, plan: { ...this.#script.plan, nodes } })) break
    }
    const { plan } = this.#script
    if (plan.executors > 1) this.#accept({ ...this.#script, plan: { ...plan, executors: 1 } })
    if (plan.logKeepEntries < 10_000)
      this.#accept({ ...this.#script, plan: { ...this.#script.plan, logKeepEntries: 10_000 } })
  }

  #clients(): void {
    const clients = [...new Set(this.#script.operations.map(({ client }) => client))]
    const { operations } = this.#script
    ddmin(
      clients,
      (kept) => this.#with({ operations: operations.filter(({ client }) => kept.includes(client)) }),
      this.#options.goOn,
    )
  }

  /** Whole kinds of choices at once: all latencies, all losses. */
  #kinds(): void {
    const { decisions } = this.#script
    const kinds = [...new Set(decisions.map(([site]) => site))]
    ddmin(
      kinds,
      (kept) => this.#with({ decisions: decisions.filter(([site]) => kept.includes(site)) }),
      this.#options.goOn,
    )
  }

  #acts(): void {
    ddmin<TimedAct>(this.#script.acts, (acts) => this.#with({ acts }), this.#options.goOn)
  }

  #operations(): void {
    ddmin(this.#script.operations, (operations) => this.#with({ operations }), this.#options.goOn)
  }

  #decisions(): void {
    ddmin<Decision>(this.#script.decisions, (decisions) => this.#with({ decisions }), this.#options.goOn)
  }

  /** Shorter faults, rounder moments. */
  #lengths(): void {
    for (let at = 0; at < this.#script.acts.length && this.#options.goOn(); at++) {
      const timed = this.#script.acts[at] as TimedAct
      for (const smaller of [rounded(timed), halved(timed)]) {
        if (smaller === undefined) continue
        this.#with({ acts: this.#script.acts.map((act, other) => (other === at ? smaller : act)) })
      }
    }
  }

  #with(part: Partial<Script>): boolean {
    return this.#options.goOn() && this.#accept({ ...this.#script, ...part })
  }
}

function weight(capture: Capture): number {
  const { nodes, clients, acts, operations, decisions } = sizeOf(capture)
  return nodes * 1_000 + clients * 100 + acts * 10 + operations * 10 + decisions
}

function rounded({ atMs, act }: TimedAct): TimedAct | undefined {
  const round = Math.round(atMs)
  return round === atMs ? undefined : { atMs: round, act }
}

function halved({ atMs, act }: TimedAct): TimedAct | undefined {
  if (!('forMs' in act) || act.forMs < 2) return undefined
  return { atMs, act: { ...act, forMs: Math.floor(act.forMs / 2) } }
}
