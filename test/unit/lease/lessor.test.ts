// The lessor's core: what it ends and when, what it promises and on what ground, and what it does when something was lost.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { drift, electionMs, LessorLab } from './lessor-lab.ts'

const position = { revision: 3 }

test('J5: a lease ends when its TTL has surely passed, by a clock that may run fast, and soon after that', () => {
  const lab = new LessorLab()
  lab.lead()
  lab.grant('7', 10)
  const grantedMs = lab.nowMs

  lab.pass(10_000 * (1 + drift) - 1)
  assert.equal(lab.ends.length, 0)

  lab.pass(2)
  const lasted = lab.ends.map(([id, atMs]) => [id, atMs - grantedMs >= 11_000])
  assert.deepEqual(lasted, [['7', true]])
  assert.equal(lab.table.size, 0)
})

test('J5: kept alive a lease lives on; the answer names its TTL and where that was true', () => {
  const lab = new LessorLab()
  lab.lead()
  lab.grant('7', 10)

  for (let round = 0; round < 5; round++) {
    lab.pass(9_000)
    const { term, index } = lab
    assert.deepEqual(lab.ask('keepAlive', '7')(), { type: 'kept', ttlSeconds: [10], term, index, ...position })
  }
  lab.pass(10_999)
  assert.deepEqual(lab.ends, [])
  lab.pass(2)
  assert.equal(lab.ends.length, 1)
})

test('J4: a new leader counts every lease in full, and an election timeout on top', () => {
  const lab = new LessorLab()
  lab.table.set('7', { id: '7', granted: 3, ttlSeconds: 10, remainingSeconds: undefined })
  lab.table.set('8', { id: '8', granted: 4, ttlSeconds: 600, remainingSeconds: 5 })
  lab.lead()
  const beganMs = lab.nowMs

  lab.pass(60_000)

  assert.deepEqual(
    lab.ends.map(([id, atMs]) => [id, Math.round(atMs - beganMs)]),
    [
      ['8', 5_000 * 1.1 + electionMs],
      ['7', 10_000 * 1.1 + electionMs],
    ],
  )
})

test('J4: who does not lead says who does, counts nothing and knows nothing any more', () => {
  const lab = new LessorLab()
  assert.deepEqual(lab.ask('keepAlive', '7')(), { type: 'notLeading', role: 'follower', leader: undefined })
  lab.lead()
  lab.grant('7', 2)
  lab.slow = true
  const waiting = lab.ask('keepAlive', '7')

  lab.follow(3)

  assert.deepEqual(waiting(), { type: 'notLeading', role: 'follower', leader: 3 })
  assert.deepEqual(lab.ask('timeToLive', '7')(), { type: 'notLeading', role: 'follower', leader: 3 })
  while (lab.asked.length > 0) lab.answer()
  lab.pass(60_000)
  assert.deepEqual(lab.ends, [])
})

test('J4: what the feed tells while the table is read is neither lost nor done twice', () => {
  const lab = new LessorLab()
  lab.slow = true
  lab.table.set('1', { id: '1', granted: 3, ttlSeconds: 10, remainingSeconds: undefined })
  lab.lead()
  lab.answer()
  lab.grant('2', 10)
  lab.revoke('1')
  lab.grant('3', 10)
  lab.revoke('3')
  lab.answer()
  lab.grant('4', 10)
  lab.slow = false

  lab.pass(20_000)

  assert.deepEqual(lab.ends.map(([id]) => id).sort(), ['2', '4'])
})

test('J6: all who wait share one proof, which begins after they came; who comes during it waits for the next', () => {
  const lab = new LessorLab()
  lab.lead()
  for (const id of ['1', '2', '3']) lab.grant(id, 10)
  lab.slow = true
  const first = lab.ask('keepAlive', '1')
  const second = lab.ask('keepAlive', '2', '1')
  const third = lab.ask('timeToLive', '3', '9')

  assert.equal(lab.asked.length, 1)
  lab.answer()
  assert.notEqual(first(), undefined)
  assert.deepEqual([second(), third(), lab.asked.length], [undefined, undefined, 1])

  lab.answer()
  const { term, index } = lab
  assert.deepEqual(second(), { type: 'kept', ttlSeconds: [10, 10], term, index, ...position })
  const told = third()
  assert.ok(told?.type === 'timeToLive')
  assert.deepEqual(
    [told.remainingMs.map(Math.round), told.grantedSeconds],
    [
      [10_000, -1],
      [10, 0],
    ],
  )
})

