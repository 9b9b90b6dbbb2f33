/**
 * G16: in any span of s seconds of true time a limiter gave out at most `capacity + perSecond × (s + grain)` permits.
 *
 * The rule of the recipe is of the leader's clock. This is more: lessors report of what is left of a lease no less than is left
 * in truth, whatever their clocks do within the drift that they allow for; they show a setback when leaders change, and a standstill
 * while a machine sleeps, and neither fills a bucket.
 */
import { check } from '../checkers/violation.ts'
import type { HistoryNote } from '../operation.ts'
import type { LimitProgram } from './limit-program.ts'
import type { Evidence } from './workload.ts'

/** What a sum of readings of a ten years' clock may be off by, in permits. */
const tolerance = 1e-3

interface Taking {
  readonly by: HistoryNote
  readonly program: LimitProgram
  readonly beganMs: number
  /** Infinity: it may take permits still. */
  readonly endedMs: number
  readonly came: 'permitted' | 'limited' | 'unknown'
}

export function checkLimits({ notes }: Evidence): void {
  const byName = new Map<string, Taking[]>()
  for (const taking of notes.flatMap(takingIn)) {
    const { name } = taking.program
    const known = byName.get(name)
    if (known === undefined) byName.set(name, [taking])
    else known.push(taking)
  }
  for (const takings of byName.values()) {
    checkSpans(takings)
    checkRefusals(takings)
  }
}

function takingIn(by: HistoryNote): readonly Taking[] {
  const { operation, outcome, beganMs, endedMs = Number.POSITIVE_INFINITY } = by
  if (operation.type !== 'program' || operation.program.use !== 'limit') return []
  const [saw] = outcome?.type === 'observed' ? outcome.seen : []
  const came = saw?.type === 'permitted' || saw?.type === 'limited' ? saw.type : 'unknown'
  return [{ by, program: operation.program, beganMs, endedMs, came }]
}

/** Of every span from the beginning of one to the end of another, with what was surely taken in it. */
function checkSpans(takings: readonly Taking[]): void {
  const given = takings.filter(({ came }) => came === 'permitted').sort((a, b) => a.endedMs - b.endedMs)
  for (const { beganMs } of given) {
    let taken = 0
    for (const each of given) {
      if (each.beganMs < beganMs) continue
      const { permits, capacity, perSecond, grainMs, name } = each.program
      taken += permits
      const spanMs = each.endedMs - beganMs
      const most = capacity + (perSecond * (spanMs + grainMs)) / 1_000 + tolerance
      check(
        taken <= most,
        'G16',
        () => `${name} gave out ${taken} permits from ${beganMs} ms on for ${spanMs} ms, and ${most} are allowed`,
      )
    }
  }
}

/** Nobody is refused while the bucket cannot have been emptied by anybody. */
function checkRefusals(takings: readonly Taking[]): void {
  for (const { by, program, came, endedMs } of takings) {
    if (came !== 'limited') continue
    const rivals = takings.filter((other) => other.came !== 'limited' && other.beganMs <= endedMs)
    const wanted = rivals.reduce((sum, other) => sum + other.program.permits, program.permits)
    check(
      wanted > program.capacity,
      'G16',
      () => `${by.client} was refused ${program.permits} of ${program.name}, which had them`,
    )
  }
}
