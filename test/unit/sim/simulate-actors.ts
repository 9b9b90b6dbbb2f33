/** Actors and a state machine of a user's, as the tests of `simulate` need them: each with a way to be wrong. */
import {
  type Applied,
  type ApplyPosition,
  defineStateMachine,
  type MachineContext,
  type StateMachine,
} from '../../../actors/raft/state-machine.ts'
import { fromUtf8, utf8 } from '../../../base/bytes.ts'
import { hashText } from '../../../base/digest.ts'
import { type ActorContext, type ActorDefinition, defineActor } from '../../../runtime/kernel/actor.ts'

interface Count {
  n: number
}

const counting = {
  add: (state: Count, by: number, ctx: ActorContext): number => {
    if (by === 13) throw new Error('thirteen')
    state.n += by
    ctx.store.putValue('n', state.n)
    return state.n
  },
  read: (state: Count): number => state.n,
}
export const tally: ActorDefinition<null, Count, typeof counting> = defineActor(import.meta.url, {
  name: 'tally',
  init: (ctx) => ({ n: Number(ctx.store.getValue('n') ?? 0) }),
  receive: counting,
})

const forgetting: typeof counting = { ...counting, add: (state: Count, by: number): number => (state.n += by) }
/** Answers before anything is on disk. */
export const forgetful: ActorDefinition<null, Count, typeof forgetting> = defineActor(import.meta.url, {
  name: 'forgetful',
  init: (): Count => ({ n: 0 }),
  receive: forgetting,
})

let outside = 0
const leaking = {
  poke: (_state: null, _none: unknown, ctx: ActorContext): void => {
    outside += 1
    if (outside % 2 === 1) ctx.tell(ctx.self, { type: 'more', argument: undefined })
  },
  more: (): void => {},
}
/** Keeps something from one run to the next. */
export const leaky: ActorDefinition<null, null, typeof leaking> = defineActor(import.meta.url, {
  name: 'leaky',
  init: () => null,
  receive: leaking,
})

export type SeatCommand = { readonly type: 'take'; readonly seat: string; readonly by: string }
export interface SeatState {
  readonly store: MachineContext['store']
  readonly owners: Map<string, string>
}
type Seats = StateMachine<null, SeatState, SeatCommand, string, string, string | undefined>

/** @param durable - False: a replica that starts again forgets who owns what. */
function seatsMachine(name: string, durable: boolean): Seats {
  const load = (ctx: MachineContext): SeatState => ({
    store: ctx.store,
    owners: new Map(durable ? ((ctx.store.getValue('owners') as [string, string][] | undefined) ?? []) : []),
  })
  return defineStateMachine(import.meta.url, {
    name,
    init: load,
    apply: (state: SeatState, { seat, by }: SeatCommand, _at: ApplyPosition): Applied<string> => {
      const owner = state.owners.get(seat) ?? by
      state.owners.set(seat, owner)
      state.store.putValue('owners', [...state.owners])
      return { reply: owner }
    },
    query: (state: SeatState, seat: string) => state.owners.get(seat),
    snapshot: (state: SeatState) => ({
      chunks: [utf8(JSON.stringify([...state.owners]))].values(),
      done: () => {},
    }),
    restore: (ctx: MachineContext, _args: null, chunks: Iterable<Uint8Array>): SeatState => {
      const owners = JSON.parse([...chunks].map(fromUtf8).join('')) as [string, string][]
      ctx.store.putValue('owners', owners)
      return { store: ctx.store, owners: new Map(owners) }
    },
    digest: ({ owners }: SeatState) => hashText(JSON.stringify([...owners].sort())),
  })
}

export const seats: Seats = seatsMachine('seats', true)
export const looseSeats: Seats = seatsMachine('looseSeats', false)