test('J6: an answer of another term proves nothing, and a proof that failed is begun again', () => {
  const lab = new LessorLab()
  lab.lead()
  lab.grant('7', 10)
  lab.slow = true
  const kept = lab.ask('keepAlive', '7')

  lab.answer('lost')
  assert.equal(kept(), undefined)
  lab.term += 1
  lab.pass(60)
  lab.answer()
  assert.equal(kept(), undefined)

  lab.term -= 1
  lab.pass(60)
  lab.answer()
  assert.equal(kept()?.type, 'kept')
})

test('J6: nobody waits for ever: who could not be answered is told to ask again', () => {
  const lab = new LessorLab({ requestMs: 500 })
  lab.lead()
  lab.grant('7', 10)
  lab.slow = true
  const kept = lab.ask('keepAlive', '7')

  lab.pass(501)
  assert.deepEqual(kept(), { type: 'busy' })
  lab.answer()

  const again = lab.ask('keepAlive', '7')
  lab.answer()
  assert.equal(again()?.type, 'kept')
})

test('J7: a lease whose end was said is not begun anew; who asks hears how it ended', () => {
  const lab = new LessorLab()
  lab.lead()
  lab.grant('7', 10)
  lab.grant('8', 60)
  lab.slow = true
  lab.pass(11_001)
  assert.equal(lab.ends.length, 1)
  const kept = lab.ask('keepAlive', '8', '7')
  const [end, proof] = lab.asked.splice(0)
  assert.ok(end?.type === 'propose' && proof?.type === 'read')

  lab.asked.push(proof)
  lab.answer()
  assert.equal(kept(), undefined)

  lab.asked.push(end)
  lab.answer()
  const told = kept()
  assert.deepEqual(told?.type === 'kept' ? told.ttlSeconds : told, [60, 0])
})

test('J7: an end that certainly never happens is forgotten where somebody wants the lease; an unknown one is said again', () => {
  for (const outcome of ['dropped', 'lost'] as const) {
    const lab = new LessorLab()
    lab.lead()
    lab.grant('7', 10)
    lab.slow = true
    lab.pass(11_001)
    const kept = lab.ask('keepAlive', '7')
    lab.asked.reverse()
    lab.answer()

    lab.answer(outcome)
    lab.pass(60)
    while (lab.asked.length > 0) lab.answer()

    const told = kept()
    assert.deepEqual(told?.type === 'kept' ? told.ttlSeconds : told, outcome === 'dropped' ? [10] : [0], outcome)
  }
})

test('J8: a lease that was written down is said to be begun anew when the table holds the whole again', () => {
  const lab = new LessorLab({ checkpointEveryMs: 1_000 })
  lab.lead()
  lab.grant('7', 10)
  lab.pass(3_500)
  const left = lab.table.get('7')?.remainingSeconds ?? Number.NaN
  assert.ok(left > 10 - 3.5 && left < 10 - 2, `about 7 s are left, not ${left}`)

  lab.slow = true
  const kept = lab.ask('keepAlive', '7')
  lab.answer()
  assert.equal(kept(), undefined)
  lab.answer('lost')
  lab.pass(60)
  assert.equal(kept(), undefined)
  lab.answer()

  assert.equal(lab.table.get('7')?.remainingSeconds, undefined)
  assert.equal(kept()?.type, 'kept')
})

test('J8: short leases are not written down, nor long ones that are kept alive', () => {
  const lab = new LessorLab({ checkpointEveryMs: 1_000 })
  lab.lead()
  lab.grant('short', 1)
  lab.grant('long', 10)

  for (let round = 0; round < 10; round++) {
    lab.pass(900)
    lab.ask('keepAlive', 'long')
  }

  assert.deepEqual(
    lab.said.filter(({ command }) => command.type === 'leaseCheckpoint'),
    [],
  )
})

test('J9: an end is said until it is known; answers may be lost, and refused', () => {
  const lab = new LessorLab()
  lab.lead()
  lab.grant('7', 2)
  lab.slow = true
  lab.pass(2_300)

  for (const outcome of ['lost', 'dropped', 'lost'] as const) {
    lab.answer(outcome)
    lab.pass(60)
  }
  lab.answer()

  assert.equal(lab.ends.length, 4)
  assert.equal(lab.table.size, 0)
  lab.pass(60_000)
  assert.equal(lab.ends.length, 4)
})

