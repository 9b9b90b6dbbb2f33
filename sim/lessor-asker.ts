/**
 * Questions from outside to the lessor of a group, which answers on the node that leads: one node after the other, until one
 * answers. Asking twice does no harm.
 */
import { lessorName } from '../actors/lease/lessor.ts'
import type { LessorReply, LessorRequest } from '../actors/lease/messages.ts'
import { edgeAsk } from '../runtime/kernel/edge.ts'
import type { Executor } from '../runtime/kernel/executor.ts'
import type { AskerOptions } from './replica-asker.ts'

/** What came of it, and when the question was sent that brought it. */
export interface LessorTold {
  readonly reply: Extract<LessorReply, { type: 'kept' | 'timeToLive' }>
  readonly sentMs: number
}

const retryMs = 15

export class LessorAsker {
  readonly #options: AskerOptions
  #attempts = 0
  #node = 0

  constructor(options: AskerOptions) {
    this.#options = options
  }

  /** Calls `done` once, with undefined when time is up. */
  ask(request: LessorRequest, untilMs: number, done: (told: LessorTold | undefined) => void): void {
    const { world, group, attemptMs } = this.#options
    if (world.nowMs >= untilMs) {
      done(undefined)
      return
    }
    const target = this.#choose()
    const sentMs = world.nowMs
    let open = true
    const close = (reply: LessorReply | undefined): void => {
      if (!open) return
      open = false
      if (reply?.type === 'kept' || reply?.type === 'timeToLive') {
        this.#node = target
        done({ reply, sentMs })
        return
      }
      const elsewhere = reply?.type === 'notLeading' ? (reply.leader ?? 0) : 0
      this.#node = elsewhere === target ? 0 : elsewhere
      world.later(retryMs, () => this.ask(request, untilMs, done))
    }
    // The node may die with the question.
    world.later(attemptMs + 5, () => close(undefined))
    const door = this.#door(target)
    if (door === undefined) {
      world.later(1, () => close(undefined))
      return
    }
    const to = { type: 'named', node: target, name: lessorName(group) } as const
    edgeAsk(door, to, request, { deadlineMs: attemptMs, lane: 'control' }, (answer) =>
      close(answer.type === 'reply' ? (answer.value as LessorReply) : undefined),
    )
  }

  /** The client's own node passes the question on, as a front door does: mostly it is the one that is asked. */
  #door(target: number): Executor | undefined {
    const { world, nodes, site, key } = this.#options
    const among = nodes()
    const own = among[world.decisions.pick(site, among.length, key, this.#attempts, 1)] ?? target
    const node = world.nodes.get(own)
    return node?.up === true ? node.executor(0) : undefined
  }

  /** Where it went well last, or anywhere. */
  #choose(): number {
    const { world, nodes, site, key } = this.#options
    this.#attempts += 1
    const among = nodes()
    if (among.includes(this.#node)) return this.#node
    return among[world.decisions.pick(site, among.length, key, this.#attempts)] ?? 0
  }
}
