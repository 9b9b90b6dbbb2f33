/**
 * Records one actor of a running node, wherever on it the actor lives.
 *
 *   who has the name? ─▶ would its supervisor start it again? ─▶ begin (it starts anew) ─▶ wait ─▶ end: the file
 *
 * Nothing is made to fail before it is known that somebody brings it back.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ActorRef } from '../runtime/kernel/actor.ts'
import type { ListChildrenReply } from '../supervisors/messages.ts'
import { askActor } from './handle.ts'
import type { NodeRuntime } from './runtime.ts'

export interface RecordOptions {
  /** How long, 1 to 600_000 ms from the actor's new start. */
  readonly forMs: number
  /** Of the file, roughly, 4_096 to 1_073_741_824; 64 MiB when absent. A recording that is full ends, or begins at a later start. */
  readonly bytesMax?: number
  /** 1 to 10_000_000; a million when absent. */
  readonly deliveriesMax?: number
  /** Ends it early: what is recorded by then is given. */
  readonly signal?: AbortSignal
}

/** The actor cannot be recorded as it stands; the message says why. Nothing happened to it. */
export class NotRecordable extends Error {
  override readonly name = 'NotRecordable'
}

const askMs = 5_000
const liveWithinMs = 5_000
const lookEveryMs = 20
const bytesMaxDefault = 64 * 1024 * 1024

/**
 * @throws {RangeError} A bound is broken.
 * @throws {NotRecordable} There is no such actor, nobody would start it again, or it is being recorded.
 */
export async function recordActor(runtime: NodeRuntime, name: string, options: RecordOptions): Promise<Uint8Array> {
  const { forMs, bytesMax = bytesMaxDefault, deliveriesMax = 1_000_000, signal } = options
  checkBound('forMs', forMs, 1, 600_000)
  checkBound('bytesMax', bytesMax, 4_096, 1_073_741_824)
  checkBound('deliveriesMax', deliveriesMax, 1, 10_000_000)
  const executor = await executorOf(runtime, name, 'record')
  await requireSupervisor(runtime, name, executor)
  const flight = runtime.flight(executor)
  const refusal = await flight.beginRecording(name, { bytesMax, deliveriesMax })
  if (refusal !== undefined) throw new NotRecordable(`record: ${refusal}`)
  // Ended early is ended: the caller still gets what there is.
  await sleep(forMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined)
  const file = await flight.endRecording(name)
  if (file !== undefined) return file
  throw new NotRecordable(
    `record: nothing of actor '${name}' was kept: its start alone takes more than ${bytesMax} bytes, or its thread died`,
  )
}

/**
 * @throws {NotRecordable} There is no such actor.
 * @throws {RangeError} A bound is broken.
 */
export async function recentDeliveries(
  runtime: NodeRuntime,
  name: string,
  linesMax: number,
): Promise<readonly string[]> {
  checkBound('linesMax', linesMax, 1, 1_024)
  const executor = await executorOf(runtime, name, 'recent deliveries')
  return runtime.flight(executor).recent(name, linesMax)
}

async function executorOf(runtime: NodeRuntime, name: string, action: string): Promise<number> {
  // That a name was taken on another thread may be news that is still on its way here.
  const executor =
    runtime.executor.registry.holder(name)?.executor ??
    (await runtime.actors()).find((actor) => actor.name === name)?.executor
  if (executor === undefined) throw new NotRecordable(`${action}: this node has no actor '${name}'`)
  return executor
}

function checkBound(option: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return
  throw new RangeError(`record: ${option} must be a whole number of ${least} to ${most}, not ${value}`)
}

async function requireSupervisor(runtime: NodeRuntime, name: string, executor: number): Promise<void> {
  const parent = await parentOf(runtime, name, executor)
  if (parent?.type !== 'local')
    throw new NotRecordable(`record: actor '${name}' has no supervisor that would start it anew`)
  if (!(await runtime.flight(parent.executor).supervises(parent.id))) {
    throw new NotRecordable(`record: '${parent.name}', above actor '${name}', is none that defineSupervisor made`)
  }
  const { children } = (await askActor(
    runtime.executor,
    parent,
    { type: 'listChildren' },
    askMs,
    undefined,
  )) as ListChildrenReply
  const restart = children.find((child) => child.name === name)?.restart
  if (restart === 'permanent' || restart === 'transient') return
  throw new NotRecordable(
    restart === undefined
      ? `record: '${parent.name}' does not supervise actor '${name}'`
      : `record: actor '${name}' is temporary: its supervisor would not start it anew`,
  )
}

/** A name is held from the moment of its spawn; the actor lives when its thread has loaded its module. */
async function parentOf(runtime: NodeRuntime, name: string, executor: number): Promise<ActorRef | undefined> {
  for (const endMs = performance.now() + liveWithinMs; performance.now() < endMs; await sleep(lookEveryMs)) {
    const found = await runtime.flight(executor).parentOf(name)
    if (found.type !== 'absent') return found.type === 'child' ? found.parent : undefined
  }
  throw new NotRecordable(`record: actor '${name}' did not come to life within ${liveWithinMs} ms`)
}
