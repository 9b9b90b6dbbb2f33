/**
 * Whether a history could have happened in one order: the search of Wing and Gong on a linked list of calls and returns,
 * with Lowe's memory of what was tried before, for any model.
 *
 *   list     call a ─ call b ─ return a ─ call c ─ …     what begins before the first return may be next
 *   take     the call and its return leave the list       and come back when what followed was in vain
 *   memory   (what is taken, the state it led to)         is gone through once, whichever way it was reached
 *
 * Three things keep it near a straight line through long histories. What only reads, and agrees with the state as it is, is
 * taken at once and for good: no order needs it later. Calls of which nobody knows whether they happened are tried last, and
 * only where they change something: just in time. And a history is judged in parts that have nothing to do with one another
 * (`partition.ts`).
 */

/** One call, from its beginning to its end. Moments are numbers of any kind; what shares one overlaps. */
export interface Interval<Call> {
  readonly call: Call
  readonly began: number
  /** Undefined: nobody knows whether it happened, then or later or at all. */
  readonly ended: number | undefined
}

/** What a history is held against. States are values: `step` makes a new one, or gives back the one it got. */
export interface Model<State, Call> {
  readonly initial: State
  /** What `call` leaves; undefined when it could not have been answered as it was. */
  step(state: State, call: Call): State | undefined
  /** It changes nothing, wherever it agrees. */
  reads(call: Call): boolean
  /** Equal for equal states alone. */
  key(state: State): string
}

export type LinearizabilityVerdict =
  | { readonly type: 'linearizable' }
  /** `longest`: how many of the calls with an end could be put in order. */
  | { readonly type: 'impossible'; readonly longest: number }
  /** The search was given up after `stepsMax`. */
  | { readonly type: 'undecided' }

export const searchStepsMax = 200_000

/** @param stepsMax - Calls tried before the search is given up. */
export function linearize<State, Call>(
  model: Model<State, Call>,
  history: readonly Interval<Call>[],
  stepsMax: number = searchStepsMax,
): LinearizabilityVerdict {
  const search = new Search(model, history)
  return search.run(stepsMax)
}

/** A call that was taken, and how to go on without it. */
interface Frame<State> {
  /** The state before. */
  readonly state: State
  /** Of `#ending` when below its length, of `#open` after. */
  readonly at: number
  /** Taken for good: there is nothing else to try in its place. */
  readonly settled: boolean
  readonly high: number
}

class Search<State, Call> {
  readonly #model: Model<State, Call>
  /** Calls with an end, by their beginning. */
  readonly #ending: readonly Interval<Call>[]
  /** Calls without one, by their beginning. */
  readonly #open: readonly Interval<Call>[]
  /** The list: node 0 is its head, 2i + 1 the call of `#ending[i]`, 2i + 2 its return. */
  readonly #next: Int32Array
  readonly #previous: Int32Array
  readonly #taken: Uint8Array
  readonly #tried = new Set<string>()
  readonly #frames: Frame<State>[] = []
  #state: State
  #left: number
  /** No call at or after this place of `#ending` is taken. */
  #high = 0

