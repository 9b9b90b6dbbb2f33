/**
 * I18: clients that write a few keys in every way there is, compact them away, and watch them through any node: from now on,
 * from the past, from the revision after the last one told on another node; fast and slow, whole and filtered, with and
 * without what was before. What each was told is held against what was committed (`checkers/watch-order.ts`).
 */
import { check } from '../checkers/violation.ts'
import { checkWatch } from '../checkers/watch-order.ts'
import type { Operation, Outcome, TxnStep, WatcherWish, WatchOperation, WatchWord } from '../operation.ts'
import { type ClientSeat, pick, type Workload, type WorkloadClient } from './workload.ts'

const keys = 4
const prefix = 'seen/'
const other = 'seen-too/'
/** More than any other stream asks for. */
const lastPulls = 40

/** A last look through one node; all is calm, so it is told everything, and a bookmark. */
function lastLook(node: number): WatchOperation {
  const wish = { ...wholeWish, from: 1, prevKv: true }
  const now = { ...wholeWish, from: 0 }
  return {
    type: 'watch',
    node,
    watchers: [wish, now],
    pulls: lastPulls,
    waitMs: 100,
    pauseMs: 0,
    bytesMax: 4_096,
    bookmark: true,
  }
}

function isLastLook({ pulls }: WatchOperation): boolean {
  return pulls === lastPulls
}

const wholeWish: WatcherWish = {
  from: 0,
  keys: [],
  prefixes: [prefix],
  prevKv: false,
  without: [],
  onlyIfChanged: false,
  latestOnly: false,
  cancelAfter: undefined,
}

export const watch: Workload = {
  name: 'watch',
  setup: () => undefined,
  start: (seat) => new Watching(seat),
  closing: () => [1, 2, 3].map(lastLook),
  check: ({ notes, committed }) => {
    for (const { client, operation, outcome, beganMs } of notes) {
      if (operation.type !== 'watch' || outcome?.type !== 'watched') continue
      const who = `${client} of node ${operation.node}, from ${beganMs.toFixed(3)} ms on`
      checkWatch(who, operation, outcome.words, committed)
      if (isLastLook(operation)) checkLastLook(operation, outcome.words)
    }
  },
}

/** Of a look when all is calm: a node that serves it at all says how far it has told everything. */
function checkLastLook({ node, watchers }: WatchOperation, words: readonly WatchWord[]): void {
  const created = words.filter(({ type }) => type === 'created').length
  const bookmarked = words.some(({ type, watchId }) => type === 'progress' && watchId === -1)
  const canceled = words.filter(({ type }) => type === 'canceled').length
  const shown = words.map((word) => `${word.type} ${word.watchId} (${'revision' in word ? word.revision : word.cause})`)
  check(
    bookmarked || created < watchers.length || canceled >= created,
    'I23',
    () => `a watch through node ${node} when all was calm was given no bookmark: ${shown.join(', ')}`,
  )
}

class Watching implements WorkloadClient {
  readonly #seat: ClientSeat
  #newest = 1
  /** The revision after the last one told whole, where a stream was lost or closed. */
  #next: number | undefined

  constructor(seat: ClientSeat) {
    this.#seat = seat
  }

  next(): Operation {
    const seat = this.#seat
    const kind = seat.roll('kind')
    if (kind < 0.25) return { type: 'put', key: this.#key(), value: seat.unique('s') }
    if (kind < 0.5) return this.#txn()
    if (kind < 0.55 && this.#newest > 3)
      return { type: 'compact', revision: this.#newest - pick(seat, 'back', Math.min(12, this.#newest - 1)) }
    return this.#watch()
  }

  #key(): string {
    return `${prefix}${pick(this.#seat, 'key', keys)}`
  }

  /** Several keys in one revision, and deletes. */
  #txn(): Operation {
    const seat = this.#seat
    const from = pick(seat, 'first', keys)
    const steps: TxnStep[] = []
    for (let i = 0; i <= pick(seat, 'steps', 3); i++) {
      const key = `${prefix}${(from + i) % keys}`
      if (seat.roll(`delete.${i}`) < 0.4) steps.push({ type: 'delete', key })
      else steps.push({ type: 'put', key, value: seat.unique(`t${i}`) })
    }
    if (seat.roll('elsewhere') < 0.3) steps.push({ type: 'put', key: `${other}0`, value: seat.unique('e') })
    return { type: 'txn', compare: [], success: steps, failure: [] }
  }

  #watch(): WatchOperation {
    const seat = this.#seat
    const { tickMs } = seat
    const watchers = Array.from({ length: 1 + pick(seat, 'watchers', 3) }, (_, at) => this.#wish(at))
    const slow = seat.roll('slow')
    return {
      type: 'watch',
      node: 1 + pick(seat, 'node', seat.nodes),
      watchers,
      pulls: 2 + pick(seat, 'pulls', 10),
      waitMs: tickMs * (1 + pick(seat, 'wait', 3)),
      pauseMs: slow < 0.5 ? 0 : tickMs * 4 * seat.roll('pause'),
      // So few that a revision needs more than one response; or plenty.
      bytesMax: seat.roll('bytes') < 0.4 ? 1 + pick(seat, 'bytes.few', 300) : 65_536,
      bookmark: seat.roll('bookmark') < 0.5,
    }
  }

  #wish(at: number): WatcherWish {
    const seat = this.#seat
    const roll = (site: string): number => seat.roll(`wish.${at}.${site}`)
    const shape = roll('shape')
    const begin = roll('from')
    const past = Math.max(1, this.#newest - Math.floor(roll('back') * 12))
    const from = begin < 0.3 ? 0 : begin < 0.65 ? (this.#next ?? past) : begin < 0.9 ? past : this.#newest + 2
    const kinds = ['create', 'update', 'delete'] as const
    return {
      from,
      keys: shape < 0.4 ? [`${prefix}${Math.floor(roll('key') * keys)}`] : [],
      // Twice the same keys, or others besides: each is told once.
      prefixes: shape < 0.3 ? [] : shape < 0.8 ? [prefix] : [prefix, other, `${prefix}1`],
      prevKv: roll('prev') < 0.5,
      without: roll('without') < 0.3 ? kinds.filter((kind) => roll(`without.${kind}`) < 0.4) : [],
      onlyIfChanged: roll('changed') < 0.2,
      latestOnly: roll('latest') < 0.2,
      cancelAfter: roll('cancel') < 0.2 ? 1 + Math.floor(roll('cancel.after') * 4) : undefined,
    }
  }

  learn(operation: Operation, outcome: Outcome): void {
    if (outcome.type === 'done' || outcome.type === 'refused') this.#newest = Math.max(this.#newest, outcome.revision)
    if (outcome.type !== 'watched' || operation.type !== 'watch') return
    for (const word of outcome.words) {
      if (word.type === 'created' || word.type === 'progress' || (word.type === 'events' && !word.more)) {
        this.#newest = Math.max(this.#newest, word.revision)
        this.#next = word.revision + 1
      }
    }
  }
}
