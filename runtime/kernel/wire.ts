/**
 * Envelopes as tuples, many to a batch.
 *
 *   between threads   [creditTotal, tuple, tuple, …]        trusted: both ends are this process
 *   between nodes     [tuple, tuple, …]                     untrusted: shapes are checked before anything else sees them
 *
 * A tuple to an actor is [target, lane, body, replyNode, replyExecutor, correlation]; `target` is a cell id between
 * threads and a name between nodes. Without an ask the last three are left out.
 *
 * Target 0 is the executor itself. Between threads [0, 0, message] is one of its messages, and [0, correlation, value] a
 * reply, without the names that an answer carries, since most of what crosses are replies. Between nodes [0, correlation,
 * answer] is an answer of any kind.
 */
import { Envelope, type Lane, type ReplyAddress } from '../../mailbox/envelope.ts'
import type { ActorRef, Answer } from './actor.ts'
import type { ExecutorMessage } from './system.ts'

export type Tuple = readonly unknown[]

const laneCodes: { readonly [lane in Lane]: number } = { system: 0, control: 1, user: 2 }
const lanes: readonly Lane[] = ['system', 'control', 'user']

export function toTuple(target: number | string, envelope: Envelope<ActorRef>): Tuple {
  const lane = laneCodes[envelope.lane]
  const reply = envelope.replyTo
  if (reply === undefined) return [target, lane, envelope.body]
  return [target, lane, envelope.body, reply.node, reply.executor, reply.correlation]
}

export function executorTuple(message: ExecutorMessage): Tuple {
  return [0, 0, message]
}

/** Correlations begin at 1, so a reply is never taken for a message. */
export function replyTuple(correlation: number, value: unknown): Tuple {
  return [0, correlation, value]
}

/** Rebuilds an envelope that another thread of this node sent. */
export function fromThread(to: ActorRef, tuple: Tuple, origin: number): Envelope<ActorRef> {
  const reply: ReplyAddress | undefined =
    tuple.length > 3
      ? { node: tuple[3] as number, executor: tuple[4] as number, correlation: tuple[5] as number }
      : undefined
  const lane = lanes[tuple[1] as number] as Lane
  // What the kernel says to itself costs no credit, so none is given back for it.
  return new Envelope(to, tuple[2], lane, reply, lane === 'system' ? -1 : origin, 0)
}

/** What may come from another node: messages to names, and answers to asks of ours. */
export type PeerTuple =
  | {
      readonly type: 'message'
      readonly name: string
      readonly lane: Lane
      readonly body: unknown
      readonly reply: ReplyAddress | undefined
    }
  | { readonly type: 'answer'; readonly correlation: number; readonly answer: Answer }

/** Checks one tuple of a peer's frame; undefined when it is none of ours. The system lane is never open to peers. */
export function fromPeer(tuple: unknown, node: number, executor: number): PeerTuple | undefined {
  if (!Array.isArray(tuple)) return undefined
  const fields: readonly unknown[] = tuple
  const [target, lane] = fields
  if (target === 0) {
    const answer = fields[2]
    if (typeof lane !== 'number' || !isAnswer(answer)) return undefined
    return { type: 'answer', correlation: lane, answer }
  }
  if (typeof target !== 'string' || (lane !== 1 && lane !== 2)) return undefined
  const correlation = fields[5]
  if (fields.length > 3 && typeof correlation !== 'number') return undefined
  const reply = typeof correlation === 'number' ? { node, executor, correlation } : undefined
  return { type: 'message', name: target, lane: lanes[lane] as Lane, body: fields[2], reply }
}

function isAnswer(value: unknown): value is Answer {
  if (typeof value !== 'object' || value === null) return false
  const { type, reason } = value as { type?: unknown; reason?: unknown }
  if (type === 'failed') return typeof reason === 'string'
  return type === 'reply' || type === 'timeout' || type === 'stopped' || type === 'overloaded'
}
