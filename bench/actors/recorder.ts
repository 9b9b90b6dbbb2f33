/** What the flight recorder costs a delivery: nothing around it, the notes that are always on, and a recording. */
import { type ActorContext, type ActorDefinition, type ActorRef, defineActor } from '../../runtime/kernel/actor.ts'
import { edgeSpawn, edgeTell } from '../../runtime/kernel/edge.ts'
import type { Executor } from '../../runtime/kernel/executor.ts'
import { FlightRecorder } from '../../runtime/kernel/flight-recorder.ts'
import { RecentDeliveries } from '../../runtime/kernel/recent-deliveries.ts'
import { child } from '../../supervisors/spec.ts'
import { defineSupervisor, type SupervisorDefinition } from '../../supervisors/supervisor.ts'
import type { Step } from './here.ts'
import { loneExecutor, settle } from './lone-executor.ts'
import { rateHere } from './phase.ts'

const perBatch = 20_000

interface CounterState {
  count: number
}

/** Does what most handlers do: looks at the clock, changes its state, tells somebody. */
const counterActor: ActorDefinition<null, CounterState, unknown> = defineActor(import.meta.url, {
  name: 'counterActor',
  mailbox: { messagesMax: 1_048_576, whenFull: 'reject' },
  init: (): CounterState => ({ count: 0 }),
  receive: (state: CounterState, message: { readonly by: number; readonly to: ActorRef }, ctx: ActorContext): void => {
    state.count += message.by + (ctx.now() > 0 ? 0 : 1)
    ctx.tell(message.to, { type: 'counted', count: state.count })
  },
})

const sinkActor: ActorDefinition<null, null, unknown> = defineActor(import.meta.url, {
  name: 'sinkActor',
  mailbox: { messagesMax: 1_048_576, whenFull: 'reject' },
  init: (): null => null,
  receive: (): void => {},
})

const tree: SupervisorDefinition<null> = defineSupervisor(import.meta.url, 'tree', () => ({
  name: 'tree',
  strategy: 'oneForOne',
  restartsMax: 1_000_000,
  restartsWindowMs: 1_000,
  backoff: { baseMs: 0, maxMs: 0 },
  children: [child('counter', counterActor, null, { restart: 'permanent', stopWithinMs: 1_000 })],
}))

interface Scene {
  readonly executor: Executor
  readonly run: () => void
}

function scene(notes: boolean): Scene {
  let executor: Executor | undefined
  const recent = new RecentDeliveries(() => executor?.recentMs ?? 0)
  const made = loneExecutor(notes ? (cell, envelope) => recent.note(cell, envelope) : undefined)
  executor = made
  edgeSpawn(made, tree, null, { name: 'tree' })
  const to = edgeSpawn(made, sinkActor, null, { name: 'sink' })
  settle(made)
  const counter = made.registry.holder('counter') as ActorRef
  const message = { by: 1, to: { type: 'named', node: 1, name: to.name } }
  const run = (): void => {
    for (let i = 0; i < perBatch; i++) edgeTell(made, counter, message)
    settle(made)
  }
  return { executor: made, run }
}

function recorded({ executor, run }: Scene): () => void {
  const recorder = new FlightRecorder(executor, { product: '', boot: undefined })
  const limits = { bytesMax: 1 << 28, deliveriesMax: 1_000_000 }
  return () => {
    let started = false
    const refusal = recorder.begin('counter', limits, () => {
      started = true
    })
    if (refusal !== undefined) throw new Error(refusal)
    while (!started) executor.tick()
    run()
    if (recorder.end('counter') === undefined) throw new Error('nothing was recorded')
  }
}

const head = (name: string): Parameters<typeof rateHere>[0] => ({ name, unit: 'delivery/s', ceiling: 'recorder, off' })

export const recorderSteps: readonly Step[] = [
  ['recorder, off', (seconds) => rateHere(head('recorder, off'), perBatch, seconds, scene(false).run)],
  ['recorder, notes', (seconds) => rateHere(head('recorder, notes'), perBatch, seconds, scene(true).run)],
  ['recorder, over', (seconds) => rateHere(head('recorder, over'), perBatch, seconds, afterwards())],
  ['recorder, on', (seconds) => rateHere(head('recorder, on'), perBatch, seconds, recorded(scene(true)))],
]

/** An actor that was recorded once and is no more. */
function afterwards(): () => void {
  const once = scene(true)
  recorded(once)()
  return once.run
}
