/** The laws of barriers (G8) and of meetings (G9), by what programs saw and by what the keyspace went through. */
import { leaseHex } from '../../client/coordination/recipes/keys.ts'
import { check } from '../checkers/violation.ts'
import type { CommittedHistory } from '../checkers/watch-history.ts'
import { sightsOf } from './coordination-check.ts'
import type { Evidence } from './workload.ts'

/** G8: who passed had found the barrier down, or it was lifted since. In the calm at the end, who waits passes. */
export function checkGates(evidence: Evidence): void {
  for (const { by, program, saw } of sightsOf(evidence, 'passed'))
    check(
      saw.before === 0 || saw.before !== saw.after,
      'G8',
      () => `${by.client} passed ${program.name}, which was raised at revision ${saw.before} and never lifted`,
    )
  checkHeldUp(evidence, 'gate', 'G8')
}

/** G9: enough have come before one begins, all have left before one goes on, and nobody waits for the dead. */
export function checkMeetings(evidence: Evidence): void {
  const rounds = new Map<string, ReadonlyMap<number, Round>>()
  const roundsIn = (name: string): ReadonlyMap<number, Round> => {
    const known = rounds.get(name) ?? roundsOf(evidence.committed, name)
    rounds.set(name, known)
    return known
  }
  for (const { by, program, saw } of sightsOf(evidence, 'met')) {
    const { name } = program
    const text = (): string => `${by.client} began round ${saw.round} of ${name} with token ${saw.token}`
    check(saw.token < saw.round, 'G9', () => `${text()}, and had come too late for it`)
    const round = roundsIn(name).get(saw.round)
    const parties = program.use === 'meet' ? program.parties : 1
    check(
      round === undefined || round.most >= parties,
      'G9',
      () => `${text()}, when at most ${round?.most} of ${parties} had come`,
    )
  }
  for (const { by, program, saw } of sightsOf(evidence, 'parted'))
    check(
      saw.sign !== saw.round,
      'G9',
      () => `${by.client} left round ${saw.round} of ${program.name}, which was under way still`,
    )
  for (const [name, known] of rounds)
    for (const [round, { leftBehind }] of known)
      check(leftBehind.length === 0, 'G9', () => `round ${round} of ${name} was over, with ${leftBehind.join()} inside`)
  checkDead(evidence)
  checkHeldUp(evidence, 'meet', 'G9')
}

interface Round {
  /** So many were inside at once, since the round before was over and until this began. */
  readonly most: number
  /** Who was inside when it was over. */
  leftBehind: readonly string[]
}

/** As far as the history is known without a gap: who is inside is the sum of it all. */
function roundsOf(committed: CommittedHistory, name: string): ReadonlyMap<number, Round> {
  const rounds = new Map<number, Round>()
  const inside = new Set<string>()
  let most = 0
  let present: Round | undefined
  for (let revision = 2; revision <= committed.newest; revision++) {
    const changes = committed.changesOf(revision)
    if (changes === undefined) break
    let over = false
    for (const { key, value, create } of changes) {
      if (key === `${name}/ready`) {
        over = value === undefined
        if (value === undefined || present !== undefined) continue
        present = { most, leftBehind: [] }
        rounds.set(create, present)
      } else if (key.startsWith(`${name}/in/`)) {
        if (value === undefined) inside.delete(key)
        else inside.add(key)
      }
    }
    most = Math.max(most, inside.size)
    if (!over) continue
    if (present !== undefined) present.leftBehind = [...inside]
    present = undefined
    most = inside.size
  }
  return rounds
}

/** Whose lease is gone is inside no more. */
function checkDead({ notes, replicas, leases }: Evidence): void {
  const present = new Set(leases.flatMap(({ id, goneMs }) => (goneMs === undefined ? [leaseHex(id)] : [])))
  const names = new Set(
    notes.flatMap(({ operation }) =>
      operation.type === 'program' && operation.program.use === 'meet' ? [`${operation.program.name}/in/`] : [],
    ),
  )
  for (const { name: replica, pairs } of replicas)
    for (const key of pairs.keys())
      for (const name of names)
        check(
          !key.startsWith(name) || present.has(key.slice(name.length)),
          'G9',
          () => `${replica}: ${key} is there, and its lease is not`,
        )
}

/** The last of all, when every lease of the others has ended, has nothing to wait for. */
function checkHeldUp(evidence: Evidence, use: 'gate' | 'meet', rule: string): void {
  for (const { by, program, saw } of sightsOf(evidence, 'heldUp'))
    check(
      program.use !== use || by.client !== 'last',
      rule,
      () => `${by.client} gave up ${program.name}, which nobody was at any more (${saw.type})`,
    )
}
