import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromUtf8, utf8 } from '../../../base/bytes.ts'
import {
  awaitBarrier,
  type Entered,
  enterBarrier,
  leaveBarrier,
  liftBarrier,
  raiseBarrier,
} from '../../../client/coordination/recipes/barrier.ts'
import {
  campaign,
  type Leadership,
  leader,
  observe,
  proclaim,
  resign,
} from '../../../client/coordination/recipes/election.ts'
import type { Grant } from '../../../client/coordination/recipes/fence.ts'
import type { Granted } from '../../../client/coordination/recipes/lock.ts'
import { addTo, countOf, takeNumbers } from '../../../client/coordination/recipes/numbers.ts'
import { takePermits } from '../../../client/coordination/recipes/rate-limiter.ts'
import { follow, type Listing, list, register, report } from '../../../client/coordination/recipes/registry.ts'
import { Desk, type Run } from './desk.ts'

const name = utf8('thing')

test('G8: who waits at a barrier passes when it is lifted, and not before', () => {
  const desk = new Desk()
  assert.equal(desk.play(raiseBarrier(name, undefined)), true)
  assert.equal(desk.play(raiseBarrier(name, undefined)), false)
  const waiting = desk.start(awaitBarrier(name))
  desk.settle()
  assert.equal(waiting.ended, false)

  assert.equal(desk.play(liftBarrier(name)), true)
  desk.settle()

  assert.equal(waiting.result, 'passed')
  assert.equal(desk.play(liftBarrier(name)), false)
  assert.equal(desk.play(awaitBarrier(name)), 'passed')
})

test('G8: a barrier that stands on a lease falls with it', () => {
  const desk = new Desk()
  desk.play(raiseBarrier(name, desk.grant(3)))
  const waiting = desk.start(awaitBarrier(name))
  desk.settle()

  desk.pass(3_000)
  desk.settle()

  assert.equal(waiting.result, 'passed')
})

test('G9: nobody is in before all are, nobody is out before all are, round after round', () => {
  const desk = new Desk()
  const enter = (): Run<Entered> => desk.start(enterBarrier({ name, lease: desk.grant(), parties: 3 }))
  for (let round = 0; round < 3; round++) {
    const [a, b] = [enter(), enter()]
    desk.settle()
    assert.deepEqual([a.ended, b.ended], [false, false])

    const c = enter()
    desk.settle()
    const [first, ...others] = [a, b, c].map((run) => desk.start(leave(run)))
    first?.go()
    assert.equal(first?.ended, false)
    // One is early for the next round: it waits until this one is over.
    const early = enter()
    desk.settle()
    assert.deepEqual(
      [first, ...others].map((run) => run?.result),
      ['left', 'left', 'left'],
    )
    assert.equal(early.ended, false)
    early.stop()
    desk.settle()
  }
  assert.deepEqual(desk.contents, [])
})

test('G9: one that died inside does not hold the others up, nor the next round', () => {
  const desk = new Desk()
  const leases = [desk.grant(), desk.grant()]
  const [a, b] = leases.map((lease) => desk.start(enterBarrier({ name, lease, parties: 2 }))) as [
    Run<Entered>,
    Run<Entered>,
  ]
  desk.settle()
  assert.deepEqual([a.result.type, b.result.type], ['entered', 'entered'])

  for (const lease of leases) desk.revoke(lease)
  const next = [0, 1].map(() => desk.start(enterBarrier({ name, lease: desk.grant(), parties: 2 })))
  desk.settle()

  assert.deepEqual(
    next.map(({ result }) => result.type),
    ['entered', 'entered'],
  )
})

