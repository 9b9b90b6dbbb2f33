/**
 * Replicated: who may sell which tickets. A booth takes a block of numbers and sells them without asking anybody again, so
 * that a sale needs no majority.
 */
import { type Applied, defineStateMachine, type MachineContext, type StateMachine } from 'aspen'

/** Asks for so many numbers; the reply is the first of them. */
export interface TakeBlock {
  readonly size: number
}

export interface BlocksState {
  readonly store: MachineContext['store']
  next: number
}

export const blocks: StateMachine<null, BlocksState, TakeBlock, number, null, number> = defineStateMachine(
  import.meta.url,
  {
    name: 'blocks',
    init: ({ store }: MachineContext): BlocksState => ({ store, next: Number(store.getValue('next') ?? 1) }),
    apply: (state: BlocksState, { size }: TakeBlock): Applied<number> => {
      const first = state.next
      state.next += size
      state.store.putValue('next', state.next)
      return { reply: first }
    },
    query: ({ next }: BlocksState): number => next,
    snapshot: ({ next }: BlocksState) => ({
      chunks: [new TextEncoder().encode(String(next))].values(),
      done: () => {},
    }),
    restore: ({ store }: MachineContext, _args: null, chunks: Iterable<Uint8Array>): BlocksState => {
      const next = Number([...chunks].map((chunk) => new TextDecoder().decode(chunk)).join(''))
      store.putValue('next', next)
      return { store, next }
    },
    // Replicas that applied the same must have come to the same: the simulator compares them by this number.
    digest: ({ next }: BlocksState): number => next,
  },
)
