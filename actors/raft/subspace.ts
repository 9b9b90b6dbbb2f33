/** A part of an actor's store under a prefix: keys go in and come back without it. */
import { concatBytes, prefixEnd, utf8 } from '../../base/bytes.ts'
import type { ActorStore } from '../../runtime/kernel/actor.ts'

/** `prefix` of 1 or more bytes of UTF-8; two subspaces of one store must not start with each other. */
export function subspace(store: ActorStore, prefix: string): ActorStore {
  const head = utf8(prefix)
  const end = prefixEnd(head)
  const full = (key: Uint8Array | string): Uint8Array => concatBytes(head, typeof key === 'string' ? utf8(key) : key)
  const until = (to: Uint8Array | undefined): Uint8Array | undefined => (to === undefined ? end : full(to))
  return {
    get: (key) => store.get(full(key)),
    range: (from, to, options) =>
      store.range(full(from), until(to), options).map(([key, value]) => [key.subarray(head.length), value]),
    put: (key, value) => store.put(full(key), value),
    delete: (key) => store.delete(full(key)),
    deleteRange: (from, to) => store.deleteRange(full(from), until(to)),
    getValue: (key) => store.getValue(prefix + key),
    putValue: (key, value) => store.putValue(prefix + key, value),
  }
}
