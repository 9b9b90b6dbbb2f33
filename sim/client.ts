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
import { edgeAsk } from '../runtime/kernel/edge.ts'
import { decisionSite } from './decisions.ts'
import type { History } from './history.ts'
import { messageOf, outcomeOf, rangeOf } from './keyspace-words.ts'
import { LessorAsker } from './lessor-asker.ts'
import type { Operation, Outcome } from './operation.ts'
import { askOnce, ReplicaAsker, replicaOf, replyIn } from './replica-asker.ts'
import { watchOnce } from './watch-stream.ts'
import { runProgram } from './workloads/coordination-driver.ts'
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

const nodeSite = decisionSite('client.node')
const lessorSite = decisionSite('client.lessor')

export class SimClient {
  readonly name: string
  readonly #world: SimWorld
  readonly #history: History
  readonly #options: ClientOptions
  readonly #asker: ReplicaAsker
  readonly #lessors: LessorAsker
  #requests = 0

  constructor(world: SimWorld, history: History, options: ClientOptions) {
    this.name = options.name
    this.#world = world
    this.#history = history
    this.#options = options
    const { name, group, nodes, attemptMs } = options
    this.#asker = new ReplicaAsker({ world, group, nodes, attemptMs, site: nodeSite, key: hashText(name) })
    this.#lessors = new LessorAsker({ world, group, nodes, attemptMs, site: lessorSite, key: hashText(name) })
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
      case 'program':
        this.#runProgram(operation, finish)
        break
      case 'leaseKeep':
      case 'leaseLook':
        this.#askLessor(operation, untilMs, finish)
        break
      case 'watch':
        watchOnce(this.#world, this.#options.group, operation, untilMs, (words) => finish({ type: 'watched', words }))
        break
      default: {
        const request = messageOf(operation, { client: this.name, number })
        this.#asker.ask(request, untilMs, (reply) => finish(outcomeOf(operation, reply)))
      }
    }
  }

  /** One replica, once: whoever wants to know another's mind asks anew. */
  #peek(operation: Operation & { type: 'peek' }, finish: (outcome: Outcome) => void): void {
    const { node, prefix } = operation
    const life = this.#options.lifeOf?.(node)
    const request: ReplicaRequest = { type: 'read', query: rangeOf(prefix), consistency: 'serializable' }
    const { group, attemptMs } = this.#options
    askOnce(this.#world, replicaOf(node, group), request, attemptMs, (answer) => {
      const reply = replyIn(answer)
      const outcome = outcomeOf(operation, reply?.type === 'answer' ? reply : undefined)
      // Between the two looks the replica may have been another only if it is another now.
      const same = life !== undefined && life === this.#options.lifeOf?.(node)
      finish(outcome.type === 'done' && same ? { ...outcome, by: { node, life } } : outcome)
    })
  }

  /** Its steps have numbers of their own, beside that of the whole. */
  #runProgram({ program }: Operation & { type: 'program' }, finish: (outcome: Outcome) => void): void {
    const { attemptMs, patienceMs } = this.#options
    const links = {
      world: this.#world,
      replicas: this.#asker,
      lessors: this.#lessors,
      client: this.name,
      number: () => ++this.#requests,
      lookMs: attemptMs / 15,
    }
    const { nowMs } = this.#world
    const limits = { stopMs: nowMs + 0.5 * patienceMs, endMs: nowMs + 0.9 * patienceMs }
    runProgram(program, links, limits, (seen, ended) => finish({ type: 'observed', seen, ended }))
  }

  #askLessor(
    { type, lease }: Operation & { type: 'leaseKeep' | 'leaseLook' },
    untilMs: number,
    finish: (outcome: Outcome) => void,
  ): void {
    const kind = type === 'leaseKeep' ? 'keepAlive' : 'timeToLive'
    this.#lessors.ask({ type: kind, ids: [lease] }, untilMs, (told) => {
      if (told === undefined) {
        finish({ type: 'unknown' })
        return
      }
      const { reply, sentMs } = told
      const leftMs = (reply.type === 'kept' ? (reply.ttlSeconds[0] ?? 0) * 1_000 : reply.remainingMs[0]) ?? 0
      const succeeded = reply.type === 'kept' ? leftMs > 0 : leftMs >= 0
      const { revision } = reply
      finish({ type: 'done', revision, succeeded, found: new Map(), lease: { leftMs, sentMs } })
    })
  }

  /** Says something to an actor of the workload, once. */
  #tell(operation: Operation & { type: 'spawn' | 'ask' }, finish: (outcome: Outcome) => void): void {
    const { to, message } = toUserActor(operation)
    askOnce(this.#world, to, message, this.#options.attemptMs, (answer) => finish(answerOfActor(operation, answer)))
  }

  /** One try at one node, and what came of it, undefined while nothing did. Not part of the history. */
  once(node: number, request: ReplicaRequest): { reply: ReplicaReply | undefined } {
    const result: { reply: ReplicaReply | undefined } = { reply: undefined }
    const { group, attemptMs } = this.#options
    const simNode = this.#world.nodes.get(node)
    if (simNode?.up === true)
      edgeAsk(simNode.executor(0), replicaOf(node, group), request, { deadlineMs: attemptMs }, (answer) => {
        result.reply = replyIn(answer)
      })
    return result
  }
}
