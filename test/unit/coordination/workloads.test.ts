/** That the laws of coordination would be found broken, by what programs saw and by what replicas hold. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CommittedChange } from '../../../sim/checkers/watch-history.ts'
import type { HistoryNote } from '../../../sim/operation.ts'
import { elections, limits, locks, meetings, numbers, queues, services } from '../../../sim/workloads/coordination.ts'
import type { HoldProgram, Observation, Program } from '../../../sim/workloads/coordination-program.ts'
import type { LimitProgram } from '../../../sim/workloads/limit-program.ts'
import type { GateProgram, MeetProgram } from '../../../sim/workloads/meeting-program.ts'
import type { FollowProgram, ListedInstance, ServeProgram } from '../../../sim/workloads/service-program.ts'
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

const gate: GateProgram = { use: 'gate', act: 'pass', name: 'co/gate', lease: undefined, ttlMs: 0, pauseMs: undefined }

test('G8: a barrier that was never lifted is passed, or holds up whoever comes last', () => {
  const passed = (before: number, after: number): Evidence => evidence([ran(gate, [{ type: 'passed', before, after }])])
  const heldUp = (client: string): Evidence => evidence([{ ...ran(gate, [{ type: 'heldUp' }]), client }])

  passes(meetings, passed(0, 0))
  passes(meetings, passed(5, 0))
  passes(meetings, passed(5, 8))
  breaks('G8', meetings, passed(5, 5))
  passes(meetings, heldUp('client 1'))
  breaks('G8', meetings, heldUp('last'))
})

const meet: MeetProgram = {
  use: 'meet',
  name: 'co/meeting',
  lease: '255',
  ttlMs: 100,
  parties: 2,
  pauseMs: 1,
  keepAlive: true,
  letsGo: true,
}

test('G9: one begins before enough have come, or with a place of a later round', () => {
  const came = (...keys: readonly string[]): Evidence =>
    lived(
      [ran(meet, [{ type: 'met', token: 2, round: 2 + keys.length }])],
      [...keys.map((key) => [`co/meeting/in/${key}`, ''] as const), ['co/meeting/ready', '']],
    )
  const token = (token: number): Evidence => evidence([ran(meet, [{ type: 'met', token, round: 9 }])])

  passes(meetings, came('a', 'b'))
  breaks('G9', meetings, came('a'))
  passes(meetings, token(8))
  breaks('G9', meetings, token(10))
})

test('G9: those of the round before count no more', () => {
  const two: readonly Change[] = [
    ['co/meeting/in/a', ''],
    ['co/meeting/in/b', ''],
    ['co/meeting/ready', ''],
  ]
  const over: readonly Change[] = [
    ['co/meeting/in/a', undefined],
    ['co/meeting/in/b', undefined],
    ['co/meeting/ready', undefined],
  ]
  const began = (round: number): HistoryNote => ran(meet, [{ type: 'met', token: 2, round }])

  passes(meetings, lived([began(4), began(10)], [...two, ...over, ...two]))
  breaks('G9', meetings, lived([began(9)], [...two, ...over, ['co/meeting/in/a', ''], ['co/meeting/ready', '']]))
})

test('G9: one goes on, or a round is over, while somebody is inside', () => {
  const parted = (sign: number): Evidence => evidence([ran(meet, [{ type: 'parted', round: 4, sign }])])
  const ends = (...left: readonly string[]): Evidence =>
    lived(
      [ran(meet, [{ type: 'met', token: 2, round: 4 }])],
      [
        ['co/meeting/in/a', ''],
        ['co/meeting/in/b', ''],
        ['co/meeting/ready', ''],
        ...left.map((key) => [`co/meeting/in/${key}`, undefined] as const),
        ['co/meeting/ready', undefined],
      ],
    )

  passes(meetings, parted(0))
  passes(meetings, parted(7))
  breaks('G9', meetings, parted(4))
  passes(meetings, ends('a', 'b'))
  breaks('G9', meetings, ends('a'))
})

test('G9: the dead are inside, or hold up whoever comes last', () => {
  const dead = (goneMs: number | undefined): Evidence => ({
    ...evidence([ran(meet, [])], { 'co/meeting/in/ff': '' }),
    leases: [{ id: '255', granted: 1, ttlMs: 10, firstMs: 1, goneMs }],
  })

  passes(meetings, dead(undefined))
  breaks('G9', meetings, dead(20))
  breaks('G9', meetings, evidence([{ ...ran(meet, [{ type: 'heldUp' }]), client: 'last' }]))
})

test('G16: more permits in a span than the bucket held and was filled with, or fewer than it has', () => {
  const took = (permits: number, beganMs: number, came: 'permitted' | 'limited' = 'permitted'): HistoryNote => ({
    ...ran({ ...limit, permits }, [{ type: came }], beganMs),
    endedMs: beganMs + 10,
  })

  passes(limits, evidence([took(4, 0), took(1, 90)]))
  breaks('G16', limits, evidence([took(4, 0), took(1, 50)]))
  // Each span of two would do; that of all three does not.
  passes(limits, evidence([took(3, 0), took(1, 20)]))
  breaks('G16', limits, evidence([took(3, 0), took(1, 20), took(1, 50)]))
  passes(limits, evidence([took(3, 0), took(2, 1, 'limited')]))
  breaks('G16', limits, evidence([took(2, 0), took(2, 1, 'limited')]))
})

const limit: LimitProgram = {
  use: 'limit',
  name: 'co/limit',
  lease: '1',
  perSecond: 10,
  capacity: 4,
  permits: 1,
  wait: false,
  grainMs: 10,
}

const follower: FollowProgram = { use: 'follow', name: 'co/service', times: 1 }

test('G17: one who lives is not listed; one who left, or whose lease ended, is', () => {
  const there = ran(serve(), [{ type: 'there', token: 5, revision: 9 }])
  const left = ran(serve(), [{ type: 'left', token: 5 }])
  const listed = (revision: number, instances: readonly ListedInstance[]): HistoryNote =>
    ran(follower, [{ type: 'listed', revision, instances }], 20)
  const own = { instance: 'a', token: 5, value: '255|0' }
  const ended = (goneMs: number): Evidence => ({
    ...evidence([listed(7, [own])]),
    leases: [{ id: '255', granted: 1, ttlMs: 10, firstMs: 1, goneMs }],
  })

  passes(services, evidence([there, listed(7, [own])]))
  passes(services, evidence([there, listed(4, []), listed(10, [])]))
  breaks('G17', services, evidence([there, listed(7, [])]))
  breaks('G17', services, evidence([there, listed(7, [{ ...own, token: 6 }])]))
  breaks('G17', services, evidence([left, listed(10, [own])]))
  passes(services, ended(21))
  breaks('G17', services, ended(19))
})

test('G17: an instance is in the keyspace after its lease', () => {
  const key = (goneMs: number | undefined): Evidence => ({
    ...evidence([ran(serve(), [])], { 'co/service/a': '255|1' }),
    leases: [{ id: '255', granted: 1, ttlMs: 10, firstMs: 1, goneMs }],
  })

  passes(services, key(undefined))
  breaks('G17', services, key(20))
})

test('G17: another speaks for an instance, or one that is not registered, or takes its place unasked', () => {
  const said = (...values: readonly (string | undefined)[]): Evidence =>
    lived(
      [ran(serve(), [])],
      values.map((value) => ['co/service/a', value] as const),
    )
  const displaced = (replace: boolean): Evidence =>
    evidence([ran(serve(), [{ type: 'displaced', token: 5 }]), ran(serve(replace), [])])

  passes(services, said('255|0', '255|1', undefined, '256|0'))
  breaks('G17', services, said('255|0', '256|0'))
  breaks('G17', services, said('255|0', undefined, '255|1'))
  passes(services, displaced(true))
  breaks('G17', services, displaced(false))
})

function serve(replace: boolean = false): ServeProgram {
  const times = { ttlMs: 100, reports: 1, pauseMs: 1 }
  return {
    use: 'serve',
    name: 'co/service',
    instance: 'a',
    lease: '255',
    ...times,
    replace,
    keepAlive: true,
    letsGo: true,
  }
}

/** A key and what it was made; undefined: it was deleted. */
type Change = readonly [key: string, value: string | undefined]

/** The keyspace went through `changes`, one a revision, from revision 2 on. */
function lived(notes: readonly HistoryNote[], changes: readonly Change[]): Evidence {
  const created = new Map<string, number>()
  const revisions = changes.map(([key, value], at): readonly CommittedChange[] => {
    const create = created.get(key) ?? at + 2
    if (value === undefined) created.delete(key)
    else created.set(key, create)
    return [{ key, value, create }]
  })
  const committed = { newest: changes.length + 1, changesOf: (revision: number) => revisions[revision - 2] }
  return { ...evidence(notes), committed } as unknown as Evidence
}

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
  const committed = { newest: 1, changesOf: () => undefined }
  return { notes, replicas: [replica(pairs)], wiped: new Set(), leases: [], committed } as unknown as Evidence
}
