/**
 * The rules of the `Store` port, as a suite that every implementation must pass. The port numbers S1 to S4; S5 is the
 * rule for log views while a commit is in flight.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { utf8 } from '../../base/bytes.ts'
import type { CommitOutcome, LogEntry, Store, Write } from '../../runtime/ports/store.ts'
import { batches, batchOf, observe, StoreModel } from './store-model.ts'

/** One disk and whatever process presently owns the store on it. */
export interface StoreHarness {
  /** Opens what the disk holds. */
  open(): Promise<Store>
  /** Ends the owner without warning, a commit perhaps in flight. The store handed out before is useless afterwards. */
  crash(): Promise<void>
  /** Removes the disk. */
  end(): Promise<void>
}

export function storeContract(name: string, make: () => Promise<StoreHarness>): void {
  const rule = (title: string, body: (harness: StoreHarness) => Promise<void>): void => {
    test(`${name}: ${title}`, async () => {
      const harness = await make()
      try {
        await body(harness)
      } finally {
        await harness.end()
      }
    })
  }
  pairRules(rule)
  rangeRules(rule)
  logRules(rule)
  crashRules(rule)
  propertyRules(name, make)
}

type Rule = (title: string, body: (harness: StoreHarness) => Promise<void>) => void

export function commit(store: Store, writes: readonly Write[]): Promise<CommitOutcome> {
  return new Promise((resolve) => store.commit(writes, resolve))
}

export function closeStore(store: Store): Promise<void> {
  return new Promise((resolve) => store.close(resolve))
}

export const put = (key: string, value: string): Write => ({ type: 'put', key: utf8(key), value: utf8(value) })
export const get = (store: Store, key: string): string | undefined => {
  const value = store.get(utf8(key))
  return value === undefined ? undefined : Buffer.from(value).toString()
}
export const entry = (index: number, term: number, data = `e${index}`): LogEntry => ({
  index,
  term,
  type: 'normal',
  data: utf8(data),
})
export const append = (log: string, ...entries: LogEntry[]): Write => ({ type: 'logAppend', log, entries })
const durable: CommitOutcome = { type: 'durable' }

