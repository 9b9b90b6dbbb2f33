/**
 * Carries out recipes with a client of a node: the async side of `recipes/step.ts`, whose rules it keeps.
 *
 *   G20  every request has a number of its own, and is repeated under that number until its outcome is known; a lane says one at
 *        a time, so that no number is forgotten while it matters
 *   G21  a wait is a watch from the revision after the one that was read: what came between is told at once
 *   G22  whatever a recipe has no answer for rejects the run
 *   G23  an abort is told at the next wait
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { RangeRequest, TxnRequest } from '../../actors/keyspace/messages.ts'
import { unreachable } from '../../base/assert.ts'
import { AspenError, type AspenErrorCode, type CallOptions, type NodeClient } from '../interface.ts'
import type { AwaitChange, LeaseStep, Recipe, Step, StepAnswer } from './recipes/step.ts'

/** As much of a client as coordination needs: a node in one's own process, or a connection to one. */
export type CoordinationClient = Pick<
  NodeClient,
  'range' | 'txn' | 'leaseGrant' | 'leaseRevoke' | 'leaseKeepAlive' | 'leaseTimeToLive' | 'openWatch'
>

export interface DriverOptions extends Pick<CallOptions, 'keyspace' | 'credentials'> {
  /** How long one request is tried for before the run is given up, in milliseconds; 30_000 when absent. */
  readonly persistMs?: number
}

export interface RunOptions {
  /** The caller gives up. */
  readonly signal?: AbortSignal | undefined
  /** Where, and as whom, when not as the driver was made. */
  readonly call?: Call
}

type Call = Pick<CallOptions, 'keyspace' | 'credentials'>
type Signal = AbortSignal | undefined

const persistMsDefault = 30_000
/** For how long at most whoever gave up is tidied up after; leases do the rest. */
const tidyMsMax = 2_000
const retryMs = 50
/** Between a watch that ended by itself and the look that follows. */
const rewatchMs = 100

/** Nothing is wrong with the request; it may have had its effect all the same. */
const passing: readonly AspenErrorCode[] = [
  'noLeader',
  'leaderChanged',
  'timeout',
  'timeoutLeaderFail',
  'stopped',
  'tooManyRequests',
  'unhealthy',
]

export class Driver {
  readonly #client: CoordinationClient
  readonly #call: Call
  readonly #persistMs: number
  readonly #id = randomBytes(9).toString('base64url')
  readonly #idle: Lane[] = []
  #lanes = 0

  constructor(client: CoordinationClient, { persistMs = persistMsDefault, ...call }: DriverOptions = {}) {
    this.#client = client
    this.#call = call
    this.#persistMs = persistMs
  }

  /**
   * Carries out a recipe to its end.
   *
   * @throws {AspenError} Something that the recipe has no answer for.
   */
  async run<R>(recipe: Recipe<R>, options: RunOptions = {}): Promise<R> {
    for (let next = recipe.next(); ; next = recipe.next(await this.#carryOut(next.value, options))) {
      if (next.done === true) return next.value
    }
  }

  /** Carries out a recipe that goes on and on, and yields what it tells; ends when `signal` fires or nobody listens any more. */
  follow<T>(recipe: Recipe<void>, options: RunOptions = {}): AsyncIterableIterator<T> {
    const end = new AbortController()
    const signal = options.signal === undefined ? end.signal : AbortSignal.any([options.signal, end.signal])
    const told = this.#tellings<T>(recipe, { ...options, signal })
    return {
      next: () => told.next(),
      // The generator may be waiting for a change that never comes.
      return: () => {
        end.abort()
        return told.return(undefined)
      },
      [Symbol.asyncIterator]() {
        return this
      },
    }
  }

  async *#tellings<T>(
    recipe: Recipe<void>,
    options: RunOptions & { readonly signal: AbortSignal },
  ): AsyncGenerator<T, void, undefined> {
    const { signal } = options
    for (let next = recipe.next(); next.done !== true; ) {
      const step: Step = next.value
      if (step.type === 'tell' && !signal.aborted) {
        yield step.told as T
        next = recipe.next({ type: signal.aborted ? 'stopped' : 'woken' })
      } else next = recipe.next(await this.#carryOut(step, options))
    }
  }

  async #carryOut(step: Step, { signal, call = this.#call }: RunOptions): Promise<StepAnswer> {
    switch (step.type) {
      case 'range':
        return this.#range(step, call, signal)
      case 'txn':
        return this.#txn(step, call, signal)
      case 'leaseGrant':
      case 'leaseRevoke':
      case 'leaseKeepAlive':
      case 'leaseTimeToLive':
        return this.#lease(step, call, signal)
      case 'awaitChange':
        return { type: signal?.aborted === true ? 'stopped' : await this.#awaitChange(step, signal, call) }
      case 'sleep':
        return { type: await sleepOr(step.ms, signal) }
      case 'tell':
        return { type: signal?.aborted === true ? 'stopped' : 'woken' }
      default:
        return unreachable(step)
    }
  }

  async #range({ type: _type, ...request }: RangeRequest, call: Call, signal: Signal): Promise<StepAnswer> {
    const { header, ...response } = await this.#persist(signal, () => this.#client.range(request, call))
    return { type: 'range', revision: header.revision, response: { ...response, type: 'range' } }
  }

