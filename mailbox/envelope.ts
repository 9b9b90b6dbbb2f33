/**
 * One message on its way: where to, what, and what the kernel needs to know. On one thread the object itself travels; to
 * another thread or node its fields are packed (`runtime/kernel/wire.ts`).
 */

/** By rank: `system` is the kernel's own, `control` keeps the protocols alive, `user` is everything else. */
export type Lane = 'system' | 'control' | 'user'

/** Where an answer goes. Plain numbers, so that it crosses threads and nodes. */
export interface ReplyAddress {
  readonly node: number
  readonly executor: number
  readonly correlation: number
}

export class Envelope<To = unknown> {
  readonly to: To
  readonly body: unknown
  readonly lane: Lane
  /** Undefined for a tell. */
  readonly replyTo: ReplyAddress | undefined
  /** The executor that sent it, which gets its credit back when the message is taken; -1 when no credit is owed. */
  readonly origin: number
  /** The delivery that caused this one, for traces; 0 outside of any. */
  readonly cause: number
  /** What waits behind it in the same lane. A lane's own: an envelope waits in one place at a time. */
  next: Envelope<To> | undefined

  constructor(to: To, body: unknown, lane: Lane, replyTo: ReplyAddress | undefined, origin: number, cause: number) {
    this.to = to
    this.body = body
    this.lane = lane
    this.replyTo = replyTo
    this.origin = origin
    this.cause = cause
    this.next = undefined
  }
}
