/** The judges of histories, against histories whose verdict is known, against brute force, and against one another. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { type Interval, linearize, type Model } from '../../../sim/checkers/linearizability.ts'
import { checkStore, partsOf, type StoreCall, StoreModel } from '../../../sim/checkers/partition.ts'
import { checkRegister, RegisterModel, type RegisterOperation } from '../../../sim/checkers/register-model.ts'
import { checkRevisionOrder } from '../../../sim/checkers/revision-order.ts'
import type { HistoryNote, Operation, TxnStep } from '../../../sim/operation.ts'
import { cas, chooser, done, get, list, makeHistory, note, put, txnDone } from './lab-history.ts'

const write = (beganMs: number, endedMs: number | undefined, value: string): RegisterOperation => ({
  type: 'put',
  beganMs,
  endedMs,
  value,
})
const read = (beganMs: number, endedMs: number, found: string | undefined): RegisterOperation => ({
  type: 'get',
  beganMs,
  endedMs,
  found,
})
const swap = (
  beganMs: number,
  endedMs: number | undefined,
  expected: string | undefined,
  value: string,
  ok: boolean | undefined,
): RegisterOperation => ({ type: 'cas', beganMs, endedMs, expected, value, ok })
const verdict = (...history: RegisterOperation[]): string => checkRegister(history, undefined).type

test('I16, register: what happened one after the other is judged in that order', () => {
  assert.equal(verdict(write(0, 1, 'a'), read(2, 3, 'a')), 'linearizable')
  assert.equal(verdict(write(0, 1, 'a'), read(2, 3, undefined)), 'impossible', 'a lost write')
  assert.equal(verdict(write(0, 1, 'a'), write(2, 3, 'b'), read(4, 5, 'a')), 'impossible', 'a stale read')
  assert.equal(verdict(read(0, 1, 'a'), write(2, 3, 'a')), 'impossible', 'a read from the future')
})

test('I16, register: what overlaps may take effect in either order, but in one order for all', () => {
  assert.equal(verdict(write(0, 10, 'a'), write(0, 10, 'b'), read(11, 12, 'a')), 'linearizable')
  assert.equal(
    verdict(write(0, 10, 'a'), write(0, 10, 'b'), read(11, 12, 'a'), read(13, 14, 'b')),
    'impossible',
    'split brain: two sides, each with its own last write',
  )
  assert.equal(
    verdict(write(0, 10, 'a'), read(1, 2, 'a'), read(3, 4, undefined)),
    'impossible',
    'a read never goes back',
  )
})

test('I16, register: what nobody knows the end of may have happened, late or never, and once', () => {
  assert.equal(verdict(write(0, undefined, 'a'), read(5, 6, undefined), read(7, 8, 'a')), 'linearizable')
  assert.equal(verdict(write(0, undefined, 'a'), read(5, 6, undefined)), 'linearizable')
  assert.equal(
    verdict(write(0, undefined, 'a'), write(1, 2, 'b'), read(3, 4, 'a'), write(5, 6, 'c'), read(7, 8, 'a')),
    'impossible',
    'a duplicate that is applied again later',
  )
  assert.equal(
    verdict(write(5, undefined, 'a'), read(1, 2, 'a')),
    'impossible',
    'nothing happens before it is asked for',
  )
})

test('I16, compare-and-swap: of two that compare with the same value, one wins', () => {
  assert.equal(
    verdict(write(0, 1, 'a'), swap(2, 9, 'a', 'b', true), swap(2, 9, 'a', 'c', false), read(10, 11, 'b')),
    'linearizable',
  )
  assert.equal(
    verdict(write(0, 1, 'a'), swap(2, 9, 'a', 'b', true), swap(2, 9, 'a', 'c', true)),
    'impossible',
    'a lost update',
  )
  assert.equal(verdict(write(0, 1, 'a'), swap(2, 3, 'a', 'b', false)), 'impossible', 'a refusal without a reason')
  assert.equal(
    verdict(swap(0, 1, undefined, 'x', true), swap(2, undefined, 'x', 'y', undefined), read(3, 4, 'y')),
    'linearizable',
  )
})

const judged = (...notes: HistoryNote[]): string => checkStore(notes).verdict.type
const ordered = (...notes: HistoryNote[]): string => checkRevisionOrder(notes).type

test('I16, range: several keys are seen as of one moment', () => {
  const writes = [note([0, 1], put('a/1', 'x'), done(2)), note([2, 9], put('a/2', 'y'), done(3))]
  const whole = note([3, 4], list('a/'), done(3, { 'a/1': 'x', 'a/2': 'y' }))
  const before = note([3, 4], list('a/'), done(2, { 'a/1': 'x' }))
  const torn = note([3, 4], list('a/'), done(3, { 'a/2': 'y' }))
  const back = note([5, 6], list('a/'), done(2, { 'a/1': 'x' }))

  for (const judge of [judged, ordered]) {
    assert.equal(judge(...writes, whole), 'linearizable')
    assert.equal(judge(...writes, before), 'linearizable')
    assert.notEqual(judge(...writes, torn), 'linearizable', 'a torn read')
    assert.notEqual(judge(...writes, whole, back), 'linearizable', 'a read that goes back')
  }
})

test('I16, range: two writes are not seen in one order here and in the other there (a long fork)', () => {
  const writes = [note([0, 20], put('a/1', 'x'), done(2)), note([0, 20], put('a/2', 'y'), done(3))]
  const fork = [note([2, 3], list('a/'), done(2, { 'a/1': 'x' })), note([4, 5], list('a/'), done(3, { 'a/2': 'y' }))]
  assert.equal(judged(...writes, fork[0] as HistoryNote), 'linearizable')
  assert.equal(judged(...writes, ...fork), 'impossible')
  assert.equal(ordered(...writes, ...fork), 'contradiction')
})

const skew = (mine: string, other: string): Operation => ({
  type: 'txn',
  compare: [
    { key: mine, expected: 'on' },
    { key: other, expected: 'on' },
  ],
  success: [{ type: 'put', key: mine, value: 'off' }],
  failure: [],
})

test('I16, transactions: two that each rely on what the other changes do not both succeed (write skew)', () => {
  const both: readonly TxnStep[] = ['a', 'b'].map((key) => ({ type: 'put', key: `doctor/${key}`, value: 'on' }))
  const begin = note(
    [0, 1],
    { type: 'txn', compare: [], success: both, failure: [] },
    txnDone(2, { succeeded: true, steps: [1, 1] }),
  )
  const one = note([2, 9], skew('doctor/a', 'doctor/b'), txnDone(3, { succeeded: true, steps: [1] }))
  const two = note([2, 9], skew('doctor/b', 'doctor/a'), txnDone(4, { succeeded: true, steps: [1] }))
  const refused = note([2, 9], skew('doctor/b', 'doctor/a'), txnDone(3, { succeeded: false, steps: [] }))

  for (const judge of [judged, ordered]) {
    assert.equal(judge(begin, one, refused), 'linearizable')
    assert.notEqual(judge(begin, one, two), 'linearizable')
  }
})

test('I16, transactions: a move is seen on both sides or on neither, and nested branches are told as they went', () => {
  const begin = [note([0, 1], put('m/a', '5'), done(2)), note([2, 3], put('m/b', '5'), done(3))]
  const moved: Operation = {
    type: 'move',
    from: { key: 'm/a', expected: '5', value: '4' },
    to: { key: 'm/b', expected: '5', value: '6' },
  }
  const half = note([6, 7], list('m/'), done(4, { 'm/a': '4', 'm/b': '5' }))
  const whole = note([6, 7], list('m/'), done(4, { 'm/a': '4', 'm/b': '6' }))
  const nested: Operation = {
    type: 'txn',
    compare: [{ key: 'm/a', expected: '4' }],
    success: [
      { type: 'put', key: 'm/a', value: '0' },
      // Chosen before the put above: it finds what there was.
      { type: 'txn', compare: [{ key: 'm/a', expected: '4' }], success: [{ type: 'get', key: 'm/a' }], failure: [] },
    ],
    failure: [],
  }
  const right = { succeeded: true, steps: [1, { succeeded: true, steps: [new Map([['m/a', '0']])] }] }
  const wrong = { succeeded: true, steps: [1, { succeeded: false, steps: [] }] }

  for (const judge of [judged, ordered]) {
    const move = note([4, 5], moved, done(4))
    assert.equal(judge(...begin, move, whole), 'linearizable')
    assert.notEqual(judge(...begin, move, half), 'linearizable', 'a torn read')
    assert.equal(judge(...begin, move, note([8, 9], nested, txnDone(5, right))), 'linearizable')
    assert.notEqual(judge(...begin, move, note([8, 9], nested, txnDone(5, wrong))), 'linearizable')
  }
})

test('I16: the order of revisions is no order when it runs against time, or a revision is given twice', () => {
  const first = note([0, 1], put('a', 'x'), done(3))
  assert.equal(ordered(first, note([2, 3], put('b', 'y'), done(2))), 'contradiction')
  assert.equal(ordered(first, note([2, 3], put('b', 'y'), done(3))), 'contradiction')
  assert.equal(ordered(first, note([2, 3], put('b', 'y'), done(4))), 'linearizable')
})

test('I16: a write that is applied twice shows in the revision of what it wrote', () => {
  const [first, other] = [note([0, 1], put('a', 'x'), done(2)), note([0, 1], put('b', 'y'), done(3))]
  const shown = (revision: number): HistoryNote =>
    note([2, 3], get('a'), { ...done(4, { a: 'x' }), mods: new Map([['a', revision]]) })
  assert.equal(ordered(first, other, shown(2)), 'linearizable')
  assert.equal(ordered(first, other, shown(4)), 'contradiction')
})

test('I16: what nobody was told of is placed by what was seen of it, and left to the search where nothing was', () => {
  const lost = note([0], put('a', 'x'))
  const seen = note([5, 6], get('a'), { ...done(4, { a: 'x' }), mods: new Map([['a', 2]]) })
  const other = note([1, 2], put('b', 'y'), done(3))
  assert.equal(ordered(lost, other, seen), 'linearizable')

  const refused = note([5, 6], cas('a', undefined, 'z'), done(3, {}, false))
  assert.equal(ordered(lost, other, refused), 'unexplained')
  assert.equal(judged(lost, other, refused), 'linearizable')
  assert.equal(judged(other, refused), 'impossible')
})

test('W8, W4: a read of one replica, or of the past, may be old, and is never torn', () => {
  const writes = [note([0, 1], put('a/1', 'x'), done(2)), note([2, 3], put('a/2', 'y'), done(3))]
  const peek: Operation = { type: 'peek', prefix: 'a/', node: 2 }
  const past: Operation = { type: 'listAt', prefix: 'a/', revision: 2 }
  assert.equal(ordered(...writes, note([9, 10], peek, done(2, { 'a/1': 'x' }))), 'linearizable')
  assert.equal(ordered(...writes, note([9, 10], past, done(3, { 'a/1': 'x' }))), 'linearizable')
  assert.equal(ordered(...writes, note([9, 10], peek, done(3, { 'a/2': 'y' }))), 'contradiction')
  assert.equal(ordered(...writes, note([9, 10], past, done(3, { 'a/1': 'x', 'a/2': 'y' }))), 'contradiction')
})

test('histories are judged in parts that share no key', () => {
  const notes = [
    note([0, 1], put('a', 'x'), done(2)),
    note([0, 1], put('b', 'x'), done(3)),
    note([0, 1], put('c/1', 'x'), done(4)),
    note([0, 1], list('c/'), done(4, { 'c/1': 'x' })),
    note([2, 3], put('c/2', 'x'), done(5)),
  ]
  assert.deepEqual(
    partsOf(notes).map(({ keys, calls }) => [keys.join(), calls.length]),
    [
      ['a', 1],
      ['b', 1],
      ['c/1,c/2', 3],
    ],
  )
})

/** Every order of every subset that may have happened. */
function bruteForce<State, Call>(model: Model<State, Call>, history: readonly Interval<Call>[]): boolean {
  const go = (state: State, left: readonly Interval<Call>[]): boolean => {
    if (left.every(({ ended }) => ended === undefined)) return true
    return left.some((each) => {
      const mayBeNext = left.every(({ ended }) => ended === undefined || ended >= each.began)
      const next = mayBeNext ? model.step(state, each.call) : undefined
      return (
        next !== undefined &&
        go(
          next,
          left.filter((other) => other !== each),
        )
      )
    })
  }
  return go(model.initial, history)
}

