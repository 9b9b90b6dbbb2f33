/** A durable counter: what it counts is in the store of its thread before anyone hears of it. */
import { type ActorContext, type ActorDefinition, defineActor } from 'aspen'

export interface CounterState {
  n: number
}

const receive = {
  add: (state: CounterState, by: number, ctx: ActorContext): number => {
    state.n += by
    ctx.store.putValue('n', state.n)
    return state.n
  },
  read: (state: CounterState): number => state.n,
}

export const counter: ActorDefinition<{ start: number }, CounterState, typeof receive> = defineActor(import.meta.url, {
  name: 'counter',
  mailbox: { messagesMax: 1_024, whenFull: 'reject' },
  // After a restart, of the actor or of the process, the state is what the store says.
  init: (ctx, { start }: { start: number }) => ({ n: Number(ctx.store.getValue('n') ?? start) }),
  receive,
})
