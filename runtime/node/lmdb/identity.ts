/**
 * Who a store belongs to, written into it when it is made and compared whenever it is opened, so that no member ever
 * takes another's state for its own, or an empty file for its memory.
 */
import { fromUtf8, utf8 } from '../../../base/bytes.ts'

export const storeFormat = 1

export interface StoreIdentity {
  readonly clusterId: number
  readonly memberId: number
  /** Which of the member's stores this is, from 0, and how many there are. */
  readonly store: number
  readonly stores: number
  /** Grows whenever the store is made anew after a loss. */
  readonly incarnation: number
}

/** A store or directory that is sound but is not the one that was asked for. */
export class StoreRefused extends Error {
  override readonly name = 'StoreRefused'
}

export const identityKey: Uint8Array = utf8('aspen.identity')

export function encodeIdentity(identity: StoreIdentity): Uint8Array {
  return utf8(JSON.stringify({ format: storeFormat, ...identity }))
}

/** @throws {StoreRefused} The record is of another format, or is not the `wanted` one. */
export function checkIdentity(where: string, record: Uint8Array | undefined, wanted: StoreIdentity): void {
  if (record === undefined)
    throw new StoreRefused(`${where}: wanted ${describe(wanted)}, but it holds no identity record`)
  const present = JSON.parse(fromUtf8(record)) as Partial<StoreIdentity> & { readonly format?: unknown }
  if (present.format !== storeFormat) {
    throw new StoreRefused(`${where}: wanted store format ${storeFormat}, but it has format ${String(present.format)}`)
  }
  for (const field of ['clusterId', 'memberId', 'store', 'stores', 'incarnation'] as const) {
    if (present[field] === wanted[field]) continue
    throw new StoreRefused(
      `${where}: wanted ${field} ${wanted[field]}, but it has ${field} ${String(present[field])} ` +
        `(wanted ${describe(wanted)}; found ${describe(present)})`,
    )
  }
}

function describe(identity: Partial<StoreIdentity>): string {
  const { clusterId, memberId, store, stores, incarnation } = identity
  return `store ${store} of ${stores}, member ${memberId}, cluster ${clusterId}, incarnation ${incarnation}`
}
