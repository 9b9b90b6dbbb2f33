/**
 * A keyspace as chunks of about 1 MiB, pulled one at a time while writes go on:
 *
 *   head:     format 1 │ revision 8 │ digest 4 │ facts
 *   records:  (main 8 │ sub 4 │ length 4 │ record)*      in order of history, up to the revision of the head
 *
 * Records never change, and none is removed while a snapshot is open; so walking up to the revision of the call gives the
 * state of the call.
 *
 *   K14  a restored keyspace has the revision and the digest of the one it was taken from
 */
import { invariant } from '../../base/assert.ts'
import { readUint32, readUint64, writeUint32, writeUint64 } from '../../base/bytes.ts'
import { buggify, limit, sometimes } from '../../base/fault-points.ts'
import type { ActorStore } from '../../runtime/kernel/actor.ts'
import { decodeFacts, encodeFacts } from './facts.ts'
import { chunkEarly, chunkBytes as fewBytes } from './fault-sites.ts'
import { hashState } from './hash.ts'
import { snapshotOfMany } from './probes.ts'
import type { StoredRecord } from './record-store.ts'
import { admit, adoptFacts, changeFacts, emptyState, type KeyspaceState } from './state.ts'

/** A chunk ends with the record that reaches this. */
const chunkBytes = 1_048_576

const format = 1
const headBytes = 13
const rowBytes = 16

export interface Snapshot {
  readonly chunks: Iterator<Uint8Array>
  readonly done: () => void
}

export function takeSnapshot(state: KeyspaceState): Snapshot {
  state.snapshotsOpen += 1
  let open = true
  const head = encodeHead(state)
  return {
    chunks: chunksOf(state, head, state.revision),
    done: () => {
      if (!open) return
      open = false
      state.snapshotsOpen -= 1
    },
  }
}

/** Fills an empty store, and opens it. */
export function restoreSnapshot(store: ActorStore, cacheBytesMax: number, chunks: Iterable<Uint8Array>): KeyspaceState {
  const state = emptyState(store, cacheBytesMax)
  let head: Uint8Array | undefined
  for (const chunk of chunks) {
    if (head === undefined) {
      head = chunk
      continue
    }
    for (const stored of rowsOf(chunk)) {
      state.records.put(stored.main, stored.sub, stored.record)
      admit(state, stored)
    }
  }
  invariant(head !== undefined && head[0] === format, () => `K14: a snapshot begins with a head of format ${format}`)
  const facts = decodeFacts(head.subarray(headBytes))
  changeFacts(state, facts)
  adoptFacts(state, facts)
  const revision = readUint64(head, 1)
  invariant(
    state.revision === revision && hashState(state) === readUint32(head, 9),
    () => `K14: the snapshot of revision ${revision} gave revision ${state.revision} or another digest`,
  )
  return state
}

function encodeHead(state: KeyspaceState): Uint8Array {
  const facts = encodeFacts(state.facts)
  const head = new Uint8Array(headBytes + facts.length)
  head[0] = format
  writeUint64(head, 1, state.revision)
  writeUint32(head, 9, hashState(state))
  head.set(facts, headBytes)
  return head
}

function* chunksOf(state: KeyspaceState, head: Uint8Array, revision: number): Generator<Uint8Array, undefined> {
  yield head
  let rows: StoredRecord[] = []
  let bytes = 0
  for (const row of state.records.scan(0, revision)) {
    rows.push(row)
    bytes += rowBytes + row.record.length
    if (bytes < limit(fewBytes, chunkBytes, 1) && !buggify(chunkEarly)) continue
    sometimes(snapshotOfMany)
    yield encodeRows(rows, bytes)
    rows = []
    bytes = 0
  }
  if (rows.length > 0) yield encodeRows(rows, bytes)
  return undefined
}

function encodeRows(rows: readonly StoredRecord[], bytes: number): Uint8Array {
  const chunk = new Uint8Array(bytes)
  let at = 0
  for (const { main, sub, record } of rows) {
    writeUint64(chunk, at, main)
    writeUint32(chunk, at + 8, sub)
    writeUint32(chunk, at + 12, record.length)
    chunk.set(record, at + rowBytes)
    at += rowBytes + record.length
  }
  return chunk
}

function* rowsOf(chunk: Uint8Array): Generator<StoredRecord, undefined> {
  let at = 0
  while (at < chunk.length) {
    const end = at + rowBytes + readUint32(chunk, at + 12)
    invariant(end <= chunk.length, () => `K14: a chunk of ${chunk.length} bytes ends within a record`)
    // A copy: a view would keep the whole chunk in memory for as long as its record is pending.
    yield { main: readUint64(chunk, at), sub: readUint32(chunk, at + 8), record: chunk.slice(at + rowBytes, end) }
    at = end
  }
  return undefined
}