test('G10, G2: candidates lead one after the other, each with a greater term, and say what they like only meanwhile', () => {
  const desk = new Desk()
  const leases = [desk.grant(), desk.grant()] as [string, string]
  const [a, b] = leases.map((lease, at) =>
    desk.start(campaign({ name, lease, value: utf8(`candidate ${at}`), wait: true })),
  ) as [Run<Granted>, Run<Granted>]
  desk.settle()
  const first = grantOf(a)

  assert.equal(text(desk.play(leader(name)).kv?.value), 'candidate 0')
  assert.equal(desk.play(proclaim(first, leases[0], utf8('more'))).type, 'proclaimed')
  assert.equal(text(desk.play(leader(name)).kv?.value), 'more')
  assert.equal(b.ended, false)

  assert.equal(desk.play(resign(first)).resigned, true)
  assert.equal(desk.play(resign(first)).resigned, false)
  desk.settle()

  assert.equal(text(desk.play(leader(name)).kv?.value), 'candidate 1')
  assert.equal(desk.play(proclaim(first, leases[0], utf8('too late'))).type, 'notLeader')
  assert.ok(grantOf(b).token > first.token)
})

test('G10: a candidate that asks again with another value proclaims it', () => {
  const desk = new Desk()
  const lease = desk.grant()
  desk.play(campaign({ name, lease, value: utf8('one'), wait: true }))

  const again = desk.play(campaign({ name, lease, value: utf8('two'), wait: true }))

  assert.equal(again.type, 'held')
  assert.equal(text(desk.play(leader(name)).kv?.value), 'two')
})

test('G10: an observer is told of each leader and what it proclaims, in order', () => {
  const desk = new Desk()
  const watching = desk.start(observe(name))
  desk.settle()
  assert.deepEqual(watching.told, [])

  const lease = desk.grant()
  const a = desk.start(campaign({ name, lease, value: utf8('a'), wait: true }))
  desk.settle()
  desk.start(campaign({ name, lease: desk.grant(), value: utf8('b'), wait: true }))
  desk.settle()
  desk.play(proclaim(grantOf(a), lease, utf8('a!')))
  desk.settle()
  desk.play(resign(grantOf(a)))
  desk.settle()
  watching.stop()
  desk.settle()

  assert.deepEqual(
    (watching.told as Leadership[]).map(({ kv }) => fromUtf8(kv.value)),
    ['a', 'a!', 'b'],
  )
  assert.equal(watching.ended, true)
})

test('G14: what is added by many at once is all there', () => {
  const desk = new Desk()
  const runs = [1, 10, 100, 1_000].map((amount) => desk.start(addTo(name, amount)))

  desk.settle()

  const values = runs.map(({ result }) => (result.type === 'counted' ? result.value : Number.NaN))
  assert.equal(new Set(values).size, 4)
  assert.deepEqual(desk.play(countOf(name)), { type: 'counted', value: 1_111 })
})

test('G14: a counter refuses what it cannot hold, and what is no number', () => {
  const desk = new Desk()
  desk.play(addTo(name, Number.MAX_SAFE_INTEGER))

  assert.deepEqual(desk.play(addTo(name, 1)), { type: 'overflow', value: Number.MAX_SAFE_INTEGER })
  desk.carryOut({ type: 'txn', compare: [], success: [{ type: 'put', key: name, value: utf8('1e3') }], failure: [] })
  assert.deepEqual(desk.play(addTo(name, 1)), { type: 'notNumber' })
})

test('G15: numbers are taken once, in blocks, and written with what they are for', () => {
  const desk = new Desk()
  const runs = [1, 3, 2].map((count) =>
    desk.start(
      takeNumbers({
        name,
        count,
        use: (first) => [{ type: 'put', key: utf8(`used/${first}`), value: utf8(`${count}`) }],
      }),
    ),
  )

  desk.settle()

  const taken = runs.map(({ result }) => (result.type === 'taken' ? [result.first, result.count] : []))
  assert.deepEqual(taken, [
    [1, 1],
    [2, 3],
    [5, 2],
  ])
  assert.deepEqual(desk.contents, ['thing=6', 'used/1=1', 'used/2=3', 'used/5=2'])
})

