/** Figures of one thread: tell, ask, spawn, the size of an idle actor, and the bare loop that they are held against. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type ActorContext, type ActorDefinition, type ActorRef, defineActor } from '../../runtime/kernel/actor.ts'
import { edgeSpawn, edgeTell } from '../../runtime/kernel/edge.ts'
import type { Executor } from '../../runtime/kernel/executor.ts'
import { loneExecutor, settle } from './lone-executor.ts'
import { type Figure, figure, rateHere } from './phase.ts'

export type Step = readonly [name: string, run: (seconds: number) => Promise<Figure>]

const actors = 1_000
const inFlight = 100
const perBatch = 100_000

interface Hop {
  readonly type: 'hop'
  readonly left: number
}

interface Node {
  readonly waiting: Hop[]
  next: Node | undefined
}

/** The least a ring of mailboxes can be: an array each, a queue of who has work, a fresh message a hop. */
function bareRing(): () => void {
  const nodes: Node[] = Array.from({ length: actors }, () => ({ waiting: [], next: undefined }))
  for (const [at, node] of nodes.entries()) node.next = nodes[(at + 1) % actors]
  return () => {
    let runnable: Node[] = []
    for (let i = 0; i < inFlight; i++) {
      const node = nodes[(i * actors) / inFlight] as Node
      node.waiting.push({ type: 'hop', left: perBatch / inFlight - 1 })
      runnable.push(node)
    }
    while (runnable.length > 0) {
      const later: Node[] = []
      for (const node of runnable) {
        const hop = node.waiting.pop() as Hop
        if (hop.left === 0) continue
        const next = node.next as Node
        next.waiting.push({ type: 'hop', left: hop.left - 1 })
        later.push(next)
      }
      runnable = later
    }
  }
}

type RingMessage = Hop | { readonly type: 'next'; readonly ref: ActorRef }

const ringActor: ActorDefinition<undefined, { next: ActorRef | undefined }, unknown> = defineActor(import.meta.url, {
  name: 'ringActor',
  init: (): { next: ActorRef | undefined } => ({ next: undefined }),
  receive: (state: { next: ActorRef | undefined }, message: RingMessage, ctx: ActorContext): void => {
    if (message.type === 'next') state.next = message.ref
    else if (message.left > 0) ctx.tell(state.next as ActorRef, { type: 'hop', left: message.left - 1 })
  },
})

function ring(): () => void {
  const executor = loneExecutor()
  const refs = Array.from({ length: actors }, () => edgeSpawn(executor, ringActor, undefined, {}))
  for (const [at, ref] of refs.entries()) edgeTell(executor, ref, { type: 'next', ref: refs[(at + 1) % actors] })
  settle(executor)
  return () => {
    for (let i = 0; i < inFlight; i++) {
      const message: Hop = { type: 'hop', left: perBatch / inFlight - 1 }
      edgeTell(executor, refs[(i * actors) / inFlight] as ActorRef, message)
    }
    settle(executor)
  }
}

type FanMessage =
  | { readonly type: 'burst'; readonly to: readonly ActorRef[]; readonly count: number }
  | { readonly type: 'item' }

const fanActor: ActorDefinition<undefined, { seen: number }, unknown> = defineActor(import.meta.url, {
  name: 'fanActor',
  mailbox: { messagesMax: 1_048_576, whenFull: 'reject' },
  init: (): { seen: number } => ({ seen: 0 }),
  receive: (state: { seen: number }, message: FanMessage, ctx: ActorContext): void => {
    if (message.type === 'item') {
      state.seen += 1
      return
    }
    for (let i = 0; i < message.count; i++) ctx.tell(message.to[i % message.to.length] as ActorRef, { type: 'item' })
  },
})

