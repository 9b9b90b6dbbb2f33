import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../../base/bytes.ts'
import { StoreCorrupt } from '../../runtime/ports/store.ts'
import { SimDisk } from '../../sim/disk.ts'
import { append, commit, entry, get, put, storeContract } from './store.ts'

function newDisk(): SimDisk {
  return new SimDisk({ schedule: (_delayMs, run) => void setImmediate(run) })
}

storeContract('simulated disk', async () => {
  const disk = newDisk()
  let crashes = 0
  return {
    open: async () => disk.open(),
    crash: async () => disk.crash(++crashes % 2 === 0 ? 'kept' : 'lost'),
    end: async () => {},
  }
})

test('S2: a crash loses what was in flight, or keeps it whole', async () => {
  for (const fate of ['lost', 'kept'] as const) {
    const disk = newDisk()
    disk.open().commit([put('a', '1'), put('b', '2')], () => assert.fail('S4: done after the crash'))

    disk.crash(fate)
    const store = disk.open()
    await new Promise(setImmediate)

    assert.deepEqual([get(store, 'a'), get(store, 'b')], fate === 'kept' ? ['1', '2'] : [undefined, undefined])
  }
})

test('commits take the virtual time they are told to', () => {
  const due: { atMs: number; run: () => void }[] = []
  const disk = new SimDisk({ schedule: (atMs, run) => void due.push({ atMs, run }), commitMs: () => 25 })
  const store = disk.open()
  let heard = false

  store.commit([put('a', '1')], () => {
    heard = true
  })
  assert.deepEqual([due.length, due[0]?.atMs, heard], [1, 25, false])
  due[0]?.run()

  assert.deepEqual([heard, get(store, 'a')], [true, '1'])
})

test('a full disk refuses what adds, takes what removes, and takes the rest when there is room', async () => {
  const disk = newDisk()
  const store = disk.open()
  await commit(store, [put('a', 'x'.repeat(100)), append('raft', entry(1, 1), entry(2, 1))])
  disk.capacityBytes = disk.usedBytes + 50

  assert.equal((await commit(store, [put('b', 'x'.repeat(100)), append('raft', entry(2, 2))])).type, 'full')
  assert.deepEqual([get(store, 'b'), store.log('raft').lastIndex, store.log('raft').term(2)], [undefined, 2, 1])
  assert.equal((await commit(store, [{ type: 'delete', key: utf8('a') }])).type, 'durable')
  assert.equal((await commit(store, [put('b', 'x'.repeat(100))])).type, 'durable')
})

test('room that is given up is counted as free', async () => {
  const disk = newDisk()
  const store = disk.open()
  await commit(store, [put('a', '1'), append('raft', entry(1, 1), entry(2, 1)), append('other', entry(1, 1))])

  await commit(store, [
    { type: 'logReset', log: 'raft', index: 9, term: 1 },
    { type: 'logDrop', log: 'other' },
  ])
  await commit(store, [put('a', '22'), { type: 'delete', key: utf8('a') }])

  assert.equal(disk.usedBytes, 0)
})

test('S3: rot is never served, wherever it strikes', async () => {
  const disk = newDisk()
  const store = disk.open()
  await commit(store, [put('a', '1'), put('b', '2'), append('raft', entry(1, 1), entry(2, 1))])

  assert.equal(disk.rot(0.3), true)
  assert.equal(disk.rot(0.8), true)

  assert.equal(get(store, 'a'), '1')
  assert.throws(() => store.get(utf8('b')), StoreCorrupt)
  assert.throws(() => [...store.range({ from: utf8('a'), to: utf8('z') })], StoreCorrupt)
  assert.throws(() => store.log('raft').entries(1, 2, 100), StoreCorrupt)
  await commit(store, [put('b', 'healed')])
  assert.equal(get(store, 'b'), 'healed')
})

test('a lying disk serves what it never flushed, until a crash', async () => {
  const disk = newDisk()
  const store = disk.open()
  await commit(store, [put('a', 'true'), append('raft', entry(1, 1))])
  disk.lying = true
  await commit(store, [put('a', 'lie'), append('raft', entry(2, 1))])
  assert.equal(get(store, 'a'), 'lie')

  disk.crash('kept')
  const again = disk.open()

  assert.deepEqual([get(again, 'a'), again.log('raft').lastIndex, disk.lying], ['true', 1, true])
  disk.lying = false
  await commit(again, [put('a', 'flushed')])
  disk.crash('lost')
  assert.equal(get(disk.open(), 'a'), 'flushed')
})

test('a failed flush breaks the store for the rest of that process, not the next', async () => {
  const disk = newDisk()
  const store = disk.open()
  disk.fail('fdatasync: input/output error')

  assert.equal((await commit(store, [put('a', '1')])).type, 'broken')
  assert.equal((await commit(store, [put('a', '1')])).type, 'broken')
  disk.crash('lost')

  assert.equal((await commit(disk.open(), [put('a', '1')])).type, 'durable')
})

test('a wiped disk is empty; an open one cannot be wiped, a shared one not opened', async () => {
  const disk = newDisk()
  await commit(disk.open(), [put('a', '1')])
  assert.throws(() => disk.wipe(), /S1/)
  assert.throws(() => disk.open(), RangeError)

  disk.crash('lost')
  disk.wipe()

  assert.deepEqual([get(disk.open(), 'a'), disk.usedBytes], [undefined, 0])
})
