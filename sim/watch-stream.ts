/**
 * A simulated front door for one stream of watchers: begins a session on a node, asks it for more at its pace, and writes
 * down what it heard, until it has enough, its time is up, or the node is gone.
 */
import { unpackBatch } from '../actors/watch/batch.ts'
import type { SessionBatch, WatchResponse, WatchSpec } from '../actors/watch/messages.ts'
import { type WatchSessionArgs, watchSession } from '../actors/watch/session.ts'
import { fromUtf8, utf8 } from '../base/bytes.ts'
import type { ActorRef } from '../runtime/kernel/actor.ts'
import { edgeAsk, edgeSpawn, edgeTell } from '../runtime/kernel/edge.ts'
import type { Executor } from '../runtime/kernel/executor.ts'
import type { WatcherWish, WatchOperation, WatchWord } from './operation.ts'
import type { SimWorld } from './world.ts'

/** Time is short in a simulation: what a session does now and then, it does often. */
function argsOf(group: string, { waitMs }: WatchOperation): WatchSessionArgs {
  const limits = {
    progressMs: 3 * waitMs,
    silenceMs: 40 * waitMs,
    sweepMs: waitMs,
    goneMs: 20 * waitMs,
    createMs: 20 * waitMs,
  }
  return { group, limits }
}

export function watchOnce(
  world: SimWorld,
  group: string,
  operation: WatchOperation,
  untilMs: number,
  done: (words: readonly WatchWord[]) => void,
): void {
  const node = world.nodes.get(operation.node)
  if (node?.up !== true) {
    world.later(1, () => done([]))
    return
  }
  const executor = node.executor(0)
  const near: ActorRef = { type: 'named', node: operation.node, name: `replica/${group}` }
  const place = { type: 'near', ref: near } as const
  const session = edgeSpawn(executor, watchSession, argsOf(group, operation), { place })
  for (const wish of operation.watchers)
    edgeTell(executor, session, { type: 'create', watchId: undefined, spec: specOf(wish) })
  new Pulling(world, executor, session, operation, untilMs, done).pull()
}

class Pulling {
  readonly #world: SimWorld
  readonly #executor: Executor
  readonly #session: ActorRef
  readonly #operation: WatchOperation
  readonly #untilMs: number
  readonly #done: (words: readonly WatchWord[]) => void
  readonly #words: WatchWord[] = []
  /** Ids, in the order in which their watchers were asked for. */
  readonly #ids: number[] = []
  #pulls = 0
  #over = false

  constructor(
    world: SimWorld,
    executor: Executor,
    session: ActorRef,
    operation: WatchOperation,
    untilMs: number,
    done: (words: readonly WatchWord[]) => void,
  ) {
    this.#world = world
    this.#executor = executor
    this.#session = session
    this.#operation = operation
    this.#untilMs = untilMs
    this.#done = done
  }

  pull(): void {
    const { pulls, waitMs, bytesMax, bookmark } = this.#operation
    if (this.#over) return
    if (this.#pulls >= pulls || this.#world.nowMs >= this.#untilMs) {
      this.#tell({ type: 'end' })
      this.#finish()
      return
    }
    this.#cancelDue()
    // After the first pulls, when there is something to bookmark.
    if (bookmark && this.#pulls > 0) this.#tell({ type: 'requestProgress' })
    this.#pulls += 1
    const deadlineMs = 4 * waitMs
    // The node may die with the question.
    const number = this.#pulls
    this.#world.later(deadlineMs + 5, () => {
      if (this.#pulls === number && !this.#heard.has(number)) this.#finish()
    })
    edgeAsk(this.#executor, this.#session, { type: 'next', waitMs, bytesMax }, { deadlineMs }, (answer) => {
      this.#heard.add(number)
      if (this.#over) return
      // What was in an answer that came too late is lost, and with it the stream.
      if (answer.type === 'reply') this.#take(answer.value as SessionBatch)
      else this.#finish()
    })
  }

  readonly #heard = new Set<number>()

  #take(batch: SessionBatch): void {
    const responses = unpackBatch(batch)
    for (const response of responses) {
      if (response.type === 'created') this.#ids.push(response.watchId)
      this.#words.push(wordOf(response))
    }
    const enough = responses.some(({ type, watchId }) => type === 'progress' && watchId === -1)
    if (enough && this.#operation.bookmark) this.#pulls = this.#operation.pulls
    this.#world.later(Math.max(0.1, this.#operation.pauseMs), () => this.pull())
  }

  #cancelDue(): void {
    for (const [at, { cancelAfter }] of this.#operation.watchers.entries()) {
      const watchId = this.#ids[at]
      if (cancelAfter === this.#pulls && watchId !== undefined) this.#tell({ type: 'cancel', watchId })
    }
  }

  #tell(message: unknown): void {
    edgeTell(this.#executor, this.#session, message)
  }

  #finish(): void {
    if (this.#over) return
    this.#over = true
    this.#done(this.#words)
  }
}

function specOf({ from, keys, prefixes, prevKv, without, onlyIfChanged, latestOnly }: WatcherWish): WatchSpec {
  const single = keys.map((key) => ({ key: utf8(key) }))
  const ranges = prefixes.map((prefix) => ({ key: utf8(prefix), rangeEnd: utf8(`${prefix}\u007f`) }))
  return {
    ranges: [...single, ...ranges],
    startRevision: from,
    prevKv,
    progressNotify: true,
    without,
    onlyIfChanged,
    latestOnly,
  }
}

function wordOf(response: WatchResponse): WatchWord {
  switch (response.type) {
    case 'created':
    case 'progress':
      return response
    case 'canceled': {
      const { type, watchId, cause, compactRevision } = response
      return { type, watchId, cause, compactRevision }
    }
    case 'events': {
      const { type, watchId, revision, more } = response
      const events = response.events.map(({ type: kind, kv, prevKv }) => ({
        key: fromUtf8(kv.key),
        value: kind === 'delete' ? undefined : fromUtf8(kv.value),
        revision: kv.modRevision,
        create: kv.createRevision,
        previous: prevKv && { value: fromUtf8(prevKv.value), revision: prevKv.modRevision },
      }))
      return { type, watchId, revision, events, more }
    }
  }
}
