/** That the laws of coordination would be found broken, by what programs saw and by what replicas hold. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HistoryNote } from '../../../sim/operation.ts'
import { elections, locks, numbers, queues } from '../../../sim/workloads/coordination.ts'
import type { HoldProgram, Observation, Program } from '../../../sim/workloads/coordination-program.ts'
import type { Evidence, ReplicaEvidence, Workload } from '../../../sim/workloads/workload.ts'

test('G1: two inside of one lock', () => {
  const entered = (others: readonly string[]): Evidence =>
    evidence([ran(hold('lock'), [{ type: 'entered', token: 5, revision: 6, others }])])

  passes(locks, entered([]))
  breaks('G1', locks, entered(['lock']))
})

test('G4: a writer beside a reader, and the other way round; readers may meet', () => {
  const entered = (use: 'read' | 'write', others: readonly string[]): Evidence =>
    evidence([ran(hold(use), [{ type: 'entered', token: 5, revision: 6, others }])])

  passes(locks, entered('read', ['read', 'read']))
  breaks('G4', locks, entered('read', ['write']))
  breaks('G4', locks, entered('write', ['read']))
})

test('G5: more inside than there are permits', () => {
  const entered = (others: readonly string[]): Evidence =>
    evidence([ran(hold('permit'), [{ type: 'entered', token: 5, revision: 6, others }])])

  passes(locks, entered(['permit']))
  breaks('G5', locks, entered(['permit', 'permit']))
})

test('G2: a token that is not greater than that of the grant before', () => {
  const granted = (first: number, second: number): Evidence =>
    evidence([
      ran(hold('lock'), [{ type: 'granted', token: first, revision: 10 }]),
      ran(hold('lock'), [{ type: 'granted', token: second, revision: 20 }]),
    ])

  passes(locks, granted(5, 8))
  breaks('G2', locks, granted(8, 5))
})

test('G2: a leader that was followed by another is shown again', () => {
  const looks = (first: number, second: number): Evidence =>
    evidence([
      ran({ use: 'look', name: 'co/lead' }, [{ type: 'leads', token: first, revision: 9 }], 0),
      ran({ use: 'look', name: 'co/lead' }, [{ type: 'leads', token: second, revision: 9 }], 2),
    ])

  passes(elections, looks(5, 8))
  breaks('G2', elections, looks(8, 5))
})

test('G3: a write with an old token after one with a newer', () => {
  const rows = (...tokens: readonly number[]): Evidence => ({
    ...evidence([ran(hold('lock'), [])]),
    replicas: [
      {
        ...replica({}),
        versions: tokens.map((token, at) => ({ key: 'co/lock!row', value: `${token}|x.${at}`, revision: 10 + at })),
      },
    ],
  })

  passes(locks, rows(5, 5, 8))
  breaks('G3', locks, rows(5, 8, 5))
})

test('G7: a key whose lease is gone, and a lease whose key was taken', () => {
  const key = (goneMs: number | undefined): Evidence => ({
    ...evidence([ran(hold('lock'), [])], { 'co/lock/ff': '' }),
    leases: [{ id: '255', granted: 1, ttlMs: 10, firstMs: 1, goneMs }],
  })

  passes(locks, key(undefined))
  breaks('G7', locks, key(20))
  breaks('G7', locks, evidence([ran(hold('lock'), [{ type: 'robbed', token: 5 }])]))
})

const place = '50/0000000000000001-a'
const sent = ran({ use: 'send', name: 'co/queue', id: 'a', priority: 0 }, [{ type: 'sent', place }])

test('G11: a message that is nowhere, or in two places', () => {
  passes(queues, evidence([sent], { [`co/queue/item/${place}`]: 'a' }))
  passes(queues, evidence([sent, worked([{ type: 'finishing', place, token: 7 }])]))
  breaks('G11', queues, evidence([sent]))
  breaks('G11', queues, evidence([sent], { [`co/queue/item/${place}`]: 'a', [`co/queue/dead/${place}`]: 'a' }))
  const end = worked([
    { type: 'finishing', place, token: 7 },
    { type: 'finished', place, token: 7 },
  ])
  breaks('G11', queues, evidence([sent, end], { [`co/queue/item/${place}`]: 'a' }))
})

test('G12: finished twice, delivered twice under one number, or after its end', () => {
  const delivered = (token: number, deliveries: number): HistoryNote =>
    worked([{ type: 'delivered', place, token, deliveries }])
  const finished = (token: number): HistoryNote => worked([{ type: 'finished', place, token }])

  passes(queues, evidence([delivered(7, 1), delivered(9, 2), finished(9)]))
  breaks('G12', queues, evidence([finished(7), finished(9)]))
  breaks('G12', queues, evidence([delivered(7, 1), delivered(9, 1)]))
  breaks('G12', queues, evidence([delivered(9, 1), delivered(7, 2)]))
  breaks('G12', queues, evidence([finished(7), delivered(9, 2)]))
  breaks('G12', queues, evidence([worked([{ type: 'entered', token: 7, revision: 8, others: ['work'] }])]))
})

test('G13: delivered more often than allowed', () => {
  breaks('G13', queues, evidence([worked([{ type: 'delivered', place, token: 7, deliveries: 4 }])]))
})

test('G14: an addition that is lost, counted twice, or seen too early', () => {
  const added = (value: number, began = 0): HistoryNote =>
    ran({ use: 'count', name: 'co/counter', amount: 2 }, [{ type: 'counted', value }], began)

  passes(numbers, evidence([added(2), added(4)], { 'co/counter': '4' }))
  breaks('G14', numbers, evidence([added(2), added(4)], { 'co/counter': '2' }))
  breaks('G14', numbers, evidence([added(2), added(4)], { 'co/counter': '6' }))
  breaks('G14', numbers, evidence([added(2), added(2)], { 'co/counter': '4' }))
  breaks('G14', numbers, evidence([added(4, 0), added(2, 2)], { 'co/counter': '4' }))
})

test('G15: numbers with a gap, given out twice, or beyond what the sequence says', () => {
  const took = (first: number, by: string): HistoryNote =>
    ran({ use: 'number', name: 'co/sequence', count: 2, by }, [{ type: 'taken', first, count: 2 }])
  const used = { 'co/sequence!used/1': '2|a', 'co/sequence!used/3': '2|b' }

  passes(numbers, evidence([took(1, 'a'), took(3, 'b')], { ...used, 'co/sequence': '4' }))
  breaks('G15', numbers, evidence([took(1, 'a'), took(3, 'b')], { ...used, 'co/sequence': '5' }))
  breaks('G15', numbers, evidence([took(1, 'a')], { 'co/sequence!used/2': '2|a', 'co/sequence': '3' }))
  breaks('G15', numbers, evidence([took(1, 'a'), took(1, 'b')], { 'co/sequence!used/1': '2|a', 'co/sequence': '2' }))
})

function passes(workload: Workload, given: Evidence): void {
  workload.check(given)
}

function breaks(rule: string, workload: Workload, given: Evidence): void {
  assert.throws(() => workload.check(given), new RegExp(`^Violation: ${rule}: `))
}

function hold(use: HoldProgram['use']): HoldProgram {
  const name = use === 'read' || use === 'write' ? 'co/shelf' : `co/${use}`
  return { use, name, lease: '255', ttlMs: 100, writes: 1, pauseMs: 1, keepAlive: true, letsGo: true }
}

function worked(seen: readonly Observation[]): HistoryNote {
  return ran({ use: 'work', name: 'co/queue', lease: '1', ttlMs: 100, pauseMs: 1, finally: 'finish' }, seen)
}

function ran(program: Program, seen: readonly Observation[], began: number = 0): HistoryNote {
  const ended = began + 1
  return {
    client: `client of ${began}`,
    operation: { type: 'program', program },
    beganMs: began,
    began,
    floor: 0,
    endedMs: ended,
    ended,
    outcome: { type: 'observed', seen, ended: true },
  }
}

function replica(pairs: Readonly<Record<string, string>>): ReplicaEvidence {
  return { name: 'node 1', versions: [], compacted: -1, pairs: new Map(Object.entries(pairs)) }
}

function evidence(notes: readonly HistoryNote[], pairs: Readonly<Record<string, string>> = {}): Evidence {
  return { notes, replicas: [replica(pairs)], wiped: new Set(), leases: [] } as unknown as Evidence
}
