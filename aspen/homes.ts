/**
 * Which executor keeps the data of which named actor: one actor on executor 0, durable. A store belongs to its thread, so an
 * actor that is started again must go to where its rows are, whatever place its caller has in mind today.
 *
 *   H1  a named actor that was ever started has one home, and it is where its rows are authoritative
 *   H2  a home changes only when the rows are durable at the new one; what is left at the old one is stale
 */
import type { ActorContext, ActorDefinition } from '../runtime/kernel/actor.ts'
import { defineActor } from '../runtime/kernel/actor.ts'

export interface HomesHandlers {
  readonly [kind: string]: (state: null, argument: never, ctx: ActorContext) => unknown
  /** The home of `name`; `wanted` becomes it when it has none yet. */
  readonly settle: (
    state: null,
    argument: { readonly name: string; readonly wanted: number },
    ctx: ActorContext,
  ) => number
  readonly move: (state: null, argument: { readonly name: string; readonly to: number }, ctx: ActorContext) => void
}

export const homes: ActorDefinition<null, null, HomesHandlers> = defineActor(import.meta.url, {
  name: 'homes',
  init: (): null => null,
  receive: {
    settle: (
      _state: null,
      { name, wanted }: { readonly name: string; readonly wanted: number },
      ctx: ActorContext,
    ): number => {
      const present = ctx.store.getValue(name) as number | undefined
      if (present !== undefined) return present
      ctx.store.putValue(name, wanted)
      return wanted
    },
    move: (_state: null, { name, to }: { readonly name: string; readonly to: number }, ctx: ActorContext): void =>
      ctx.store.putValue(name, to),
  },
})
