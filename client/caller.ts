/**
 * Calls until an answer: what may be repeated is repeated, with growing pauses, until the call's deadline.
 *
 *   refused   nothing happened (no connection, too many requests)       repeated, whatever it was
 *   unknown   it may have happened (timeout, leader lost, broken line)  reads are repeated, and numbered writes at an Aspen,
 *                                                                       which applies a number once
 *   final     an answer                                                 told
 *
 * Rules:
 *   Q3  a write without a number, or at a server that does not know numbers, is never sent twice after an unknown outcome
 *   Q4  every copy of a write carries the same number, until the cluster has said that under this number it does nothing
 */
import { status } from '@grpc/grpc-js'
import { backoffMs, callBackoff, pause } from './backoff.ts'
import { EtcdUnreachableError } from './etcd-connection.ts'
import { EtcdCallError } from './etcd-errors.ts'
import { AspenError, type AspenErrorCode, type CallOptions } from './interface.ts'
import type { RequestNumbers } from './request-numbers.ts'
import { isTokenRefusal, tokenRenewalsMax } from './tokens.ts'
import type { NodeCalls, Transport } from './transport.ts'

/** What a user may say about one call. */
export interface CallLimits {
  /** How long to go on trying, in milliseconds of the caller's clock; that of the client when absent. */
  readonly deadlineMs?: number
  readonly signal?: AbortSignal
}

export interface CallerOptions {
  readonly transport: Transport
  readonly keyspace: string | undefined
  readonly deadlineMs: number
  /** Fires when the client closes. */
  readonly closing: AbortSignal
  readonly numbers: RequestNumbers
}

type Act<T> = (node: NodeCalls, options: CallOptions) => Promise<T>

export class Caller {
  readonly #options: CallerOptions

  constructor(options: CallerOptions) {
    this.#options = options
  }

  get transport(): Transport {
    return this.#options.transport
  }

  get keyspace(): string | undefined {
    return this.#options.keyspace
  }

  get closing(): AbortSignal {
    return this.#options.closing
  }

  /** The same, in another keyspace. */
  within(keyspace: string): Caller {
    return new Caller({ ...this.#options, keyspace })
  }

  /** A call that changes nothing, or the same however often it is done. */
  read<T>(limits: CallLimits | undefined, act: Act<T>): Promise<T> {
    return this.#repeat(limits, this.#endMs(limits), act, undefined)
  }

  /** A call that goes through the log of the keyspace. */
  async write<T>(limits: CallLimits | undefined, act: Act<T>): Promise<T> {
    const { numbers } = this.#options
    const endMs = this.#endMs(limits)
    for (let attempt = 1; ; attempt += 1) {
      const request = numbers.take()
      try {
        return await this.#repeat(limits, endMs, act, request)
      } catch (error) {
        // Under this number the caller was refused, and will be however often it is sent: nothing was done, nor will be. With
        // what is known of the caller by now, another number may fare better.
        if (!isTokenRefusal(error) || attempt > tokenRenewalsMax) throw error
      } finally {
        numbers.done(request)
      }
    }
  }

  #endMs(limits: CallLimits | undefined): number {
    return performance.now() + (limits?.deadlineMs ?? this.#options.deadlineMs)
  }

  async #repeat<T>(
    limits: CallLimits | undefined,
    endMs: number,
    act: Act<T>,
    request: CallOptions['request'],
  ): Promise<T> {
    const { transport, closing, keyspace } = this.#options
    const signal = limits?.signal
    for (let attempt = 1; ; attempt += 1) {
      if (signal?.aborted === true || closing.aborted) throw new AspenError('canceled', 'the caller left')
      try {
        const deadlineMs = Math.max(1, Math.ceil(endMs - performance.now()))
        return await act(transport.node, {
          deadlineMs,
          ...(keyspace !== undefined && { keyspace }),
          ...(signal !== undefined && { signal }),
          ...(request !== undefined && { request }),
        })
      } catch (error) {
        const pauseMs = backoffMs(attempt, callBackoff)
        if (performance.now() + pauseMs >= endMs) throw error
        const outcome = outcomeOf(error)
        if (outcome === 'final') throw error
        if (outcome === 'unknown' && request !== undefined && (await transport.isAspen()) !== true) throw error
        await this.#pause(pauseMs, signal, error)
      }
    }
  }

  /** Whoever leaves in a pause is told what went wrong, and not only that he left. */
  async #pause(ms: number, signal: AbortSignal | undefined, cause: unknown): Promise<void> {
    const { closing } = this.#options
    try {
      await pause(ms, signal === undefined ? closing : AbortSignal.any([signal, closing]))
    } catch (error) {
      if (error instanceof AspenError) error.cause = cause
      throw error
    }
  }
}

const refusals: ReadonlySet<AspenErrorCode> = new Set<AspenErrorCode>(['tooManyRequests'])
const unknowns: ReadonlySet<AspenErrorCode> = new Set<AspenErrorCode>([
  'noLeader',
  'leaderChanged',
  'timeout',
  'timeoutLeaderFail',
  'stopped',
  'unhealthy',
])

/** What a failed call says about the world. */
export function outcomeOf(error: unknown): 'refused' | 'unknown' | 'final' {
  if (error instanceof EtcdUnreachableError) return 'refused'
  if (error instanceof EtcdCallError) return error.grpcCode === status.UNAVAILABLE ? 'unknown' : 'final'
  if (!(error instanceof AspenError)) return 'final'
  if (refusals.has(error.code)) return 'refused'
  return unknowns.has(error.code) ? 'unknown' : 'final'
}
