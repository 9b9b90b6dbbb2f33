/**
 * One turn of one actor: everything the handler asked for, kept back until it returned. A turn that throws leaves no trace
 * but the failure.
 */
import type { Envelope } from '../../mailbox/envelope.ts'
import type { Write } from '../ports/store.ts'
import type { ActorRef } from './actor.ts'
import type { Output } from './cell.ts'

/** `release` per output, aligned with `outputs`: true leaves before the writes are durable. */
export class Turn {
  readonly outputs: Output[] = []
  readonly early: boolean[] = []
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

  clear(): void {
    if (this.outputs.length > 0) {
      this.outputs.length = 0
      this.early.length = 0
    }
    if (this.writes.length > 0) this.writes.length = 0
    if (this.inner.length > 0) this.inner.length = 0
    if (this.undo.length > 0) this.undo.length = 0
    this.envelope = undefined
  }
}
