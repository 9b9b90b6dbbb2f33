/**
 * Users' actors on simulated nodes, as whoever stands outside sees them: spawned, asked, told. Virtual time passes in an ask
 * and in the spawn of a supervised actor, and nowhere else.
 */
import type { Argument, Reply, TellOf } from '../aspen/handle-types.ts'
import type { DeadLetter } from '../mailbox/dead-letters.ts'
import type { ActorDefinition, ActorRef, Answer, AnyActor, Placement } from '../runtime/kernel/actor.ts'
import { edgeAsk, edgeSpawn, edgeTell } from '../runtime/kernel/edge.ts'
import type { Executor } from '../runtime/kernel/executor.ts'
import type { StartChildReply } from '../supervisors/messages.ts'
import type { ChildSpec, RestartKind } from '../supervisors/spec.ts'
import type { SimNode } from './node.ts'
import type { Exported, SimWorld } from './world.ts'

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

/** Whose list of definitions a spawn looks in, for the text of its refusal. */
export type Door = 'simulateActors' | 'simulate'

const usersName = 'users'
const keptMax = 4_096
const spawnMs = 10_000
const againMs = 5

export class OutsideOfNodes {
  readonly #world: SimWorld
  readonly #door: Door
  readonly #definitions: readonly Exported[]
  readonly #deadLetters: DeadLetter[] = []
  #waiting = false

  constructor(world: SimWorld, door: Door, definitions: readonly Exported[]) {
    this.#world = world
    this.#door = door
    this.#definitions = definitions
  }

  /** Messages that reached nobody, oldest first, of all threads and lives of the nodes; the newest 4_096. */
  get deadLetters(): readonly DeadLetter[] {
    return this.#deadLetters
  }