const anyRegisterCall = fc
  .record({
    kind: fc.constantFrom('put', 'get', 'cas'),
    began: fc.integer({ min: 0, max: 12 }),
    took: fc.integer({ min: 0, max: 8 }),
    lost: fc.boolean(),
    value: fc.constantFrom('a', 'b', 'c'),
    other: fc.constantFrom(undefined, 'a', 'b'),
    ok: fc.boolean(),
  })
  .map(({ kind, began, took, lost, value, other, ok }): RegisterOperation => {
    const endedMs = lost && kind !== 'get' ? undefined : began + took
    if (kind === 'get') return { type: 'get', beganMs: began, endedMs, found: other }
    if (kind === 'put') return { type: 'put', beganMs: began, endedMs, value }
    return { type: 'cas', beganMs: began, endedMs, expected: other, value, ok: endedMs === undefined ? undefined : ok }
  })

test('I16: the search agrees with brute force on any small history of a register', () => {
  let possible = 0
  fc.assert(
    fc.property(fc.array(anyRegisterCall, { minLength: 1, maxLength: 6 }), (calls) => {
      const history = calls.map((call) => ({ call, began: call.beganMs, ended: call.endedMs }))
      const wanted = bruteForce(new RegisterModel(undefined), history)
      if (wanted) possible += 1
      assert.equal(checkRegister(calls, undefined).type, wanted ? 'linearizable' : 'impossible')
    }),
    { numRuns: 3_000, seed: 11 },
  )
  assert.ok(possible > 300 && possible < 2_700, `${possible} of 3000 were possible`)
})

