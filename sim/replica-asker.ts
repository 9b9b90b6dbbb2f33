/**
 * Questions from outside to a simulated node, and to the replicas of a group: one after the other, until one answers for
 * good. Whoever asks always hears something, though a node may be down, or die with the question.
 */
import type { ReplicaReply, ReplicaRequest } from '../actors/raft/replica-messages.ts'
import type { Answer } from '../runtime/kernel/actor.ts'
import { edgeAsk } from '../runtime/kernel/edge.ts'
import type { DecisionSite } from './decisions.ts'
import type { SimWorld } from './world.ts'

export interface NodeActor {
  readonly type: 'named'
  readonly node: number
  readonly name: string
}

export function replicaOf(node: number, group: string): NodeActor {
  let name = replicaNames.get(group)
  if (name === undefined) {
    name = `replica/${group}`
    replicaNames.set(group, name)
  }
  return { type: 'named', node, name }
}

/** By group: a text that is put together anew is compared unit by unit wherever it is looked up. */
const replicaNames = new Map<string, string>()

/** Asks once: `then` is called once; with undefined where the node is down, so that nobody was asked. */
export function askOnce(
  world: SimWorld,
  to: NodeActor,
  message: unknown,
  deadlineMs: number,
  then: (answer: Answer | undefined) => void,
): void {
  let open = true
  const close = (answer: Answer | undefined): void => {
    if (!open) return
    open = false
    then(answer)
  }
  // The node may die with the question.
  world.later(deadlineMs + 5, () => close({ type: 'timeout' }))
  const node = world.nodes.get(to.node)
  if (node === undefined || !node.up) world.later(1, () => close(undefined))
  else edgeAsk(node.executor(0), to, message, { deadlineMs }, close)
}

/** What a replica replied; undefined where it did not. */
export function replyIn(answer: Answer | undefined): ReplicaReply | undefined {
  return answer?.type === 'reply' ? (answer.value as ReplicaReply) : undefined
}

export interface AskerOptions {
  readonly world: SimWorld
  readonly group: string
  /** Where it may ask. */
  readonly nodes: () => readonly number[]
  readonly attemptMs: number
  /** Names the draws of whom it asks. */
  readonly site: DecisionSite
  readonly key: number
}

const retryMs = 15

export class ReplicaAsker {
  readonly #options: AskerOptions
  #attempts = 0
  #node = 0

  constructor(options: AskerOptions) {
    this.#options = options
  }

  /** Calls `done` with a reply that ends it; with undefined when time is up, or nobody will ever know what came of it. */
  ask(request: ReplicaRequest, untilMs: number, done: (reply: ReplicaReply | undefined) => void): void {
    const { world, group, attemptMs } = this.#options
    if (world.nowMs >= untilMs) {
      done(undefined)
      return
    }
    this.#attempts += 1
    const node = this.#choose()
    askOnce(world, replicaOf(node, group), request, attemptMs, (answer) => {
      const reply = replyIn(answer)
      if (reply?.type === 'applied' || reply?.type === 'answer') {
        this.#node = node
        done(reply)
        return
      }
      const dropped = reply?.type === 'dropped'
      this.#node = dropped && reply.leader !== undefined && reply.leader !== node ? reply.leader : 0
      // Long forgotten: it was applied or it was not, and nobody will ever say.
      const forgotten = reply?.type === 'unknown' && reply.reason === 'forgotten'
      // What may have been applied and has no number to be known by is not said a second time.
      const repeatable = request.type !== 'propose' || request.request !== undefined
      if (forgotten || !(repeatable || dropped || answer === undefined)) done(undefined)
      else world.later(retryMs, () => this.ask(request, untilMs, done))
    })
  }

  /** Where it went well last, or anywhere. */
  #choose(): number {
    const { world, nodes, site, key } = this.#options
    const among = nodes()
    if (among.includes(this.#node)) return this.#node
    return among[world.decisions.pick(site, among.length, key, this.#attempts)] ?? 0
  }
}