  /** Hears of dead letters from now on: of a node that starts, or of a thread that is replaced. */
  listen(node: SimNode, executors: readonly number[]): void {
    for (const executor of executors) {
      // It may have died again before the host heard of it.
      if (!node.runs(executor)) continue
      const { deadLetters } = node.executor(executor)
      for (const letter of deadLetters.newest()) keepNewest(this.#deadLetters, letter)
      deadLetters.listen((letter) => keepNewest(this.#deadLetters, letter))
    }
  }

  /**
   * Waits until a supervised actor runs.
   *
   * @throws {RangeError} The name is taken or out of bounds, `supervise` comes without a name, the definition is not in
   *   the list, or the node is down.
   */
  spawn<Args, State, P>(
    node: number,
    definition: ActorDefinition<Args, State, P>,
    args: Args,
    options: SpawnOptions,
  ): SimulatedActor<P> {
    let refusal: string | undefined
    let settled = false
    const actor = this.begin(node, definition, args, options, (refused) => {
      refusal = refused
      settled = true
    })
    const what = `spawn '${options.name ?? definition.name}'`
    if (!settled) this.pass(what, () => this.#world.runUntil(() => settled, 2 * spawnMs))
    if (!settled || refusal !== undefined)
      throw new RangeError(`${what}: ${refusal ?? 'no answer from the supervisor'}`)
    return actor
  }

  /** Like `spawn`, but lets no time pass: `settled` hears whether a supervised actor was refused. */
  begin<Args, State, P>(
    node: number,
    definition: ActorDefinition<Args, State, P>,
    args: Args,
    { name, supervise, place }: SpawnOptions,
    settled: (refusal: string | undefined) => void,
  ): SimulatedActor<P> {
    const what = `spawn '${name ?? definition.name}'`
    const { module, exportName } = definition
    if (!this.#definitions.some((listed) => listed.module === module && listed.exportName === exportName)) {
      const list = this.#door === 'simulate' ? 'actors' : 'definitions'
      throw new RangeError(`${what}: wanted a definition that ${this.#door} was told of; add it to '${list}'`)
    }
    const host = this.#host(node, what)
    const at = place ?? (name === undefined ? undefined : ({ type: 'hash', key: name } as const))
    if (supervise === undefined) {
      const named = name === undefined ? {} : { name }
      const placed = at === undefined ? {} : { place: at }
      const ref = edgeSpawn(host, definition as AnyActor<Args>, args, { ...named, ...placed })
      settled(undefined)
      return this.#actor<P>(node, ref)
    }
    if (name === undefined) throw new RangeError(`${what}: a supervised actor needs a name to be restarted under`)
    const { restart, stopWithinMs = 5_000 } = supervise
    this.#startChild(host, node, { name, definition, args, restart, stopWithinMs, place: at } as ChildSpec, settled)
    return this.actor<P>(node, name)
  }

  /** Whoever holds `name` on `node`, now or later. */
  actor<P>(node: number, name: string): SimulatedActor<P> {
    return this.#actor<P>(node, { type: 'named', node, name })
  }

  /** Lets time pass in `wait`, once at a time: what happens within a wait cannot wait itself. */
  pass(what: string, wait: () => void): void {
    if (this.#waiting) throw new RangeError(`${what}: time passes already; within 'later' only tell and crash`)
    this.#waiting = true
    try {
      wait()
    } finally {
      this.#waiting = false
    }
    this.#refusePromises(what)
  }

  #startChild(host: Executor, node: number, child: ChildSpec, settled: (refusal: string | undefined) => void): void {
    const users = { type: 'named', node, name: usersName } as const
    const untilMs = this.#world.nowMs + spawnMs
    let mayHaveStarted = false
    const ask = (): void => {
      edgeAsk(host, users, { type: 'startChild', child }, { deadlineMs: spawnMs }, (answer) => {
        const reply = answer.type === 'reply' ? (answer.value as StartChildReply) : undefined
        // On a node that starts, the supervisor of users' actors may not be there yet; and a fault may have it refuse for once,
        // or its answer come too late.
        const again = answer.type === 'stopped' || answer.type === 'timeout' || reply?.type === 'full'
        mayHaveStarted ||= answer.type === 'timeout'
        if (again && this.#world.nowMs < untilMs) {
          this.#world.later(againMs, () => {
            if (this.#runsStill(node, host)) ask()
            else settled('the process crashed')
          })
          return
        }
        const started = reply?.type === 'started' || (mayHaveStarted && reply?.type === 'alreadyStarted')
        settled(started ? undefined : refusalOf(answer, reply))
      })
    }
    ask()
  }

  #actor<P>(node: number, ref: ActorRef): SimulatedActor<P> {
    return new SimulatedActor<P>(
      ref,
      (message, { deadlineMs = 5_000 } = {}) => this.#ask(node, ref, message, deadlineMs),
      (message) => this.#tell(node, ref, message),
    )
  }

  #tell(node: number, ref: ActorRef, message: unknown): void {
    const what = `tell '${ref.name}'`
    // Where chaos decides who is up, nobody can be blamed for telling the dead.
    if (this.#door === 'simulate' && !this.#world.node(node).up)
      this.#world.trace.event(this.#world.nowMs, `${what}: down`)
    else edgeTell(this.#host(node, what), ref, message)
  }

  #ask(node: number, ref: ActorRef, message: unknown, deadlineMs: number): Answer {
    const what = `ask '${ref.name}'`
    if (!(deadlineMs >= 1 && deadlineMs <= 86_400_000)) {
      throw new RangeError(`${what}: deadlineMs must be 1 to 86400000, not ${deadlineMs}`)
    }
    if (this.#door === 'simulate' && !this.#world.node(node).up) {
      // Time passes, or whoever asks until there is an answer would ask forever.
      this.pass(what, () => this.#world.run(againMs))
      return down
    }
    const host = this.#host(node, what)
    const beganMs = this.#world.nowMs
    let answer: Answer | undefined
    this.pass(what, () => {
      edgeAsk(host, ref, message, { deadlineMs }, (given) => {
        answer = given
      })
      // The deadline answers by itself, if only by a clock that may be slow; an end of the process does not.
      this.#world.runUntil(() => answer !== undefined || !this.#runsStill(node, host), 2 * deadlineMs + 10)
      // Nobody bears the name, perhaps not yet: as above, asking again must lead somewhere.
      if (this.#door === 'simulate' && this.#world.nowMs === beganMs) this.#world.run(againMs)
    })
    const { type } = answer ?? crashed
    this.#world.trace.event(this.#world.nowMs, `${what}: ${type}`)
    return answer ?? crashed
  }

  #host(node: number, what: string): Executor {
    const simNode = this.#world.node(node)
    if (!simNode.up) throw new RangeError(`${what}: wanted a node that runs; call restart() after a crash`)
    return simNode.executor(0)
  }

  #runsStill(node: number, host: Executor): boolean {
    const simNode = this.#world.node(node)
    return simNode.runs(0) && simNode.executor(0) === host
  }

  /** No promise ever settles while a test runs synchronously: an actor that waits for one would hang without a word. */
  #refusePromises(what: string): void {
    for (const node of this.#world.nodes.values()) {
      for (let executor = 0; executor < node.executors; executor++) {
        if (!node.runs(executor)) continue
        for (const { name, status } of node.executor(executor).cells.values()) {
          if (status !== 'parked') continue
          throw new TypeError(
            `${what}: a handler of '${name}' is asynchronous, and promises do not settle in a simulation`,
          )
        }
      }
    }
  }
}

const crashed: Answer = { type: 'failed', reason: 'the process crashed' }
const down: Answer = { type: 'failed', reason: 'the process is down' }

/** The newest so many are kept. */
export function keepNewest<T>(list: T[], item: T): void {
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
