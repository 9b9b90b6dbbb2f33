import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { WatchEvent } from '../../../actors/watch/messages.ts'
import { compareBytes } from '../../../base/bytes.ts'
import { backoffMs, pause } from '../../../client/backoff.ts'
import { EndpointBook } from '../../../client/endpoints.ts'
import { AspenError } from '../../../client/interface.ts'
import { between, everything, from, prefix } from '../../../client/keys.ts'
import { RequestNumbers, spreadMax } from '../../../client/request-numbers.ts'
import { TokenKeeper } from '../../../client/tokens.ts'
import { WatchPosition } from '../../../client/watch/position.ts'

describe('waiting between attempts', () => {
  test('grows to its bound, and never goes below half of it', () => {
    const limits = { firstMs: 10, mostMs: 100 }

    const longest = [1, 2, 3, 4, 5, 99].map((attempt) => backoffMs(attempt, limits, () => 0.999_999))
    const shortest = [1, 2, 3, 4, 5, 99].map((attempt) => backoffMs(attempt, limits, () => 0))

    assert.deepEqual(longest.map(Math.round), [10, 20, 40, 80, 100, 100])
    assert.deepEqual(shortest, [5, 10, 20, 40, 50, 50])
  })

  test('ends at once when the caller leaves, and leaves no timer behind', async () => {
    const leaving = new AbortController()

    const waiting = pause(60_000, leaving.signal)
    leaving.abort()

    await assert.rejects(waiting, { code: 'canceled' })
    await assert.rejects(pause(60_000, AbortSignal.abort()), { code: 'canceled' })
  })
})

describe('the order of endpoints', () => {
  const half = (): number => 0.5

  test('B1, B2: every endpoint is in it once, resting ones last and the one that rests shortest first', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ at: fc.nat(3), works: fc.boolean(), ms: fc.nat(500) }), { maxLength: 30 }),
        fc.constantFrom('read' as const, 'write' as const, 'local' as const),
        (happenings, route) => {
          const addresses = ['a', 'b', 'c', 'd']
          const book = new EndpointBook(addresses, 'roundRobin', half)
          const restUntilMs = new Map<string, number>()
          let nowMs = 0
          for (const { at, works, ms } of happenings) {
            nowMs += ms
            const address = addresses[at] as string
            if (works) book.answered(address, undefined)
            restUntilMs.set(address, works ? 0 : nowMs + book.failed(address, nowMs))
          }

          const order = book.order(route, 'default', nowMs)

          assert.deepEqual([...order].sort(), addresses)
          const rests = order.map((address) => Math.max(0, (restUntilMs.get(address) ?? 0) - nowMs))
          assert.deepEqual(
            rests,
            [...rests].sort((x, y) => x - y),
          )
        },
      ),
    )
  })

  test('reads go to all in turn, calls about a member to one, until it fails', () => {
    const book = new EndpointBook(['a', 'b', 'c'], 'roundRobin', half)

    const reads = [1, 2, 3, 4].map(() => book.order('read', 'default', 0)[0])
    const local = [1, 2].map(() => book.order('local', 'default', 0)[0])
    book.failed('a', 0)

    assert.deepEqual(reads, ['a', 'b', 'c', 'a'])
    assert.deepEqual(local, ['a', 'a'])
    assert.equal(book.order('local', 'default', 0)[0], 'b')
    assert.equal(book.order('local', 'default', 60_000)[0], 'b', 'one that recovered is not gone back to for nothing')
  })

  test('a client that does not balance stays with the first that works', () => {
    const book = new EndpointBook(['a', 'b', 'c'], 'first', half)

    const before = [1, 2, 3].map(() => book.order('read', 'default', 0)[0])
    book.failed('a', 0)

    assert.deepEqual(before, ['a', 'a', 'a'])
    assert.deepEqual(book.order('read', 'default', 0), ['b', 'c', 'a'])
  })

  test('B3: writes go to the leader, by keyspace, until an answer of a later term', () => {
    const book = new EndpointBook(['a', 'b', 'c'], 'roundRobin', half)
    for (const [at, address] of ['a', 'b', 'c'].entries()) {
      book.answered(address, { keyspace: 'default', memberId: at + 1, raftTerm: 4 })
    }
    assert.equal(book.leaderWanted('default'), true)

    book.leads('default', 3, 4)

    assert.deepEqual(
      [1, 2, 3].map(() => book.order('write', 'default', 0)[0]),
      ['c', 'c', 'c'],
    )
    assert.equal(book.leaderWanted('default'), false)
    assert.equal(book.leaderWanted('other'), true)

    book.answered('a', { keyspace: 'default', memberId: 1, raftTerm: 5 })

    assert.equal(book.leaderWanted('default'), true)
    book.leads('default', 1, 5)
    assert.equal(book.order('write', 'default', 0)[0], 'a')
  })

  test('other endpoints: what is known of those that stay is kept', () => {
    const book = new EndpointBook(['a', 'b'], 'first', half)
    book.failed('b', 0)

    book.replace(['b', 'c'])

    assert.deepEqual(book.order('read', 'default', 0), ['c', 'b'])
    assert.throws(() => book.replace([]), RangeError)
  })
})