/** One thing that was seen is changed, or one end moved: most such histories are impossible. */
function tampered(notes: readonly HistoryNote[], choose: (count: number) => number): HistoryNote[] {
  const at = choose(notes.length)
  return notes.map((each, place) => {
    if (place !== at || each.outcome?.type !== 'done') return each
    const { outcome } = each
    if (outcome.found.size > 0) {
      const [key] = [...outcome.found.keys()]
      const found = new Map(outcome.found).set(key as string, `v${choose(notes.length + 1)}`)
      return { ...each, outcome: { ...outcome, found } }
    }
    if (each.operation.type === 'cas' || each.operation.type === 'move')
      return { ...each, outcome: { ...outcome, succeeded: !outcome.succeeded } }
    return each
  })
}

test('I16: search and brute force agree on small histories of a store, and no order of revisions is believed wrongly', () => {
  const counts = { possible: 0, impossible: 0, believed: 0, refused: 0 }
  for (let seed = 1; seed <= 1_500; seed++) {
    const choose = chooser(seed)
    const made = makeHistory(choose, { keys: 2, operations: 6, clients: 4, lostOneIn: seed % 3 === 0 ? 3 : 0 })
    for (const history of [made, tampered(made, choose)]) {
      const calls = partsOf(history).flatMap((part) => part.calls)
      const wanted = bruteForce<StoreModel['initial'], StoreCall>(new StoreModel(), calls)
      counts[wanted ? 'possible' : 'impossible'] += 1
      assert.equal(checkStore(history).verdict.type, wanted ? 'linearizable' : 'impossible', `seed ${seed}`)
      assert.equal(
        linearize(new StoreModel(), calls).type,
        wanted ? 'linearizable' : 'impossible',
        `seed ${seed}, whole`,
      )
      const claimed = checkRevisionOrder(history)
      if (claimed.type === 'linearizable') counts.believed += 1
      if (claimed.type === 'contradiction') counts.refused += 1
      assert.ok(claimed.type !== 'linearizable' || wanted, `seed ${seed}: an order was believed that is none`)
      if (history === made) assert.notEqual(claimed.type, 'contradiction', `seed ${seed}: ${JSON.stringify(claimed)}`)
    }
  }
  assert.ok(counts.impossible > 200 && counts.believed > 800 && counts.refused > 200, JSON.stringify(counts))
})

