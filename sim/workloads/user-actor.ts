/**
 * What users run beside the store: a supervised tree of two actors that keep what they are told.
 *
 *   users ─▶ <name>          restarts both when one of them fails, and gives up when that happens too often
 *              ├─ <name>/a   a set of elements, in its store
 *              └─ <name>/b
 *
 * An element is kept when the answer says so, over every failure, restart and crash; one that was put in a turn that failed
 * never is.
 */
import { type ActorContext, type ActorDefinition, type Answer, defineActor } from '../../runtime/kernel/actor.ts'
import { child } from '../../supervisors/spec.ts'
import { defineSupervisor, type SupervisorDefinition } from '../../supervisors/supervisor.ts'
import type { Operation, Outcome } from '../operation.ts'

/** The text of failures that the workload asks for. */
export const askedToFail = 'asked to fail'

/** How all actors of the workload are called. */
export const userPrefix = 'user/'

/** How many restarts a tree takes before it gives up, and for how long it remembers them. */
export const treeRestartsMax = 4
export const treeWindowMs = 1_000

interface CollectorState {
  readonly elements: Set<string>
}

type CollectorHandlers = {
  readonly add: (state: CollectorState, element: string, ctx: ActorContext) => number
  readonly read: (state: CollectorState) => readonly string[]
  readonly fail: (state: CollectorState, element: string, ctx: ActorContext) => void
}

export const collector: ActorDefinition<null, CollectorState, CollectorHandlers> = defineActor(import.meta.url, {
  name: 'collector',
  init: (ctx: ActorContext, _args: null): CollectorState => ({
    elements: new Set((ctx.store.getValue('elements') ?? []) as readonly string[]),
  }),
  receive: {
    add: (state: CollectorState, element: string, ctx: ActorContext): number => {
      keep(state, element, ctx)
      return state.elements.size
    },
    read: (state: CollectorState): readonly string[] => [...state.elements],
    fail: (state: CollectorState, element: string, ctx: ActorContext): void => {
      keep(state, element, ctx)
      throw new Error(`${askedToFail}: ${element}`)
    },
  },
})

export const collectorTree: SupervisorDefinition<{ readonly name: string }> = defineSupervisor(
  import.meta.url,
  'collectorTree',
  ({ name }) => ({
    name,
    // One that fails takes the other with it: what either was told must survive the other's failures too.
    strategy: 'oneForAll',
    restartsMax: treeRestartsMax,
    restartsWindowMs: treeWindowMs,
    children: ['a', 'b'].map((leaf) =>
      child(`${name}/${leaf}`, collector, null, { restart: 'permanent', stopWithinMs: 1_000 }),
    ),
  }),
)

function keep({ elements }: CollectorState, element: string, ctx: ActorContext): void {
  elements.add(element)
  ctx.store.putValue('elements', [...elements])
}

/** Whom to tell what. */
export function toUserActor({ type: _type, ...operation }: Operation & { type: 'spawn' | 'ask' }): {
  readonly to: { readonly type: 'named'; readonly node: number; readonly name: string }
  readonly message: unknown
} {
  const { node, name } = operation
  if (!('say' in operation)) {
    const place = { type: 'hash', key: name } as const
    const tree = { name, definition: collectorTree, args: { name }, restart: 'permanent', stopWithinMs: 2_000, place }
    return { to: { type: 'named', node, name: 'users' }, message: { type: 'startChild', child: tree } }
  }
  const { say } = operation
  const argument = say.type === 'read' ? undefined : say.element
  return { to: { type: 'named', node, name }, message: { type: say.type, argument } }
}

/** What an answer, or none, says of the operation: a failure that was asked for is an end like any other. */
export function answerOfActor(operation: Operation & { type: 'spawn' | 'ask' }, answer: Answer | undefined): Outcome {
  if (operation.type === 'spawn') {
    const type = answer?.type === 'reply' ? (answer.value as { readonly type: string }).type : ''
    return type === 'started' || type === 'alreadyStarted' ? { type: 'told', elements: [] } : { type: 'unknown' }
  }
  const { say } = operation
  if (say.type === 'fail') return answer?.type === 'failed' ? { type: 'told', elements: [] } : { type: 'unknown' }
  if (answer?.type !== 'reply') return { type: 'unknown' }
  return { type: 'told', elements: say.type === 'read' ? (answer.value as readonly string[]) : [] }
}
