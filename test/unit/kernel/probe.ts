/** An actor that does what it is told and notes down what it hears: most kernel tests need no other. */
import {
  type ActorContext,
  type ActorDefinition,
  type ActorRef,
  type ChildEvent,
  defineActor,
} from '../../../runtime/kernel/actor.ts'

export type Act = (ctx: ActorContext, heard: unknown[]) => unknown

export interface ProbeArgs {
  readonly heard: unknown[]
  readonly init?: Act
  readonly stopping?: Act
}

export interface ProbeState {
  readonly heard: unknown[]
  readonly stopping: Act | undefined
}

/** A message that is a function is run in the turn; anything else is noted down. */
function receive(state: ProbeState, message: unknown, ctx: ActorContext): void {
  if (typeof message === 'function') (message as Act)(ctx, state.heard)
  else state.heard.push(message)
}

const spec = {
  init: (ctx: ActorContext, args: ProbeArgs): ProbeState => {
    args.init?.(ctx, args.heard)
    return { heard: args.heard, stopping: args.stopping }
  },
  receive,
  stopping: (state: ProbeState, ctx: ActorContext): void => void state.stopping?.(ctx, state.heard),
}

export type ProbeDefinition = ActorDefinition<ProbeArgs, ProbeState, unknown>

export const probe: ProbeDefinition = defineActor('test', { name: 'probe', ...spec })
export const supervisingProbe: ProbeDefinition = defineActor('test', {
  name: 'supervisingProbe',
  supervises: true,
  ...spec,
})

/** A probe with another mailbox or other outputs. */
export function probeWith(
  more: Partial<Pick<ProbeDefinition, 'mailbox' | 'outputs' | 'foldWithinMs'>>,
): ProbeDefinition {
  return { ...probe, ...more }
}

/** Child events as short texts: `failed a`, `stopped a normal`. */
export function childEvents(heard: readonly unknown[]): string[] {
  const events = heard.filter((one): one is ChildEvent => typeof one === 'object' && one !== null && 'child' in one)
  return events.map((event) => {
    if (event.type === 'childFailed') return `failed ${event.child.name}`
    return `stopped ${event.child.name} ${event.reason.type}`
  })
}

export function named(name: string): ActorRef {
  return { type: 'named', node: 1, name }
}
