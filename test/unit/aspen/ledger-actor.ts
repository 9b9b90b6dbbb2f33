/** A durable actor in a module of its own, so that any thread can load it. */
import { type ActorContext, type ActorDefinition, defineActor } from '../../../runtime/kernel/actor.ts'

export const ledger: ActorDefinition<
  null,
  null,
  {
    readonly add: (state: null, item: string, ctx: ActorContext) => number
    readonly read: (
      state: null,
      argument: undefined,
      ctx: ActorContext,
    ) => { readonly items: number; readonly executor: number }
    readonly fail: () => never
  }
> = defineActor(import.meta.url, {
  name: 'ledger',
  init: (): null => null,
  receive: {
    add: (_state: null, item: string, ctx: ActorContext): number => {
      ctx.store.put(item, new Uint8Array(100))
      return count(ctx)
    },
    read: (_state: null, _argument: undefined, ctx: ActorContext): { items: number; executor: number } => ({
      items: count(ctx),
      executor: ctx.executor,
    }),
    fail: (): never => {
      throw new Error('asked to fail')
    },
  },
})

function count(ctx: ActorContext): number {
  return ctx.store.range(new Uint8Array(0), undefined).length
}
