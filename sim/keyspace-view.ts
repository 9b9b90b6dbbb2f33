/** The history that a replica of a keyspace holds, read as it stands: for comparisons, never for answers. */

import { decodeHead, valueStart } from '../actors/keyspace/record-codec.ts'
import type { StrictState } from '../actors/strict/machine.ts'
import { fromUtf8 } from '../base/bytes.ts'
import type { HeldVersion } from './checkers/ledger.ts'

/** Every version that is not a tombstone, oldest first. */
export function heldVersions(machineState: unknown): readonly HeldVersion[] {
  const { records } = (machineState as StrictState).keyspace
  const versions: HeldVersion[] = []
  for (const { main, record } of records.scan(0, Number.MAX_SAFE_INTEGER - 1)) {
    const { key, deleted } = decodeHead(record)
    if (deleted) continue
    versions.push({ key: fromUtf8(key), value: fromUtf8(record.subarray(valueStart(record))), revision: main })
  }
  return versions
}

/** What the keyspace holds now. */
export function livePairs(machineState: unknown): ReadonlyMap<string, string> {
  const { records } = (machineState as StrictState).keyspace
  const pairs = new Map<string, string>()
  for (const { record } of records.scan(0, Number.MAX_SAFE_INTEGER - 1)) {
    const { key, deleted } = decodeHead(record)
    if (deleted) pairs.delete(fromUtf8(key))
    else pairs.set(fromUtf8(key), fromUtf8(record.subarray(valueStart(record))))
  }
  return pairs
}