function pairRules(rule: Rule): void {
  rule('S1: reads see durable state only, and all of it after done', async (harness) => {
    const store = await harness.open()

    const outcome = commit(store, [put('a', '1'), put('b', '')])
    assert.equal(get(store, 'a'), undefined)
    assert.deepEqual(await outcome, durable)

    assert.equal(get(store, 'a'), '1')
    assert.equal(get(store, 'b'), '')
    assert.equal(get(store, 'absent'), undefined)
  })

  rule('S2: the writes of a batch take effect in order', async (harness) => {
    const store = await harness.open()
    await commit(store, [put('k1', 'old'), put('k2', 'old'), put('m', 'old')])

    await commit(store, [
      put('k0', 'buried'),
      put('k3', 'buried'),
      { type: 'deleteRange', from: utf8('k'), to: utf8('l') },
      put('k2', 'risen'),
      put('m', 'first'),
      put('m', 'second'),
      put('n', 'gone'),
      { type: 'delete', key: utf8('n') },
      { type: 'delete', key: utf8('never was') },
      { type: 'deleteRange', from: utf8('z'), to: utf8('a') },
    ])

    assert.deepEqual(pairs(store, '', '~'), ['k2=risen', 'm=second'])
  })

  rule("S3: what goes in and comes out is the caller's own", async (harness) => {
    const store = await harness.open()
    const key = Buffer.from('key')
    const value = Buffer.from('value')

    const outcome = commit(store, [{ type: 'put', key, value }])
    key.fill(0)
    value.fill(0)
    await outcome
    const first = store.get(utf8('key')) as Uint8Array
    first.fill(0)

    assert.equal(get(store, 'key'), 'value')
    assert.equal(Object.getPrototypeOf(first), Uint8Array.prototype)
  })

  rule('S3: values of every size come back whole', async (harness) => {
    const store = await harness.open()
    const sizes = [0, 1, 63, 64, 4_095, 16_384, 70_000, 1_500_000]
    const contentOf = (size: number): Uint8Array => new Uint8Array(size).map((_, i) => (i * 31 + size) & 0xff)

    await commit(
      store,
      sizes.map((size) => ({ type: 'put', key: utf8(`size-${size}`), value: contentOf(size) })),
    )

    for (const size of sizes) {
      assert.equal(Buffer.compare(store.get(utf8(`size-${size}`)) as Uint8Array, contentOf(size)), 0, `size ${size}`)
    }
    const ranged = [...store.range({ from: utf8('size'), to: utf8('size~') })].map(([, value]) => value.length)
    assert.deepEqual(
      ranged.sort((a, b) => a - b),
      sizes,
    )
  })

  rule('S4: done is called once, after commit returned, also for an empty batch', async (harness) => {
    const store = await harness.open()
    let calls = 0
    let returned = false

    for (const writes of [[], [put('a', '1')]]) {
      returned = false
      const outcome = new Promise<boolean>((resolve) => {
        store.commit(writes, () => {
          calls += 1
          resolve(returned)
        })
        returned = true
      })
      assert.equal(await outcome, true)
    }
    await closeStore(store)

    assert.equal(calls, 2)
  })

  rule('S4: done may begin the next commit; a second one in flight is refused', async (harness) => {
    const store = await harness.open()

    await new Promise<void>((resolve) => {
      store.commit([put('a', '1')], () => store.commit([put('b', '2')], () => resolve()))
      assert.throws(() => store.commit([put('c', '3')], () => {}), /S4/)
    })

    assert.deepEqual(pairs(store, 'a', 'z'), ['a=1', 'b=2'])
  })

  rule('S2: a batch with one bad write throws and changes nothing', async (harness) => {
    const store = await harness.open()
    await commit(store, [append('log', entry(1, 1))])
    const long = new Uint8Array(4_001).fill(97)
    const bad: Write[] = [
      { type: 'put', key: new Uint8Array(0), value: utf8('') },
      { type: 'put', key: long, value: utf8('') },
      { type: 'delete', key: long },
      append('log', entry(3, 1)),
      append('log', entry(0, 1)),
      append('log', entry(2, 1), entry(4, 1)),
      append('', entry(1, 1)),
      { type: 'logCompact', log: 'log', index: 2, term: 1 },
    ]

    for (const write of bad)
      assert.throws(() => store.commit([put('good', '1'), write], () => assert.fail()), RangeError)

    assert.deepEqual(await commit(store, [put('after', '1')]), durable)
    assert.deepEqual(pairs(store, '', '~'), ['after=1'])
    assert.equal(store.log('log').lastIndex, 1)
    const longest = long.subarray(1)
    await commit(store, [{ type: 'put', key: longest, value: utf8('fits') }])
    assert.equal(Buffer.from(store.get(longest) as Uint8Array).toString(), 'fits')
  })

  rule('close drains: what was in flight is durable and answered before closed is', async (harness) => {
    const store = await harness.open()
    const heard: string[] = []

    await new Promise<void>((resolve) => {
      store.commit([put('a', '1')], (outcome) => heard.push(outcome.type))
      store.close(() => {
        heard.push('closed')
        resolve()
      })
    })

    assert.deepEqual(heard, ['durable', 'closed'])
    assert.throws(() => store.get(utf8('a')), /closed/)
    assert.equal(get(await harness.open(), 'a'), '1')
  })

  rule('stats grow with what is stored', async (harness) => {
    const store = await harness.open()
    const before = store.stats()

    await commit(store, [put('big', 'x'.repeat(200_000))])

    assert.ok(store.stats().liveBytes >= before.liveBytes + 200_000)
    assert.ok(store.stats().fileBytes >= store.stats().liveBytes - 100_000)
  })
}

