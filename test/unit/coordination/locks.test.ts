import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromUtf8, utf8 } from '../../../base/bytes.ts'
import { fencedWrite, type Grant, heldBy } from '../../../client/coordination/recipes/fence.ts'
import { type Granted, lock, unlock } from '../../../client/coordination/recipes/lock.ts'
import { rwLock } from '../../../client/coordination/recipes/rw-lock.ts'
import { acquirePermit } from '../../../client/coordination/recipes/semaphore.ts'
import { type Recipe, transactUnleased } from '../../../client/coordination/recipes/step.ts'
import { Desk, type Run } from './desk.ts'

const name = utf8('jobs')

test('G1, G6: the first to come holds, the others wait in the order they came', () => {
  const desk = new Desk()
  const [a, b, c] = [0, 1, 2].map(() => desk.start(lock({ name, lease: desk.grant(), wait: true }))) as [
    Run<Granted>,
    Run<Granted>,
    Run<Granted>,
  ]

  desk.settle()
  assert.deepEqual([a.ended, b.ended, c.ended], [true, false, false])

  desk.play(unlock(held(a)))
  desk.settle()
  assert.deepEqual([b.ended, c.ended], [true, false])

  desk.play(unlock(held(b)))
  desk.settle()
  assert.ok(held(a).token < held(b).token && held(b).token < held(c).token, 'G2: tokens grow')
})

test('G1: the key is the name and the lease in hexadecimal, as etcd has it', () => {
  const desk = new Desk()
  for (let at = 0; at < 29; at++) desk.grant()

  const run = desk.start(lock({ name, lease: desk.grant(), wait: true }))
  desk.settle()

  assert.equal(fromUtf8(held(run).key), 'jobs/1e')
})

test('G7: who gives up leaves no key, and the one behind it does not wait for it', () => {
  const desk = new Desk()
  const a = desk.start(lock({ name, lease: desk.grant(), wait: true }))
  const b = desk.start(lock({ name, lease: desk.grant(), wait: true }))
  const c = desk.start(lock({ name, lease: desk.grant(), wait: true }))
  desk.settle()

  b.stop()
  desk.settle()
  desk.play(unlock(held(a)))
  desk.settle()

  assert.deepEqual(b.result, { type: 'stopped' })
  assert.equal(c.result.type, 'held')
  assert.deepEqual(desk.contents, ['jobs/3='])
})

test('G7: the lock of one who died passes on when its lease ends, and the dead one is told', () => {
  const desk = new Desk()
  const lease = desk.grant(5)
  const a = desk.start(lock({ name, lease, wait: true }))
  desk.settle()
  const b = desk.start(lock({ name, lease: desk.grant(60), wait: true }))
  desk.settle()

  desk.pass(5_000)
  desk.settle()

  assert.equal(b.result.type, 'held')
  assert.equal(desk.play(unlock(held(a))), false)
  assert.deepEqual(desk.play(lock({ name, lease, wait: true })), { type: 'leaseGone' })
})

test('G7: a waiter whose lease ended hears of it and holds nothing', () => {
  const desk = new Desk()
  const a = desk.start(lock({ name, lease: desk.grant(60), wait: true }))
  desk.settle()
  const waiter = desk.start(lock({ name, lease: desk.grant(1), wait: true }))
  desk.settle()

  desk.pass(1_000)
  desk.play(unlock(held(a)))
  desk.settle()

  assert.deepEqual(waiter.result, { type: 'leaseGone' })
})

test('G1: who does not want to wait is told at once, and leaves no key', () => {
  const desk = new Desk()
  const a = desk.start(lock({ name, lease: desk.grant(), wait: true }))
  desk.settle()

  assert.deepEqual(desk.play(lock({ name, lease: desk.grant(), wait: false })), { type: 'busy' })
  assert.deepEqual(desk.contents, ['jobs/1='])
  assert.equal(desk.play(unlock(held(a))), true)
})

test('G1: the same lease asked twice has the same grant', () => {
  const desk = new Desk()
  const lease = desk.grant()

  const once = desk.play(lock({ name, lease, wait: true }))
  const twice = desk.play(lock({ name, lease, wait: true }))

  assert.deepEqual(once.type === 'held' && once.grant, twice.type === 'held' && twice.grant)
})

test('G3: a write of who lost its lock does not land, though nobody else has the lock', () => {
  const desk = new Desk()
  const a = desk.start(lock({ name, lease: desk.grant(5), wait: true }))
  desk.settle()

  const before = desk.play(guardedPut(held(a), 'a was here'))
  desk.pass(5_000)
  const after = desk.play(guardedPut(held(a), 'a came late'))

  assert.deepEqual([before, after], [true, false])
  assert.deepEqual(desk.contents, ['row=a was here'])
})

test('G3: a fence lets the same and a greater token in, and never a smaller one again', () => {
  const desk = new Desk()
  const fence = utf8('fence')
  const write = (token: number): string =>
    desk.play(fencedWrite(fence, token, [{ type: 'put', key: utf8('row'), value: utf8(`by ${token}`) }])).type

  assert.deepEqual([9, 9, 10, 9, 101, 10].map(write), ['written', 'written', 'written', 'stale', 'written', 'stale'])
  assert.deepEqual(desk.contents, ['fence=0000000000000101', 'row=by 101'])
})