  async #txn({ type: _type, ...request }: TxnRequest, call: Call, signal: Signal): Promise<StepAnswer> {
    const lane = this.#idle.pop() ?? { client: `${this.#id}.${++this.#lanes}`, number: 0 }
    lane.number += 1
    const options = { ...call, request: { client: lane.client, number: lane.number } }
    try {
      const { header, ...response } = await this.#persist(signal, () => this.#client.txn(request, options))
      return { type: 'txn', revision: header.revision, response: { ...response, type: 'txn' } }
    } catch (error) {
      if (error instanceof AspenError && error.code === 'leaseNotFound') return { type: 'leaseGone' }
      throw error
    } finally {
      this.#idle.push(lane)
    }
  }

  async #lease(step: LeaseStep, call: Call, signal: Signal): Promise<StepAnswer> {
    const client = this.#client
    switch (step.type) {
      case 'leaseGrant': {
        // An id of our own, so that a grant whose answer was lost is not made twice.
        const { id = randomLease(), ttlSeconds } = step
        return { type: 'lease', ...(await this.#persist(signal, () => this.#grant(id, ttlSeconds, call))) }
      }
      case 'leaseRevoke':
        await this.#persist(signal, () => client.leaseRevoke({ id: step.id }, call).catch(ignoreGone))
        return { type: 'lease', id: step.id, ttlSeconds: 0 }
      case 'leaseKeepAlive': {
        const { id, ttlSeconds } = await this.#persist(signal, () => client.leaseKeepAlive({ id: step.id }, call))
        return { type: 'lease', id, ttlSeconds }
      }
      case 'leaseTimeToLive': {
        const { id, ttlSeconds } = await this.#persist(signal, () => client.leaseTimeToLive({ id: step.id }, call))
        return { type: 'lease', id, ttlSeconds }
      }
      default:
        return unreachable(step)
    }
  }

  async #grant(
    id: string,
    ttlSeconds: number,
    call: Call,
  ): Promise<{ readonly id: string; readonly ttlSeconds: number }> {
    try {
      const granted = await this.#client.leaseGrant({ id, ttlSeconds }, call)
      return { id: granted.id, ttlSeconds: granted.ttlSeconds }
    } catch (error) {
      // Nobody else has this id: an earlier try was carried out.
      if (!(error instanceof AspenError) || error.code !== 'leaseExists') throw error
      const { grantedTtlSeconds } = await this.#client.leaseTimeToLive({ id }, call)
      return { id, ttlSeconds: grantedTtlSeconds }
    }
  }

  async #persist<T>(signal: Signal, attempt: () => Promise<T>): Promise<T> {
    const beganMs = performance.now()
    for (;;) {
      try {
        return await attempt()
      } catch (error) {
        const persistMs = signal?.aborted === true ? Math.min(tidyMsMax, this.#persistMs) : this.#persistMs
        if (!isPassing(error) || performance.now() + retryMs >= beganMs + persistMs) throw error
        await delay(retryMs)
      }
    }
  }

  async #awaitChange(
    { key, rangeEnd, fromRevision, kind }: AwaitChange,
    signal: Signal,
    call: Call,
  ): Promise<'woken' | 'stopped'> {
    const stream = this.#client.openWatch(call)
    const close = (): void => stream.close()
    signal?.addEventListener('abort', close, { once: true })
    try {
      stream.create({
        ranges: [rangeEnd === undefined ? { key } : { key, rangeEnd }],
        startRevision: fromRevision,
        prevKv: false,
        progressNotify: false,
        without: kind === 'delete' ? ['create', 'update'] : [],
      })
      for await (const response of stream.responses) {
        if (response.type === 'events') return 'woken'
        if (response.type === 'canceled') break
      }
    } catch (error) {
      if (!isPassing(error)) throw error
    } finally {
      signal?.removeEventListener('abort', close)
      close()
    }
    // The watch ended by itself, or its past is compacted away: whoever waits looks again.
    return sleepOr(rewatchMs, signal)
  }
}

/** Trouble of the node, or of the way to it; anything else is a mistake. */
export function isTrouble(error: unknown): boolean {
  return error instanceof AspenError || isUnreachable(error)
}

function isPassing(error: unknown): boolean {
  return (error instanceof AspenError && passing.includes(error.code)) || isUnreachable(error)
}

// By its name: its class lives with the gRPC client, which a program that embeds its node need not load.
function isUnreachable(error: unknown): boolean {
  return error instanceof Error && error.name === 'EtcdUnreachableError'
}

/** One number after another, each used up before the next. */
interface Lane {
  readonly client: string
  number: number
}

async function sleepOr(ms: number, signal: Signal): Promise<'woken' | 'stopped'> {
  if (signal?.aborted === true) return 'stopped'
  return delay(ms, 'woken' as const, signal === undefined ? {} : { signal }).catch(() => 'stopped' as const)
}

function ignoreGone(error: unknown): void {
  if (!(error instanceof AspenError) || error.code !== 'leaseNotFound') throw error
}

/** 63 random bits, not 0. */
function randomLease(): string {
  return String((randomBytes(8).readBigUInt64BE() >> 1n) | 1n)
}
