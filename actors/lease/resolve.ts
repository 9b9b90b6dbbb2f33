/** Answers of a lessor: each id of a request has its own fate, and the request is answered when all of them are known. */
import type { LessorEffect, Tenure, Wish } from './lessor-state.ts'
import type { LessorReply } from './messages.ts'

/** What there is to say of an id; undefined: there is no such lease. */
export interface Found {
  readonly ttlSeconds: number
  readonly remainingMs: number
}

export function resolve(tenure: Tenure, { asked, slot }: Wish, found: Found | undefined, out: LessorEffect[]): void {
  // Told `busy` already.
  if (!tenure.open.has(asked)) return
  const { kind, answers, granted, handle } = asked
  if (kind === 'keepAlive') answers[slot] = found?.ttlSeconds ?? 0
  else {
    answers[slot] = found?.remainingMs ?? -1
    granted[slot] = found?.ttlSeconds ?? 0
  }
  asked.missing -= 1
  tenure.ids -= 1
  if (asked.missing > 0) return
  tenure.open.delete(asked)
  const position = { term: tenure.term, index: tenure.provenIndex, revision: tenure.revision }
  const reply: LessorReply =
    kind === 'keepAlive'
      ? { type: 'kept', ttlSeconds: answers, ...position }
      : { type: 'timeToLive', remainingMs: answers, grantedSeconds: granted, ...position }
  out.push({ type: 'reply', handle, reply })
}
