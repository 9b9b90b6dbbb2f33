/**
 * Fencing. No lock on a network can keep a holder from going on after it lost the lock: it may be paused between looking at
 * its watch and writing. What can be done is to refuse the write where it arrives.
 *
 *   G2  every grant has a token, the create revision of the holder's key; each grant of a thing has a greater one than all before
 *   G3  a guarded write happens only while the grant of its token stands
 *
 * `heldBy` guards writes to the same keyspace: the compare and the write are one transaction. `fencedWrite` guards what lies in
 * another keyspace or under another lock: the thing that is written remembers the greatest token it has seen.
 */
import type { Compare, TxnOperation, TxnRequest } from '../../../actors/keyspace/messages.ts'
import { utf8 } from '../../../base/bytes.ts'
import { absent, createdAt } from './keys.ts'
import { type Recipe, transactUnleased } from './step.ts'

/** What was granted. */
export interface Grant {
  /** The holder's key: it is there for as long as the grant stands. */
  readonly key: Uint8Array
  /** The fencing token: grows with every grant. */
  readonly token: number
}

/** The compare that refuses a transaction of somebody who no longer holds `grant`. */
export function heldBy({ key, token }: Grant): Compare {
  return createdAt(key, token)
}

export type FencedWrite =
  | { readonly type: 'written'; readonly revision: number }
  /** Somebody came with a greater token; nothing was written. */
  | { readonly type: 'stale' }

/**
 * Carries out `operations` unless somebody with a greater token has written under the same `fence` before.
 *
 * @param fence - The key at which the greatest token so far is kept; it belongs to what is guarded.
 */
export function* fencedWrite(
  fence: Uint8Array,
  token: number,
  operations: readonly TxnOperation[],
): Recipe<FencedWrite> {
  const writes: readonly TxnOperation[] = [{ type: 'put', key: fence, value: tokenBytes(token) }, ...operations]
  const first: TxnRequest = { type: 'txn', compare: [absent(fence)], success: writes, failure: [] }
  // There is no "at most" among compares, and a key that is not there is less than nothing: hence two steps in one.
  const atMost: Compare = { key: fence, result: 'less', target: { type: 'value', value: tokenBytes(token + 1) } }
  const done = yield* transactUnleased([atMost], writes, [first])
  const [nested] = done.responses
  const written = done.succeeded || (nested?.type === 'txn' && nested.succeeded)
  return written ? { type: 'written', revision: done.revision } : { type: 'stale' }
}

/** So that the order of bytes is the order of tokens. */
function tokenBytes(token: number): Uint8Array {
  return utf8(String(token).padStart(16, '0'))
}
