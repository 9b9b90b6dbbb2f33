/**
 * Where a simulation bends a keyspace: caches, pages, chunks, housekeeping. Only what no answer and no digest may tell:
 * replicas apply commands alike, whichever of them is bent.
 */
import { type FaultSite, faultSite } from '../../base/fault-points.ts'

export const scanRows: FaultSite = faultSite('keyspace.scan.page', 'limit', 'records are walked in small pages')
export const cacheBytes: FaultSite = faultSite('keyspace.cache.bytes', 'limit', 'few records are kept in memory')
export const cacheMiss: FaultSite = faultSite(
  'keyspace.cache.miss',
  'flow',
  'a record is read from the store though it is at hand',
)
export const cacheForget: FaultSite = faultSite('keyspace.cache.forget', 'flow', 'a new record is not kept at hand')
export const selectByWalk: FaultSite = faultSite(
  'keyspace.range.walk',
  'flow',
  'a range of today is read like one of the past',
)
export const treeKeys: FaultSite = faultSite(
  'keyspace.index.node-keys',
  'limit',
  'the nodes of the tree of keys are small',
)
export const trimOlder: FaultSite = faultSite(
  'keyspace.index.trim',
  'limit',
  'consumed places of a history are soon given back',
)
export const lineSlack: FaultSite = faultSite(
  'keyspace.garbage.slack',
  'limit',
  'consumed places of garbage are soon given back',
)
export const removeRecords: FaultSite = faultSite(
  'keyspace.compact.records',
  'limit',
  'few records are removed at a time',
)
export const removeLater: FaultSite = faultSite('keyspace.compact.later', 'flow', 'removal makes a pause')
export const chunkBytes: FaultSite = faultSite('snapshot.machine.chunk', 'limit', 'few records fit a chunk')
export const chunkEarly: FaultSite = faultSite('snapshot.machine.chunk-early', 'flow', 'a chunk ends before it is full')
export const historyByRecords: FaultSite = faultSite(
  'keyspace.history.records',
  'flow',
  'history is read record by record though its keys are few',
)
