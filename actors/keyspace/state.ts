/**
 * The state of one replica of a keyspace: an index in memory over records in the store, and how a replica opens: it reads
 * all records once, in order, and knows everything again.
 */
import { invariant } from '../../base/assert.ts'
import type { ActorStore } from '../../runtime/kernel/actor.ts'
import { decodeFacts, encodeFacts, type Facts, noFacts } from './facts.ts'
import { KeyIndex, type Revision } from './key-index.ts'
import type { Change } from './messages.ts'
import { decodeHead, recordHash } from './record-codec.ts'
import { RecordStore, recordKeyBytes, type StoredRecord } from './record-store.ts'

export interface KeyspaceState {
  readonly index: KeyIndex
  readonly records: RecordStore
  /** 1 when empty; the first write gets 2. */
  revision: number
  facts: Facts
  /** Open snapshots; while there are any, nothing is removed from the store. */
  snapshotsOpen: number
  /** Where a lease table takes part. Without one no lease exists, and a put that names one is refused. */
  leaseExists: (lease: string) => boolean
  /** What the command in hand changes, where somebody wants to hear of it; undefined where nobody does. */
  changes: Change[] | undefined
}

/** The revision of a keyspace that was never written. */
const firstRevision = 1

export function emptyState(store: ActorStore, cacheBytesMax: number): KeyspaceState {
  return {
    index: new KeyIndex(),
    records: new RecordStore(store, cacheBytesMax),
    revision: firstRevision,
    facts: noFacts,
    snapshotsOpen: 0,
    leaseExists: () => false,
    changes: undefined,
  }
}

/** Opens what the store holds. */
export function openState(store: ActorStore, cacheBytesMax: number): KeyspaceState {
  const state = emptyState(store, cacheBytesMax)
  for (const stored of state.records.scan(0, Number.MAX_SAFE_INTEGER - 1)) admit(state, stored)
  const facts = state.records.readFacts()
  if (facts !== undefined) adoptFacts(state, decodeFacts(facts))
  return state
}

/** Takes a record that is in the store into the index. Records come in the order of history. */
export function admit(state: KeyspaceState, { main, sub, record }: StoredRecord): Revision {
  invariant(main >= state.revision, () => `K4: history goes forward, not from ${state.revision} to ${main}`)
  const { key, create, version, lease, deleted } = decodeHead(record)
  state.revision = main
  return state.index.add(state.index.find(key), key, {
    main,
    sub,
    create,
    version,
    lease,
    deleted,
    bytes: recordKeyBytes + record.length,
    hash: recordHash(main, sub, record),
  })
}

/** Facts of a keyspace whose records were all admitted. */
export function adoptFacts(state: KeyspaceState, facts: Facts): void {
  // A record of the newest revision is always left to tell it: K2 drops only what came before something else.
  invariant(
    facts.compactRevision <= state.revision,
    () => `K4: compacted at ${facts.compactRevision}, yet the newest record is of ${state.revision}`,
  )
  state.facts = facts
  state.index.compact(facts.compactRevision)
}

export function changeFacts(state: KeyspaceState, facts: Facts): void {
  state.facts = facts
  state.records.writeFacts(encodeFacts(facts))
}