describe('numbers of writes', () => {
  test('Q1, Q2: never twice, and never far apart, whatever is in flight', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { minLength: 150, maxLength: 300 }), (choices) => {
        const numbers = new RequestNumbers('x')
        const inFlight: { client: string; number: number }[] = []
        const seen = new Set<string>()
        for (const choice of choices) {
          if (choice < 7 || inFlight.length === 0) {
            const taken = numbers.take()
            const id = `${taken.client}/${taken.number}`
            assert.ok(!seen.has(id), `Q1: ${id} was given twice`)
            seen.add(id)
            inFlight.push(taken)
          } else {
            numbers.done(inFlight.splice((choice * 31) % inFlight.length, 1)[0] as { client: string; number: number })
          }
          for (const client of new Set(inFlight.map((one) => one.client))) {
            const mine = inFlight.filter((one) => one.client === client).map(({ number }) => number)
            assert.ok(Math.max(...mine) - Math.min(...mine) < spreadMax, `Q2: ${client} spans ${mine.join(', ')}`)
          }
        }
      }),
    )
  })

  test('Q1: a number that is not in flight cannot be done', () => {
    const numbers = new RequestNumbers('x')
    const taken = numbers.take()
    numbers.done(taken)

    assert.throws(() => numbers.done(taken), /Q1/)
  })
})

describe('a token', () => {
  test('is asked for once by many, and once more by many whose token was refused', async () => {
    let asked = 0
    const keeper = new TokenKeeper(async () => {
      asked += 1
      return `t${asked}`
    })

    const first = await Promise.all([keeper.token(), keeper.token()])
    await Promise.all([keeper.refuse('t1'), keeper.refuse('t1')])
    const second = await Promise.all([keeper.token(), keeper.token()])
    await keeper.refuse('t1')

    assert.deepEqual(first, ['t1', 't1'])
    assert.deepEqual(second, ['t2', 't2'])
    assert.equal(await keeper.token(), 't2', 'a late refusal of the old one does not cost the new one')
  })

  test('is none where nobody has users, and is asked for again after a failure', async () => {
    const answers = [new AspenError('timeout'), new AspenError('authNotEnabled')]
    const keeper = new TokenKeeper(async () => {
      throw answers.shift() ?? new Error('asked once too often')
    })

    await assert.rejects(keeper.token(), { code: 'timeout' })

    assert.equal(await keeper.token(), undefined)
    assert.equal(await keeper.token(), undefined)
  })
})

describe('ranges', () => {
  test('a prefix holds what begins with it, and nothing else', () => {
    const key = fc.uint8Array({ minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(key, key, (start, other) => {
        const { key: low, rangeEnd = new Uint8Array() } = prefix(start)
        const open = rangeEnd.length === 1 && rangeEnd[0] === 0
        const inside = compareBytes(other, low) >= 0 && (open || compareBytes(other, rangeEnd) < 0)
        assert.equal(
          inside,
          start.every((byte, at) => other[at] === byte),
        )
      }),
    )
  })

  test('their borders', () => {
    const zero = Uint8Array.of(0)

    assert.deepEqual(prefix(''), everything)
    assert.deepEqual(from(''), everything)
    assert.deepEqual(prefix(Uint8Array.of(255, 255)), { key: Uint8Array.of(255, 255), rangeEnd: zero })
    assert.throws(() => between('a', ''), RangeError)
  })
})

describe('the position of a watch', () => {
  const event = (revision: number): WatchEvent => ({
    type: 'put',
    kv: { key: zeroKey, value: zeroKey, createRevision: revision, modRevision: revision, version: 1, lease: '0' },
  })
  const zeroKey = Uint8Array.of(0)
  const revisions = (events: readonly WatchEvent[]): number[] => events.map(({ kv }) => kv.modRevision)

  test('P2: a revision that came in part is not passed, and comes again after an interruption', () => {
    const position = new WatchPosition(0)
    position.began(9)
    assert.equal(position.next, 10)

    const first = position.take([event(10), event(11), event(11)], true)
    position.told(50)
    assert.deepEqual([revisions(first), position.next], [[10], 11])

    position.interrupted()
    const again = position.take([event(11), event(11), event(11)], false)

    assert.deepEqual([revisions(again), position.next], [[11, 11, 11], 12])
  })

  test('P1, P2: cut into any pieces, everything is taken once and the position never falls', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(2), { minLength: 1, maxLength: 20 }),
        fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.nat(3)), { maxLength: 40 }),
        (steps, cuts) => {
          let revision = 5
          const all = steps.map((step) => {
            revision += step
            return event(revision)
          })
          const position = new WatchPosition(5)
          const taken: number[] = []
          let at = 0
          for (const [count, interrupt] of cuts) {
            const before = position.next
            if (interrupt === 0) {
              position.interrupted()
              at = all.findIndex(({ kv }) => kv.modRevision >= position.next)
              if (at < 0) at = all.length
            }
            const piece = all.slice(at, at + count)
            at += piece.length
            const following = all[at]?.kv.modRevision
            // A server says "more" where a revision is cut.
            taken.push(...revisions(position.take(piece, following === piece.at(-1)?.kv.modRevision)))
            assert.ok(position.next >= before, 'P1: the position fell')
          }
          assert.deepEqual(taken, revisions(all).slice(0, taken.length))
        },
      ),
    )
  })

  test('P1: a bookmark and a compaction move it, only forward', () => {
    const position = new WatchPosition(7)

    position.told(20)
    position.told(10)
    assert.equal(position.next, 21)
    position.skipTo(40)

    assert.equal(position.next, 40)
  })
})
