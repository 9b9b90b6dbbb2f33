/** Publishes each reading to whoever subscribed to its topic. */
import { type ActorContext, type ActorDefinition, defineActor } from 'aspen'

const receive = {
  measured: (state: { readings: number }, celsius: number, ctx: ActorContext): void => {
    state.readings += 1
    // Leaves like a send: after this turn, and not before the actor's writes are on disk.
    ctx.publish('readings', { number: state.readings, celsius })
  },
}

export const thermometer: ActorDefinition<null, { readings: number }, typeof receive> = defineActor(import.meta.url, {
  name: 'thermometer',
  init: () => ({ readings: 0 }),
  receive,
})
