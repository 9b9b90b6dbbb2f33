/**
 * Answers given to numbered requests, so that a retry is answered and not applied again (thesis §6.3). Part of the
 * replicated state: every replica sees the same requests in the same order and so remembers and forgets alike.
 *
 *   A3  while a request is remembered, its command is applied once and every copy gets the same answer
 *   A4  the table is a function of the log: no clock, no order but the log's
 *
 * A client keeps its last `numbersMax` answers; a number below all of them is `forgotten`: refused, for whether it was
 * applied is no longer known. Clients that were silent longest go first when the table is full; a client that comes back
 * after that starts anew.
 *
 * In the store: `h<client>` → [touched, floor], `r<client>\0<number>` → answer.
 */
import { concatBytes, fromUtf8, readUint64, uint64Bytes, utf8 } from '../../base/bytes.ts'
import { hashText, mix32 } from '../../base/digest.ts'
import { pack, unpack } from '../../mailbox/codec.ts'
import type { ActorStore } from '../../runtime/kernel/actor.ts'
import type { RequestId } from './replica-messages.ts'

export interface SessionLimits {
  readonly clientsMax: number
  /** Answers kept for each client. */
  readonly numbersMax: number
  /** Answers kept for all clients together. */
  readonly answersMax: number
}

/** Equal on all replicas of a group, always: changing them changes what the log means. */
export const sessionLimits: SessionLimits = { clientsMax: 10_000, numbersMax: 64, answersMax: 100_000 }

interface Session {
  touched: number
  /** Numbers up to here are forgotten, unless their answer is still kept. */
  floor: number
  readonly answers: Map<number, Uint8Array>
}

export interface Sessions {
  readonly limits: SessionLimits
  /** Where changes are noted, in the turn that makes them. */
  readonly store: ActorStore
  /** Oldest use first. */
  readonly clients: Map<string, Session>
  /** Counts uses, to restore their order. */
  clock: number
  answers: number
  /** Changes with every answer kept or forgotten, whatever the order. */
  digest: number
}

export type SessionLookup =
  | { readonly type: 'new' }
  | { readonly type: 'repeated'; readonly reply: unknown }
  | { readonly type: 'forgotten' }

/** One client in a snapshot, in order of use. */
export type SessionRecord = readonly [
  client: string,
  touched: number,
  floor: number,
  answers: readonly (readonly [number, Uint8Array])[],
]

/** True for what may become a key of the table. */
export function isRequestId(request: RequestId): boolean {
  const { client, number } = request
  if (typeof client !== 'string' || client.length < 1 || client.length > 256 || client.includes('\0')) return false
  // Text that UTF-8 cannot carry would come back from the store as another client.
  if (!isAscii(client) && fromUtf8(utf8(client)) !== client) return false
  return Number.isSafeInteger(number) && number >= 1
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0x80) return false
  return true
}

/** Reads the table back from the subspace it is kept in. */
export function restoreSessions(store: ActorStore, limits: SessionLimits = sessionLimits): Sessions {
  const sessions: Sessions = { limits, store, clients: new Map(), clock: 0, answers: 0, digest: 0 }
  const heads = store
    .range(utf8('h'), utf8('i'))
    .map(([key, value]): [string, readonly [number, number]] => [
      fromUtf8(key.subarray(1)),
      unpack(value) as [number, number],
    ])
  heads.sort(([, a], [, b]) => a[0] - b[0])
  for (const [client, [touched, floor]] of heads) {
    sessions.clients.set(client, { touched, floor, answers: new Map() })
    sessions.clock = touched
  }
  for (const [key, value] of store.range(utf8('r'), utf8('s'))) {
    const client = fromUtf8(key.subarray(1, key.length - 9))
    const session = sessions.clients.get(client)
    if (session !== undefined) keep(sessions, client, session, readUint64(key, key.length - 8), value.slice())
  }
  return sessions
}

/** What to do with a request. A repeated one counts as a use of its client. */
export function lookUp(sessions: Sessions, request: RequestId): SessionLookup {
  const session = sessions.clients.get(request.client)
  if (session === undefined) return { type: 'new' }
  const answer = session.answers.get(request.number)
  if (answer !== undefined) {
    touch(sessions, request.client, session)
    return { type: 'repeated', reply: unpack(answer) }
  }
  return request.number <= session.floor ? { type: 'forgotten' } : { type: 'new' }
}

/** Remembers the answer of a request that was just applied. */
export function remember(sessions: Sessions, request: RequestId, reply: unknown): void {
  const { client, number } = request
  const session = sessions.clients.get(client) ?? { touched: 0, floor: 0, answers: new Map<number, Uint8Array>() }
  // A packed value is a view of a larger buffer: what is kept for long must not hold on to its neighbours.
  const answer = pack(reply).slice()
  keep(sessions, client, session, number, answer)
  sessions.store.put(answerKey(client, number), answer)
  while (session.answers.size > sessions.limits.numbersMax) {
    forget(sessions, client, session, lowest(session.answers))
  }
  touch(sessions, client, session)
  while (sessions.clients.size > sessions.limits.clientsMax || sessions.answers > sessions.limits.answersMax) {
    if (!evictOldest(sessions, client)) break
  }
}

/** The whole table as records, oldest use first. What is returned does not change when the table does. */
export function sessionRecords(sessions: Sessions): SessionRecord[] {
  return [...sessions.clients].map(([client, { touched, floor, answers }]) => [client, touched, floor, [...answers]])
}

/** Writes records of a snapshot into an empty subspace; `restoreSessions` reads them from there. */
export function writeSessionRecords(store: ActorStore, records: readonly SessionRecord[]): void {
  for (const [client, touched, floor, answers] of records) {
    store.put(`h${client}`, pack([touched, floor]))
    for (const [number, answer] of answers) store.put(answerKey(client, number), answer)
  }
}

function keep(sessions: Sessions, client: string, session: Session, number: number, answer: Uint8Array): void {
  session.answers.set(number, answer)
  sessions.answers += 1
  sessions.digest = (sessions.digest + answerDigest(client, number)) >>> 0
}

function forget(sessions: Sessions, client: string, session: Session, number: number): void {
  session.answers.delete(number)
  if (number > session.floor) session.floor = number
  sessions.answers -= 1
  sessions.digest = (sessions.digest - answerDigest(client, number)) >>> 0
  sessions.store.delete(answerKey(client, number))
}

function touch(sessions: Sessions, client: string, session: Session): void {
  sessions.clock += 1
  session.touched = sessions.clock
  sessions.clients.delete(client)
  sessions.clients.set(client, session)
  sessions.store.put(`h${client}`, pack([session.touched, session.floor]))
}

/** False when only `except` is left, which is in use. */
function evictOldest(sessions: Sessions, except: string): boolean {
  const oldest = sessions.clients.entries().next().value
  if (oldest === undefined || oldest[0] === except) return false
  const [client, session] = oldest
  for (const number of [...session.answers.keys()]) forget(sessions, client, session, number)
  sessions.clients.delete(client)
  sessions.store.delete(`h${client}`)
  return true
}

function lowest(answers: Map<number, Uint8Array>): number {
  let low = Number.MAX_SAFE_INTEGER
  for (const number of answers.keys()) if (number < low) low = number
  return low
}

function answerDigest(client: string, number: number): number {
  return mix32(hashText(client) ^ mix32(number) ^ mix32(Math.floor(number / 0x1_0000_0000)))
}

function answerKey(client: string, number: number): Uint8Array {
  return concatBytes(utf8(`r${client}\0`), uint64Bytes(number))
}
