/**
 * The laws of coordination, judged by what programs saw and by what replicas hold: where two accounts of the same store cannot
 * both be true, a rule of the recipes was broken: here G1 to G7 and G10 to G15.
 */
import { leaseHex } from '../../client/coordination/recipes/keys.ts'
import { check } from '../checkers/violation.ts'
import type { HistoryNote } from '../operation.ts'
import { deliveriesMax, type HoldProgram, type Observation, type Program, permits } from './coordination-program.ts'
import type { Evidence } from './workload.ts'

/** One thing that one program saw, and when it ran. */
export interface Sight<O extends Observation = Observation, P extends Program = Program> {
  readonly by: HistoryNote
  readonly program: P
  readonly saw: O
}

export function sightsOf<T extends Observation['type']>(
  { notes }: Pick<Evidence, 'notes'>,
  type: T,
): readonly Sight<Extract<Observation, { type: T }>>[] {
  return notes.flatMap((by) => {
    const { operation, outcome } = by
    if (operation.type !== 'program' || outcome?.type !== 'observed') return []
    const { program } = operation
    return outcome.seen
      .filter((saw): saw is Extract<Observation, { type: T }> => saw.type === type)
      .map((saw) => ({ by, program, saw }))
  })
}

/** G1, G4, G5, G10: nobody found anybody inside who must not be there beside it. */
export function checkInside(evidence: Evidence): void {
  for (const { by, program, saw } of sightsOf(evidence, 'entered')) {
    const { use } = program
    const rule =
      use === 'permit' ? 'G5' : use === 'lead' ? 'G10' : use === 'work' ? 'G12' : use === 'lock' ? 'G1' : 'G4'
    const most = use === 'permit' ? permits - 1 : use === 'read' ? Number.POSITIVE_INFINITY : 0
    const writers = use === 'read' ? saw.others.filter((other) => other === 'write') : []
    check(
      saw.others.length <= most && writers.length === 0,
      rule,
      () =>
        `${by.client} was in ${program.name} as ${use} ${saw.token} at revision ${saw.revision} beside ${saw.others.join()}`,
    )
  }
}

/** G2: what has one holder at a time is granted with ever greater tokens. */
export function checkTokens(evidence: Evidence): void {
  const byName = new Map<string, Sight<Extract<Observation, { type: 'granted' }>>[]>()
  for (const sight of sightsOf(evidence, 'granted')) {
    const { use, name } = sight.program
    if (use !== 'lock' && use !== 'lead') continue
    const grants = byName.get(name) ?? []
    byName.set(name, grants)
    grants.push(sight)
  }
  for (const [name, grants] of byName) {
    grants.sort((a, b) => a.saw.revision - b.saw.revision)
    for (const [at, { by, saw }] of grants.entries()) {
      const before = grants[at - 1]
      check(
        before === undefined || before.saw.token < saw.token,
        'G2',
        () =>
          `${name} was granted to ${by.client} with token ${saw.token} at revision ${saw.revision}, after ${before?.by.client} had token ${before?.saw.token} at ${before?.saw.revision}`,
      )
    }
  }
}

/** G3: writes that carry a token land in the order of tokens, on every replica. */
export function checkRows({ notes, replicas }: Evidence): void {
  const exclusive = new Set(
    holdsIn(notes).flatMap(({ use, name }) => (use === 'lock' || use === 'lead' ? [`${name}!row`] : [])),
  )
  for (const { name: replica, versions } of replicas) {
    const newest = new Map<string, number>()
    for (const { key, value, revision } of versions) {
      if (!exclusive.has(key)) continue
      const token = Number.parseInt(value, 10)
      const before = newest.get(key) ?? 0
      check(
        token >= before,
        'G3',
        () => `${replica}: ${key} was written with token ${token} at revision ${revision}, after token ${before}`,
      )
      newest.set(key, token)
    }
  }
}

function holdsIn(notes: readonly HistoryNote[]): readonly HoldProgram[] {
  return notes.flatMap(({ operation }) =>
    operation.type === 'program' && 'writes' in operation.program ? [operation.program] : [],
  )
}

/** G7: who has a lease has what hangs on it, and nothing hangs there when the lease is gone. */
export function checkLeased(evidence: Evidence): void {
  for (const { by, program, saw } of sightsOf(evidence, 'robbed'))
    check(false, 'G7', () => `${by.client} lost ${program.name} with token ${saw.token}, and still had its lease`)
  const present = new Set(evidence.leases.flatMap(({ id, goneMs }) => (goneMs === undefined ? [leaseHex(id)] : [])))
  for (const { name } of holdsIn(evidence.notes)) {
    const places = ['', 'read/', 'write/'].map((side) => `${name}/${side}`)
    for (const { name: replica, pairs } of evidence.replicas)
      for (const key of pairs.keys()) {
        const place = places.find((start) => key.startsWith(start) && !key.includes('/', start.length))
        check(
          place === undefined || present.has(key.slice(place.length)),
          'G7',
          () => `${replica}: ${key} is there, and its lease is not`,
        )
      }
  }
}

/** G2: who asks later who leads is told of the same leader or a later one. */
export function checkLooks(evidence: Evidence): void {
  const looks = sightsOf(evidence, 'leads')
  for (const later of looks) {
    const before = looks.find(
      ({ by, program, saw }) =>
        program.name === later.program.name &&
        (by.ended ?? Number.POSITIVE_INFINITY) < later.by.began &&
        saw.token > later.saw.token,
    )
    check(
      before === undefined,
      'G2',
      () =>
        `${later.by.client} was told that ${later.saw.token} leads, after ${before?.by.client} was told of ${before?.saw.token}`,
    )
  }
}

