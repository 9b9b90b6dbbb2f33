/**
 * A client of a simulated cluster: sends one operation after another, tries again elsewhere when a node does not answer,
 * and writes down what it was told. Writes carry a request id, so a repeated one must not happen twice (I20).
 *
 *   attempt ─▶ done                         the operation ended
 *      ├─────▶ certainly nothing happened ─▶ again, elsewhere
 *      └─────▶ nobody knows ─▶ again with the same request id, until the patience of the operation is at an end
 *                                              └─▶ `unknown`: it may have happened, or may still
 */

import type { ReplicaReply, ReplicaRequest } from '../actors/raft/replica-messages.ts'
import { hashText } from '../base/digest.ts'
import type { Answer } from '../runtime/kernel/actor.ts'
import { edgeAsk } from '../runtime/kernel/edge.ts'
import { decisionSite } from './decisions.ts'
import type { History } from './history.ts'
import { messageOf, outcomeOf, rangeOf } from './keyspace-words.ts'
import type { Operation, Outcome } from './operation.ts'
import { answerOfActor, toUserActor } from './workloads/user-actor.ts'
import type { SimWorld } from './world.ts'

export interface ClientOptions {
  readonly name: string
  readonly group: string
  /** Where it may ask. */
  readonly nodes: () => readonly number[]
  readonly attemptMs: number
  /** After this long it gives up on an operation. */
  readonly patienceMs: number
  /** Which life of its replica a node lives; undefined when it has none now. */
  readonly lifeOf?: (node: number) => number | undefined
}

const retryMs = 15
const nodeSite = decisionSite('client.node')

export class SimClient {
  readonly name: string
  readonly #world: SimWorld
  readonly #history: History
  readonly #options: ClientOptions
  readonly #key: number
  #requests = 0
  #attempts = 0
  #node = 0

  constructor(world: SimWorld, history: History, options: ClientOptions) {
    this.name = options.name
    this.#world = world
    this.#history = history
    this.#options = options
    this.#key = hashText(options.name)
  }

  /** A value that no other write of the run has. */
  unique(value: string): string {
    return `${value}|${this.name}.${this.#requests + 1}`
  }

  /** Sets `operation` going; `done` hears of its end, which always comes. */
  start(operation: Operation, done: (outcome: Outcome) => void): void {
    this.#requests += 1
    const number = this.#requests
    const note = this.#history.began(this.name, operation, this.#world.nowMs)
    const untilMs = this.#world.nowMs + this.#options.patienceMs
    const finish = (outcome: Outcome): void => {
      this.#history.ended(note, outcome, this.#world.nowMs)
      done(outcome)
    }
    switch (operation.type) {
      case 'peek':
        this.#peek(operation, finish)
        break
      case 'spawn':
      case 'ask':
        this.#tell(operation, finish)
        break
      default: {
        const request = messageOf(operation, { client: this.name, number })
        this.#attempt(request, untilMs, (reply) => finish(outcomeOf(operation, reply)))
      }
    }
  }

  /** One replica, once: whoever wants to know another's mind asks anew. */
  #peek(operation: Operation & { type: 'peek' }, finish: (outcome: Outcome) => void): void {
    const { node, prefix } = operation
    const life = this.#options.lifeOf?.(node)
    const request: ReplicaRequest = { type: 'read', query: rangeOf(prefix), consistency: 'serializable' }
    this.#askOnce(replicaOf(node, this.#options.group), request, (answer) => {
      const reply = answer.type === 'reply' ? (answer.value as ReplicaReply) : undefined
      const outcome = outcomeOf(operation, reply?.type === 'answer' ? reply : undefined)
      // Between the two looks the replica may have been another only if it is another now.
      const same = life !== undefined && life === this.#options.lifeOf?.(node)
      finish(outcome.type === 'done' && same ? { ...outcome, by: { node, life } } : outcome)
    })
  }

  /** Says something to an actor of the workload, once. */
  #tell(operation: Operation & { type: 'spawn' | 'ask' }, finish: (outcome: Outcome) => void): void {
    const { to, message } = toUserActor(operation)
    this.#askOnce(to, message, (answer) => finish(answerOfActor(operation, answer)))
  }

  #askOnce(to: NodeActor, message: unknown, then: (answer: Answer) => void): void {
    let open = true
    const close = (answer: Answer): void => {
      if (!open) return
      open = false
      then(answer)
    }
    const { attemptMs } = this.#options
    // The node may die with the question.
    this.#world.later(attemptMs + 5, () => close({ type: 'timeout' }))
    const simNode = this.#world.nodes.get(to.node)
    if (simNode === undefined || !simNode.up) this.#world.later(1, () => close({ type: 'stopped' }))
    else edgeAsk(simNode.executor(0), to, message, { deadlineMs: attemptMs }, close)
  }

  /** One try at one node, and what came of it, undefined while nothing did. Not part of the history. */
  once(node: number, request: ReplicaRequest): { reply: ReplicaReply | undefined } {
    const result: { reply: ReplicaReply | undefined } = { reply: undefined }
    this.#ask(node, request, (answer) => {
      if (answer.type === 'reply') result.reply = answer.value as ReplicaReply
    })
    return result
  }

  /** Calls `done` with a reply that ends the operation, or undefined when patience is at an end. */
  #attempt(request: ReplicaRequest, untilMs: number, done: (reply: ReplicaReply | undefined) => void): void {
    const { nowMs } = this.#world
    if (nowMs >= untilMs) {
      done(undefined)
      return
    }
    this.#attempts += 1
    const node = this.#choose()
    const again = (): void => this.#world.later(retryMs, () => this.#attempt(request, untilMs, done))
    let open = true
    const close = (answer: Answer): void => {
      if (!open) return
      open = false
      const reply = answer.type === 'reply' ? (answer.value as ReplicaReply) : undefined
      if (reply?.type === 'applied' || reply?.type === 'answer') {
        this.#node = node
        done(reply)
        return
      }
      this.#node = reply?.type === 'dropped' && reply.leader !== undefined && reply.leader !== node ? reply.leader : 0
      // Long forgotten: it was applied or it was not, and nobody will ever say.
      if (reply?.type === 'unknown' && reply.reason === 'forgotten') done(undefined)
      else again()
    }
    // The node may die with the question.
    this.#world.later(this.#options.attemptMs + 5, () => close({ type: 'timeout' }))
    if (!this.#ask(node, request, close)) this.#world.later(1, () => close({ type: 'stopped' }))
  }

  #ask(node: number, request: ReplicaRequest, then: (answer: Answer) => void): boolean {
    const simNode = this.#world.nodes.get(node)
    if (simNode === undefined || !simNode.up) return false
    const to = replicaOf(node, this.#options.group)
    edgeAsk(simNode.executor(0), to, request, { deadlineMs: this.#options.attemptMs }, then)
    return true
  }

  /** Where it went well last, or anywhere. */
  #choose(): number {
    const nodes = this.#options.nodes()
    if (nodes.includes(this.#node)) return this.#node
    return nodes[this.#world.decisions.pick(nodeSite, nodes.length, this.#key, this.#attempts)] ?? 0
  }
}

interface NodeActor {
  readonly type: 'named'
  readonly node: number
  readonly name: string
}

function replicaOf(node: number, group: string): NodeActor {
  return { type: 'named', node, name: `replica/${group}` }
}
