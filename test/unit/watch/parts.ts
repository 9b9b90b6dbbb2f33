/** What tests of watching speak with: changes as a feed brings them, and specs that want everything. */

import { type FedChange, type FedRevision, type Telling, tellingsOf } from '../../../actors/watch/hub-messages.ts'
import type { WatchKeyValue, WatchSpec } from '../../../actors/watch/messages.ts'
import { keyText } from '../../../actors/watch/spans.ts'
import { utf8 } from '../../../base/bytes.ts'

export function pair(key: string, value: string, revision: number, create: number = revision): WatchKeyValue {
  return {
    key: utf8(key),
    value: utf8(value),
    createRevision: create,
    modRevision: revision,
    version: 1 + revision - create,
    lease: '0',
  }
}

/** A put, of a key that there was (`previous`) or was not. */
export function put(key: string, value: string, revision: number, previous?: WatchKeyValue): FedChange {
  const kv = pair(key, value, revision, previous?.createRevision ?? revision)
  return { kv, deleted: false, previous, previousUnread: false }
}

export function removal(key: string, revision: number, previous: WatchKeyValue): FedChange {
  const kv = { key: utf8(key), value: utf8(''), createRevision: 0, modRevision: revision, version: 0, lease: '0' }
  return { kv, deleted: true, previous, previousUnread: false }
}

export function revisionOf(revision: number, ...changes: readonly FedChange[]): FedRevision {
  return { type: 'changes', revision, changes }
}

/** `count` puts of one key each, of revisions from `from` on. */
export function puts(from: number, count: number, key: string = 'k'): FedRevision[] {
  return Array.from({ length: count }, (_, i) => revisionOf(from + i, put(key, `v${from + i}`, from + i)))
}

export function tellings(revision: number, ...changes: readonly FedChange[]): Telling[] {
  return tellingsOf(revisionOf(revision, ...changes), keyText)
}

export function spec(fields: Partial<WatchSpec> = {}): WatchSpec {
  return {
    ranges: [{ key: utf8('k') }],
    startRevision: 0,
    prevKv: false,
    progressNotify: false,
    without: [],
    ...fields,
  }
}

export function prefix(text: string): { readonly key: Uint8Array; readonly rangeEnd: Uint8Array } {
  return { key: utf8(text), rangeEnd: utf8(`${text}\u007f`) }
}