function pairs(store: Store, from: string, to: string, options: { reverse?: boolean; limit?: number } = {}): string[] {
  const found: string[] = []
  for (const [key, value] of store.range({ from: utf8(from), to: utf8(to), ...options })) {
    found.push(`${Buffer.from(key)}=${Buffer.from(value)}`)
  }
  return found
}

function rangeRules(rule: Rule): void {
  rule('ranges: from included, to excluded, either way, limited', async (harness) => {
    const store = await harness.open()
    await commit(store, [put('b', '2'), put('a', '1'), put('d', '4'), put('c', '3')])

    assert.deepEqual(pairs(store, 'a', 'd'), ['a=1', 'b=2', 'c=3'])
    assert.deepEqual(pairs(store, 'a', 'd', { reverse: true }), ['c=3', 'b=2', 'a=1'])
    assert.deepEqual(pairs(store, 'aa', 'cc', { reverse: true }), ['c=3', 'b=2'])
    assert.deepEqual(pairs(store, '', '~', { limit: 2 }), ['a=1', 'b=2'])
    assert.deepEqual(pairs(store, '', '~', { limit: 2, reverse: true }), ['d=4', 'c=3'])
    assert.deepEqual(pairs(store, '', '~', { limit: 0 }), [])
    assert.deepEqual(pairs(store, 'c', 'c'), [])
    assert.deepEqual(pairs(store, 'd', 'a'), [])
    assert.deepEqual(pairs(store, 'd', 'a', { reverse: true }), [])
    assert.deepEqual(pairs(store, 'e', 'f', { reverse: true }), [])
    assert.deepEqual(pairs(store, '', ''), [])
  })

  rule('ranges: keys order as unsigned bytes, a prefix first', async (harness) => {
    const store = await harness.open()
    const keys = [[0], [0, 0], [0, 1], [1], [127], [128], [128, 0], [255], [255, 255]].map((key) =>
      Uint8Array.from(key),
    )
    const value = utf8('')

    await commit(
      store,
      [...keys].reverse().map((key) => ({ type: 'put', key, value })),
    )

    const found = [...store.range({ from: new Uint8Array(0), to: new Uint8Array(8).fill(255) })].map(([key]) => [
      ...key,
    ])
    assert.deepEqual(
      found,
      keys.map((key) => [...key]),
    )
  })

  rule('ranges: thousands of rows, and one left in the middle', async (harness) => {
    const store = await harness.open()
    const name = (i: number): string => `row-${String(i).padStart(5, '0')}`
    await commit(
      store,
      Array.from({ length: 3_000 }, (_, i) => put(name(i), String(i))),
    )

    const all = pairs(store, 'row', 'rox')
    const reversed = pairs(store, 'row', 'rox', { reverse: true })
    let seen = 0
    for (const [key] of store.range({ from: utf8('row'), to: utf8('rox') })) {
      // Reading meanwhile must not disturb the walk.
      assert.equal(get(store, name(2_999 - seen)), String(2_999 - seen))
      assert.equal(Buffer.from(key).toString(), name(seen))
      if (++seen === 1_500) break
    }

    assert.equal(all.length, 3_000)
    assert.equal(all[2_999], `${name(2_999)}=2999`)
    assert.deepEqual(reversed, all.toReversed())
    assert.deepEqual(await commit(store, [{ type: 'deleteRange', from: utf8('row'), to: utf8('row-01500') }]), durable)
    assert.equal(pairs(store, 'row', 'rox').length, 1_500)
  })

  rule('S1: a range that is read on after a commit says so', async (harness) => {
    const store = await harness.open()
    await commit(
      store,
      Array.from({ length: 100 }, (_, i) => put(`k${i}`, '')),
    )
    const rows = store.range({ from: utf8('k'), to: utf8('l') })[Symbol.iterator]()
    rows.next()

    await commit(store, [put('k', '')])

    assert.throws(() => {
      while (rows.next().done !== true);
    }, /S1/)
  })
}

