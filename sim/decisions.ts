/**
 * Every random choice of a simulated world, each with a name of its own: the site, and up to three numbers that say which
 * moment of it (a node, a link and the contents of a frame, a count).
 *
 *   drawn      H(seed, site, a, b, c): one choice more or less leaves all others as they were
 *   scripted   as written down; whatever is not written down is harmless: it does not happen, at once, the first of many
 *
 * A run that records writes down each choice that was not harmless. Played back as a script, without the seed, it is the same
 * run again; with some of them left out it is a simpler one.
 */
import { hashText, mix32 } from '../base/digest.ts'

export interface DecisionSite {
  readonly name: string
  readonly hash: number
}

/** A choice that was not harmless: `site a b c = value`. */
export type Decision = readonly [site: string, a: number, b: number, c: number, value: number]

const known = new Map<string, DecisionSite>()

export function decisionSite(name: string): DecisionSite {
  let site = known.get(name)
  if (site === undefined) {
    site = { name, hash: hashText(name) }
    known.set(name, site)
  }
  return site
}

export class Decisions {
  readonly #seed: number
  readonly #script: ReadonlyMap<string, number> | undefined
  #recorded: Decision[] | undefined = undefined

  private constructor(seed: number, script: ReadonlyMap<string, number> | undefined) {
    this.#seed = seed
    this.#script = script
  }

  static drawn(seed: number): Decisions {
    return new Decisions(seed, undefined)
  }

  static scripted(decisions: Iterable<Decision>): Decisions {
    const script = new Map<string, number>()
    for (const [site, a, b, c, value] of decisions) script.set(`${site} ${a} ${b} ${c}`, value)
    return new Decisions(0, script)
  }

  get scripted(): boolean {
    return this.#script !== undefined
  }

  /** From now on. */
  record(): void {
    this.#recorded ??= []
  }

  get recorded(): readonly Decision[] {
    return this.#recorded ?? []
  }

  /** True with `probability`. Harmless: false. */
  happens(site: DecisionSite, probability: number, a: number, b: number = 0, c: number = 0): boolean {
    if (this.#script !== undefined) return this.#scripted(site, a, b, c) === 1
    if (probability <= 0) return false
    const yes = this.#draw(site, a, b, c) < probability
    if (yes && this.#recorded !== undefined) this.#recorded.push([site.name, a, b, c, 1])
    return yes
  }

  /** 0 (included) to 1 (excluded). Harmless: 0. */
  share(site: DecisionSite, a: number, b: number = 0, c: number = 0): number {
    if (this.#script !== undefined) return this.#scripted(site, a, b, c)
    const share = this.#draw(site, a, b, c)
    if (this.#recorded !== undefined) this.#recorded.push([site.name, a, b, c, share])
    return share
  }

  /** One of 0 to `count - 1`. Harmless: 0. */
  pick(site: DecisionSite, count: number, a: number, b: number = 0, c: number = 0): number {
    if (this.#script !== undefined) return Math.min(this.#scripted(site, a, b, c), count - 1)
    const picked = Math.floor(this.#draw(site, a, b, c) * count)
    if (picked !== 0 && this.#recorded !== undefined) this.#recorded.push([site.name, a, b, c, picked])
    return picked
  }

  /** 32 bits for whatever needs a seed of its own. Harmless: 0. */
  seed(site: DecisionSite, a: number, b: number = 0, c: number = 0): number {
    return Math.floor(this.share(site, a, b, c) * 0x1_0000_0000)
  }

  #draw(site: DecisionSite, a: number, b: number, c: number): number {
    let hash = mix32(this.#seed ^ site.hash)
    hash = mix32(hash ^ Math.imul(a, 0x9e3779b1))
    hash = mix32(hash ^ Math.imul(b, 0x85ebca77))
    hash = mix32(hash ^ Math.imul(c, 0xc2b2ae3d))
    return hash / 0x1_0000_0000
  }

  #scripted(site: DecisionSite, a: number, b: number, c: number): number {
    const value = this.#script?.get(`${site.name} ${a} ${b} ${c}`) ?? 0
    if (value !== 0 && this.#recorded !== undefined) this.#recorded.push([site.name, a, b, c, value])
    return value
  }
}
