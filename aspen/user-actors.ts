/**
 * Actors that the host process spawns: placed where their rows are, supervised, and moved between threads.
 *
 *   move: stop ─▶ read at the source ─▶ write at the target ─▶ home changes ─▶ erase at the source ─▶ start at the target
 *
 * Whatever moment the process dies at, one of the two places is the home and holds all rows (H1, H2): before the home
 * changes that is the source, after it the target.
 */

import type { ActorDefinition, ActorRef, AnyActor, Placement } from '../runtime/kernel/actor.ts'
import { edgeSpawn, edgeStop, edgeWatch } from '../runtime/kernel/edge.ts'
import type { StartChildReply, StopChildReply } from '../supervisors/messages.ts'
import type { RestartKind } from '../supervisors/spec.ts'
import { askActor, Handle } from './handle.ts'
import { executorOf } from './plan.ts'
import { type Row, rowsEraser, rowsReader, rowsWriter } from './rows.ts'
import type { NodeRuntime } from './runtime.ts'

export interface SpawnOptions {
  /** 1 to 256 characters, unique on the node. Needed to keep state in the store and to be found by others. */
  readonly name?: string
  /** When to start it again after a failure; `temporary` (never) when absent. Needs a `name`. */
  readonly supervise?: { readonly restart: RestartKind; readonly stopWithinMs?: number }
  /**
   * Where it starts for the first time: by default spread over the workers by a hash of the name; without a name on the
   * host's thread. An actor that has a name goes where its rows are ever after; `move` takes it elsewhere.
   */
  readonly place?: Placement
}

interface Spawned {
  readonly definition: AnyActor<unknown>
  readonly args: unknown
  readonly supervise: NonNullable<SpawnOptions['supervise']>
}

const controlMs = 10_000

export class UserActors {
  readonly #runtime: NodeRuntime
  readonly #node: number
  readonly #spawned = new Map<string, Spawned>()

  constructor(runtime: NodeRuntime, node: number) {
    this.#runtime = runtime
    this.#node = node
  }

  async spawn<Args, State, P>(
    definition: ActorDefinition<Args, State, P>,
    args: Args,
    options: SpawnOptions,
  ): Promise<Handle<P>> {
    const { name, supervise, place } = options
    const { executor } = this.#runtime
    if (name === undefined) {
      if (supervise !== undefined) {
        throw new RangeError(
          `spawn '${definition.name}': a supervised actor needs a name, because a restart starts it under the same`,
        )
      }
      return new Handle<P>(
        executor,
        edgeSpawn(executor, definition as AnyActor<Args>, args, place === undefined ? {} : { place }),
      )
    }
    const home = await this.#home(name, this.#executorFor(name, place))
    if (supervise === undefined) {
      return new Handle<P>(executor, edgeSpawn(executor, definition as AnyActor<Args>, args, { name, place: at(home) }))
    }
    const spawned: Spawned = { definition: definition as AnyActor<unknown>, args, supervise }
    const ref = await this.#start(name, spawned, home)
    this.#spawned.set(name, spawned)
    return new Handle<P>(executor, ref)
  }

  /** @throws {RangeError} `name` was not spawned here under supervision, or there is no such executor. */
  async move(name: string, to: number): Promise<void> {
    const spawned = this.#spawned.get(name)
    if (spawned === undefined)
      throw new RangeError(`move '${name}': this process has spawned no supervised actor of that name`)
    if (!Number.isInteger(to) || to < 0 || to >= this.#runtime.executors) {
      throw new RangeError(`move '${name}': executor must be 0 to ${this.#runtime.executors - 1}, not ${to}`)
    }
    const from = await this.#home(name, to)
    if (from === to) return
    await this.#stop(name)
    let home = from
    try {
      await this.#copy(name, from, to)
      await this.#ask('homes', { type: 'move', argument: { name, to } })
      home = to
      await this.#bearing(rowsEraser, name, from, () => this.#ask(name, { type: 'done' }))
    } finally {
      // Also when the move failed: the actor goes on where its rows are.
      await this.#start(name, spawned, home)
    }
  }

  async #copy(name: string, from: number, to: number): Promise<void> {
    const rows: Row[] = []
    await this.#bearing(rowsReader, name, from, async () => {
      for (let after: Uint8Array | null = null; ; ) {
        const chunk = (await this.#ask(name, { type: 'read', argument: after })) as readonly Row[]
        rows.push(...chunk)
        const last = chunk.at(-1)
        if (last === undefined) return
        after = last[0]
      }
    })
    await this.#bearing(rowsWriter, name, to, async () => {
      for (let i = 0; i < rows.length || i === 0; i += 256) {
        await this.#ask(name, { type: 'write', argument: rows.slice(i, i + 256) })
      }
    })
  }

  /** Runs `use` while an actor of `definition` bears `name` on an executor, and sees it gone before it returns. */
  async #bearing(
    definition: AnyActor<null>,
    name: string,
    executor: number,
    use: () => Promise<unknown>,
  ): Promise<void> {
    const ref = edgeSpawn(this.#runtime.executor, definition, null, { name, place: at(executor) })
    const gone = new Promise<void>((resolve) => edgeWatch(this.#runtime.executor, ref, () => resolve()))
    try {
      await use()
    } finally {
      edgeStop(this.#runtime.executor, ref)
      await gone
    }
  }

  async #start(name: string, { definition, args, supervise }: Spawned, executor: number): Promise<ActorRef> {
    const { restart, stopWithinMs = 5_000 } = supervise
    const child = { name, definition, args, restart, stopWithinMs, place: at(executor) }
    const reply = (await this.#ask('users', { type: 'startChild', child })) as StartChildReply
    if (reply.type === 'started') return reply.ref
    if (reply.type === 'alreadyStarted') throw new RangeError(`spawn '${name}': the name is taken`)
    const why = reply.type === 'full' ? `there are ${reply.childrenMax} supervised actors already` : reply.reason
    throw new RangeError(`spawn '${name}': ${why}`)
  }

  async #stop(name: string): Promise<void> {
    const reply = (await this.#ask('users', { type: 'stopChild', name })) as StopChildReply
    if (reply.type !== 'stopped') throw new Error(`move '${name}': it could not be stopped: ${reply.type}`)
  }

  async #home(name: string, wanted: number): Promise<number> {
    const home = (await this.#ask('homes', { type: 'settle', argument: { name, wanted } })) as number
    // A directory keeps its number of stores, so a home is never beyond them; this guards our own mistakes.
    if (home >= this.#runtime.executors)
      throw new RangeError(`spawn '${name}': its rows are on executor ${home}, which this node has not`)
    return home
  }

  #executorFor(name: string, place: Placement | undefined): number {
    const { executors, executor } = this.#runtime
    if (place === undefined) return executorOf(name, executors)
    switch (place.type) {
      case 'executor':
        if (!Number.isInteger(place.executor) || place.executor < 0 || place.executor >= executors) {
          throw new RangeError(`spawn '${name}': wanted executor ${place.executor}, there are 0 to ${executors - 1}`)
        }
        return place.executor
      case 'near':
        return executor.router.executorOf(place.ref) ?? 0
      case 'hash':
        return executorOf(place.key, executors)
    }
  }

  #ask(name: string, message: unknown): Promise<unknown> {
    return askActor(this.#runtime.executor, { type: 'named', node: this.#node, name }, message, controlMs, undefined)
  }
}

function at(executor: number): Placement {
  return { type: 'executor', executor }
}
