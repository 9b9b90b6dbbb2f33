/**
 * Ranges as watchers match them. Keys are compared as text of one character a byte (latin1): the engine compares such text in
 * the order of bytes, hashes it once, and lets it stand in maps, which byte arrays do not.
 *
 *   W1  what is checked against permissions is what is matched: a range is brought into its one form before either
 */
import type { WatchRange } from './messages.ts'

/** `to` undefined: to the end; `single`: `from` alone. */
export interface Span {
  readonly from: string
  readonly to: string | undefined
  readonly single: boolean
}

/** Beyond this, text is made piece by piece: arguments go over the stack. */
const pieceBytes = 4_096

export function keyText(key: Uint8Array): string {
  if (key.length <= pieceBytes) return String.fromCharCode.apply(null, key as unknown as number[])
  let text = ''
  for (let at = 0; at < key.length; at += pieceBytes) text += keyText(key.subarray(at, at + pieceBytes))
  return text
}

/** W1: an empty key is the first of all, one zero byte; an empty end is none. */
export function normalRange({ key, rangeEnd }: WatchRange): WatchRange {
  const from = key.length === 0 ? new Uint8Array(1) : key
  return rangeEnd === undefined || rangeEnd.length === 0 ? { key: from } : { key: from, rangeEnd }
}

/** @param range - In its normal form. */
export function spanOf({ key, rangeEnd }: WatchRange): Span {
  const from = keyText(key)
  if (rangeEnd === undefined) return { from, to: undefined, single: true }
  const open = rangeEnd.length === 1 && rangeEnd[0] === 0
  return { from, to: open ? undefined : keyText(rangeEnd), single: false }
}

export function spanCovers({ from, to, single }: Span, key: string): boolean {
  if (single) return key === from
  return from <= key && (to === undefined || key < to)
}

/** Holds no key at all. */
export function isEmptySpan({ from, to, single }: Span): boolean {
  return !single && to !== undefined && to <= from
}