test('G16: no more permits than the bucket holds and time brings, and time is the leases’', () => {
  const desk = new Desk()
  const ask = (permits: number): string =>
    desk.play(takePermits({ name, perSecond: 2, capacity: 4, permits, wait: false })).type

  assert.deepEqual([ask(3), ask(1), ask(1)], ['permitted', 'permitted', 'limited'])
  desk.pass(1_000)
  assert.deepEqual([ask(2), ask(1)], ['permitted', 'limited'])
  desk.pass(60_000)
  assert.deepEqual([ask(4), ask(1)], ['permitted', 'limited'])
})

test('G16: who waits is let through when there is enough', () => {
  const desk = new Desk()
  const ask = (): Run<{ readonly type: string }> =>
    desk.start(takePermits({ name, perSecond: 1, capacity: 1, permits: 1, wait: true }))
  const [a, b] = [ask(), ask()]
  desk.settle()
  assert.deepEqual([a.ended, b.ended], [true, false])

  desk.pass(1_000)
  desk.settle()

  assert.equal(b.result.type, 'permitted')
})

test('G16: a clock that is set back lets nobody through early, and time goes on from there', () => {
  const desk = new Desk()
  const ask = (): string => desk.play(takePermits({ name, perSecond: 1, capacity: 1, permits: 1, wait: false })).type
  desk.pass(5_000)
  assert.equal(ask(), 'permitted')
  desk.pass(3_000)
  assert.deepEqual([ask(), ask()], ['permitted', 'limited'])

  // A change of leaders gives leases more time.
  desk.carryOut({ type: 'leaseKeepAlive', id: '1' })

  assert.equal(ask(), 'limited')
  desk.pass(1_000)
  assert.deepEqual([ask(), ask()], ['permitted', 'limited'])
})

test('G17: an instance is listed while its lease lives, and only its holder changes what is said of it', () => {
  const desk = new Desk()
  const [old, fresh] = [desk.grant(5), desk.grant(60)]
  const ask = { name, instance: 'i1', value: utf8('passing') }
  const first = desk.play(register({ ...ask, lease: old, replace: false }))
  assert.equal(first.type, 'registered')
  assert.deepEqual(desk.play(register({ ...ask, lease: fresh, replace: false })), { type: 'taken' })

  const second = desk.play(register({ ...ask, lease: fresh, replace: true }))

  assert.ok(first.type === 'registered' && second.type === 'registered' && second.grant.token > first.grant.token)
  assert.equal(desk.play(report(first.grant, utf8('failing'))), 'gone')
  assert.equal(desk.play(report(second.grant, utf8('warning'))), 'reported')
  desk.pass(5_000)
  assert.deepEqual(said(desk.play(list(name))), ['warning'])
  desk.pass(55_000)
  assert.deepEqual(said(desk.play(list(name))), [])
})

test('G17: a follower is told of every change of the list', () => {
  const desk = new Desk()
  const following = desk.start(follow(name))
  desk.settle()
  const lease = desk.grant(5)
  const one = desk.play(register({ name, instance: 'i1', lease, value: utf8('a'), replace: false }))
  desk.settle()
  desk.play(register({ name, instance: 'i2', lease: desk.grant(60), value: utf8('b'), replace: false }))
  desk.settle()
  if (one.type === 'registered') desk.play(report(one.grant, utf8('A')))
  desk.settle()
  desk.pass(5_000)
  desk.settle()

  assert.deepEqual((following.told as Listing[]).map(said), [[], ['a'], ['a', 'b'], ['A', 'b'], ['b']])
})

function leave(run: Run<Entered>): ReturnType<typeof leaveBarrier> {
  const { result } = run
  if (result.type !== 'entered') assert.fail(`not entered: ${result.type}`)
  return leaveBarrier(name, result.grant, result.round)
}

function grantOf({ result }: Run<Granted>): Grant {
  if (result.type !== 'held') assert.fail(`does not lead: ${result.type}`)
  return result.grant
}

function said({ instances }: Listing): readonly string[] {
  return instances.map(({ value }) => fromUtf8(value))
}

function text(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : fromUtf8(value)
}
