/**
 * A run as it was, message by message: plain data, so that it can be written to a file, walked through, drawn.
 *
 *   message ──sent by a delivery──▶ on its way ──handled──▶ delivery ──▶ the messages that it sends …
 *
 * A delivery is known by its number, from 1, in the order in which they happened; 0 stands for nobody: a client, a fault,
 * the start of a node. A message that has no delivery was lost; one that has two was doubled on its way.
 */
import type { RaftDecision } from './raft-view.ts'

/** What JSON can say. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [field: string]: Json }

/** How a message came: within an executor, between threads or nodes, or made where it was received. */
export type Via = 'local' | 'thread' | 'network' | 'timer' | 'answer' | 'notice' | 'outside'

export interface Message {
  /** From 1: its place in the list of messages. */
  readonly id: number
  readonly kind: string
  readonly via: Via
  readonly sentAtMs: number
  /** The delivery that sent it; of a timer, the one that started it. */
  readonly sender: number
  readonly fromNode: number
  readonly fromExecutor: number
  readonly toNode: number
  readonly toActor: string
  /** The link was cut when it was sent. */
  readonly cut: boolean
  readonly body: Json
  readonly deliveries: readonly number[]
}

export interface Delivery {
  /** From 1: its place in the list of deliveries. */
  readonly seq: number
  readonly atMs: number
  readonly node: number
  readonly executor: number
  /** Which start of the executor, from 1. */
  readonly life: number
  readonly actor: string
  readonly message: number
  /** The deliveries that caused it: who sent the message. */
  readonly parents: readonly number[]
  /** The one before it to the same actor; 0 for the first. */
  readonly previous: number
  /** Between that one and this the actor lost its memory. */
  readonly reborn: boolean
  readonly lamport: number
  /** Over everything up to here: two runs are the same as long as these are. */
  readonly hash: string
  /** Messages sent, when they left; those held for the disk leave after the delivery. */
  readonly sends: readonly number[]
  /** What else it did: writes, timers. */
  readonly effects: readonly string[]
}

/** A fault, an act from outside, anything the simulator decided. */
export interface Happened {
  readonly atMs: number
  /** The newest delivery when it happened. */
  readonly after: number
  readonly text: string
  /** The nodes it is about. */
  readonly nodes: readonly number[]
}

/** Something that lasted. */
export interface Span {
  readonly type: 'down' | 'paused' | 'cut'
  readonly fromMs: number
  readonly toMs: number
  readonly node: number
  /** Of a thread that died; undefined: the whole node. */
  readonly executor?: number
  /** Of a cut: the node that was not reached. */
  readonly to?: number
}

/** What a client asked for, and what it was told. */
export interface Asked {
  readonly client: string
  readonly text: string
  readonly beganMs: number
  /** Null: it never heard. */
  readonly endedMs: number | null
  readonly outcome: string
}

export interface Broken {
  readonly invariant: string
  readonly text: string
  /** The delivery that broke the rule; 0 when the rule is about the whole run. */
  readonly seq: number
  /** Deliveries that the rule names besides: the other leader, the other vote. */
  readonly witnesses: readonly number[]
}

export interface RunTrace {
  readonly format: 1
  readonly scenario: string
  readonly seed: number
  readonly digest: string
  readonly simulatedMs: number
  readonly nodes: readonly { readonly id: number; readonly executors: number }[]
  readonly broken: Broken | null
  readonly deliveries: readonly Delivery[]
  readonly messages: readonly Message[]
  readonly decisions: readonly RaftDecision[]
  readonly happened: readonly Happened[]
  readonly spans: readonly Span[]
  readonly asked: readonly Asked[]
}

/** @throws {RangeError} The run has no delivery of that number. */
export function deliveryOf({ deliveries }: RunTrace, seq: number): Delivery {
  const delivery = deliveries[seq - 1]
  if (delivery === undefined)
    throw new RangeError(`trace: wanted delivery 1 to ${deliveries.length}, there is none of number ${seq}`)
  return delivery
}

/** What the delivery handled. */
export function messageOf({ messages }: RunTrace, { message }: Delivery): Message {
  return messages[message - 1] as Message
}