test('J9: a gap in the feed is noticed, and the table read again: what was missed is counted, in full', () => {
  const lab = new LessorLab()
  lab.lead()
  lab.grant('1', 10)
  lab.pass(5_000)
  lab.grant('2', 10, false)
  lab.revoke('1', false)
  const missedMs = lab.nowMs

  lab.grant('3', 60)
  lab.pass(20_000)

  assert.deepEqual(
    lab.ends.map(([id, atMs]) => [id, Math.round(atMs - missedMs)]),
    [['2', 11_000]],
  )
})

test('J9: a lease whose grant was never told is found out by a comparison, and by a proof', () => {
  const lab = new LessorLab()
  lab.lead()
  lab.grant('1', 10, false)
  const kept = lab.ask('keepAlive', '1')()
  assert.deepEqual(kept?.type === 'kept' ? kept.ttlSeconds : kept, [10])

  lab.grant('2', 10, false)
  lab.hear({ type: 'audited', term: lab.term, index: lab.index, count: 2, digest: 12_345 })
  lab.pass(12_000)

  assert.deepEqual(lab.ends.map(([id]) => id).sort(), ['1', '2'])
})

test('J9: an id that is granted anew is another lease: what is said of the old one does not touch it', () => {
  const lab = new LessorLab()
  lab.lead()
  lab.grant('7', 2)
  lab.pass(1_500)
  lab.revoke('7')
  lab.grant('7', 10)
  const { granted } = lab.table.get('7') as { granted: number }

  lab.pass(10_999)
  assert.deepEqual(lab.ends, [])
  lab.pass(10)

  const ends = lab.said.flatMap(({ command }) => (command.type === 'leaseExpire' ? command.leases : []))
  assert.deepEqual(ends, [{ id: '7', granted }])
})

test('J9: a clock that jumps far ahead stops nothing', () => {
  const lab = new LessorLab()
  lab.lead()
  for (let id = 0; id < 100; id++) lab.grant(`${id}`, 10 + id)

  lab.jump(10 * 365 * 86_400_000)
  lab.pass(1_000)

  assert.equal(lab.ends.length, 100)
})

test('J10: ends are spread: so many a second, in commands of a few', () => {
  const lab = new LessorLab({ endsPerSecond: 100, endsPerCommandMax: 8 })
  lab.lead()
  for (let id = 0; id < 500; id++) lab.grant(`${id}`, 10)
  const beganMs = lab.nowMs + 11_000

  lab.pass(17_000)

  assert.equal(lab.ends.length, 500)
  for (const [at, [, endMs]] of lab.ends.entries())
    assert.ok(endMs >= beganMs + 10 * (at - 16), `end ${at} came ${endMs - beganMs} ms after the first was due`)
  const sizes = lab.said.map(({ command }) => (command.type === 'leaseExpire' ? command.leases.length : 0))
  assert.ok(Math.max(...sizes) <= 8)
})

test('J10: leases that a new leader finds come due by and by, none of them sooner for that', () => {
  const lab = new LessorLab({ pileEndsPerSecond: 50 })
  for (let id = 0; id < 200; id++)
    lab.table.set(`${id}`, { id: `${id}`, granted: id + 1, ttlSeconds: 10, remainingSeconds: undefined })
  lab.index = 300
  lab.lead()
  const firstMs = lab.nowMs + 11_000 + electionMs

  lab.pass(30_000)

  const seconds = lab.ends.map(([, atMs]) => Math.floor((atMs - firstMs) / 1_000))
  assert.deepEqual(
    [0, 1, 2, 3].map((second) => seconds.filter((each) => each === second).length),
    [50, 50, 50, 50],
  )
})

test('J11: the first leadership of a life begins behind everything that an earlier life said; a later one need not', () => {
  const lab = new LessorLab()
  lab.slow = true
  lab.table.set('7', { id: '7', granted: 3, ttlSeconds: 10, remainingSeconds: undefined })
  lab.lead()
  const kept = lab.ask('keepAlive', '7')
  assert.deepEqual(lab.said[0]?.command, { type: 'leaseExpire', leases: [], term: lab.term })
  assert.deepEqual(
    lab.asked.map(({ type }) => type),
    ['propose'],
  )

  // What the one before said is carried out before the barrier, which is lost once.
  lab.answer('lost')
  lab.pass(60)
  lab.table.delete('7')
  lab.answer()
  while (lab.asked.length > 0) lab.answer()
  const told = kept()
  assert.deepEqual(told?.type === 'kept' ? told.ttlSeconds : told, [0])

  lab.follow(2)
  lab.lead()
  assert.deepEqual(
    lab.asked.map(({ type }) => type),
    ['read'],
  )
})