const long = { keys: 12, operations: 10_000, clients: 8, lostOneIn: 0 }

test('I16: ten thousand operations are judged by both judges, those of an unknown end among them', () => {
  for (const single of [true, false]) {
    const history = makeHistory(chooser(3), { ...long, lostOneIn: 50, single })
    assert.equal(checkStore(history).verdict.type, 'linearizable')
    assert.notEqual(checkRevisionOrder(history).type, 'contradiction')
  }
})

test('I16: one read changed among ten thousand operations is found by both judges', () => {
  for (const single of [true, false]) {
    const history = makeHistory(chooser(4), { ...long, single })
    const at = history.findIndex(
      ({ operation, outcome }, place) => place > 5_000 && operation.type === 'get' && foundIn(outcome) > 0,
    )
    const found = history[at] as HistoryNote & { readonly operation: { readonly key: string } }
    assert.equal(checkStore(history).verdict.type, 'linearizable')
    assert.equal(checkRevisionOrder(history).type, 'linearizable')

    const outcome = { ...(found.outcome as ReturnType<typeof done>), found: new Map([[found.operation.key, 'v1']]) }
    const changed = history.with(at, { ...found, outcome })

    assert.equal(checkStore(changed).verdict.type, 'impossible')
    assert.equal(checkRevisionOrder(changed).type, 'contradiction')
  }
})

function foundIn(outcome: HistoryNote['outcome']): number {
  return outcome?.type === 'done' ? outcome.found.size : 0
}

test('a search that grows too long is given up, not decided', () => {
  const many = Array.from({ length: 24 }, (_, at) => write(0, 100, `v${at}`))
  assert.equal(checkRegister([...many, read(200, 201, 'none')], undefined, 1_000).type, 'undecided')
})
