import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { keyHandler } from '../../../cli/cluster.ts'
import type { NodeView } from '../../../cli/cluster-view.ts'
import { changesBetween, clusterTable, lineOf } from '../../../cli/cluster-view.ts'

const serving: NodeView = {
  name: 'n1',
  clientUrl: 'http://127.0.0.1:2379',
  state: 'serving',
  pid: 10,
  memberId: 0xa1,
  version: '3.5.21',
  leads: [],
  term: 2,
  revision: 7,
  dbSizeBytes: 20_480,
  reason: '',
}
const n1: NodeView = { ...serving, leads: ['default'] }
const n2: NodeView = { ...serving, name: 'n2', pid: 11 }
const lines = (before: readonly NodeView[], now: readonly NodeView[]): readonly string[] =>
  changesBetween(before, now).map(lineOf)

describe('changes of a local cluster', () => {
  test('none when nothing changed but revisions and sizes', () => {
    assert.deepEqual(lines([n1, n2], [{ ...n1, revision: 8, dbSizeBytes: 1 }, n2]), [])
  })

  test('the first look tells everything', () => {
    assert.deepEqual(lines([], [n1, n2]), [
      'n1 is serving (pid 10)',
      'n2 is serving (pid 11)',
      'n1 leads keyspace default in term 2',
    ])
  })

  test('a killed leader, the gap and its heir', () => {
    const dead: NodeView = { ...serving, state: 'down', pid: undefined, reason: 'killed by SIGKILL' }
    const heir: NodeView = { ...n2, leads: ['default'], term: 3 }

    assert.deepEqual(lines([n1, n2], [dead, n2]), ['n1 is down: killed by SIGKILL', 'keyspace default has no leader'])
    assert.deepEqual(lines([dead, n2], [dead, heir]), ['n2 leads keyspace default in term 3'])
  })

  test('a deposed leader that does not know it is not believed', () => {
    const heir: NodeView = { ...n2, leads: ['default'], term: 3 }

    assert.deepEqual(lines([n1, heir], [heir, n1].reverse()), [])
    assert.deepEqual(lines([n1, n2], [n1, heir]), ['n2 leads keyspace default in term 3'])
  })

  test('a new process in the same state is a change', () => {
    assert.deepEqual(lines([n1], [{ ...n1, pid: 12 }]), ['n1 is serving (pid 12)'])
  })
})

test('the table hides what a node that is down once said', () => {
  const table = clusterTable([n1, { ...n2, state: 'down', pid: undefined, reason: 'ended' }])

  assert.match(table, /│ 1 │ n1 +│ a1 │ 10 +│ http:\/\/127\.0\.0\.1:2379 │ default │ 2 +│ 7 +│ 20 kB +│ serving │/)
  assert.match(table, /│ 2 │ n2 +│ a1 │ - +│ http:\/\/127\.0\.0\.1:2379 │ - +│ - +│ - +│ - +│ down +│ ended │/)
})

test('keys: a verb and a number; anything else takes the verb back', () => {
  const done: string[] = []
  const node = (name: string): { kill(): void; start(): void } => ({
    kill: () => done.push(`kill ${name}`),
    start: () => done.push(`start ${name}`),
  })
  const press = keyHandler([node('n1'), node('n2')], () => done.push('quit'))

  for (const key of ['1', 'k', '2', '2', 's', '2', 'k', 'x', '1', 'k', '9', 'q', '\u0003']) press(key)

  assert.deepEqual(done, ['kill n2', 'start n2', 'quit', 'quit'])
})
