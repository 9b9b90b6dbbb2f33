/**
 * How recipes name their keys, and the compares that they are made of. What is held for the time of a lease lies under the
 * name of the thing, by the id of the lease: `name/6f2a…`, hexadecimal, the layout that etcd's own locks and elections have,
 * so that theirs and ours exclude each other.
 */
import type { Compare } from '../../../actors/keyspace/messages.ts'
import { concatBytes, prefixEnd, utf8 } from '../../../base/bytes.ts'

export interface KeyRange {
  readonly key: Uint8Array
  readonly rangeEnd: Uint8Array
}

const everyKeyFrom = new Uint8Array(1)

/** The key that the holder of `lease` has under `name`. */
export function leaseKey(name: Uint8Array, lease: string): Uint8Array {
  return concatBytes(name, utf8(`/${leaseHex(lease)}`))
}

/** An id of a lease, decimal text, as etcd writes it into keys. */
export function leaseHex(lease: string): string {
  return BigInt(lease).toString(16)
}

/** Everything under `name/`. */
export function under(name: Uint8Array, ...parts: readonly string[]): KeyRange {
  const key = partOf(name, ...parts, '')
  return { key, rangeEnd: prefixEnd(key) ?? everyKeyFrom }
}

/** `name/part/part…` */
export function partOf(name: Uint8Array, ...parts: readonly string[]): Uint8Array {
  return concatBytes(name, utf8(parts.map((part) => `/${part}`).join('')))
}

export function createdAt(key: Uint8Array, revision: number): Compare {
  return { key, result: 'equal', target: { type: 'create', value: revision } }
}

export function unchangedSince(key: Uint8Array, modRevision: number): Compare {
  return { key, result: 'equal', target: { type: 'mod', value: modRevision } }
}

/** Of one key, or of every key of a range. */
export function absent(key: Uint8Array, rangeEnd?: Uint8Array): Compare {
  const target = { type: 'version', value: 0 } as const
  return rangeEnd === undefined ? { key, result: 'equal', target } : { key, rangeEnd, result: 'equal', target }
}
