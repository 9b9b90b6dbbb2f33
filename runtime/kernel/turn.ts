/**
 * One turn of one actor: everything the handler asked for, kept back until it returned. A turn that throws leaves no trace
 * but the failure.
 */
import type { Envelope } from '../../mailbox/envelope.ts'
import type { Write } from '../ports/store.ts'
import type { ActorRef } from './actor.ts'

/** Something other than a message that others can see, so it leaves in order with the messages. */
export interface KernelAct {
  act(): void
}

/** What leaves a turn: messages mostly, else one of the kernel's own acts. */
export type Output = Envelope<ActorRef> | KernelAct

/** An effect of a turn that waits for the commit that makes its turn durable. */
export interface Held {
  readonly sequence: number
  readonly output: Output
}

export class Turn {
  /** The first `count` are of this turn. The arrays keep their size: growing one anew each turn costs more than the rest of it. */
  readonly outputs: Output[] = []
  /** Per output: it leaves before the writes are durable. */
  readonly early: boolean[] = []
  count = 0
  readonly writes: Write[] = []
  /** Acts on the kernel's own books (timers, stash): done at the end of the turn, at once, seen by nobody else. */
  readonly inner: (() => void)[] = []
  envelope: Envelope<ActorRef> | undefined = undefined
  /** How to take back what the turn changed in the actor's view of its store, newest last. */
  readonly undo: (() => void)[] = []
  replied = false
  nowMs = -1

  begin(envelope: Envelope<ActorRef> | undefined): void {
    this.envelope = envelope
    this.replied = false
    this.nowMs = -1
  }

  add(output: Output, early: boolean): void {
    this.outputs[this.count] = output
    this.early[this.count] = early
    this.count += 1
  }

  clear(): void {
    // A turn of many outputs must not keep them all alive for the next ones' sake.
    if (this.count > 64) {
      this.outputs.length = 0
      this.early.length = 0
    }
    this.count = 0
    // Mostly one or two, and to set a length is a call into the engine.
    while (this.writes.length > 0) this.writes.pop()
    while (this.inner.length > 0) this.inner.pop()
    while (this.undo.length > 0) this.undo.pop()
    this.envelope = undefined
  }
}
