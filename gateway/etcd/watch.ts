/**
 * etcdserverpb.Watch: one stream of watchers. Requests go to the session as they come, what the session tells comes back
 * as it is told; a caller that reads slowly is not asked for, and so costs no memory here.
 */
import type { WireWatchCreateRequest, WireWatchRequest } from '../../client/etcd-wire-watch.ts'
import type { WatchStream } from '../../client/interface.ts'
import type { BidiHandler, GatewayContext, ServiceHandlers } from './call.ts'
import { integerOf } from './decode.ts'
import { refusalReasons, WatchAnswers } from './watch-answers.ts'
import { decodeWatch, isEmptyRange } from './watch-decode.ts'

/** What etcd allows a message beyond the largest request. */
const overheadBytes = 512 * 1024

export function watchService(context: GatewayContext): ServiceHandlers {
  return { unary: {}, bidi: { Watch: watchHandler(context) } }
}

function watchHandler({ node, headers, maxRequestBytes }: GatewayContext): BidiHandler {
  return async (requests: AsyncIterable<WireWatchRequest>, writer, { options, signal }) => {
    const answers = new WatchAnswers(await headers.of(options), maxRequestBytes + overheadBytes)
    const stream = node.openWatch(options)
    const close = (): void => stream.close()
    signal.addEventListener('abort', close, { once: true })
    try {
      const taking = take(requests, stream, answers, async (refusals) => {
        for (const refusal of refusals) await writer.write(refusal)
      })
      // A caller with no more requests still watches: only the answers end the stream.
      const failed = new Promise<never>((_resolve, reject) => taking.catch(reject))
      await Promise.race([give(stream, answers, (answer) => writer.write(answer)), failed])
    } finally {
      signal.removeEventListener('abort', close)
      stream.close()
    }
  }
}

type Answers = ReturnType<WatchAnswers['of']>

async function take(
  requests: AsyncIterable<WireWatchRequest>,
  stream: WatchStream,
  answers: WatchAnswers,
  tell: (refusals: Answers) => Promise<void>,
): Promise<void> {
  for await (const { create_request: create, cancel_request: cancel, progress_request: progress } of requests) {
    if (create) {
      await answers.room()
      const refusal = open(create, stream, answers)
      if (refusal !== undefined) await tell(answers.refused(refusal))
    } else if (cancel) {
      stream.cancel(integerOf(cancel.watch_id))
    } else if (progress) {
      stream.requestProgress()
    }
    // Anything else is newer than we are; etcd passes over it too.
  }
}

/** Why not; undefined when the session was asked. */
function open(create: WireWatchCreateRequest, stream: WatchStream, answers: WatchAnswers): string | undefined {
  const watchId = integerOf(create.watch_id ?? 0)
  if (watchId < 0) return refusalReasons.badWatchId
  if (integerOf(create.start_revision ?? 0) < 0) return refusalReasons.negativeRevision
  const spec = decodeWatch(create)
  if (spec.ranges.some(isEmptyRange)) return refusalReasons.emptyRange
  answers.asked(create.fragment === true)
  stream.create(spec, watchId === 0 ? undefined : watchId)
  return undefined
}

async function give(
  stream: WatchStream,
  answers: WatchAnswers,
  write: (answer: Answers[number]) => Promise<void>,
): Promise<void> {
  for await (const response of stream.responses) {
    for (const answer of answers.of(response)) await write(answer)
  }
}