/** `from` actors send to `to` actors, `perBatch` messages in all. */
function fan(from: number, to: number): () => void {
  const executor = loneExecutor()
  const spawn = (): ActorRef => edgeSpawn(executor, fanActor, undefined, {})
  const senders = Array.from({ length: from }, spawn)
  const receivers = Array.from({ length: to }, spawn)
  return () => {
    for (const sender of senders) edgeTell(executor, sender, { type: 'burst', to: receivers, count: perBatch / from })
    settle(executor)
  }
}

interface AskMore {
  readonly left: number
  readonly to: ActorRef
}

const askingActor: ActorDefinition<undefined, undefined, unknown> = defineActor(import.meta.url, {
  name: 'askingActor',
  init: (): undefined => undefined,
  receive: (_state: undefined, { left, to }: AskMore, ctx: ActorContext): void => {
    if (left === 0) return
    ctx.ask(to, { type: 'echo', argument: left }, { deadlineMs: 5_000 }, () => ({ left: left - 1, to }))
  },
})

const echoActor: ActorDefinition<undefined, undefined, unknown> = defineActor(import.meta.url, {
  name: 'echoActor',
  init: (): undefined => undefined,
  receive: { echo: (_state: undefined, value: number): number => value },
})

function asks(): () => void {
  const executor = loneExecutor()
  const pairs = Array.from({ length: inFlight }, () => ({
    asking: edgeSpawn(executor, askingActor, undefined, {}),
    to: edgeSpawn(executor, echoActor, undefined, {}),
  }))
  return () => {
    for (const { asking, to } of pairs) edgeTell(executor, asking, { left: perBatch / inFlight, to })
    settle(executor)
  }
}

const spawnsPerBatch = 20_000

function spawns(): () => void {
  return () => {
    const executor = loneExecutor()
    for (let i = 0; i < spawnsPerBatch; i++) edgeSpawn(executor, echoActor, undefined, {})
    settle(executor)
  }
}

/** Heap per actor that was spawned and has nothing to do. */
function idleBytes(): number[] {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const count = 200_000
  const kept: Executor[] = []
  return Array.from({ length: 5 }, () => {
    kept.length = 0
    collect()
    const before = process.memoryUsage().heapUsed
    const executor = loneExecutor()
    for (let i = 0; i < count; i++) edgeSpawn(executor, echoActor, undefined, {})
    kept.push(executor)
    collect()
    return (process.memoryUsage().heapUsed - before) / count
  })
}

const tells = { unit: 'msg/s', ceiling: 'bare loop' } as const

export const stepsHere: readonly Step[] = [
  ['bare loop', (seconds) => rateHere({ name: 'bare loop', unit: 'msg/s' }, perBatch, seconds, bareRing())],
  [
    'tell, ring of 1,000',
    (seconds) =>
      rateHere(
        { name: 'tell, ring of 1,000', goal: { at: 'least', value: 15e6 }, ...tells },
        perBatch,
        seconds,
        ring(),
      ),
  ],
  [
    'tell, 1,000 to one',
    (seconds) => rateHere({ name: 'tell, 1,000 to one', ...tells }, perBatch, seconds, fan(1_000, 1)),
  ],
  [
    'tell, one to 10,000',
    (seconds) => rateHere({ name: 'tell, one to 10,000', ...tells }, perBatch, seconds, fan(1, 10_000)),
  ],
  [
    'ask, 100 pairs',
    (seconds) =>
      rateHere(
        { name: 'ask, 100 pairs', unit: 'ask/s', goal: { at: 'least', value: 2e6 }, ceiling: 'bare loop' },
        perBatch,
        seconds,
        asks(),
      ),
  ],
  [
    'spawn',
    (seconds) =>
      rateHere(
        { name: 'spawn', unit: 'actor/s', goal: { at: 'least', value: 1e6 } },
        spawnsPerBatch,
        seconds,
        spawns(),
      ),
  ],
  [
    'idle actor',
    () => Promise.resolve(figure({ name: 'idle actor', unit: 'bytes', goal: { at: 'most', value: 512 } }, idleBytes())),
  ],
]
