/**
 * Calls to the replicas of this node, as promises with the errors that every front door knows. Where nothing can have
 * happened yet, a call is repeated within its deadline; where something may have, the caller is told so.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { lessorName } from '../actors/lease/lessor.ts'
import type { LessorReply, LessorRequest } from '../actors/lease/messages.ts'
import type { Topology } from '../actors/placement/topology-messages.ts'
import type { DropReason } from '../actors/raft/messages.ts'
import type {
  ProgressReply,
  ProposeReply,
  ReadReply,
  ReplicaReply,
  ReplicaRequest,
  RequestId,
} from '../actors/raft/replica-messages.ts'
import { AspenError, type AspenErrorCode, type CallOptions } from '../client/interface.ts'
import type { ActorRef } from '../runtime/kernel/actor.ts'
import type { Executor } from '../runtime/kernel/executor.ts'
import { AskError, askActor } from './handle.ts'
import { metaGroup } from './plan.ts'

export interface Applied<R> {
  readonly reply: R
  readonly index: number
  readonly term: number
}

/** Between two tries of a call that certainly had no effect. */
const retryMs = 20
/** How long one try of a read may take. */
const readTryMs = 1_500

export class Replicas {
  readonly #executor: Executor
  readonly #deadlineMs: number

  /** @param deadlineMs - For calls without one: etcd's is 5 s plus two election timeouts. */
  constructor(executor: Executor, deadlineMs: number) {
    this.#executor = executor
    this.#deadlineMs = deadlineMs
  }

  async propose<R>(group: string, command: unknown, options: CallOptions | undefined): Promise<Applied<R>> {
    const request = options?.request as RequestId | undefined
    const message: ReplicaRequest = { type: 'propose', command, ...(request === undefined ? {} : { request }) }
    const reply = await this.#untilDone<ProposeReply>(group, message, options)
    switch (reply.type) {
      case 'applied':
        return { reply: reply.reply as R, index: reply.index, term: reply.term }
      case 'dropped':
        throw new AspenError(dropCode(reply.reason))
      case 'unknown':
        throw new AspenError(
          reply.reason === 'leaderChanged' ? 'leaderChanged' : 'timeout',
          `the outcome is unknown: ${reply.reason}`,
        )
    }
  }

  async read<A>(
    group: string,
    query: unknown,
    consistency: 'linearizable' | 'serializable',
    options: CallOptions | undefined,
    lane: 'control' | 'user' = 'user',
  ): Promise<{ readonly answer: A; readonly index: number; readonly term: number }> {
    const reply = await this.#untilDone<ReadReply>(group, { type: 'read', query, consistency }, options, lane)
    if (reply.type === 'answer') return { answer: reply.answer as A, index: reply.index, term: reply.term }
    throw new AspenError(dropCode(reply.reason))
  }

  /** For calls without one. */
  get deadlineMs(): number {
    return this.#deadlineMs
  }

