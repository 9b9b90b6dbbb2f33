/**
 * The lease half of a node's client. What changes the table goes through the log, as a put does; keeping alive and looking at
 * what is left is asked of the lessor where the group leads, on whatever node that is.
 *
 *   leaseKeepAlive × many ──one tick──▶ one question a leader ──▶ lessor/<group> there
 *                      ▲                    ├─ kept ─▶ answers
 *                      └──a little later────┴─ notLeading, busy, lost: another try, until the deadline
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type LessorReply, type LessorRequest, leaseTtlSecondsMax } from '../actors/lease/messages.ts'
import type { StatusReply } from '../actors/raft/replica-messages.ts'
import { AspenError, type CallOptions, type Header, type LeaseApi } from '../client/interface.ts'
import type { Replicas } from './replicas.ts'
import { expectResponse, type StrictStore } from './strict-store.ts'

export interface LeaseClientOptions {
  readonly store: StrictStore
  readonly replicas: Replicas
  readonly clusterId: number
  readonly memberId: number
  /** Of the groups of this node. */
  readonly electionMs: number
}

type Kind = LessorRequest['type']
type Told = Exclude<LessorReply, { type: 'notLeading' | 'busy' | 'badRequest' }>

/** What the lessor says of one lease. */
interface LeaseTold {
  readonly header: Header
  /** Of a keepalive: the TTL that begins now, 0 without a lease. Otherwise: whole seconds left, -1 without a lease. */
  readonly seconds: number
  readonly grantedSeconds: number
}

interface Waiting {
  readonly id: string
  readonly done: (told: LeaseTold) => void
  readonly failed: (error: AspenError) => void
}

/** Between two tries. */
const retryMs = 20
/** How long one try may take: a leader that is cut off is found out so. */
const tryMs = 1_000
const idsPerAskMax = 1_024

export class LeaseClient implements LeaseApi {
  readonly #options: LeaseClientOptions
  /** Questions of this tick, by group and kind. */
  readonly #batches = new Map<string, Waiting[]>()
  /** Who was said to lead a group instead of the one that was asked: good for the next try. */
  readonly #hints = new Map<string, number>()
  /** A lease that is shorter could end while leaders change, however well its owner behaves. */
  readonly ttlSecondsMin: number

  constructor(options: LeaseClientOptions) {
    this.#options = options
    this.ttlSecondsMin = Math.ceil((1.5 * options.electionMs) / 1_000)
  }

  async leaseGrant(
    request: { readonly ttlSeconds: number; readonly id?: string },
    options?: CallOptions,
  ): Promise<{ readonly header: Header; readonly id: string; readonly ttlSeconds: number }> {
    if (request.ttlSeconds > leaseTtlSecondsMax) throw new AspenError('leaseTtlTooLarge')
    const ttlSeconds = Math.max(request.ttlSeconds, this.ttlSecondsMin)
    const id = request.id === undefined || request.id === '0' ? randomId() : request.id
    const answer = await this.#options.store.command({ type: 'leaseGrant', id, ttlSeconds }, options)
    const { header, response } = expectResponse(answer, 'leaseGranted')
    // Not ours when the request was known by its number: then the first id stands.
    return { header, id: response.id, ttlSeconds: response.ttlSeconds }
  }

  async leaseRevoke(request: { readonly id: string }, options?: CallOptions): Promise<{ readonly header: Header }> {
    const { header } = await this.#options.store.command({ type: 'leaseRevoke', id: request.id }, options)
    return { header }
  }

  async leaseKeepAlive(
    { id }: { readonly id: string },
    options?: CallOptions,
  ): Promise<{ readonly header: Header; readonly id: string; readonly ttlSeconds: number }> {
    await this.#options.store.require([], 'serializable', options, 'control')
    const { header, seconds } = await this.#askLessor('keepAlive', id, options)
    return { header, id, ttlSeconds: seconds }
  }

  async leaseTimeToLive(
    { id, keys = false }: { readonly id: string; readonly keys?: boolean },
    options?: CallOptions,
  ): ReturnType<LeaseApi['leaseTimeToLive']> {
    const { store } = this.#options
    await store.require([], 'serializable', options, 'control')
    const { header, seconds, grantedSeconds } = await this.#askLessor('timeToLive', id, options)
    const found = { header, id, ttlSeconds: seconds, grantedTtlSeconds: grantedSeconds, keys: [] }
    if (!keys || seconds < 0) return found
    const answer = await store.query({ type: 'lease', id, keys: true }, 'linearizable', options)
    const { response, header: now } = expectResponse(answer, 'lease')
    // It may have ended between the two questions.
    return response.lease === undefined
      ? { header: now, id, ttlSeconds: -1, grantedTtlSeconds: 0, keys: [] }
      : { ...found, header: now, keys: response.keys }
  }

  async leaseList(options?: CallOptions): Promise<{ readonly header: Header; readonly ids: readonly string[] }> {
    const answer = await this.#options.store.query({ type: 'leases' }, 'linearizable', options)
    const { header, response } = expectResponse(answer, 'leases')
    return { header, ids: response.leases.map(({ id }) => id) }
  }

