/**
 * What was delivered: a rolling digest over all of it, which two runs of a seed must share, and the last few deliveries
 * in words, for whoever has to find out why a run failed.
 */
import { hashText, RollingDigest } from '../base/digest.ts'
import type { Envelope } from '../mailbox/envelope.ts'
import type { ActorRef } from '../runtime/kernel/actor.ts'
import type { Cell } from '../runtime/kernel/cell.ts'
import { Late } from '../runtime/kernel/system.ts'

interface Line {
  atMs: number
  node: number
  executor: number
  /** Empty for what the simulator itself decided; `body` is then its text. */
  actor: string
  body: unknown
}

const linesMax = 256

export class Trace {
  readonly digest: RollingDigest = new RollingDigest()
  readonly #lines: Line[] = []
  readonly #hashes = new Map<string, number>()
  #next = 0
  deliveries = 0
  /** Whose deliveries are kept as lines, by the name of the actor; everybody's when absent. The digest is over all of them. */
  keeps: ((actor: string) => boolean) | undefined = undefined
  /** Hears of every fault and act, when somebody records the run. */
  onEvent: ((atMs: number, text: string) => void) | undefined = undefined

  /** A message is about to be handled. */
  delivery(atMs: number, node: number, executor: number, cell: Cell, envelope: Envelope<ActorRef>): void {
    this.deliveries += 1
    this.digest.add(Math.floor(atMs * 1_000) ^ (node << 8) ^ executor)
    this.digest.add(cell.id ^ this.#kindHash(envelope.body))
    if (this.keeps === undefined || this.keeps(cell.name)) this.#note(atMs, node, executor, cell.name, envelope.body)
  }

  /** The state that the newest delivery led to. */
  state(digest: number): void {
    this.digest.add(digest)
  }

  /** A fault or another decision of the simulator. */
  event(atMs: number, text: string): void {
    this.digest.addText(text)
    this.#note(atMs, 0, 0, '', text)
    this.onEvent?.(atMs, text)
  }

  /** The last `count` lines, oldest first. */
  tail(count: number): string[] {
    const total = this.#lines.length < linesMax ? this.#lines.length : linesMax
    const lines: string[] = []
    for (let back = Math.min(count, total); back > 0; back--) {
      const line = this.#lines[(this.#next - back + 2 * linesMax) % linesMax]
      if (line !== undefined) lines.push(textOf(line))
    }
    return lines
  }

  // Words are made only of what is asked for: a run that passes never pays for them.
  #note(atMs: number, node: number, executor: number, actor: string, body: unknown): void {
    const line = this.#lines[this.#next]
    if (line === undefined) this.#lines.push({ atMs, node, executor, actor, body })
    else {
      line.atMs = atMs
      line.node = node
      line.executor = executor
      line.actor = actor
      line.body = body
    }
    this.#next = (this.#next + 1) % linesMax
  }

  #kindHash(body: unknown): number {
    if (typeof body !== 'object' || body === null || body instanceof Late) return 1
    const { type, message } = body as { type?: unknown; message?: unknown }
    // A field of a text or a number is looked up the long way each time, and is never there.
    if (typeof message !== 'object' || message === null) return this.#hashOf(type)
    return this.#hashOf(type) ^ Math.imul(this.#hashOf((message as { type?: unknown }).type), 0x9e3779b1)
  }

  #hashOf(text: unknown): number {
    if (typeof text !== 'string') return 0
    const known = this.#hashes.get(text)
    if (known !== undefined) return known
    const hash = hashText(text)
    this.#hashes.set(text, hash)
    return hash
  }
}

/** What a message calls itself. A message that is made where it is received has no name before that. */
export function kindOf(body: unknown): string {
  if (body instanceof Late) return 'timer'
  if (typeof body !== 'object' || body === null) return typeof body
  const { type, message } = body as { type?: unknown; message?: { type?: unknown } | null }
  const inner = message?.type
  if (typeof type !== 'string') return 'value'
  return typeof inner === 'string' ? `${type}.${inner}` : type
}

/** The few fields that tell one message of a kind from another. */
const detailFields = ['from', 'term', 'index', 'prevIndex', 'commit', 'granted', 'pre', 'to', 'id', 'epoch', 'applied']

function detailOf(body: unknown): string {
  if (typeof body !== 'object' || body === null || body instanceof Late) return ''
  const inner = (body as { message?: unknown }).message
  const fields = (typeof inner === 'object' && inner !== null ? inner : body) as { readonly [field: string]: unknown }
  let text = ''
  for (const name of detailFields) {
    const value = fields[name]
    if (typeof value === 'number' || typeof value === 'boolean') text += ` ${name}=${value}`
  }
  return text
}

function textOf({ atMs, node, executor, actor, body }: Line): string {
  const time = atMs.toFixed(3).padStart(11)
  return actor === ''
    ? `${time}  ** ${String(body)}`
    : `${time}  ${node}.${executor}  ${actor}  ◀ ${kindOf(body)}${detailOf(body)}`
}