function logRules(rule: Rule): void {
  rule('logs: empty, appended, read back with terms and types', async (harness) => {
    const store = await harness.open()
    const log = store.log('raft')
    assert.deepEqual([log.firstIndex, log.lastIndex, log.term(0), log.term(1)], [1, 0, 0, undefined])
    assert.deepEqual(store.logNames(), [])

    await commit(store, [
      append('raft', entry(1, 1), { ...entry(2, 1), type: 'config' }, { ...entry(3, 2, ''), type: 'empty' }),
    ])

    assert.deepEqual([log.firstIndex, log.lastIndex], [1, 3])
    assert.deepEqual(
      [0, 1, 2, 3, 4].map((index) => log.term(index)),
      [0, 1, 1, 2, undefined],
    )
    assert.deepEqual(
      log.entries(1, 3, 1_000).map(({ type }) => type),
      ['normal', 'config', 'empty'],
    )
    assert.deepEqual(log.entries(2, 2, 1_000), [{ ...entry(2, 1), type: 'config' }])
    assert.deepEqual(store.logNames(), ['raft'])
  })

  rule('logs: entries are cut after the one that exceeds bytesMax, never to none', async (harness) => {
    const store = await harness.open()
    await commit(store, [append('raft', ...[1, 2, 3, 4].map((index) => entry(index, 1, 'x'.repeat(10))))])
    const count = (bytesMax: number): number => store.log('raft').entries(1, 4, bytesMax).length

    assert.deepEqual([0, 9, 10, 19, 20, 25, 1_000].map(count), [1, 1, 2, 2, 3, 3, 4])
    assert.deepEqual(store.log('raft').entries(5, 6, 100), [])
    assert.equal(store.log('raft').entries(3, 99, 100).length, 2)
  })

  rule('logs: an append replaces what follows its first index', async (harness) => {
    const store = await harness.open()
    await commit(store, [append('raft', ...[1, 2, 3, 4, 5].map((index) => entry(index, 1)))])
    const log = store.log('raft')
    assert.equal(log.term(3), 1)

    await commit(store, [append('raft', entry(3, 2, 'new'))])

    assert.deepEqual([log.firstIndex, log.lastIndex, log.term(3), log.term(4)], [1, 3, 2, undefined])
    assert.deepEqual(log.entries(2, 3, 100), [entry(2, 1), entry(3, 2, 'new')])
  })

  rule('logs: compaction keeps the last term, reset continues elsewhere, drop forgets', async (harness) => {
    let store = await harness.open()
    await commit(store, [append('raft', ...[1, 2, 3, 4].map((index) => entry(index, index)))])

    await commit(store, [{ type: 'logCompact', log: 'raft', index: 2, term: 2 }])
    await commit(store, [{ type: 'logCompact', log: 'raft', index: 1, term: 1 }])
    const log = store.log('raft')
    assert.deepEqual([log.firstIndex, log.lastIndex, log.term(1), log.term(2), log.term(3)], [3, 4, undefined, 2, 3])
    assert.deepEqual(log.entries(2, 4, 100), [])

    await commit(store, [{ type: 'logCompact', log: 'raft', index: 4, term: 4 }])
    assert.deepEqual([log.firstIndex, log.lastIndex, log.term(4)], [5, 4, 4])
    await closeStore(store)
    store = await harness.open()
    assert.deepEqual([store.log('raft').firstIndex, store.log('raft').term(4), store.logNames()], [5, 4, ['raft']])

    await commit(store, [{ type: 'logReset', log: 'raft', index: 90, term: 7 }, append('raft', entry(91, 8))])
    assert.deepEqual(
      [store.log('raft').firstIndex, store.log('raft').term(90), store.log('raft').lastIndex],
      [91, 7, 91],
    )

    await commit(store, [{ type: 'logDrop', log: 'raft' }])
    assert.deepEqual([store.log('raft').firstIndex, store.log('raft').lastIndex, store.logNames()], [1, 0, []])
  })

  rule('logs: neighbours with alike names do not touch each other', async (harness) => {
    let store = await harness.open()
    const names = ['a', 'a\0', 'aa', 'ab', 'b', 'ä', 'a/1']
    await commit(
      store,
      names.map((name, i) => append(name, ...Array.from({ length: i + 1 }, (_, k) => entry(k + 1, i + 1)))),
    )

    await commit(store, [{ type: 'logDrop', log: 'aa' }, append('ab', entry(2, 9))])
    await closeStore(store)
    store = await harness.open()

    assert.deepEqual(store.logNames(), names.filter((name) => name !== 'aa').sort())
    assert.deepEqual(
      names.map((name) => store.log(name).lastIndex),
      [1, 2, 0, 2, 5, 6, 7],
    )
    assert.deepEqual(
      names.map((name) => store.log(name).term(store.log(name).lastIndex)),
      [1, 2, 0, 9, 5, 6, 7],
    )
  })

  rule('S5: a cut in flight hides at once, an append shows with done', async (harness) => {
    const store = await harness.open()
    await commit(store, [append('raft', ...[1, 2, 3, 4, 5].map((index) => entry(index, 1)))])
    const log = store.log('raft')

    const outcome = commit(store, [
      append('raft', entry(4, 2), entry(5, 2), entry(6, 2)),
      { type: 'logCompact', log: 'raft', index: 1, term: 1 },
    ])
    assert.deepEqual([log.firstIndex, log.lastIndex, log.term(1), log.term(3), log.term(4)], [2, 3, 1, 1, undefined])
    assert.deepEqual(
      log.entries(2, 6, 100).map(({ index }) => index),
      [2, 3],
    )
    await outcome

    assert.deepEqual([log.firstIndex, log.lastIndex, log.term(4)], [2, 6, 2])
  })
}