  async #askActor(
    to: ActorRef,
    message: unknown,
    options: CallOptions | undefined,
    lane: 'control' | 'user' = 'user',
  ): Promise<unknown> {
    const { deadlineMs = this.#deadlineMs, signal } = options ?? {}
    try {
      return await askActor(this.#executor, to, message, deadlineMs, signal, lane)
    } catch (error) {
      if (!(error instanceof AskError)) throw error
      throw new AspenError(askCode(error.code), error.message)
    }
  }

  /** One ask, no retries. */
  async ask<R extends ReplicaReply>(
    group: string,
    message: ReplicaRequest,
    options: CallOptions | undefined,
    lane: 'control' | 'user' = 'user',
  ): Promise<R> {
    const to: ActorRef = { type: 'named', node: this.#executor.node, name: `replica/${group}` }
    return (await this.#askActor(to, message, options, lane)) as R
  }

  /** What the Raft group of `node` knows: of itself, and of its followers where it leads. */
  async progress(node: number, group: string, options: CallOptions | undefined): Promise<ProgressReply> {
    const to: ActorRef = { type: 'named', node, name: `raft/${group}` }
    return (await this.#askActor(to, { type: 'progress' }, options)) as ProgressReply
  }

  /** Asks the lessor of `node` once, ahead of what waits on the user lane. */
  async lessor(
    node: number,
    group: string,
    request: LessorRequest,
    options: CallOptions | undefined,
  ): Promise<LessorReply> {
    const to: ActorRef = { type: 'named', node, name: lessorName(group) }
    return (await this.#askActor(to, request, options, 'control')) as LessorReply
  }

  /**
   * Repeats what was dropped for a passing reason (no leader yet, a transfer under way, a replica that is being started)
   * until the deadline.
   */
  async #untilDone<R extends ReplicaReply>(
    group: string,
    message: ReplicaRequest,
    options: CallOptions | undefined,
    lane: 'control' | 'user' = 'user',
  ): Promise<R> {
    const endMs = performance.now() + (options?.deadlineMs ?? this.#deadlineMs)
    for (;;) {
      const left = Math.max(1, Math.ceil(endMs - performance.now()))
      const reply = await this.#try<R>(group, message, { ...options, deadlineMs: left }, lane)
      const passing = reply === undefined || (reply.type === 'dropped' && passes(reply.reason))
      if (reply !== undefined && (!passing || performance.now() + retryMs >= endMs)) return reply
      if (performance.now() + retryMs >= endMs)
        throw new AspenError('timeout', `no replica of '${group}' answered in time`)
      await sleep(retryMs)
      if (options?.signal?.aborted === true) throw new AspenError('canceled')
    }
  }

  /** One try; undefined when it may be repeated although there was no reply. */
  async #try<R extends ReplicaReply>(
    group: string,
    message: ReplicaRequest,
    options: CallOptions & { readonly deadlineMs: number },
    lane: 'control' | 'user',
  ): Promise<R | undefined> {
    try {
      return await this.ask<R>(group, message, options, lane)
    } catch (error) {
      if (!(error instanceof AspenError)) throw error
      // The replica ended while it had the question. Reading twice does no harm; a command may have had its effect.
      if (error.code === 'timeout' && message.type === 'read') return undefined
      // There was nobody to take it, so nothing has happened: the group is unknown, or its replica is on its way.
      if (error.code === 'keyspaceNotFound' && (await this.#isWanted(group))) return undefined
      throw error
    }
  }

  /** Whether this node is to run the group, as far as it knows; a node that knows of no member yet cannot tell. */
  async #isWanted(group: string): Promise<boolean> {
    if (group === metaGroup) return true
    const query = { type: 'read', query: { type: 'topology' }, consistency: 'serializable' } as const
    const reply = await this.ask<ReadReply>(metaGroup, query, { deadlineMs: readTryMs }).catch(() => undefined)
    if (reply?.type !== 'answer') return true
    const { members, groups } = reply.answer as Topology
    return members.length === 0 || groups.some(({ name }) => name === group)
  }
}

function passes(reason: DropReason | 'timeout' | 'badRequest'): boolean {
  return (
    reason === 'noLeader' ||
    reason === 'leaderChanged' ||
    reason === 'transferring' ||
    reason === 'notReady' ||
    reason === 'notLeader'
  )
}

function dropCode(reason: DropReason | 'timeout' | 'badRequest'): AspenErrorCode {
  switch (reason) {
    case 'noLeader':
    case 'notReady':
      return 'noLeader'
    case 'leaderChanged':
    case 'transferring':
      return 'leaderChanged'
    case 'overloaded':
    case 'configurationPending':
      return 'tooManyRequests'
    case 'tooLarge':
      return 'requestTooLarge'
    case 'notLeader':
      return 'notLeader'
    case 'timeout':
      return 'timeout'
    case 'badRequest':
      return 'internal'
  }
}

function askCode(code: AskError['code']): AspenErrorCode {
  switch (code) {
    case 'timeout':
      return 'timeout'
    case 'stopped':
      return 'keyspaceNotFound'
    case 'overloaded':
      return 'tooManyRequests'
    case 'aborted':
      return 'canceled'
    case 'failed':
      // It had the request and is gone: whether the request had its effect is open, as after a timeout.
      return 'timeout'
  }
}
