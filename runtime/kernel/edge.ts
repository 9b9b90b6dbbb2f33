/**
 * The door from outside into an executor: spawn, tell, ask, watch, without a turn. Used by the host's API, by the front
 * doors and by simulated clients. Callbacks, no promises: whoever stands outside makes of them what it likes.
 */
import { Envelope } from '../../mailbox/envelope.ts'
import type { ActorRef, Answer, AnyActor, DownReason, SpawnOptions } from './actor.ts'
import { Ask } from './asks.ts'
import { refKey } from './cell.ts'
import type { Executor } from './executor.ts'

export interface EdgeAskOptions {
  readonly deadlineMs: number
  readonly lane?: 'control' | 'user'
}

export function edgeSpawn<Args>(
  executor: Executor,
  definition: AnyActor<Args>,
  args: Args,
  options: SpawnOptions,
): ActorRef {
  const birth = executor.prepare(definition, args, options, undefined)
  birth.act()
  executor.poke()
  return birth.ref
}

export function edgeTell(executor: Executor, to: ActorRef, message: unknown, lane: 'control' | 'user' = 'user'): void {
  executor.router.deliver(new Envelope(to, message, lane, undefined, executor.index, 0))
  executor.poke()
}

/** Returns how to give up waiting. */
export function edgeAsk(
  executor: Executor,
  to: ActorRef,
  message: unknown,
  options: EdgeAskOptions,
  then: (answer: Answer) => void,
): () => void {
  const untilMs = executor.world.clock.nowMs() + options.deadlineMs
  const ask = new Ask(executor.asks, untilMs, undefined, then)
  ask.request(to, message, options.lane ?? 'user', 0).act()
  executor.poke()
  return () => ask.forget()
}

export function edgeStop(executor: Executor, ref: ActorRef): void {
  executor.router.system(ref, { type: 'stop', reason: { type: 'normal' } })
  executor.poke()
}

/** An actor whose only purpose is to watch for the edge. */
export function edgeWatch(executor: Executor, ref: ActorRef, then: (reason: DownReason) => void): void {
  const watcher: AnyActor<undefined> = {
    name: `edge-watch ${refKey(ref)}`,
    module: '',
    exportName: '',
    mailbox: { messagesMax: 1, whenFull: 'dropNewest' },
    outputs: 'durable',
    foldWithinMs: 100,
    supervises: false,
    openToPeers: false,
    init: (ctx) => ctx.watch(ref, (reason) => reason),
    receive: (_state, reason: DownReason, ctx) => {
      ctx.stop()
      then(reason)
    },
  }
  edgeSpawn(executor, watcher, undefined, {})
}