test('G4: readers share, a writer is alone, and a reader behind a waiting writer waits', () => {
  const desk = new Desk()
  const ask = (mode: 'read' | 'write'): Run<Granted> =>
    desk.start(rwLock({ name, lease: desk.grant(), mode, wait: true }))
  const [r1, r2] = [ask('read'), ask('read')]
  desk.settle()
  const w = ask('write')
  desk.settle()
  const r3 = ask('read')
  desk.settle()
  assert.deepEqual(
    [r1, r2, w, r3].map(({ ended }) => ended),
    [true, true, false, false],
  )

  desk.play(unlock(held(r2)))
  desk.settle()
  assert.equal(w.ended, false)
  desk.play(unlock(held(r1)))
  desk.settle()
  assert.deepEqual([w.ended, r3.ended], [true, false])

  desk.play(unlock(held(w)))
  desk.settle()
  assert.equal(r3.ended, true)
})

test('G5: as many hold as there are permits; another number is refused', () => {
  const desk = new Desk()
  const ask = (permits: number): Run<{ readonly type: string }> =>
    desk.start(acquirePermit({ name, lease: desk.grant(), permits, wait: true }))
  const runs = [ask(2), ask(2), ask(2)]
  desk.settle()

  assert.deepEqual(
    runs.map(({ ended }) => ended),
    [true, true, false],
  )
  assert.deepEqual(desk.play(acquirePermit({ name, lease: desk.grant(), permits: 3, wait: true })), {
    type: 'otherPermits',
    permits: 2,
  })
  desk.revoke('2')
  desk.settle()
  assert.equal(runs[2]?.result.type, 'held')
})

/** What is true of the store at any moment, whatever the interleaving: who was told that it holds, and still has its key. */
interface Player {
  readonly mode: 'read' | 'write' | 'permit' | 'lock'
  run: Run<{ readonly type: string; readonly grant?: Grant }> | undefined
  lease: string
  grant: Grant | undefined
}

const moves = fc.array(fc.tuple(fc.nat(4), fc.constantFrom('step', 'step', 'step', 'step', 'stop', 'release', 'die')), {
  minLength: 20,
  maxLength: 160,
})

function explore(
  modes: readonly Player['mode'][],
  tooMany: (inside: readonly Player[]) => boolean,
  rule: string,
): void {
  fc.assert(
    fc.property(moves, (played) => {
      const desk = new Desk()
      const players = modes.map((mode): Player => ({ mode, run: undefined, lease: '', grant: undefined }))
      for (const [who, move] of played) {
        const player = players[who % players.length] as Player
        play(desk, player, move)
        const inside = players.filter(({ grant }) => grant !== undefined && desk.play(stands(grant)))
        assert.ok(
          !tooMany(inside),
          `${rule}: ${inside.map(({ mode, grant }) => `${mode} ${grant?.token}`).join(' beside ')}`,
        )
      }
    }),
    { numRuns: 150 },
  )
}

function play(desk: Desk, player: Player, move: string): void {
  if (player.run === undefined) {
    player.lease = desk.grant(600)
    player.grant = undefined
    player.run = desk.start(asked(player))
  } else if (move === 'die') {
    desk.revoke(player.lease)
    player.run = undefined
  } else if (player.grant !== undefined) {
    if (move !== 'release') return
    desk.play(unlock(player.grant))
    player.run = undefined
    player.grant = undefined
  } else {
    if (move === 'stop') player.run.stop()
    player.run.step()
    if (!player.run.ended) return
    const { result } = player.run
    if (result.type === 'held') player.grant = result.grant
    else player.run = undefined
  }
}

function asked({ mode, lease }: Player): Recipe<{ readonly type: string; readonly grant?: Grant }> {
  if (mode === 'lock') return lock({ name, lease, wait: true })
  if (mode === 'permit') return acquirePermit({ name, lease, permits: 2, wait: true })
  return rwLock({ name, lease, mode, wait: true })
}

test('G1: however steps, ends and deaths interleave, one at most holds', () => {
  explore(['lock', 'lock', 'lock'], (inside) => inside.length > 1, 'G1')
})

test('G4: however steps, ends and deaths interleave, no writer is beside anybody', () => {
  explore(
    ['read', 'write', 'read', 'write'],
    (inside) => inside.length > 1 && inside.some(({ mode }) => mode === 'write'),
    'G4',
  )
})

test('G5: however steps, ends and deaths interleave, no more than two hold', () => {
  explore(['permit', 'permit', 'permit', 'permit'], (inside) => inside.length > 2, 'G5')
})

function held(run: Run<Granted>): Grant {
  const { result } = run
  if (result.type !== 'held') assert.fail(`not held: ${result.type}`)
  return result.grant
}

function* stands(grant: Grant): Recipe<boolean> {
  return (yield* transactUnleased([heldBy(grant)], [{ type: 'range', key: grant.key }])).succeeded
}

function* guardedPut(grant: Grant, value: string): Recipe<boolean> {
  return (yield* transactUnleased([heldBy(grant)], [{ type: 'put', key: utf8('row'), value: utf8(value) }])).succeeded
}
