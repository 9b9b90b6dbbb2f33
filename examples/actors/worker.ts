/** A worker that does jobs and dies of some. What it had done is in the store; what it was doing is not. */
import { type ActorContext, type ActorDefinition, defineActor } from 'aspen'

export interface WorkerState {
  done: number
}

const receive = {
  run: (state: WorkerState, job: string, ctx: ActorContext): string => {
    // The turn is atomic: when it throws, this write is dropped with everything else it asked for.
    state.done += 1
    ctx.store.putValue('done', state.done)
    if (job.includes('poison')) throw new Error(`cannot digest '${job}'`)
    return `${job} is job ${state.done}`
  },
}

export const worker: ActorDefinition<null, WorkerState, typeof receive> = defineActor(import.meta.url, {
  name: 'worker',
  init: (ctx) => ({ done: Number(ctx.store.getValue('done') ?? 0) }),
  receive,
})