  constructor(model: Model<State, Call>, history: readonly Interval<Call>[]) {
    this.#model = model
    this.#ending = history.filter(({ ended }) => ended !== undefined).sort((a, b) => a.began - b.began)
    this.#open = history.filter(({ ended }) => ended === undefined).sort((a, b) => a.began - b.began)
    const count = this.#ending.length
    this.#next = new Int32Array(2 * count + 1)
    this.#previous = new Int32Array(2 * count + 1)
    this.#taken = new Uint8Array(history.length)
    this.#state = model.initial
    this.#left = count
    const order = Array.from({ length: 2 * count }, (_, at) => at + 1).sort((a, b) => this.#before(a, b))
    let last = 0
    for (const node of order) {
      this.#next[last] = node
      this.#previous[node] = last
      last = node
    }
    this.#next[last] = 0
  }

  run(stepsMax: number): LinearizabilityVerdict {
    let longest = 0
    // Where to go on among the calls that may be next.
    let from = 0
    for (let steps = 0; this.#left > 0; steps++) {
      if (steps > stepsMax) return { type: 'undecided' }
      const limit = this.#limit()
      const settled = from === 0 ? this.#settled(limit) : -1
      const found = settled >= 0 ? { at: settled, state: this.#state } : this.#branch(from, limit)
      if (found === undefined) {
        const inVain = this.#giveBack()
        if (inVain === undefined) return { type: 'impossible', longest }
        from = inVain + 1
      } else {
        this.#take(found.at, found.state, settled >= 0)
        from = 0
        longest = Math.max(longest, this.#ending.length - this.#left)
      }
    }
    return { type: 'linearizable' }
  }

  #before(a: number, b: number): number {
    const [at, bt] = [this.#moment(a), this.#moment(b)]
    if (at !== bt) return at - bt
    // Calls before returns of the same moment: they overlap.
    return (a & 1) === (b & 1) ? a - b : (b & 1) - (a & 1)
  }

  #moment(node: number): number {
    const { began, ended } = this.#ending[(node - 1) >> 1] as Interval<Call>
    return (node & 1) === 1 ? began : (ended as number)
  }

  /** The first return in the list: what begins after it cannot be next. */
  #limit(): number {
    let node = this.#next[0] as number
    while ((node & 1) === 1) node = this.#next[node] as number
    return node
  }

  /** A call that only reads, and agrees with the state as it is. */
  #settled(limit: number): number {
    for (let node = this.#next[0] as number; node !== limit; node = this.#next[node] as number) {
      const at = (node - 1) >> 1
      const { call } = this.#ending[at] as Interval<Call>
      if (this.#model.reads(call) && this.#model.step(this.#state, call) !== undefined) return at
    }
    return -1
  }

  /** The next call to try at place `from` or after, that leads where nothing led before. */
  #branch(from: number, limit: number): { readonly at: number; readonly state: State } | undefined {
    const count = this.#ending.length
    for (let node = this.#next[0] as number; node !== limit && from < count; node = this.#next[node] as number) {
      const at = (node - 1) >> 1
      if (at < from) continue
      const { call } = this.#ending[at] as Interval<Call>
      // What only reads was refused by this state already.
      if (this.#model.reads(call)) continue
      const state = this.#model.step(this.#state, call)
      if (state !== undefined && this.#isNew(at, state)) return { at, state }
    }
    const until = this.#moment(limit)
    for (let i = Math.max(0, from - count); i < this.#open.length; i++) {
      const { call, began } = this.#open[i] as Interval<Call>
      if (began > until) break
      if (this.#taken[count + i] === 1) continue
      const state = this.#model.step(this.#state, call)
      if (state === undefined || state === this.#state) continue
      if (this.#isNew(count + i, state)) return { at: count + i, state }
    }
    return undefined
  }

  #take(at: number, state: State, settled: boolean): void {
    this.#frames.push({ state: this.#state, at, settled, high: this.#high })
    this.#state = state
    this.#taken[at] = 1
    if (at >= this.#ending.length) return
    this.#left -= 1
    this.#high = Math.max(this.#high, at + 1)
    this.#unlink(2 * at + 1)
    this.#unlink(2 * at + 2)
  }

  /** Undoes calls back to the last that was tried among others; its place, or undefined when there is none. */
  #giveBack(): number | undefined {
    for (let frame = this.#frames.pop(); frame !== undefined; frame = this.#frames.pop()) {
      const { state, at, settled, high } = frame
      this.#state = state
      this.#taken[at] = 0
      this.#high = high
      if (at < this.#ending.length) {
        this.#left += 1
        this.#relink(2 * at + 2)
        this.#relink(2 * at + 1)
      }
      if (!settled) return at
    }
    return undefined
  }

  #unlink(node: number): void {
    const [before, after] = [this.#previous[node] as number, this.#next[node] as number]
    this.#next[before] = after
    this.#previous[after] = before
  }

  #relink(node: number): void {
    const [before, after] = [this.#previous[node] as number, this.#next[node] as number]
    this.#next[before] = node
    this.#previous[after] = node
  }

  /** Notes (what would be taken, the state). Exact: two that differ never share a text. */
  #isNew(at: number, state: State): boolean {
    this.#taken[at] = 1
    const count = this.#ending.length
    const high = at < count ? Math.max(this.#high, at + 1) : this.#high
    const low = this.#lowest(at)
    let text = `${low} ${high} ${this.#model.key(state)}\u0000`
    text += this.#bits(low, high) + this.#bits(count, this.#taken.length)
    this.#taken[at] = 0
    if (this.#tried.has(text)) return false
    this.#tried.add(text)
    return true
  }

  /** The first call that would not be taken: the list begins with it, but for the one at `at` and its return. */
  #lowest(at: number): number {
    let node = this.#next[0] as number
    while (node !== 0 && (node - 1) >> 1 === at) node = this.#next[node] as number
    return node === 0 ? this.#ending.length : (node - 1) >> 1
  }

  #bits(from: number, to: number): string {
    let text = ''
    for (let start = from; start < to; start += 16) {
      let bits = 0
      const end = Math.min(to, start + 16)
      for (let i = start; i < end; i++) bits |= (this.#taken[i] as number) << (i - start)
      text += String.fromCharCode(bits)
    }
    return text
  }
}
