/**
 * The package `aspen/testing`: one simulated node for tests of one's own actors. The kernel, the supervisors and the stores'
 * rules are those of production; clock, disks and threads are in memory, and all that is left to chance is decided by a seed.
 *
 *   simulateActors ─▶ spawn ─▶ ask, tell, run ─▶ crash ─▶ restart ─▶ spawn again ─▶ ask …
 *                                                  └─ memory is gone; what was flushed is there, as after `kill -9`
 *
 * Here the test brings the faults; where seeds should bring them, or there is more than one node, there is `simulate` of
 * `aspen/sim`, which speaks the same words.
 *
 * Everything is synchronous: virtual time stands still between calls and passes only in `ask`, `run` and a supervised
 * `spawn`. So it works in any test runner, and a failing test fails again with the same seed.
 */
import { usersTree } from '../aspen/tree.ts'
import type { DeadLetter } from '../mailbox/dead-letters.ts'
import type { ActorDefinition } from '../runtime/kernel/actor.ts'
import { edgeSpawn, edgeTell } from '../runtime/kernel/edge.ts'
import { drawFaults } from './faults.ts'
import type { SimNode } from './node.ts'
import type { SchedulerPlan } from './schedulers/scheduler.ts'
import { keepNewest, OutsideOfNodes, type SimulatedActor, type SpawnOptions } from './simulate-actors.ts'
import { type Exported, SimWorld } from './world.ts'

export type { AnswerOf, AskOf, AskOptions, SimulatedActor, SpawnOptions } from './simulate-actors.ts'

export interface SimulateOptions {
  /** Decides everything that is left to chance; a whole number. */
  readonly seed: number
  /** Of every actor that will be spawned, by the test or by other actors: threads find definitions in this list. */
  readonly definitions: readonly Exported[]
  /** Threads of the node, 1 to 64, the host's included; 1 when absent. Named actors live on the others, where there are any. */
  readonly executors?: number
  /**
   * `drawn`: the seed decides how slow the disks are, whether the clock drifts and where `ctx.buggify` fires. Crashes are
   * the test's own in any case. `calm` when absent.
   */
  readonly faults?: 'calm' | 'drawn'
  /** Who goes next; any of those that could, each as likely, when absent. */
  readonly scheduler?: SchedulerPlan
}

/**
 * Opens a simulated node.
 *
 * @throws {RangeError} `seed` or `executors` is not a whole number, or out of bounds.
 *
 * @example
 * const node = simulateActors({ seed: 7, definitions: [counter] })
 * const hits = node.spawn(counter, { start: 0 }, { name: 'hits' })
 * assert.deepEqual(hits.ask.add(2), { type: 'reply', value: 2 })
 */
export function simulateActors(options: SimulateOptions): SimulatedNode {
  const { seed, executors = 1 } = options
  if (!Number.isSafeInteger(seed)) throw new RangeError(`simulateActors: seed must be a whole number, not ${seed}`)
  if (!Number.isInteger(executors) || executors < 1 || executors > 64) {
    throw new RangeError(`simulateActors: executors must be a whole number of 1 to 64, not ${executors}`)
  }
  return new SimulatedNode(options, executors)
}

const nodeId = 1
const usersName = 'users'

export class SimulatedNode {
  /** The world behind it, for what this kit has no word for: full disks, pauses, steps of the wall clock. */
  readonly world: SimWorld
  readonly executors: number
  readonly #node: SimNode
  readonly #outside: OutsideOfNodes
  readonly #failures: string[] = []

