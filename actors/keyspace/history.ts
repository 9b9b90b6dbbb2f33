/**
 * Reading what happened: the changes of some ranges, whole revisions in order, for who comes late or was too slow to be told.
 *
 *   few keys in the ranges ─▶ their versions, from the index            costs what those keys changed
 *   many ─────────────────▶ every record of the revisions, in order     costs what the keyspace changed
 *
 *   K15  an answer covers each revision up to `upTo` whole: every change in the ranges, none twice
 *   K16  `previous` is what the key held one revision before, or absent because compaction took it
 *
 * At the compact revision itself, a version that another of the same revision replaced is gone, as K2 has it.
 */
import { buggify } from '../../base/fault-points.ts'
import { boundsOf, covers, type KeyBounds } from './bounds.ts'
import { historyByRecords } from './fault-sites.ts'
import { type KeyEntry, type Revision, revisionAt } from './key-index.ts'
import type { Change, ChangesItem, HistoryRequest, HistoryResponse, KeyValue } from './messages.ts'
import { pairOf } from './range.ts'
import { decodeHead } from './record-codec.ts'
import type { KeyspaceState } from './state.ts'

/** With so many keys in the ranges, or fewer, their own versions are looked at. */
const keysMax = 64

export function readHistory(state: KeyspaceState, request: HistoryRequest): HistoryResponse | 'compacted' {
  const { from } = request
  if (from < state.facts.compactRevision) return 'compacted'
  const last = Math.min(request.upTo ?? state.revision, state.revision)
  if (last < from) return { type: 'history', items: [], upTo: from - 1 }
  const bounds = request.ranges.map(boundsOf)
  const entries = fewEntries(state, bounds)
  return entries === undefined ? byRecords(state, request, bounds, last) : byVersions(state, request, entries, last)
}

/** The keys of the ranges; undefined when they are too many. */
function fewEntries(state: KeyspaceState, bounds: readonly KeyBounds[]): readonly KeyEntry[] | undefined {
  const most = buggify(historyByRecords) ? 0 : keysMax
  const found = new Set<KeyEntry>()
  for (const { from, to, single } of bounds) {
    if (single) {
      const entry = state.index.find(from)
      if (entry !== undefined) found.add(entry)
    } else {
      state.index.visit(from, to, (entry) => found.add(entry).size <= most)
    }
    if (found.size > most) return undefined
  }
  return [...found]
}

function byVersions(
  state: KeyspaceState,
  request: HistoryRequest,
  entries: readonly KeyEntry[],
  last: number,
): HistoryResponse {
  const page = new Page(state, request)
  let covered = last
  const versions: Revision[] = []
  for (const entry of entries) {
    const { found, more } = versionsSince(entry, request.from, request.scanMax)
    versions.push(...found)
    // The rest of this key begins here at the earliest, in a revision that may be cut in two.
    const end = found[found.length - 1]
    if (more && end !== undefined) covered = Math.min(covered, end.main)
  }
  versions.sort((a, b) => a.main - b.main || a.sub - b.sub)
  for (const version of versions) {
    if (version.main > covered) break
    if (version.dropped) continue
    if (!page.add(version, version.main)) return page.end()
  }
  return page.close(covered)
}

/** Versions of a key from a revision on, oldest first: `countMax` of them, and those that share the last one's revision. */
function versionsSince(
  { newest, older, olderFrom }: KeyEntry,
  from: number,
  countMax: number,
): { readonly found: readonly Revision[]; readonly more: boolean } {
  const end = older?.length ?? 0
  const at = (place: number): Revision => (place < end ? (older?.[place] as Revision) : newest)
  let low = olderFrom
  let high = end
  while (low < high) {
    const middle = (low + high) >>> 1
    if (at(middle).main < from) low = middle + 1
    else high = middle
  }
  const found: Revision[] = []
  for (let place = low; place <= end; place++) {
    const version = at(place)
    if (version.main < from) continue
    if (found.length >= countMax && version.main !== found[found.length - 1]?.main) return { found, more: true }
    found.push(version)
  }
  return { found, more: false }
}

function byRecords(
  state: KeyspaceState,
  request: HistoryRequest,
  bounds: readonly KeyBounds[],
  last: number,
): HistoryResponse {
  const page = new Page(state, request)
  let scanned = 0
  let present = request.from
  for (const { main, sub, record } of state.records.scan(request.from, last)) {
    if (main !== present) {
      // Only between revisions: what was looked at so far is whole.
      if (scanned >= request.scanMax) return page.close(main - 1)
      present = main
    }
    scanned += 1
    const { key } = decodeHead(record)
    if (!bounds.some((each) => covers(each, key))) continue
    const version = versionOf(state.index.find(key), main, sub)
    // Removed in spirit: a replica that has not come to it yet answers as one that has.
    if (version === undefined || version.dropped) continue
    if (!page.add(version, main, record)) return page.end()
  }
  return page.close(last)
}

function versionOf(entry: KeyEntry | undefined, main: number, sub: number): Revision | undefined {
  if (entry === undefined) return undefined
  const { newest, older } = entry
  if (newest.main === main && newest.sub === sub) return newest
  if (older === undefined) return undefined
  let low = entry.olderFrom
  let high = older.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const { main: there, sub: place } = older[middle] as Revision
    if (there < main || (there === main && place < sub)) low = middle + 1
    else high = middle
  }
  const found = older[low]
  return found !== undefined && found.main === main && found.sub === sub ? found : undefined
}

/** An answer in the making. */
class Page {
  readonly #state: KeyspaceState
  readonly #request: HistoryRequest
  readonly #items: ChangesItem[] = []
  #changes: Change[] = []
  #revision = 0
  #events = 0
  #bytes = 0

  constructor(state: KeyspaceState, request: HistoryRequest) {
    this.#state = state
    this.#request = request
  }

  /** False when the page was full before `main`: then the version is not in it. */
  add(version: Revision, main: number, record: Uint8Array = this.#state.records.read(version)): boolean {
    if (main !== this.#revision) {
      if (this.#events >= this.#request.eventsMax || this.#bytes >= this.#request.bytesMax) return false
      this.#changes = []
      this.#revision = main
      this.#items.push({ type: 'changes', revision: main, changes: this.#changes })
    }
    const kv = pairOf(version, record)
    const before = revisionAt(version.entry, main - 1)
    const there = before !== undefined && !before.dropped
    const previous: KeyValue | undefined =
      there && this.#request.prevKv ? pairOf(before, this.#state.records.read(before)) : undefined
    const previousUnread = there && previous === undefined
    this.#changes.push({ kv, deleted: version.deleted, previous, previousUnread })
    this.#events += 1
    this.#bytes += record.length + (previous?.value.length ?? 0)
    return true
  }

  /** Full: the last revision in it is the last that it covers. */
  end(): HistoryResponse {
    return this.close(this.#revision)
  }

  close(upTo: number): HistoryResponse {
    return { type: 'history', items: this.#items, upTo }
  }
}
