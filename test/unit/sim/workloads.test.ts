/** That the law of each workload would be found broken, by what clients saw and by what replicas hold. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { checkLists, type ListTxn } from '../../../sim/checkers/dependency-graph.ts'
import { CommittedHistory } from '../../../sim/checkers/watch-history.ts'
import { mixWorkload } from '../../../sim/mix.ts'
import type { HistoryNote, Operation, Outcome } from '../../../sim/operation.ts'
import { runSeed } from '../../../sim/scenario.ts'
import { drawWorkloads, workloadOf, workloads } from '../../../sim/workloads/all.ts'
import type { Evidence, ReplicaEvidence, WorkloadName } from '../../../sim/workloads/workload.ts'
import { done, list, note, txnDone } from './lab-history.ts'

function judge(name: WorkloadName, notes: readonly HistoryNote[], more: Partial<Evidence> = {}): () => void {
  return () =>
    workloadOf(name).check({
      notes,
      replicas: [],
      wiped: new Set(),
      leases: [],
      committed: new CommittedHistory(),
      ...more,
    })
}

function replica(pairs: Readonly<Record<string, string>>): readonly ReplicaEvidence[] {
  return [{ name: 'node 1', versions: [], compacted: -1, pairs: new Map(Object.entries(pairs)) }]
}

const ring = (next: readonly number[]): Record<string, string> =>
  Object.fromEntries(next.map((to, at) => [`ring/${at}`, `${to}|client-cycle-0.${at}`]))

test('W1: a ring that falls into two, loses a place or is seen torn', () => {
  const look = (pairs: Record<string, string>): HistoryNote => note([0, 1], list('ring/'), done(9, pairs))
  assert.doesNotThrow(judge('cycle', [look(ring([1, 2, 3, 4, 5, 0]))], { replicas: replica(ring([2, 3, 1, 4, 5, 0])) }))
  assert.throws(
    judge('cycle', [look(ring([1, 2, 0, 4, 5, 3]))]),
    /^Violation: W1: alice, by list at revision 9, saw a ring of 3/,
  )
  assert.throws(judge('cycle', [look(ring([1, 2, 3, 4, 5]))]), /^Violation: W1/)
  assert.throws(judge('cycle', [], { replicas: replica(ring([1, 1, 3, 4, 5, 0])) }), /^Violation: W1: node 1 saw/)
  const torn: Operation = { type: 'peek', prefix: 'ring/', node: 3 }
  assert.throws(
    judge('cycle', [note([0, 1], torn, done(9, ring([1, 3, 2, 4, 5, 0])))]),
    /^Violation: W1: alice, by peek/,
  )
})

test('W2: money that is lost, doubled or seen on its way', () => {
  const accounts = (...balances: number[]): Record<string, string> =>
    Object.fromEntries(balances.map((balance, at) => [`account/${at + 1}`, `${balance}|x.${at}`]))
  const look = (pairs: Record<string, string>): HistoryNote => note([0, 1], list('account/'), done(9, pairs))
  assert.doesNotThrow(judge('bank', [look(accounts(90, 110, 100, 100)), look({})]))
  assert.throws(
    judge('bank', [look(accounts(95, 100, 100, 100))]),
    /^Violation: W2: alice, .* saw 395 in all accounts, there is 400/,
  )
  assert.throws(judge('bank', [look(accounts(100, 100, 200))]), /^Violation: W2: alice, .* saw 3 accounts of 4/)
  assert.throws(
    judge('bank', [], { replicas: replica(accounts(100, 100, 100, 101)) }),
    /^Violation: W2: node 1 saw 401/,
  )
})

const append = (
  at: number,
  before: Readonly<Record<string, string>>,
  element: string,
  outcome?: Outcome,
): HistoryNote => {
  const keys = Object.keys(before)
  const operation: Operation = {
    type: 'txn',
    compare: keys.map((key) => ({ key, expected: before[key] === '' ? undefined : before[key] })),
    success: keys.map((key) => ({
      type: 'put',
      key,
      value: [before[key], element].filter((part) => part !== '').join(),
    })),
    failure: [],
  }
  return note(
    [at, at + 1],
    operation,
    outcome ?? txnDone(at, { succeeded: true, steps: keys.map(() => 1) }),
    `writer-${element}`,
  )
}
const look = (at: number, pairs: Readonly<Record<string, string>>): HistoryNote =>
  note([at, at + 1], list('list/'), done(at, pairs), `reader-${at}`)

test('W3: an append that is lost, doubled, invented, out of order, or seen in one order here and another there', () => {
  const one = append(0, { 'list/0': '' }, 'a')
  const two = append(2, { 'list/0': 'a' }, 'b')
  assert.doesNotThrow(
    judge('append', [one, two, look(4, { 'list/0': 'a,b' })], { replicas: replica({ 'list/0': 'a,b' }) }),
  )
  assert.throws(judge('append', [one, two], { replicas: replica({ 'list/0': 'a' }) }), /^Violation: W3: /, 'lost')
  assert.throws(judge('append', [one, two, look(4, { 'list/0': 'a,b,b' })]), /^Violation: W3: .* twice in list\/0/)
  assert.throws(judge('append', [one, look(4, { 'list/0': 'a,x' })]), /^Violation: W3: nobody appended x/)
  assert.throws(judge('append', [one, two, look(4, { 'list/0': 'b' })]), /^Violation: W3: .* no beginning of the other/)
  assert.throws(
    judge('append', [one, two, look(4, { 'list/0': 'a' })]),
    /^Violation: W3: transactions stand in a circle/,
    'a stale read',
  )
  // Of an append that nobody was told of, nothing is held against the store; but once seen it stays.
  const lost = { ...append(6, { 'list/0': 'a,b' }, 'c'), outcome: undefined, ended: undefined }
  assert.doesNotThrow(judge('append', [one, two, lost], { replicas: replica({ 'list/0': 'a,b' }) }))
  assert.throws(
    judge('append', [one, two, lost, look(8, { 'list/0': 'a,b,c' })], { replicas: replica({ 'list/0': 'a,b' }) }),
    /^Violation: W3: transactions stand in a circle/,
  )
})

test('W3: lists of one another tell of every kind of circle', () => {
  const txn = (
    name: string,
    span: readonly [number, number],
    reads: ListTxn['reads'],
    appends: ListTxn['appends'],
  ): ListTxn => ({
    name,
    began: span[0],
    ended: span[1],
    reads,
    appends,
  })
  // Write skew: each saw what the other had not changed yet.
  const skew = [
    txn('one', [0, 9], [['x', []]], [['y', 'a']]),
    txn('two', [0, 9], [['y', []]], [['x', 'b']]),
    txn(
      'end',
      [10, 11],
      [
        ['x', ['b']],
        ['y', ['a']],
      ],
      [],
    ),
  ]
  assert.match(checkLists(skew)?.text ?? '', /circle: (one ─rw▶ two ─rw▶|two ─rw▶ one ─rw▶)/)
  // Long fork: two readers that saw two writes in either order.
  const fork = [
    txn('x', [0, 9], [], [['x', 'a']]),
    txn('y', [0, 9], [], [['y', 'b']]),
    txn(
      'first',
      [0, 9],
      [
        ['x', ['a']],
        ['y', []],
      ],
      [],
    ),
    txn(
      'second',
      [0, 9],
      [
        ['x', []],
        ['y', ['b']],
      ],
      [],
    ),
  ]
  assert.match(checkLists(fork)?.text ?? '', /circle/)
  assert.equal(checkLists(fork.slice(0, 3)), undefined)
  // Dirty order: the lists say that each came before the other.
  const crossed = [
    txn(
      'one',
      [0, 9],
      [],
      [
        ['x', 'a'],
        ['y', 'a'],
      ],
    ),
    txn(
      'two',
      [0, 9],
      [],
      [
        ['x', 'b'],
        ['y', 'b'],
      ],
    ),
    txn(
      'end',
      [10, 11],
      [
        ['x', ['a', 'b']],
        ['y', ['b', 'a']],
      ],
      [],
    ),
  ]
  assert.match(checkLists(crossed)?.text ?? '', /circle: (one ─ww▶ two ─ww▶|two ─ww▶ one ─ww▶)/)
  // Against time alone.
  const late = [txn('one', [0, 1], [], [['x', 'a']]), txn('two', [2, 3], [['x', []]], [])]
  assert.match(checkLists([...late, txn('end', [4, 5], [['x', ['a']]], [])])?.text ?? '', /─rt▶/)
})

test('W4: the past that was compacted is gone, and no more than that', () => {
  const compact = note([2, 3], { type: 'compact', revision: 7 }, done(9))
  const past = (at: number, revision: number, outcome: Outcome): HistoryNote =>
    note([at, at + 1], { type: 'listAt', prefix: 'old/', revision }, outcome)
  const compacted: Outcome = { type: 'refused', revision: 9, reason: 'compacted' }
  assert.doesNotThrow(judge('compaction', [past(0, 5, done(9)), compact, past(4, 5, compacted), past(4, 7, done(9))]))
  assert.throws(
    judge('compaction', [compact, past(4, 5, done(9))]),
    /^Violation: W4: alice read revision 5, which alice had compacted/,
  )
  assert.throws(
    judge('compaction', [compact, past(4, 8, compacted)]),
    /^Violation: W4: alice was told that revision 8 is compacted/,
  )
  assert.throws(judge('compaction', [past(0, 5, compacted), compact]), /^Violation: W4/)
})

test('W5: one side of a pair without the other', () => {
  const both = { 'pair/left/1': 'p', 'pair/right/1': 'p' }
  const half = { 'pair/left/1': 'q', 'pair/right/1': 'p' }
  const ranges = (left: Record<string, string>, right: Record<string, string>): HistoryNote =>
    note(
      [0, 1],
      {
        type: 'txn',
        compare: [],
        success: ['left', 'right'].map((side) => ({ type: 'list', prefix: `pair/${side}/` })),
        failure: [],
      },
      txnDone(9, { succeeded: true, steps: [left, right].map((pairs) => new Map(Object.entries(pairs))) }),
    )
  assert.doesNotThrow(
    judge('nested', [
      note([0, 1], list('pair/'), done(9, both)),
      ranges({ 'pair/left/1': 'p' }, { 'pair/right/1': 'p' }),
    ]),
  )
  assert.throws(
    judge('nested', [note([0, 1], list('pair/'), done(9, half))]),
    /^Violation: W5: .* saw pair 1 as q and p/,
  )
  assert.throws(
    judge('nested', [ranges({ 'pair/left/1': 'p' }, {})]),
    /^Violation: W5: .* by a read of ranges .* saw pair 1 as p and undefined/,
  )
  assert.throws(judge('nested', [], { replicas: replica(half) }), /^Violation: W5: node 1/)
})

test('W6: what an actor kept is lost, or what it was told in a turn that failed is there', () => {
  const ask = (
    span: [number, number?],
    say: 'add' | 'read' | 'fail',
    element: string,
    elements: readonly string[] = [],
  ): HistoryNote =>
    note(
      span,
      { type: 'ask', node: 2, name: 'user/0/a', say: say === 'read' ? { type: say } : { type: say, element } },
      { type: 'told', elements },
    )
  const [kept, unsure, failed] = [ask([0, 1], 'add', 'x'), ask([0], 'add', 'y'), ask([2, 3], 'fail', 'lost')]
  assert.doesNotThrow(
    judge('actors', [kept, unsure, failed, ask([4, 5], 'read', '', ['x']), ask([6, 7], 'read', '', ['x', 'y'])]),
  )
  assert.throws(judge('actors', [kept, ask([4, 5], 'read', '', [])]), /^Violation: W6: user\/0\/a of node 2 lost x/)
  assert.throws(
    judge('actors', [failed, ask([4, 5], 'read', '', ['lost'])]),
    /^Violation: W6: .* in a turn that failed/,
  )
  assert.throws(judge('actors', [ask([4, 5], 'read', '', ['z'])]), /^Violation: W6: .* told alice of z/)
  assert.throws(judge('actors', [kept, ask([4, 5], 'read', '', ['x', 'x'])]), /^Violation: W6: .* twice/)
  assert.doesNotThrow(
    judge('actors', [kept, ask([4, 5], 'read', '', [])], { wiped: new Set([2]) }),
    'its disk was lost',
  )
})

test('W8: a replica that goes back, within one life', () => {
  const peek = (at: number, revision: number, life: number): HistoryNote =>
    note([at, at + 1], { type: 'peek', prefix: 'near/', node: 1 }, { ...done(revision), by: { node: 1, life } })
  assert.doesNotThrow(judge('stale', [peek(0, 5, 1), peek(2, 5, 1), peek(4, 7, 1), peek(6, 3, 2)]))
  assert.throws(
    judge('stale', [peek(0, 5, 1), peek(2, 4, 1)]),
    /^Violation: W8: alice was shown revision 4 by node 1, which had shown 5/,
  )
})

test('a run has one to four workloads, each with clients, and all of them come up', () => {
  const seen = new Set<WorkloadName>()
  for (let seed = 1; seed <= 200; seed++) {
    const plans = drawWorkloads(seed)
    assert.ok(plans.length >= 1 && plans.length <= 4)
    assert.equal(new Set(plans.map(({ name }) => name)).size, plans.length)
    const clients = plans.reduce((total, plan) => total + plan.clients, 0)
    assert.ok(clients >= 2 && clients <= 5 && plans.every((plan) => plan.clients >= 1), JSON.stringify(plans))
    for (const { name } of plans) seen.add(name)
  }
  assert.deepEqual([...seen].sort(), workloads.map(({ name }) => name).sort())
})

test('workloads run side by side in one run, and each does what it is for', () => {
  const counts = new Map<string, number>()
  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    let notes: readonly HistoryNote[] = []
    const result = runSeed(mixWorkload({ nodes: 3 }), seed, { opened: (cluster) => (notes = cluster.history.notes) })
    assert.equal(result.failure, undefined, result.failure?.text)
    for (const { client, operation, outcome } of notes) {
      if (outcome?.type !== 'done' && outcome?.type !== 'told') continue
      const what = `${client.replace(/-\d+$/, '')} ${operation.type}`
      counts.set(what, (counts.get(what) ?? 0) + 1)
    }
  }
  assert.ok([...counts.keys()].filter((what) => what.startsWith('client-')).length >= 8, JSON.stringify([...counts]))
})
