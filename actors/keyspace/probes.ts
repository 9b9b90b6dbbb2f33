/** What some run of many must have seen of a keyspace. */
import { type Probe, probe } from '../../base/fault-points.ts'

export const readFromStore: Probe = probe('keyspace.read.store', 'a record was read from the store')
export const snapshotOfMany: Probe = probe('keyspace.snapshot.chunks', 'a chunk of a snapshot was full')
export const writtenUnderSnapshot: Probe = probe(
  'keyspace.snapshot.written',
  'a keyspace was written while a snapshot was open',
)
export const noSpace: Probe = probe('keyspace.alarm.refused', 'an alarm refused a write')
