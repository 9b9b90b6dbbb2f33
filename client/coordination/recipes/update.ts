/**
 * Read, decide, write if nothing came between, or decide anew: how a recipe changes one key by what it holds. Somebody always
 * gets on; who is beaten is shown what beat it, so a try more costs one transaction.
 */
import type { KeyValue, TxnOperation } from '../../../actors/keyspace/messages.ts'
import { fromUtf8, utf8 } from '../../../base/bytes.ts'
import { absent, unchangedSince } from './keys.ts'
import { type Recipe, range, rangeIn, transactUnleased } from './step.ts'

export type Decision<R> =
  /** Writes `value`, and `also` with it, in one transaction. */
  | { readonly type: 'write'; readonly value: string; readonly also?: readonly TxnOperation[]; readonly result: R }
  | { readonly type: 'leave'; readonly result: R }

/** @param decide - Called with what the key holds, undefined where it is not there; perhaps more than once. */
export function* update<R>(key: Uint8Array, decide: (value: string | undefined) => Decision<R>): Recipe<R> {
  const seen = yield* range({ key })
  return yield* updateFrom(key, seen.kvs[0], decide)
}

function* updateFrom<R>(
  key: Uint8Array,
  first: KeyValue | undefined,
  decide: (value: string | undefined) => Decision<R>,
): Recipe<R> {
  let kv = first
  for (;;) {
    const decision = decide(kv === undefined ? undefined : fromUtf8(kv.value))
    if (decision.type === 'leave') return decision.result
    const done = yield* transactUnleased(
      [kv === undefined ? absent(key) : unchangedSince(key, kv.modRevision)],
      [{ type: 'put', key, value: utf8(decision.value) }, ...(decision.also ?? [])],
      [{ type: 'range', key }],
    )
    if (done.succeeded) return decision.result
    kv = rangeIn(done, 0).kvs[0]
  }
}