  constructor({ seed, definitions, faults = 'calm', scheduler }: SimulateOptions, executors: number) {
    this.executors = executors
    this.world = new SimWorld({
      seed,
      definitions,
      ...(faults === 'calm' ? {} : { faults: drawFaults(seed) }),
      ...(scheduler === undefined ? {} : { scheduler }),
    })
    this.#outside = new OutsideOfNodes(this.world, 'simulateActors', definitions)
    // Actors of a test may fail, end their node, and be called what ours are called.
    this.world.checkers.failureExplained = (_node, error) => {
      keepNewest(this.#failures, error)
      return true
    }
    this.world.checkers.knowsGroups = false
    this.world.fatalExplained = () => true
    this.#node = this.world.addNode(nodeId, executors, (node) => this.#boot(node))
    this.#node.onReplaced = (executor) => this.#replaced(executor)
    this.world.start(nodeId)
  }

  get up(): boolean {
    return this.#node.up
  }

  /** Virtual milliseconds since the test began. */
  get nowMs(): number {
    return this.world.nowMs
  }

  /** Over every delivery, fault and answer so far: two runs of a test with the same seed share it. */
  get digest(): string {
    return this.world.trace.digest.text()
  }

  /** Messages that reached nobody, oldest first, of all threads and lives of the node; the newest 4_096. */
  get deadLetters(): readonly DeadLetter[] {
    return this.#outside.deadLetters
  }

  /** What supervised actors threw, with the stack, oldest first; the newest 4_096. */
  get failures(): readonly string[] {
    return this.#failures
  }

  /** What happened last, in words, oldest first: for the message of a failing test. */
  tail(lines: number = 40): readonly string[] {
    return this.world.trace.tail(lines)
  }

  /**
   * Starts an actor. After a crash nothing runs: the test spawns again, as a program does when it starts.
   *
   * @throws {RangeError} The name is taken or out of bounds, `supervise` comes without a name, the definition is not in
   *   the list that the node was opened with, or the node is down.
   */
  spawn<Args, State, P>(
    definition: ActorDefinition<Args, State, P>,
    args: Args,
    options: SpawnOptions = {},
  ): SimulatedActor<P> {
    return this.#outside.spawn(nodeId, definition, args, options)
  }

  /** Whoever holds `name`, now or later. */
  actor<P>(name: string): SimulatedActor<P> {
    return this.#outside.actor<P>(nodeId, name)
  }

  /** Lets virtual time pass. */
  run({ ms }: { readonly ms: number }): void {
    if (!(ms >= 0 && Number.isFinite(ms))) throw new RangeError(`run: ms must be a number of 0 or more, not ${ms}`)
    this.#outside.pass('run', () => this.world.run(ms))
  }

  /** Does `act` when `ms` have passed, in the middle of whatever runs then. It may tell and crash, not wait. */
  later({ ms }: { readonly ms: number }, act: () => void): void {
    this.world.later(ms, act)
  }

  /** Ends the process at once. Of a write under way the seed decides whether it is on disk, whole or not at all. */
  crash(): void {
    this.world.crash(nodeId)
  }

  /** Starts the process again, on what its disks hold. Nothing is spawned. */
  restart(): void {
    this.world.start(nodeId)
  }

  /**
   * One thread dies and is replaced; supervised actors come back on it by themselves.
   *
   * @throws {RangeError} There is no such thread, or it is the host's: that is a `crash`.
   */
  crashThread(executor: number, { replaceAfterMs = 50 }: { readonly replaceAfterMs?: number } = {}): void {
    if (!Number.isInteger(executor) || executor < 1 || executor >= this.executors) {
      throw new RangeError(`crashThread: wanted thread ${executor}, there are 1 to ${this.executors - 1}`)
    }
    this.world.crashThread(nodeId, executor, replaceAfterMs)
  }

  #boot(node: SimNode): void {
    this.#outside.listen(
      node,
      Array.from({ length: this.executors }, (_, executor) => executor),
    )
    edgeSpawn(node.executor(0), usersTree, null, { name: usersName })
  }

  #replaced(executor: number): void {
    this.#outside.listen(this.#node, [executor])
    const users = { type: 'named', node: nodeId, name: usersName } as const
    edgeTell(this.#node.executor(0), users, { type: 'threadReady', executor }, 'control')
  }
}
