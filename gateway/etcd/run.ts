/**
 * One call, from its beginning to its end, the same for every way in and every service: admitted, counted, given its
 * options, run, and whatever was thrown turned into a status.
 *
 * A stream ends for one of four reasons besides its own: the caller left, the caller wanted a leader and there is none,
 * the gateway closes (of endless ones), or something threw. Its signal then carries the `AspenError` to answer.
 */
import { status } from '@grpc/grpc-js'
import type { EtcdStatus } from '../../client/etcd-errors.ts'
import { AspenError } from '../../client/interface.ts'
import type { CallFacts, GatewayContext, MessageWriter } from './call.ts'
import { isOurMistake, statusOf } from './errors.ts'
import { callOptionsOf, deadlineOf, type IncomingCall, wantsLeader } from './incoming.ts'
import type { BidiMethod, ServedMethod, StreamMethod, UnaryMethod } from './service.ts'
import { StreamEnd } from './stream-end.ts'

export type Outcome = { readonly response: object } | { readonly status: EtcdStatus }

/** A request and its encoded size. */
export interface Sized {
  readonly message: never
  readonly bytes: number
}

/** Never rejects. */
export async function runUnary(
  method: UnaryMethod,
  request: Sized,
  incoming: IncomingCall,
  context: GatewayContext,
): Promise<Outcome> {
  const { admission } = context
  const watch = begin(method, incoming, context, 'unary')
  let entered = false
  try {
    if (method.waits) admission.pass()
    else if (!method.unbounded) {
      admission.enter()
      entered = true
    }
    const options = { ...callOptionsOf(incoming, incoming.left), ...deadlineOf(incoming) }
    if (wantsLeader(incoming)) await context.leaders.require(options)
    const facts: CallFacts = { options, signal: incoming.left, requestBytes: request.bytes }
    const response = await method.handler(request.message, facts)
    watch.end(status.OK)
    return { response }
  } catch (thrown) {
    return { status: watch.fail(thrown) }
  } finally {
    if (entered) admission.leave()
  }
}

/** Undefined when the stream ended well. Never rejects. */
export function runStream(
  method: StreamMethod,
  request: Sized,
  incoming: IncomingCall,
  writer: MessageWriter,
  context: GatewayContext,
): Promise<EtcdStatus | undefined> {
  return runLong(method, incoming, context, method.endless, (end) => {
    const options = { ...callOptionsOf(incoming, end.signal), ...deadlineOf(incoming) }
    const facts: CallFacts = { options, signal: end.signal, requestBytes: request.bytes }
    return pump(method.handler(request.message, facts), writer, end, context)
  })
}

/** Undefined when the stream ended well. Never rejects. `requests` must end when the caller has left. */
export function runBidi(
  method: BidiMethod,
  requests: AsyncIterable<Sized>,
  incoming: IncomingCall,
  writer: MessageWriter,
  context: GatewayContext,
): Promise<EtcdStatus | undefined> {
  return runLong(method, incoming, context, true, (end) => {
    const facts: CallFacts = { options: callOptionsOf(incoming, end.signal), signal: end.signal, requestBytes: 0 }
    const guarded: MessageWriter = {
      write: async (message) => {
        end.signal.throwIfAborted()
        await end.race(writer.write(message))
      },
    }
    return end.race(method.handler(messagesOf(requests, end), guarded, facts))
  })
}

async function runLong(
  method: StreamMethod | BidiMethod,
  incoming: IncomingCall,
  context: GatewayContext,
  endless: boolean,
  run: (end: StreamEnd) => Promise<void>,
): Promise<EtcdStatus | undefined> {
  const watch = begin(method, incoming, context, 'stream')
  const end = new StreamEnd()
  const onLeft = (): void => end.end(new AspenError('canceled'))
  const onClosing = (): void => end.end(new AspenError('stopped'))
  let unguard: () => void = () => undefined
  listen(incoming.left, onLeft)
  if (endless) listen(context.closing, onClosing)
  try {
    if (!method.unbounded) context.admission.pass()
    if (wantsLeader(incoming)) {
      const options = callOptionsOf(incoming, end.signal)
      await context.leaders.require(options)
      unguard = context.leaders.guard(options, () => end.end(new AspenError('noLeader')))
    }
    end.signal.throwIfAborted()
    await run(end)
    watch.end(status.OK)
    return undefined
  } catch (thrown) {
    return watch.fail(thrown)
  } finally {
    unguard()
    incoming.left.removeEventListener('abort', onLeft)
    context.closing.removeEventListener('abort', onClosing)
    // What the handler left open ends with the stream, however that ended.
    end.end(new AspenError('canceled'))
  }
}

async function pump(
  answers: AsyncIterable<object>,
  writer: MessageWriter,
  end: StreamEnd,
  context: GatewayContext,
): Promise<void> {
  const iterator = answers[Symbol.asyncIterator]()
  try {
    while (true) {
      // A caller that left must not hold the node's iterator open, whatever the iterator is waiting for.
      const next = await end.race(iterator.next())
      if (next.done === true) return
      await end.race(writer.write(next.value))
    }
  } finally {
    // Not awaited: an iterator that waits for its next chunk answers this only after it.
    iterator
      .return?.()
      .catch((reason: unknown) => context.logger.warn({ reason: String(reason) }, 'a stream ended badly'))
  }
}

/** The messages of `requests`; fails when the stream is ended from here, so that no handler waits for the next for ever. */
async function* messagesOf(requests: AsyncIterable<Sized>, end: StreamEnd): AsyncGenerator<never> {
  const iterator = requests[Symbol.asyncIterator]()
  try {
    while (true) {
      const next = await end.race(iterator.next())
      if (next.done === true) return
      yield next.value.message
    }
  } finally {
    void iterator.return?.()
  }
}

interface CallWatch {
  end(code: status): void
  fail(thrown: unknown): EtcdStatus
}

function begin(
  { counts }: ServedMethod,
  incoming: IncomingCall,
  { metrics, logger }: GatewayContext,
  kind: 'unary' | 'stream',
): CallWatch {
  const startedAtMs = performance.now()
  counts.started += 1
  metrics.clientRequest(kind, incoming.metadata('client-api-version'))
  const end = (code: status): void => metrics.handled(counts, code, (performance.now() - startedAtMs) / 1_000)
  return {
    end,
    fail: (thrown) => {
      const known = statusOf(thrown, incoming.remainingMs() <= 0)
      if (isOurMistake(known)) {
        logger.error(
          { method: `${counts.service}/${counts.method}`, status: known, err: thrown },
          'a call failed inside',
        )
      }
      end(known.code)
      return known
    },
  }
}

function listen(signal: AbortSignal, onAbort: () => void): void {
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
}
