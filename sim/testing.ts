/**
 * The package `aspen/testing`: one simulated node for tests of one's own actors. The kernel, the supervisors and the stores'
 * rules are those of production; clock, disks and threads are in memory, and all that is left to chance is decided by a seed.
 *
 *   simulateActors ─▶ spawn ─▶ ask, tell, run ─▶ crash ─▶ restart ─▶ spawn again ─▶ ask …
 *                                                  └─ memory is gone; what was flushed is there, as after `kill -9`
 *
 * Everything is synchronous: virtual time stands still between calls and passes only in `ask`, `run` and a supervised
 * `spawn`. So it works in any test runner, and a failing test fails again with the same seed.
 */
import type { Argument, Reply, TellOf } from '../aspen/handle-types.ts'
import { usersTree } from '../aspen/tree.ts'
import type { DeadLetter } from '../mailbox/dead-letters.ts'
import type { ActorDefinition, ActorRef, Answer, AnyActor, Placement } from '../runtime/kernel/actor.ts'
import { edgeAsk, edgeSpawn, edgeTell } from '../runtime/kernel/edge.ts'
import type { Executor } from '../runtime/kernel/executor.ts'
import type { StartChildReply } from '../supervisors/messages.ts'
import type { RestartKind } from '../supervisors/spec.ts'
import { drawFaults } from './faults.ts'
import type { SimNode } from './node.ts'
import { type Exported, SimWorld } from './world.ts'

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
}

export interface SpawnOptions {
  /** 1 to 256 characters, unique on the node. Needed to keep state in the store and to be found by others. */
  readonly name?: string
  /** When to start it again after a failure; never when absent. Needs a `name`. */
  readonly supervise?: { readonly restart: RestartKind; readonly stopWithinMs?: number }
  /** By default spread over the threads by a hash of the name; without a name on the host's thread. */
  readonly place?: Placement
}

export interface AskOptions {
  /** How long to wait, 1 to 86_400_000 ms of the node's clock; 5_000 when absent. */
  readonly deadlineMs?: number
}

/** What came back for an ask: the reply of the handler, or why there is none. */
export type AnswerOf<R> = { readonly type: 'reply'; readonly value: R } | Exclude<Answer, { readonly type: 'reply' }>

type Asker<H> =
  unknown extends Argument<H>
    ? (argument?: undefined, options?: AskOptions) => AnswerOf<Reply<H>>
    : (argument: Argument<H>, options?: AskOptions) => AnswerOf<Reply<H>>

/** `ask` as methods for a map of handlers, as a function of a message for a union. */
export type AskOf<P> = P extends (state: infer _S, message: infer M, ...rest: infer _R) => unknown
  ? (message: M, options?: AskOptions) => AnswerOf<unknown>
  : { readonly [K in keyof P]: Asker<P[K]> }

type Send = (message: unknown, options?: AskOptions) => unknown

/** What a test holds of an actor. That of a supervised actor is good for all its lives, over crashes too. */
export class SimulatedActor<P> {
  readonly ref: ActorRef
  /** Lets time pass until there is an answer, at the latest at the deadline. */
  readonly ask: AskOf<P>
  /** Sends, and lets no time pass: what comes of it comes in the next `ask` or `run`. */
  readonly tell: TellOf<P>

  constructor(ref: ActorRef, ask: Send, tell: Send) {
    this.ref = ref
    this.ask = methodsOf(ask) as AskOf<P>
    this.tell = methodsOf(tell) as TellOf<P>
  }
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
const keptMax = 4_096
const spawnMs = 10_000

export class SimulatedNode {
  /** The world behind it, for what this kit has no word for: full disks, pauses, steps of the wall clock. */
  readonly world: SimWorld
  readonly executors: number
  readonly #node: SimNode
  readonly #definitions: readonly Exported[]
  readonly #deadLetters: DeadLetter[] = []
  readonly #failures: string[] = []
  #waiting = false

  constructor({ seed, definitions, faults = 'calm' }: SimulateOptions, executors: number) {
    this.executors = executors
    this.#definitions = definitions
    this.world = new SimWorld({ seed, definitions, ...(faults === 'calm' ? {} : { faults: drawFaults(seed) }) })
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
    return this.#deadLetters
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
    const { name, supervise } = options
    const what = `spawn '${name ?? definition.name}'`
    const { module, exportName } = definition
    if (!this.#definitions.some((listed) => listed.module === module && listed.exportName === exportName)) {
      throw new RangeError(`${what}: wanted a definition that simulateActors was told of; add it to 'definitions'`)
    }
    const host = this.#host(what)
    const place = options.place ?? (name === undefined ? undefined : ({ type: 'hash', key: name } as const))
    if (supervise === undefined) {
      const named = name === undefined ? {} : { name }
      const placed = place === undefined ? {} : { place }
      return this.#actor<P>(edgeSpawn(host, definition as AnyActor<Args>, args, { ...named, ...placed }))
    }
    if (name === undefined) throw new RangeError(`${what}: a supervised actor needs a name to be restarted under`)
    const { restart, stopWithinMs = 5_000 } = supervise
    const child = { name, definition, args, restart, stopWithinMs, place }
    const users = { type: 'named', node: nodeId, name: usersName } as const
    const answer = this.#ask(users, { type: 'startChild', child }, spawnMs)
    const reply = answer.type === 'reply' ? (answer.value as StartChildReply) : undefined
    if (reply?.type === 'started') return this.#actor<P>({ type: 'named', node: nodeId, name })
    throw new RangeError(`${what}: ${refusalOf(answer, reply)}`)
  }

