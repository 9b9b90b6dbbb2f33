/**
 * Who sent what: every message of a run from the moment it is asked for, and which delivery it is owed to. There is always
 * one answer to "on whose account does this happen": the delivery that is under way, or the one that brought it about.
 *
 *   delivery ─▶ output, perhaps held for the disk ─▶ envelope, or a tuple in a frame or a batch ─▶ delivery
 */
import { hash32 } from '../../base/digest.ts'
import type { Envelope } from '../../mailbox/envelope.ts'
import { ActorTimer } from '../../runtime/kernel/actor-timer.ts'
import { Late, LateCall } from '../../runtime/kernel/system.ts'
import { kindOf } from '../trace.ts'
import type { Json, Via } from './record.ts'
import { sketch } from './sketch.ts'
import { tap } from './tap.ts'

/** A message while the run goes on. */
export interface Letter {
  readonly id: number
  kind: string
  readonly via: Via
  readonly sentAtMs: number
  readonly sender: number
  readonly fromNode: number
  readonly fromExecutor: number
  readonly toNode: number
  readonly toActor: string
  readonly cut: boolean
  body: Json
  readonly deliveries: number[]
}

/** Where a message comes from and goes to. */
export interface Route {
  readonly atMs: number
  readonly fromNode: number
  readonly fromExecutor: number
  readonly toNode: number
  readonly toActor: string
  readonly via: Via
  readonly cut?: boolean
}

export class MailBook {
  readonly letters: Letter[] = []
  /** The delivery on whose account things happen now; 0 outside of any. */
  current = 0
  /** The message that is being taken out of a frame or a batch; 0 when none is. */
  arriving = 0
  /** The message whose delivery is under way. */
  handling = 0
  readonly #byEnvelope = new WeakMap<Envelope, number>()
  readonly #byPacket = new WeakMap<Uint8Array, readonly number[]>()
  readonly #byContents = new Map<number, readonly number[]>()
  readonly #listened = new WeakSet<Late>()
  /** Called with every message that is sent. */
  onSent: (letter: Letter) => void = () => {}

  /** Does `act` on account of the delivery `seq`. After a throw the account stays open: it is what the throw is about. */
  within(seq: number, act: () => void): void {
    const before = this.current
    this.current = seq
    act()
    this.current = before
  }

  /** A message is sent. */
  post(route: Route, body: unknown): number {
    const { atMs, fromNode, fromExecutor, toNode, toActor, via, cut = false } = route
    const late = body instanceof Late
    const letter: Letter = {
      id: this.letters.length + 1,
      kind: late ? lateKind(body) : kindOf(body),
      via: late ? lateVia(body) : this.current === 0 && via === 'local' ? 'outside' : via,
      sentAtMs: atMs,
      sender: this.current,
      fromNode,
      fromExecutor,
      toNode,
      toActor,
      cut,
      body: late ? null : sketch(body),
      deliveries: [],
    }
    this.letters.push(letter)
    if (late) this.#listen(body)
    this.onSent(letter)
    return letter.id
  }

  /** `envelope` goes into a mailbox: it is a message of its own, or one that came in a frame or a batch. */
  enqueued(envelope: Envelope, route: Route): void {
    if (this.#byEnvelope.has(envelope)) return
    // What a turn sends bears its cause; what was just unpacked, and answers, bear none.
    const arrived = this.arriving !== 0 && envelope.cause === 0
    if (arrived && envelope.body instanceof Late) this.#listen(envelope.body)
    this.#byEnvelope.set(envelope, arrived ? this.arriving : this.post(route, envelope.body))
  }

  /** The message in `envelope`; one that came round the mailbox's door is written down now. */
  letterIn(envelope: Envelope, route: Route): Letter {
    this.enqueued(envelope, route)
    return this.letters[(this.#byEnvelope.get(envelope) as number) - 1] as Letter
  }

  /** The messages in a frame or a batch, in order. */
  packed(packet: Uint8Array, ids: readonly number[]): void {
    this.#byPacket.set(packet, ids)
    this.#byContents.set(hash32(packet), ids)
  }

  /** `copy` carries what `packet` carries. */
  copied(packet: Uint8Array, copy: Uint8Array): void {
    const ids = this.#byPacket.get(packet)
    if (ids !== undefined) this.#byPacket.set(copy, ids)
  }

  /** Undefined for what nobody saw being sent. A copy made unseen is known by its contents. */
  idsIn(packet: Uint8Array): readonly number[] | undefined {
    return this.#byPacket.get(packet) ?? this.#byContents.get(hash32(packet))
  }

  /** Takes message `id` out of what it came in. */
  arrive(id: number, act: () => void): void {
    this.arriving = id
    this.within(this.letters[id - 1]?.sender ?? 0, act)
    this.arriving = 0
  }

  /** What a late message turns out to be is seen when it is made, in the turn that handles it. */
  #listen(late: Late): void {
    if (this.#listened.has(late)) return
    this.#listened.add(late)
    const kind = lateKind(late)
    tap(late, 'make', (make) => () => {
      const made = make()
      const letter = this.letters[this.handling - 1]
      if (letter !== undefined) {
        letter.kind = `${kind}.${kindOf(made)}`
        letter.body = sketch(made)
      }
      return made
    })
  }
}

function lateVia(late: Late): Via {
  if (late instanceof ActorTimer) return 'timer'
  return late instanceof LateCall ? 'notice' : 'answer'
}

function lateKind(late: Late): string {
  return lateVia(late)
}
