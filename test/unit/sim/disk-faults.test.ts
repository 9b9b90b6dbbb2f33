/** What befalls a disk that the contract of stores does not know: faults that are found, and those that are not. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { fromUtf8, utf8 } from '../../../base/bytes.ts'
import { type Store, StoreCorrupt } from '../../../runtime/ports/store.ts'
import { SimDisk } from '../../../sim/disk.ts'

/** A disk whose commits are done at once when they are told to be. */
class Lab {
  readonly #due: (() => void)[] = []
  readonly disk: SimDisk = new SimDisk({ schedule: (_delayMs, run) => void this.#due.push(run) })
  store: Store = this.disk.open()

  put(pairs: Record<string, string>): void {
    const writes = Object.entries(pairs).map(
      ([key, value]) => ({ type: 'put', key: utf8(key), value: utf8(value) }) as const,
    )
    this.store.commit(writes, ({ type }) => assert.equal(type, 'durable'))
    for (const run of this.#due.splice(0)) run()
  }

  get(key: string): string | undefined {
    const value = this.store.get(utf8(key))
    return value === undefined ? undefined : fromUtf8(value)
  }

  restart(cut: 'power' | 'process'): void {
    this.disk.crash('lost', cut)
    this.store = this.disk.open()
  }
}

test('a lying disk: a process that dies loses nothing, a power cut loses all since the lie began', () => {
  const lab = new Lab()
  lab.put({ a: 'flushed' })
  lab.disk.lying = true
  lab.put({ a: 'acknowledged' })

  lab.restart('process')
  assert.deepEqual([lab.get('a'), lab.disk.forgotten], ['acknowledged', 0])
  lab.restart('power')
  assert.deepEqual([lab.get('a'), lab.disk.forgotten], ['flushed', 1])

  lab.disk.lying = false
  lab.put({ a: 'again' })
  lab.restart('power')
  assert.deepEqual([lab.get('a'), lab.disk.forgotten], ['again', 1])
})

test('a lie that nothing was written under is none', () => {
  const lab = new Lab()
  lab.put({ a: '1' })
  lab.disk.lying = true

  lab.restart('power')

  assert.deepEqual([lab.get('a'), lab.disk.forgotten], ['1', 0])
})

test('a misdirected write: both its own place and the one it hit are found by whoever reads them', () => {
  const lab = new Lab()
  lab.put({ a: '1', b: '1', c: '1' })

  lab.disk.misdirect(0, 'onRead')
  assert.deepEqual([lab.disk.damaged, lab.disk.atRisk], [false, true])
  lab.put({ new: 'key' })
  assert.equal(lab.disk.damaged, false, 'it waits for a write that replaces something')
  lab.put({ a: '2' })

  assert.throws(() => lab.get('a'), StoreCorrupt)
  const hit = ['b', 'c', 'new'].filter((key) => {
    try {
      lab.get(key)
      return false
    } catch {
      return true
    }
  })
  assert.equal(hit.length, 1)
  assert.deepEqual([lab.disk.damaged, lab.disk.forgotten], [true, 0])
  lab.put({ a: '3' })
  assert.equal(lab.get('a'), '3', 'only one write went astray')
})

test('a misdirected write that nobody finds: the old value stands where the new one should be', () => {
  const lab = new Lab()
  lab.put({ a: 'old', b: '1' })

  lab.disk.misdirect(0, 'never')
  lab.put({ a: 'new' })

  assert.equal(lab.get('a'), 'old')
  assert.throws(() => lab.get('b'), StoreCorrupt)
  assert.equal(lab.disk.forgotten, 1)
})

test('stale reads: values are what they were, for as long as it lasts, and each such read is counted', () => {
  const lab = new Lab()
  lab.put({ a: 'old', b: 'same' })

  lab.disk.stale = true
  lab.put({ a: 'new', c: 'born since' })
  assert.deepEqual([lab.get('a'), lab.get('b'), lab.get('c')], ['old', 'same', 'born since'])
  assert.equal(lab.disk.forgotten, 1)
  lab.disk.stale = false

  assert.equal(lab.get('a'), 'new')
})

test('an old copy that is put back has lost what was written since, and only that', () => {
  const lab = new Lab()
  lab.put({ a: '1' })
  const copy = lab.disk.copy()
  lab.put({ a: '2' })
  lab.put({ b: '2' })
  assert.throws(() => lab.disk.restore(copy), /S1/)

  lab.disk.crash('lost')
  lab.disk.restore(copy)
  lab.store = lab.disk.open()

  assert.deepEqual([lab.get('a'), lab.get('b'), lab.disk.forgotten], ['1', undefined, 2])
})

test('a disk that is replaced is sound, and calm ends what had not happened yet', () => {
  const lab = new Lab()
  lab.put({ a: '1', b: '1' })
  lab.disk.rot(0)
  assert.equal(lab.disk.damaged, true)
  lab.disk.crash('lost')
  lab.disk.wipe()
  assert.equal(lab.disk.damaged, false)

  lab.store = lab.disk.open()
  lab.put({ a: '1', b: '1' })
  lab.disk.misdirect(0, 'onRead')
  lab.disk.fail('input/output error')
  lab.disk.calm()
  lab.put({ a: '2' })

  assert.deepEqual([lab.get('a'), lab.disk.atRisk], ['2', false])
})
