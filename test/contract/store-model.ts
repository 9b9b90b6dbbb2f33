/**
 * A store as simple as can be, to compare the real ones with: two maps, whole entries, no bounds kept. Batches are drawn
 * as intents, since which log writes are legal depends on the log.
 */
import fc from 'fast-check'
import { fromUtf8, utf8 } from '../../base/bytes.ts'
import type { LogEntry, Store, Write } from '../../runtime/ports/store.ts'

export type Intent =
  | { readonly type: 'put' | 'delete'; readonly key: string; readonly value: string }
  | { readonly type: 'deleteRange'; readonly from: string; readonly to: string }
  /** `at` places the write within what is legal, 0 to 1. */
  | {
      readonly type: 'append'
      readonly log: string
      readonly at: number
      readonly count: number
      readonly term: number
    }
  | { readonly type: 'compact' | 'reset'; readonly log: string; readonly at: number; readonly term: number }
  | { readonly type: 'drop'; readonly log: string }

export interface BatchStep {
  readonly intents: readonly Intent[]
  readonly end: 'stay' | 'close' | 'crash'
}

const key: fc.Arbitrary<string> = fc.string({ unit: fc.constantFrom('a', 'b', '\0', '~'), minLength: 1, maxLength: 3 })
const log: fc.Arbitrary<string> = fc.constantFrom('l', 'll', 'm')
const at: fc.Arbitrary<number> = fc.double({ min: 0, max: 0.999, noNaN: true })
const term: fc.Arbitrary<number> = fc.nat(9)

const intent: fc.Arbitrary<Intent> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('put' as const), key, value: fc.string({ maxLength: 8 }) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('delete' as const), key, value: fc.constant('') }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('deleteRange' as const), from: key, to: key }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constant('append' as const), log, at, count: fc.nat(5), term }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('compact' as const), log, at, term }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('reset' as const), log, at, term }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('drop' as const), log }) },
)

export const batches: fc.Arbitrary<BatchStep[]> = fc.array(
  fc.record({
    intents: fc.array(intent, { maxLength: 12 }),
    end: fc.constantFrom('stay' as const, 'stay' as const, 'close' as const, 'crash' as const),
  }),
  { minLength: 1, maxLength: 8 },
)

interface ModelLog {
  base: number
  baseTerm: number
  entries: LogEntry[]
}

export class StoreModel {
  readonly pairs: Map<string, string> = new Map()
  readonly logs: Map<string, ModelLog> = new Map()

  observe(): unknown {
    const pairs = [...this.pairs].sort(([a], [b]) => (a < b ? -1 : 1))
    const logs = [...this.logs]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { base, baseTerm, entries }]) => ({
        name,
        first: base + 1,
        last: base + entries.length,
        baseTerm,
        entries: entries.map(({ index, term, data }) => [index, term, fromUtf8(data)]),
      }))
    return { pairs, reversed: pairs.toReversed(), logs }
  }
}

/** All that a store shows, in the model's words. */
export function observe(store: Store): unknown {
  const rows = (reverse: boolean): [string, string][] =>
    [...store.range({ from: new Uint8Array(0), to: Uint8Array.of(255), reverse })].map(([k, v]) => [
      fromUtf8(k),
      fromUtf8(v),
    ])
  const logs = store.logNames().map((name) => {
    const { firstIndex: first, lastIndex: last } = store.log(name)
    const entries = store.log(name).entries(first, last, 1_000_000)
    return {
      name,
      first,
      last,
      baseTerm: store.log(name).term(first - 1),
      entries: entries.map(({ index, term, data }) => [index, term, fromUtf8(data)]),
    }
  })
  return { pairs: rows(false), reversed: rows(true), logs }
}

/** Makes legal writes of the intents, and performs them on the model. */
export function batchOf(intents: readonly Intent[], model: StoreModel): Write[] {
  return intents.map((intent) => performed(intent, model))
}

function performed(intent: Intent, model: StoreModel): Write {
  switch (intent.type) {
    case 'put':
      model.pairs.set(intent.key, intent.value)
      return { type: 'put', key: utf8(intent.key), value: utf8(intent.value) }
    case 'delete':
      model.pairs.delete(intent.key)
      return { type: 'delete', key: utf8(intent.key) }
    case 'deleteRange':
      for (const key of [...model.pairs.keys()]) if (key >= intent.from && key < intent.to) model.pairs.delete(key)
      return { type: 'deleteRange', from: utf8(intent.from), to: utf8(intent.to) }
    case 'drop':
      model.logs.delete(intent.log)
      return { type: 'logDrop', log: intent.log }
    default:
      return onLog(intent, model)
  }
}

function onLog(intent: Extract<Intent, { at: number }>, model: StoreModel): Write {
  const log = model.logs.get(intent.log) ?? { base: 0, baseTerm: 0, entries: [] }
  const { at, term } = intent
  if (intent.type === 'append') {
    const keep = Math.floor(at * (log.entries.length + 1))
    const entries = Array.from({ length: intent.count }, (_, i): LogEntry => {
      const index = log.base + keep + 1 + i
      return { index, term, type: 'normal', data: utf8(`${index}@${term}`) }
    })
    if (entries.length > 0) model.logs.set(intent.log, { ...log, entries: [...log.entries.slice(0, keep), ...entries] })
    return { type: 'logAppend', log: intent.log, entries }
  }
  if (intent.type === 'reset') {
    const index = 1 + Math.floor(at * 20)
    model.logs.set(intent.log, { base: index, baseTerm: term, entries: [] })
    return { type: 'logReset', log: intent.log, index, term }
  }
  const gone = Math.floor(at * (log.entries.length + 1))
  const index = log.base + gone
  const baseTerm = log.entries[gone - 1]?.term ?? log.baseTerm
  if (gone > 0) model.logs.set(intent.log, { base: index, baseTerm, entries: log.entries.slice(gone) })
  return { type: 'logCompact', log: intent.log, index, term: baseTerm }
}
