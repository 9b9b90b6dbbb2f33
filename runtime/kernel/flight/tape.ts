/**
 * What an actor and the world say to each other, as an actor's context passes it on: one side of it runs in production and
 * writes it down, the other plays it back.
 *
 *   handler ──ctx.tell, store.put, …──▶ act    what the actor does: its name and a digest of what was meant
 *           ──ctx.now, store.get, …───▶ read   what it asks: the same, and the world's answer
 *           ──ctx.ask(…, then)────────▶ callback   numbered, so that the answer finds it again
 */
import type { Receive } from '../actor.ts'

/** The words of a recording. Their places are in files: new ones go to the end. */
const callNames = [
  'now',
  'wallNow',
  'random',
  'tell',
  'ask',
  'reply',
  'defer',
  'replyTo',
  'failTo',
  'after',
  'every',
  'cancelTimer',
  'spawn',
  'stop',
  'restart',
  'watch',
  'unwatch',
  'link',
  'lookup',
  'stash',
  'unstash',
  'become',
  'publish',
  'storeFull',
  'setPeer',
  'endNode',
  'store.get',
  'store.range',
  'store.put',
  'store.delete',
  'store.deleteRange',
  'log.firstIndex',
  'log.lastIndex',
  'log.term',
  'log.entries',
  'log.append',
  'log.compact',
  'log.reset',
  'log.drop',
] as const

export type CallName = (typeof callNames)[number]

/** 1 and up: 0 ends the calls of a delivery. */
const codes = new Map<string, number>(callNames.map((name, place) => [name, place + 1]))

export function codeOf(call: CallName): number {
  return codes.get(call) as number
}

export function callOf(code: number): CallName | undefined {
  return callNames[code - 1]
}

/** How a turn began. The place of a kind is in files, and 0 ends the deliveries. */
export const deliveryKinds = ['end', 'start', 'message', 'timer', 'answer', 'notice', 'stop'] as const

/**
 * `start`: `init`, at first or after a failure. `answer`: what a callback of an ask or a watch made of what it was told.
 * `notice`: what the kernel itself tells (a child, an overflow). `stop`: the last turn.
 */
export type DeliveryKind = Exclude<(typeof deliveryKinds)[number], 'end'>

export interface Tape {
  /** False when nobody listens any more: then the tape passes everything on and costs next to nothing. */
  readonly running: boolean
  /** A number of its own for each turn. */
  readonly turn: number
  act(call: CallName, digest: number): void
  /** What the world answers: asked of it with `ask`, or known from before. */
  read<T>(call: CallName, digest: number, ask: () => T): T
  callback<V>(then: (value: V) => unknown): (value: V) => unknown
  /** The actor receives by `receive` from its next turn on. */
  becoming(receive: Receive<never>): Receive<never>
  /** The actor does what cannot be played back. */
  refuse(reason: string): void
}