/** G11 to G13, of all queues that were used. */
export function checkQueues(evidence: Evidence): void {
  const finishing = new Set(sightsOf(evidence, 'finishing').map(({ program, saw }) => `${program.name} ${saw.place}`))
  const finished = new Map<string, number>()
  for (const { by, program, saw } of sightsOf(evidence, 'finished')) {
    const message = `${program.name} ${saw.place}`
    check(!finished.has(message), 'G12', () => `${by.client} finished ${message}, which was finished before`)
    finished.set(message, saw.token)
  }
  const deliveries = new Map<string, number[]>()
  for (const { by, program, saw } of sightsOf(evidence, 'delivered')) {
    const message = `${program.name} ${saw.place}`
    const tokens = deliveries.get(message) ?? []
    deliveries.set(message, tokens)
    check(saw.deliveries <= deliveriesMax, 'G13', () => `${by.client} got ${message} for the ${saw.deliveries}th time`)
    check(
      tokens[saw.deliveries] === undefined,
      'G12',
      () => `${message} was delivered twice as number ${saw.deliveries}`,
    )
    tokens[saw.deliveries] = saw.token
    const end = finished.get(message)
    check(end === undefined || saw.token <= end, 'G12', () => `${by.client} got ${message} after it was finished`)
  }
  for (const [message, tokens] of deliveries) {
    const known = tokens.filter((token) => token !== undefined)
    const grows = known.every((token, at) => at === 0 || token > (known[at - 1] as number))
    check(grows, 'G12', () => `deliveries of ${message} had the tokens ${known.join()}`)
  }
  for (const { by, program, saw } of sightsOf(evidence, 'sent')) {
    const message = `${program.name} ${saw.place}`
    for (const { name, pairs } of evidence.replicas) {
      const there = ['item', 'dead'].filter((part) => pairs.has(`${program.name}/${part}/${saw.place}`))
      const text = (): string => `${name}: ${message}, sent by ${by.client}, is ${there.join(' and ') || 'nowhere'}`
      check(there.length < 2, 'G11', text)
      check(there.length === 1 || finishing.has(message), 'G11', text)
      check(there.length === 0 || !finished.has(message), 'G11', () => `${text()}, and was finished`)
    }
  }
}

/** G14: counters hold the sum; who adds later sees more. Amounts are positive. */
export function checkCounters(evidence: Evidence): void {
  const counted = sightsOf(evidence, 'counted')
  for (const name of namesOf(evidence.notes, 'count')) {
    const own = counted.filter(({ program }) => program.name === name)
    const values = own.map(({ saw }) => saw.value)
    check(
      new Set(values).size === values.length,
      'G14',
      () => `${name} was the same after two additions: ${values.join()}`,
    )
    for (const { by, saw } of own) {
      const before = own.find(
        (other) => (other.by.ended ?? Number.POSITIVE_INFINITY) < by.began && other.saw.value > saw.value,
      )
      check(before === undefined, 'G14', () => `${name} was ${saw.value} after it was ${before?.saw.value}`)
    }
    const known = own.reduce((sum, { program }) => sum + amountOf(program), 0)
    const possible = evidence.notes.reduce(
      (sum, { operation }) =>
        sum + (operation.type === 'program' && operation.program.name === name ? amountOf(operation.program) : 0),
      0,
    )
    for (const { name: replica, pairs } of evidence.replicas) {
      const value = Number(pairs.get(name) ?? 0)
      check(
        value >= known && value <= possible,
        'G14',
        () => `${replica}: ${name} is ${value}, of ${known} that were added for sure and ${possible} at most`,
      )
    }
  }
}

function amountOf(program: Program): number {
  return program.use === 'count' ? program.amount : 0
}

/** G15: blocks of numbers lie one after another without a gap, each with what it was taken for. */
export function checkSequences(evidence: Evidence): void {
  const taken = sightsOf(evidence, 'taken')
  for (const name of namesOf(evidence.notes, 'number')) {
    for (const { name: replica, pairs } of evidence.replicas) {
      const blocks = [...pairs].filter(([key]) => key.startsWith(`${name}!used/`))
      const sorted = blocks.map(
        ([key, value]) => [Number(key.slice(key.lastIndexOf('/') + 1)), Number.parseInt(value, 10)] as const,
      )
      sorted.sort(([a], [b]) => a - b)
      let next = 1
      for (const [first, count] of sorted) {
        check(first === next, 'G15', () => `${replica}: ${name} goes on with ${first} where ${next} was to come`)
        next = first + count
      }
      check(
        Number(pairs.get(name) ?? 0) === next - 1,
        'G15',
        () => `${replica}: ${name} stands at ${pairs.get(name)}, and ${next - 1} numbers were written down`,
      )
      for (const { by, program, saw } of taken) {
        const wrote = pairs.get(`${name}!used/${saw.first}`)
        check(
          program.name !== name || program.use !== 'number' || wrote === `${program.count}|${program.by}`,
          'G15',
          () => `${replica}: ${by.client} took ${saw.first} of ${name}, and there stands ${wrote}`,
        )
      }
    }
  }
}

function namesOf(notes: readonly HistoryNote[], use: Program['use']): ReadonlySet<string> {
  return new Set(
    notes.flatMap(({ operation }) =>
      operation.type === 'program' && operation.program.use === use ? [operation.program.name] : [],
    ),
  )
}