  /** Whoever holds `name`, now or later. */
  actor<P>(name: string): SimulatedActor<P> {
    return this.#actor<P>({ type: 'named', node: nodeId, name })
  }

  /** Lets virtual time pass. */
  run({ ms }: { readonly ms: number }): void {
    if (!(ms >= 0 && Number.isFinite(ms))) throw new RangeError(`run: ms must be a number of 0 or more, not ${ms}`)
    this.#pass('run', () => this.world.run(ms))
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
    for (let executor = 0; executor < this.executors; executor++) this.#listen(node.executor(executor))
    edgeSpawn(node.executor(0), usersTree, null, { name: usersName })
  }

  #replaced(executor: number): void {
    // It may have died again before the host heard of it.
    if (this.#node.runs(executor)) this.#listen(this.#node.executor(executor))
    const users = { type: 'named', node: nodeId, name: usersName } as const
    edgeTell(this.#node.executor(0), users, { type: 'threadReady', executor }, 'control')
  }

  #listen({ deadLetters }: Executor): void {
    for (const letter of deadLetters.newest()) keepNewest(this.#deadLetters, letter)
    deadLetters.listen((letter) => keepNewest(this.#deadLetters, letter))
  }

  #actor<P>(ref: ActorRef): SimulatedActor<P> {
    return new SimulatedActor<P>(
      ref,
      (message, { deadlineMs = 5_000 } = {}) => this.#ask(ref, message, deadlineMs),
      (message) => edgeTell(this.#host(`tell '${ref.name}'`), ref, message),
    )
  }

  #ask(ref: ActorRef, message: unknown, deadlineMs: number): Answer {
    const what = `ask '${ref.name}'`
    if (!(deadlineMs >= 1 && deadlineMs <= 86_400_000)) {
      throw new RangeError(`${what}: deadlineMs must be 1 to 86400000, not ${deadlineMs}`)
    }
    const host = this.#host(what)
    let answer: Answer | undefined
    this.#pass(what, () => {
      edgeAsk(host, ref, message, { deadlineMs }, (given) => {
        answer = given
      })
      // The deadline answers by itself, if only by a clock that may be slow; an end of the process does not.
      this.world.runUntil(() => answer !== undefined || !this.#runsStill(host), 2 * deadlineMs + 10)
    })
    const { type } = answer ?? crashed
    this.world.trace.event(this.nowMs, `${what}: ${type}`)
    return answer ?? crashed
  }

  #host(what: string): Executor {
    if (!this.up) throw new RangeError(`${what}: wanted a node that runs; call restart() after a crash`)
    return this.#node.executor(0)
  }

  #runsStill(host: Executor): boolean {
    return this.#node.runs(0) && this.#node.executor(0) === host
  }

  /** Lets time pass in `wait`, once at a time: what happens within a wait cannot wait itself. */
  #pass(what: string, wait: () => void): void {
    if (this.#waiting) throw new RangeError(`${what}: time passes already; within 'later' only tell and crash`)
    this.#waiting = true
    try {
      wait()
    } finally {
      this.#waiting = false
    }
    this.#refusePromises(what)
  }

  /** No promise ever settles while a test runs synchronously: an actor that waits for one would hang without a word. */
  #refusePromises(what: string): void {
    for (let executor = 0; executor < this.executors; executor++) {
      if (!this.#node.runs(executor)) continue
      for (const { name, status } of this.#node.executor(executor).cells.values()) {
        if (status !== 'parked') continue
        throw new TypeError(
          `${what}: a handler of '${name}' is asynchronous, and promises do not settle in a simulation`,
        )
      }
    }
  }
}

const crashed: Answer = { type: 'failed', reason: 'the process crashed' }

function keepNewest<T>(list: T[], item: T): void {
  if (list.length === keptMax) list.shift()
  list.push(item)
}

function refusalOf(answer: Answer, reply: StartChildReply | undefined): string {
  switch (reply?.type) {
    case 'alreadyStarted':
      return 'the name is taken'
    case 'full':
      return `there are ${reply.childrenMax} supervised actors already`
    case 'refused':
      return reply.reason
    default:
      return answer.type === 'failed' ? answer.reason : `no answer from the supervisor: ${answer.type}`
  }
}

/** A function that also has every method name: which of the two is meant, only the type knows. */
function methodsOf(send: Send): unknown {
  const call: Send = (message, options) => send(message, options)
  return new Proxy(call, {
    get: (_target, kind) =>
      typeof kind === 'string'
        ? (argument: unknown, options?: AskOptions) => send({ type: kind, argument }, options)
        : undefined,
  })
}