function crashRules(rule: Rule): void {
  rule('S1: what was durable survives a crash', async (harness) => {
    const store = await harness.open()
    await commit(store, [put('a', '1'), append('raft', entry(1, 1), entry(2, 1))])
    await commit(store, [put('a', '2'), append('raft', entry(2, 2))])

    await harness.crash()
    const again = await harness.open()

    assert.equal(get(again, 'a'), '2')
    assert.deepEqual(again.log('raft').entries(1, 2, 100), [entry(1, 1), entry(2, 2)])
  })

  rule('S2: a batch that a crash interrupts is there whole or not at all', async (harness) => {
    let store = await harness.open()
    await commit(store, [put('round', '0')])

    for (let round = 1; round <= 12; round++) {
      const before = Number(get(store, 'round'))
      const rows = Array.from({ length: 40 }, (_, i) => put(`row-${i}`, String(round)))
      store.commit(
        [put('round', String(round)), ...rows, append('raft', entry(store.log('raft').lastIndex + 1, round))],
        () => {},
      )
      // Now and then the commit gets a little way, or all of it.
      for (let turns = 0; turns < round % 4; turns++) await new Promise(setImmediate)
      await harness.crash()
      store = await harness.open()

      const found = Number(get(store, 'round'))
      assert.ok(found === round || found === before, `round ${round}: found ${found}`)
      if (found === 0) continue
      assert.deepEqual(new Set(pairs(store, 'row', 'rox').map((pair) => pair.split('=')[1])), new Set([String(found)]))
      assert.equal(store.log('raft').term(store.log('raft').lastIndex), found)
    }
  })
}

function propertyRules(name: string, make: () => Promise<StoreHarness>): void {
  test(`${name}: S1, S2: any batches, with reopenings between, leave what a simple model says`, async () => {
    await fc.assert(
      fc.asyncProperty(batches, async (steps) => {
        const harness = await make()
        const model = new StoreModel()
        try {
          let store = await harness.open()
          for (const step of steps) {
            const writes = batchOf(step.intents, model)
            assert.deepEqual(await commit(store, writes), durable)
            if (step.end === 'close') await closeStore(store)
            if (step.end === 'crash') await harness.crash()
            if (step.end !== 'stay') store = await harness.open()
            assert.deepEqual(observe(store), model.observe())
          }
        } finally {
          await harness.end()
        }
      }),
      { numRuns: 30 },
    )
  })
}
