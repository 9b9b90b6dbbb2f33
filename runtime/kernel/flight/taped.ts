/**
 * What the context, the store and the log of an actor have in common while its conversation with the world goes over a tape:
 * with a real context behind it everything is noted and passed on, without one the tape alone answers.
 */
import type { ActorContext } from '../actor.ts'
import type { CallName, Tape } from './tape.ts'
import { digestOf } from './value-digest.ts'

export class Taped {
  readonly tape: Tape
  readonly world: ActorContext | undefined

  constructor(tape: Tape, world: ActorContext | undefined) {
    this.tape = tape
    this.world = world
  }

  /** A question, which only the tape or only the world answers. */
  read<T>(call: CallName, values: readonly unknown[], ask: (world: ActorContext) => T): T {
    if (!this.tape.running && this.world !== undefined) return ask(this.world)
    return this.tape.read(call, digestOf(...values), () => ask(this.#present(call)))
  }

  act(call: CallName, values: readonly unknown[], perform: (world: ActorContext) => void): void {
    // Nobody reads what a tape that stands still would have noted.
    if (this.tape.running) this.tape.act(call, digestOf(...values))
    if (this.world !== undefined) perform(this.world)
  }

  /** What an asynchronous handler waits for: no recording goes on behind it. */
  wait<T>(call: 'call' | 'sleep', ask: (world: ActorContext) => T): T {
    this.tape.refuse(`it waits in a handler (ctx.${call})`)
    return ask(this.#present(call))
  }

  #present(call: string): ActorContext {
    if (this.world === undefined) throw new TypeError(`ctx.${call}: there is no world behind a recording`)
    return this.world
  }
}
