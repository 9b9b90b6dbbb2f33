/**
 * What a host holds of an actor: typed ask, tell and subscribe, made from the definition's handlers. Promises begin here
 * and nowhere below.
 */

import type { ActorDefinition, ActorRef, Answer, DownReason } from '../runtime/kernel/actor.ts'
import { edgeAsk, edgeStop, edgeTell, edgeWatch } from '../runtime/kernel/edge.ts'
import type { Executor } from '../runtime/kernel/executor.ts'
import type { AnyHandler, Argument, Reply, TellOf } from './handle-types.ts'

export interface AskOptions {
  /** How long to wait, 1 to 86_400_000 ms of this process's clock; 5_000 when absent. */
  readonly deadlineMs?: number
  /** Gives up waiting; the actor may do what was asked all the same. */
  readonly signal?: AbortSignal
}

/** Why an ask has no reply. `code` is stable; the message says more. */
export class AskError extends Error {
  override readonly name = 'AskError'
  readonly code: 'timeout' | 'stopped' | 'overloaded' | 'failed' | 'aborted'
  constructor(code: AskError['code'], message: string) {
    super(message)
    this.code = code
  }
}

type Asker<H> =
  unknown extends Argument<H>
    ? (argument?: undefined, options?: AskOptions) => Promise<Reply<H>>
    : (argument: Argument<H>, options?: AskOptions) => Promise<Reply<H>>

/** `ask` as methods for a map of handlers, as a function of a message for a union. */
export type AskOf<P> = P extends (state: infer _S, message: infer M, ...rest: infer _R) => unknown
  ? (message: M, options?: AskOptions) => Promise<unknown>
  : { readonly [K in keyof P]: Asker<P[K]> }

export interface SubscribeOptions {
  /** Items that may be on their way or unread, 1 to 65_536; 256 when absent. Twice as many unread ends the stream. */
  readonly highWaterMark?: number
  readonly signal?: AbortSignal
}

export class Handle<P = Record<string, AnyHandler>> {
  readonly #executor: Executor
  readonly ref: ActorRef
  readonly ask: AskOf<P>
  readonly tell: TellOf<P>

  constructor(executor: Executor, ref: ActorRef) {
    this.#executor = executor
    this.ref = ref
    this.ask = this.#calls((message, options) => this.#ask(message, options)) as AskOf<P>
    this.tell = this.#calls((message) => edgeTell(executor, ref, message)) as TellOf<P>
  }

  /** Items that the actor publishes under `topic`, from now on. Ends when the actor stops. */
  subscribe(topic: string, options: SubscribeOptions = {}): AsyncIterableIterator<unknown> {
    return subscription(this.#executor, this.ref, topic, options)
  }

  /** Resolves with the reason when the actor is gone for good (not when it restarts). */
  gone(): Promise<DownReason> {
    return new Promise((resolve) => edgeWatch(this.#executor, this.ref, resolve))
  }

  /** Stops the actor; a supervisor may start it again. Use `gone` to wait for the end. */
  stop(): void {
    edgeStop(this.#executor, this.ref)
  }

  #ask(message: unknown, { deadlineMs = 5_000, signal }: AskOptions = {}): Promise<unknown> {
    if (!(deadlineMs >= 1 && deadlineMs <= 86_400_000)) {
      throw new RangeError(`ask '${this.ref.name}': deadlineMs must be 1 to 86400000, not ${deadlineMs}`)
    }
    return askActor(this.#executor, this.ref, message, deadlineMs, signal)
  }

  /** A function that also has every method name: which of the two is meant, only the type knows. */
  #calls(send: (message: unknown, options?: AskOptions) => unknown): unknown {
    const call = (message: unknown, options?: AskOptions): unknown => send(message, options)
    return new Proxy(call, {
      get: (_target, kind) =>
        typeof kind === 'string'
          ? (argument: unknown, options?: AskOptions) => send({ type: kind, argument }, options)
          : undefined,
    })
  }
}

export type HandleOf<D> = D extends ActorDefinition<infer _A, infer _S, infer P> ? Handle<P> : Handle

/** Asks once; rejects with `AskError` for every answer that is no reply. */
export function askActor(
  executor: Executor,
  ref: ActorRef,
  message: unknown,
  deadlineMs: number,
  signal: AbortSignal | undefined,
  lane: 'control' | 'user' = 'user',
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(new AskError('aborted', `ask '${ref.name}': aborted before it was sent`))
      return
    }
    let forget = (): void => {}
    const abort = (): void => {
      forget()
      reject(new AskError('aborted', `ask '${ref.name}': aborted by the caller`))
    }
    signal?.addEventListener('abort', abort, { once: true })
    // An actor that is not there is answered for at once, before `edgeAsk` returns: nothing below may be needed by then.
    forget = edgeAsk(executor, ref, message, { deadlineMs, lane }, (answer) => {
      signal?.removeEventListener('abort', abort)
      if (answer.type === 'reply') resolve(answer.value)
      else reject(askError(ref, answer, deadlineMs))
    })
  })
}

function askError(ref: ActorRef, answer: Exclude<Answer, { type: 'reply' }>, deadlineMs: number): AskError {
  switch (answer.type) {
    case 'timeout':
      return new AskError('timeout', `ask '${ref.name}': no answer within ${deadlineMs} ms`)
    case 'stopped':
      return new AskError('stopped', `ask '${ref.name}': there is no such actor, or it has stopped`)
    case 'overloaded':
      return new AskError('overloaded', `ask '${ref.name}': its mailbox is full`)
    case 'failed':
      return new AskError('failed', `ask '${ref.name}': ${answer.reason}`)
  }
}

function subscription(
  executor: Executor,
  ref: ActorRef,
  topic: string,
  { highWaterMark = 256, signal }: SubscribeOptions,
): AsyncIterableIterator<unknown> {
  const items: unknown[] = []
  let end: string | undefined
  let wake: (() => void) | undefined
  const ping = (): void => {
    wake?.()
    wake = undefined
  }
  const source = executor.subscriptions.open(ref, topic, highWaterMark, {
    item: (item) => {
      items.push(item)
      ping()
    },
    ended: (reason) => {
      end = reason
      ping()
    },
  })
  const close = (): void => {
    end = end ?? 'closed'
    source.close()
    ping()
  }
  signal?.addEventListener('abort', close, { once: true })
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next(): Promise<IteratorResult<unknown>> {
      while (items.length === 0 && end === undefined)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      if (items.length > 0) {
        source.taken(1)
        return { done: false, value: items.shift() }
      }
      if (end === 'overflow')
        throw new AskError(
          'overloaded',
          `subscribe '${ref.name}' ${topic}: more than ${highWaterMark} items were unread`,
        )
      return { done: true, value: undefined }
    },
    async return(): Promise<IteratorResult<unknown>> {
      close()
      return { done: true, value: undefined }
    },
  }
}
