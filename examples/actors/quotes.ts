/** A shop that asks a slow supplier for prices and waits for the answer in the middle of a handler. */
import { type ActorContext, type ActorDefinition, type ActorRef, defineActor } from 'aspen'

const supply = {
  price: async (_state: null, item: string, ctx: ActorContext): Promise<number> => {
    await ctx.sleep(20)
    return item.length * 10
  },
}

export const supplier: ActorDefinition<null, null, typeof supply> = defineActor(import.meta.url, {
  name: 'supplier',
  init: () => null,
  receive: supply,
})

export interface ShopState {
  readonly supplier: ActorRef
  readonly asked: string[]
}

const sell = {
  quote: async (state: ShopState, item: string, ctx: ActorContext): Promise<string> => {
    state.asked.push(item)
    // The actor is parked here: no other message of a user is handled until this handler has ended.
    const answer = await ctx.call(state.supplier, { type: 'price', argument: item }, { deadlineMs: 1_000 })
    return answer.type === 'reply' ? `${item} costs ${answer.value}` : `${item}: the supplier says ${answer.type}`
  },
  asked: (state: ShopState): string => state.asked.join(', '),
}

export const shop: ActorDefinition<{ supplier: ActorRef }, ShopState, typeof sell> = defineActor(import.meta.url, {
  name: 'shop',
  init: (_ctx, args: { supplier: ActorRef }): ShopState => ({ supplier: args.supplier, asked: [] }),
  receive: sell,
})
