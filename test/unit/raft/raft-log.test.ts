import assert from 'node:assert/strict'
import test from 'node:test'
import { RaftLog } from '../../../actors/raft/raft-log.ts'
import type { LogEntry } from '../../../runtime/ports/store.ts'
import { DiskLog } from './disk.ts'

const entry = (index: number, term: number, bytes: number = 1): LogEntry => ({
  index,
  term,
  type: 'normal',
  data: new Uint8Array(bytes),
})
const run = (from: number, to: number, term: number, bytes: number = 1): LogEntry[] =>
  Array.from({ length: to - from + 1 }, (_, n) => entry(from + n, term, bytes))
const terms = (log: RaftLog): (number | undefined)[] => Array.from({ length: log.last }, (_, n) => log.term(n + 1))

function restored(...entries: LogEntry[]): { disk: DiskLog; log: RaftLog } {
  const disk = new DiskLog()
  disk.append(entries)
  return { disk, log: new RaftLog(disk) }
}

test('R6: the unwritten tail lies over what is on disk', () => {
  const { log } = restored(...run(1, 3, 1))

  log.truncate(2, 2)
  log.append(run(2, 4, 2))

  assert.deepEqual(terms(log), [1, 2, 2, 2])
  assert.equal(log.stable, 1)
  assert.deepEqual(
    log.slice(1, 4, 1e6).map((each) => each.term),
    [1],
  )
  assert.deepEqual(
    log.slice(2, 4, 1e6).map((each) => each.term),
    [2, 2, 2],
  )
})

test('R6: a report of the disk from before a cut does not speak for what was appended after it', () => {
  const { log } = restored()
  log.append(run(1, 5, 1))
  log.truncate(5, 2)
  log.append(run(5, 5, 2))
  log.truncate(5, 3)
  log.append([entry(5, 1)])

  // (5, term 1) was written first, and again last; the report of the first write arrives now.
  log.persisted(5, 1)
  assert.equal(log.stable, 0)
  log.persisted(5, 2)
  assert.equal(log.stable, 0)

  log.persisted(5, 3)
  assert.equal(log.stable, 5)
})

test('R6: entries leave memory only when they are on disk, and are read back from there', () => {
  const { disk, log } = restored()
  const entries = run(1, 30, 1, 512 * 1024)
  log.append(entries)
  assert.equal(log.slice(1, 30, 1e9).length, 30)

  disk.append(entries)
  log.persisted(20, 1)

  const read = log.slice(1, 30, 1e9)
  assert.ok(read.length >= 10 && read.length <= 20)
  assert.equal(log.slice(21, 30, 1e9).length, 10)
  assert.equal(log.term(1), 1)
})

test('a slice holds at least one entry and stops before its limit', () => {
  const { log } = restored()
  log.append(run(1, 10, 1, 100))

  assert.equal(log.slice(1, 10, 1).length, 1)
  assert.equal(log.slice(1, 10, 350).length, 3)
})

test('R20: after compaction the term before the first entry is still known, earlier ones are not', () => {
  const { log } = restored(...run(1, 4, 1), ...run(5, 8, 3))

  assert.equal(log.compact(6), 3)
  assert.equal(log.first, 7)
  assert.equal(log.term(6), 3)
  assert.equal(log.term(5), undefined)
  assert.equal(log.last, 8)
})

test('R21: after a reset the log is empty and continues behind the snapshot', () => {
  const { log } = restored(...run(1, 4, 1))
  log.reset(9, 2, 3)
  assert.deepEqual([log.first, log.last, log.lastTerm], [10, 9, 2])

  log.append(run(10, 11, 3))
  log.persisted(11, 2)
  assert.equal(log.stable, 9)
  log.persisted(11, 3)
  assert.equal(log.stable, 11)
})

test('the search for a common entry passes over whole terms', () => {
  const { log } = restored(...run(1, 3, 1), ...run(4, 6, 4), ...run(7, 9, 6))

  assert.equal(log.lastAtOrBelowTerm(9, 5), 6)
  assert.equal(log.lastAtOrBelowTerm(5, 3), 3)
  assert.equal(log.lastAtOrBelowTerm(9, 0), 0)
})

test('R20: the size of the log follows appends, cuts and compaction closely enough to compact by it', () => {
  const { log } = restored()
  log.append(run(1, 1000, 1, 84))
  assert.equal(log.bytes, 100_000)
  assert.ok(1000 - log.keepFrom(50_000) < 500 && log.keepFrom(50_000) > 500)

  log.truncate(901, 2)
  assert.equal(log.bytes, 90_000)

  log.compact(500)
  assert.ok(log.bytes >= 40_000 && log.bytes <= 40_000 + 64 * 100)
})
