/**
 * Which ways between nodes are open: cut ways lose what is sent, clogged ways hold it back and let it all go later.
 *
 * A way may be shut by several at once, and opens when the last of them lets go: each cut bears the number of whoever made
 * it. `joinAll` forgets all of them, so a late end of one that was forgotten opens nothing that was cut since.
 */
export type Way = readonly [from: number, to: number]

export class Passages {
  readonly #cuts = new Map<string, Set<number>>()
  readonly #clogs = new Map<string, number>()
  #holders = 0

  /** A number for whoever cuts. */
  holder(): number {
    this.#holders += 1
    return this.#holders
  }

  /** True when the way was open. */
  cut(from: number, to: number, holder: number): boolean {
    const key = `${from}/${to}`
    const holders = this.#cuts.get(key)
    if (holders === undefined) this.#cuts.set(key, new Set([holder]))
    else holders.add(holder)
    return holders === undefined
  }

  join(from: number, to: number, holder: number): void {
    const key = `${from}/${to}`
    const holders = this.#cuts.get(key)
    if (holders === undefined || !holders.delete(holder)) return
    if (holders.size === 0) this.#cuts.delete(key)
  }

  isCut(from: number, to: number): boolean {
    return this.#cuts.size > 0 && this.#cuts.has(`${from}/${to}`)
  }

  /** What would arrive before `untilMs` arrives then. */
  clog(from: number, to: number, untilMs: number): void {
    const key = `${from}/${to}`
    if (untilMs > (this.#clogs.get(key) ?? 0)) this.#clogs.set(key, untilMs)
  }

  /** Until when the way is clogged; a moment of the past when it is not. */
  clearMs(from: number, to: number): number {
    return this.#clogs.size === 0 ? 0 : (this.#clogs.get(`${from}/${to}`) ?? 0)
  }

  joinAll(): void {
    this.#cuts.clear()
    this.#clogs.clear()
  }
}