test('J11: who is told by a replica that has just started that nobody leads, and then leads the same term, begins anew', () => {
  const lab = new LessorLab()
  lab.lead()
  lab.grant('7', 10)
  const { term } = lab
  lab.hear({ type: 'standing', role: 'follower', term: term - 1, leader: undefined })
  assert.equal(lab.ask('keepAlive', '7')()?.type, 'kept')

  lab.hear({ type: 'standing', role: 'follower', term, leader: undefined })
  assert.equal(lab.ask('keepAlive', '7')()?.type, 'notLeading')
  lab.slow = true
  lab.hear({ type: 'role', group: 'default', role: 'leader', term, leader: 1 })

  assert.deepEqual(
    lab.asked.map(({ type }) => type),
    ['propose'],
  )
})

test('requests that are none, and more than there is room for, are refused and change nothing', () => {
  const lab = new LessorLab({ idsMax: 4, idsPerRequestMax: 3 })
  lab.lead()
  lab.grant('7', 10)
  lab.slow = true

  assert.deepEqual(lab.ask('keepAlive')(), { type: 'badRequest' })
  assert.deepEqual(lab.ask('keepAlive', '1', '2', '3', '4')(), { type: 'badRequest' })
  assert.deepEqual(lab.ask('keepAlive', 7 as unknown as string)(), { type: 'badRequest' })
  const first = lab.ask('keepAlive', '7', '7', '7')
  assert.deepEqual(lab.ask('keepAlive', '7', '7')(), { type: 'busy' })
  lab.answer()
  const told = first()
  assert.deepEqual(told?.type === 'kept' ? told.ttlSeconds : told, [10, 10, 10])
})

test('J5, J9: whatever clients do, no lease ends before its time, and all end in the end', () => {
  const id = fc.constantFrom('1', '2', '3', '4')
  const deed = fc.record({
    kind: fc.constantFrom('grant', 'keep', 'keep', 'revoke', 'pass', 'pass', 'lose', 'change'),
    id,
    ms: fc.integer({ min: 1, max: 4_000 }),
    ttl: fc.integer({ min: 1, max: 8 }),
  })
  fc.assert(
    fc.property(fc.array(deed, { maxLength: 60 }), (deeds) => {
      const lab = new LessorLab({ checkpointEveryMs: 700 })
      lab.lead()
      const promised = new Map<string, number>()
      const check = (): void => {
        for (const [lease, atMs] of lab.ends) {
          const untilMs = promised.get(lease) ?? 0
          assert.ok(atMs >= untilMs, `${lease} ended at ${atMs}, promised until ${untilMs}`)
        }
        lab.said.length = 0
      }
      for (const { kind, id: lease, ms, ttl } of deeds) {
        if (kind === 'grant' && !lab.table.has(lease)) {
          lab.grant(lease, ttl)
          promised.set(lease, lab.nowMs + ttl * 1_000)
        } else if (kind === 'keep') {
          const told = lab.ask('keepAlive', lease)()
          if (told?.type === 'kept' && (told.ttlSeconds[0] ?? 0) > 0)
            promised.set(lease, lab.nowMs + (told.ttlSeconds[0] ?? 0) * 1_000)
        } else if (kind === 'revoke' && lab.table.has(lease)) lab.revoke(lease)
        else if (kind === 'lose' && !lab.table.has(lease)) {
          lab.grant(lease, ttl, false)
          promised.set(lease, lab.nowMs + ttl * 1_000)
        } else if (kind === 'change') {
          lab.follow(2)
          lab.pass(ms / 4)
          lab.lead()
        } else if (kind === 'pass') lab.pass(ms)
        check()
      }

      lab.hear({ type: 'audited', term: lab.term, index: lab.index, count: -1, digest: 0 })
      lab.pass(30_000)
      check()
      assert.equal(lab.table.size, 0)
    }),
  )
})
