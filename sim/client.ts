/**
 * A client of a simulated cluster: sends one operation after another, tries again elsewhere when a node does not answer,
 * and writes down what it was told. Writes carry a request id, so a repeated one must not happen twice (I20).
 *
 *   attempt ─▶ done                         the operation ended
 *      ├─────▶ certainly nothing happened ─▶ again, elsewhere
 *      └─────▶ nobody knows ─▶ again with the same request id, until the patience of the operation is at an end
 *                                              └─▶ `unknown`: it may have happened, or may still
 */

import type { KeyspaceCommand, KeyspaceReply, RangeResponse, TxnResponse } from '../actors/keyspace/messages.ts'
import type { ReplicaReply, ReplicaRequest } from '../actors/raft/replica-messages.ts'
import { fromUtf8, utf8 } from '../base/bytes.ts'
import { hashText } from '../base/digest.ts'
import type { Answer } from '../runtime/kernel/actor.ts'
import { edgeAsk } from '../runtime/kernel/edge.ts'
import { decisionSite } from './decisions.ts'
import type { History } from './history.ts'
import type { Operation, Outcome } from './operation.ts'
import type { SimWorld } from './world.ts'

export interface ClientOptions {
  readonly name: string
  readonly group: string
  /** Where it may ask. */
  readonly nodes: () => readonly number[]
  readonly attemptMs: number
  /** After this long it gives up on an operation. */
  readonly patienceMs: number
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
    const request = messageOf(operation, { client: this.name, number })
    const note = this.#history.began(this.name, operation, this.#world.nowMs)
    const untilMs = this.#world.nowMs + this.#options.patienceMs
    const finish = (outcome: Outcome): void => {
      this.#history.ended(note, outcome, this.#world.nowMs)
      done(outcome)
    }
    this.#attempt(request, untilMs, (reply) => finish(outcomeOf(operation, reply)))
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
    const to = { type: 'named', node, name: `replica/${this.#options.group}` } as const
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

function messageOf(
  operation: Operation,
  request: { readonly client: string; readonly number: number },
): ReplicaRequest {
  switch (operation.type) {
    case 'get':
      return { type: 'read', query: { type: 'range', key: utf8(operation.key) }, consistency: 'linearizable' }
    case 'list':
      return {
        type: 'read',
        query: { type: 'range', key: utf8(operation.prefix), rangeEnd: utf8(`${operation.prefix}\u007f`) },
        consistency: 'linearizable',
      }
    default:
      return { type: 'propose', command: commandOf(operation), request }
  }
}

function commandOf(operation: Operation & { type: 'put' | 'cas' | 'move' }): KeyspaceCommand {
  switch (operation.type) {
    case 'put':
      return { type: 'put', key: utf8(operation.key), value: utf8(operation.value) }
    case 'cas': {
      const { key, expected, value } = operation
      const compare =
        expected === undefined
          ? ({ key: utf8(key), result: 'equal', target: { type: 'version', value: 0 } } as const)
          : ({ key: utf8(key), result: 'equal', target: { type: 'value', value: utf8(expected) } } as const)
      return {
        type: 'txn',
        compare: [compare],
        success: [{ type: 'put', key: utf8(key), value: utf8(value) }],
        failure: [],
      }
    }
    case 'move': {
      const sides = [operation.from, operation.to]
      return {
        type: 'txn',
        compare: sides.map(
          ({ key, expected }) =>
            ({ key: utf8(key), result: 'equal', target: { type: 'value', value: utf8(expected) } }) as const,
        ),
        success: sides.map(({ key, value }) => ({ type: 'put', key: utf8(key), value: utf8(value) }) as const),
        failure: [],
      }
    }
  }
}

function outcomeOf(operation: Operation, reply: ReplicaReply | undefined): Outcome {
  if (reply === undefined) return { type: 'unknown' }
  const said = (reply.type === 'applied' ? reply.reply : reply.type === 'answer' ? reply.answer : undefined) as
    | KeyspaceReply
    | undefined
  if (said?.type === 'refused' && said.error === 'noSpace') return { type: 'refused', revision: said.revision }
  // Nothing else of an operation of ours can be refused.
  if (said?.type !== 'done')
    throw new RangeError(`${operation.type}: wanted an answer, found ${JSON.stringify(said ?? reply)}`)
  const { revision, response } = said
  const found = new Map<string, string>()
  if (response.type === 'range')
    for (const { key, value } of (response as RangeResponse).kvs) found.set(fromUtf8(key), fromUtf8(value))
  const succeeded = response.type !== 'txn' || (response as TxnResponse).succeeded
  return { type: 'done', revision, succeeded, found }
}
