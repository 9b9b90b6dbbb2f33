/** G17: who is listed, and whose words are said of it; by what programs saw and by what the keyspace went through. */
import { check } from '../checkers/violation.ts'
import { type Sight, sightsOf } from './coordination-check.ts'
import type { ListedInstance, ServeProgram, ServiceObservation } from './service-program.ts'
import type { Evidence } from './workload.ts'

type Listed = Sight<Extract<ServiceObservation, { type: 'listed' }>>

export function checkServices(evidence: Evidence): void {
  checkListed(evidence)
  checkEnded(evidence)
  checkWords(evidence)
  checkDisplaced(evidence)
}

/** Who was there before a listing and after it, in one life, is in it. */
function checkListed(evidence: Evidence): void {
  const listings = sightsOf(evidence, 'listed')
  for (const { by, program, saw } of sightsOf(evidence, 'there')) {
    const { name, instance } = program as ServeProgram
    const missing = listings.find(
      (listing) =>
        listing.program.name === name &&
        listing.saw.revision >= saw.token &&
        listing.saw.revision <= saw.revision &&
        !shows(listing, instance, saw.token),
    )
    check(
      missing === undefined,
      'G17',
      () =>
        `${by.client} was ${instance} of ${name} with token ${saw.token} up to revision ${saw.revision}, and ${missing?.by.client} was not shown it at ${missing?.saw.revision}`,
    )
  }
}

function shows({ saw }: Listed, instance: string, token: number): boolean {
  return saw.instances.some((each) => each.instance === instance && each.token === token)
}

/** Who has left, and whose lease is gone, is listed no more. */
function checkEnded(evidence: Evidence): void {
  const goneMs = new Map(evidence.leases.map(({ id, goneMs: at = Number.POSITIVE_INFINITY }) => [id, at]))
  const left = sightsOf(evidence, 'left')
  for (const listing of sightsOf(evidence, 'listed')) {
    const { by, program, saw } = listing
    for (const { instance, value, token } of saw.instances)
      check(
        (goneMs.get(speakerOf(value)) ?? Number.POSITIVE_INFINITY) >= by.beganMs,
        'G17',
        () => `${by.client} was shown ${instance} ${token} of ${program.name}, whose lease had ended`,
      )
    const late = left.find(
      ({ by: leaver, program: own, saw: end }) =>
        own.name === program.name &&
        (leaver.ended ?? Number.POSITIVE_INFINITY) < by.began &&
        shows(listing, (own as ServeProgram).instance, end.token),
    )
    check(
      late === undefined,
      'G17',
      () => `${by.client} was shown token ${late?.saw.token} of ${program.name} after ${late?.by.client} had left`,
    )
  }
  for (const name of servicesIn(evidence))
    for (const { name: replica, pairs } of evidence.replicas)
      for (const [key, value] of pairs)
        check(
          !key.startsWith(`${name}/`) || goneMs.get(speakerOf(value)) === Number.POSITIVE_INFINITY,
          'G17',
          () => `${replica}: ${key} is there, and its lease is not`,
        )
}

/** A life begins with the words of whoever registered, and all that is said in it is of the same. */
function checkWords(evidence: Evidence): void {
  const { committed } = evidence
  const prefixes = [...servicesIn(evidence)].map((name) => `${name}/`)
  const speakers = new Map<string, string>()
  for (let revision = 2; prefixes.length > 0 && revision <= committed.newest; revision++)
    for (const { key, value, create } of committed.changesOf(revision) ?? []) {
      if (value === undefined || !prefixes.some((prefix) => key.startsWith(prefix))) continue
      const life = `${key} ${create}`
      if (create === revision) speakers.set(life, value.endsWith('|0') ? speakerOf(value) : 'nobody')
      const speaker = speakers.get(life)
      check(
        speaker === undefined || speaker === speakerOf(value),
        'G17',
        () => `${key}, registered by ${speaker} at revision ${create}, was made '${value}' at ${revision}`,
      )
    }
}

/** Nobody takes the place of one who lives, but who asked for it. */
function checkDisplaced(evidence: Evidence): void {
  const replaced = new Set(serves(evidence).flatMap((each) => (each.replace ? [`${each.name}/${each.instance}`] : [])))
  for (const { by, program, saw } of sightsOf(evidence, 'displaced')) {
    const { name, instance } = program as ServeProgram
    check(
      replaced.has(`${name}/${instance}`),
      'G17',
      () => `${by.client} was ${instance} of ${name} with token ${saw.token} no more, and still had its lease`,
    )
  }
}

function servicesIn(evidence: Evidence): ReadonlySet<string> {
  return new Set(serves(evidence).map(({ name }) => name))
}

function serves({ notes }: Evidence): readonly ServeProgram[] {
  return notes.flatMap(({ operation }) =>
    operation.type === 'program' && operation.program.use === 'serve' ? [operation.program] : [],
  )
}

/** Whose words a value is: the lease of the life that said it. */
function speakerOf(value: ListedInstance['value']): string {
  return value.slice(0, value.indexOf('|'))
}