  /** Asks again until the deadline: neither question does harm when it is asked twice. */
  async #askLessor(kind: Kind, id: string, options: CallOptions | undefined): Promise<LeaseTold> {
    const group = this.#options.store.groupOf(options)
    const endMs = performance.now() + (options?.deadlineMs ?? this.#options.replicas.deadlineMs)
    for (;;) {
      const leftMs = endMs - performance.now()
      const told = await within(this.#join(group, kind, id), leftMs, options?.signal)
      if (!(told instanceof AspenError)) return told
      if (!passes(told) || performance.now() + retryMs >= endMs) throw told
      await sleep(retryMs)
      if (options?.signal?.aborted === true) throw new AspenError('canceled')
    }
  }

  /** Joins the question of this tick. */
  #join(group: string, kind: Kind, id: string): Promise<LeaseTold | AspenError> {
    return new Promise((resolve) => {
      const waiting: Waiting = { id, done: resolve, failed: resolve }
      const name = `${kind} ${group}`
      const batch = this.#batches.get(name)
      if (batch !== undefined && batch.length < idsPerAskMax) {
        batch.push(waiting)
        return
      }
      const begun = [waiting]
      this.#batches.set(name, begun)
      setImmediate(() => {
        if (this.#batches.get(name) === begun) this.#batches.delete(name)
        void this.#ask(group, kind, begun)
      })
    })
  }

  async #ask(group: string, kind: Kind, batch: readonly Waiting[]): Promise<void> {
    try {
      const told = await this.#tryOnce(group, { type: kind, ids: batch.map(({ id }) => id) })
      for (const [at, { done }] of batch.entries()) done(this.#toldOf(told, at))
    } catch (error) {
      const failure = error instanceof AspenError ? error : new AspenError('internal', String(error))
      for (const { failed } of batch) failed(failure)
    }
  }

  /** @throws {AspenError} Whoever was asked does not lead, or did not answer; nothing has happened that matters. */
  async #tryOnce(group: string, request: LessorRequest): Promise<Told> {
    const leader = this.#hints.get(group) ?? (await this.#findLeader(group))
    this.#hints.delete(group)
    const reply = await this.#askAt(leader, group, request)
    switch (reply.type) {
      case 'kept':
      case 'timeToLive':
        return reply
      case 'notLeading':
        if (reply.leader !== undefined && reply.leader !== leader) this.#hints.set(group, reply.leader)
        throw new AspenError(reply.leader === undefined ? 'noLeader' : 'leaderChanged')
      case 'busy':
        throw new AspenError('tooManyRequests')
      case 'badRequest':
        throw new AspenError('internal', `the lessor refused ${request.type} of ${request.ids.length} leases`)
    }
  }

  async #askAt(node: number, group: string, request: LessorRequest): Promise<LessorReply> {
    try {
      return await this.#options.replicas.lessor(node, group, request, { deadlineMs: tryMs })
    } catch (error) {
      // The group is being started there, or was ended: the next look at our own replica tells.
      if (isUnknown(error)) throw new AspenError('leaderChanged')
      throw error
    }
  }

  async #findLeader(group: string): Promise<number> {
    const { replicas } = this.#options
    try {
      const status = await replicas.ask<StatusReply>(group, { type: 'status' }, { deadlineMs: tryMs }, 'control')
      if (status.leader === undefined) throw new AspenError('noLeader')
      return status.leader
    } catch (error) {
      // A replica that is being started answers in time; a keyspace that is not, never.
      if (isUnknown(error))
        await replicas.read(group, { type: 'leaseDigest' }, 'serializable', { deadlineMs: tryMs }, 'control')
      throw isUnknown(error) ? new AspenError('leaderChanged') : error
    }
  }

  #toldOf(told: Told, at: number): LeaseTold {
    const { clusterId, memberId } = this.#options
    const header: Header = { clusterId, memberId, revision: told.revision, raftTerm: told.term }
    if (told.type === 'kept') return { header, seconds: told.ttlSeconds[at] ?? 0, grantedSeconds: 0 }
    const leftMs = told.remainingMs[at] ?? -1
    const seconds = leftMs < 0 ? -1 : Math.floor(leftMs / 1_000)
    return { header, seconds, grantedSeconds: told.grantedSeconds[at] ?? 0 }
  }
}

/** For this long, and no longer than the caller wants; what comes later is nobody's. */
async function within(
  answer: Promise<LeaseTold | AspenError>,
  leftMs: number,
  signal: AbortSignal | undefined,
): Promise<LeaseTold | AspenError> {
  if (signal?.aborted === true) throw new AspenError('canceled')
  const over = new AbortController()
  const late = sleep(Math.max(1, leftMs), undefined, { signal: over.signal }).then(
    () => new AspenError('timeout', 'no lessor answered in time'),
    () => new AspenError('canceled'),
  )
  const abort = (): void => over.abort()
  signal?.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([answer, late])
  } finally {
    signal?.removeEventListener('abort', abort)
    over.abort()
  }
}

function passes({ code }: AspenError): boolean {
  return code === 'noLeader' || code === 'leaderChanged' || code === 'timeout' || code === 'tooManyRequests'
}

function isUnknown(error: unknown): boolean {
  return error instanceof AspenError && error.code === 'keyspaceNotFound'
}

/** Positive, of 63 bits. */
function randomId(): string {
  const id = BigInt.asUintN(63, randomBytes(8).readBigUInt64BE())
  return id === 0n ? randomId() : id.toString()
}
