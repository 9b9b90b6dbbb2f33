/**
 * The guards of a transaction. A compare over a range holds when it holds for every live key in it. Where there is no
 * such key, it is judged as if there were one with version, revisions and lease of 0; only values are never compared with
 * a key that is not there, whatever the operator.
 */
import { compareBytes } from '../../base/bytes.ts'
import { boundsOf } from './bounds.ts'
import type { Revision } from './key-index.ts'
import type { Compare } from './messages.ts'
import { newest, select, storedValue } from './range.ts'
import { noLease } from './record-codec.ts'
import type { RecordStore } from './record-store.ts'
import type { KeyspaceState } from './state.ts'

export function holds(state: KeyspaceState, compare: Compare): boolean {
  const { found } = select(state.index, boundsOf(compare), newest, Number.POSITIVE_INFINITY)
  if (found.length > 0) return found.every((revision) => agrees(compare, orderOf(state.records, compare, revision)))
  return compare.target.type !== 'value' && agrees(compare, orderOfNothing(compare))
}

/** Negative, zero or positive as the key's own value sorts before, with or after the one it is compared to. */
function orderOf(records: RecordStore, { target }: Compare, revision: Revision): number {
  switch (target.type) {
    case 'version':
      return revision.version - target.value
    case 'create':
      return revision.create - target.value
    case 'mod':
      return revision.main - target.value
    case 'value':
      return compareBytes(storedValue(records, revision), target.value)
    case 'lease':
      return compareDecimal(revision.lease, target.value)
  }
}

function orderOfNothing({ target }: Compare): number {
  if (target.type === 'lease') return compareDecimal(noLease, target.value)
  return target.type === 'value' ? 0 : 0 - target.value
}

function agrees({ result }: Compare, order: number): boolean {
  switch (result) {
    case 'equal':
      return order === 0
    case 'notEqual':
      return order !== 0
    case 'greater':
      return order > 0
    case 'less':
      return order < 0
  }
}

/** Orders decimal integers without leading zeros by number; they may be too long for a number to hold. */
function compareDecimal(a: string, b: string): number {
  const aNegative = a.startsWith('-')
  const bNegative = b.startsWith('-')
  if (aNegative !== bNegative) return aNegative ? -1 : 1
  const order = a.length === b.length ? (a < b ? -1 : a > b ? 1 : 0) : a.length - b.length
  return aNegative ? -order : order
}
