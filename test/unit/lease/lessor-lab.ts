/** A lessor core on a bench: a table that answers it at once or when told to, and a clock that is turned by hand. */

import { step } from '../../../actors/lease/lessor-core.ts'
import type { LessorLimits } from '../../../actors/lease/lessor-limits.ts'
import {
  createLessor,
  type LessorEffect,
  type LessorInput,
  type LessorState,
} from '../../../actors/lease/lessor-state.ts'
import type { LeaseCommand, LeaseRecord, LessorReply, LessorRequest } from '../../../actors/lease/messages.ts'

export const electionMs = 1_000
export const drift = 0.1

type Asked = Extract<LessorEffect, { type: 'read' | 'propose' }>

export class LessorLab {
  readonly state: LessorState
  nowMs: number = 5_000
  index: number = 10
  term: number = 1
  /** What the replica holds. */
  readonly table: Map<string, LeaseRecord> = new Map()
  /** Questions without an answer, oldest first. */
  readonly asked: Asked[] = []
  readonly replies: Map<number, LessorReply> = new Map()
  readonly said: { readonly atMs: number; readonly command: LeaseCommand }[] = []
  /** True: questions are answered when `answer` is called, and not before. */
  slow: boolean = false
  #wakeAtMs = Number.POSITIVE_INFINITY
  #handles = 0
  #fed = 10

  constructor(limits: Partial<LessorLimits> = {}) {
    this.state = createLessor({ group: 'default', electionMs, limits: { grainMs: 1, ...limits } }, this.nowMs)
  }

  /** The replica begins to lead, in a new term. */
  lead(): void {
    this.term += 1
    this.hear({ type: 'role', group: 'default', role: 'leader', term: this.term, leader: 1 })
  }

  follow(leader: number): void {
    this.term += 1
    this.hear({ type: 'role', group: 'default', role: 'follower', term: this.term, leader })
  }

  hear(input: LessorInput): void {
    const out: LessorEffect[] = []
    step(this.state, input, this.nowMs, out)
    for (const effect of out) this.#perform(effect)
    if (!this.slow) while (this.asked.length > 0) this.answer()
  }

  /** Time passes by this node's clock, with everything that it brings, in order. */
  pass(ms: number): void {
    const endMs = this.nowMs + ms
    while (this.#wakeAtMs <= endMs) {
      this.nowMs = Math.max(this.nowMs, this.#wakeAtMs)
      this.#wakeAtMs = Number.POSITIVE_INFINITY
      this.hear({ type: 'wake' })
    }
    this.nowMs = endMs
  }

  /** The clock jumps over `ms` in which nothing ran. */
  jump(ms: number): void {
    this.nowMs += ms
    this.pass(0)
  }

  /** Answers the oldest question as the replica would. */
  answer(outcome: 'done' | 'lost' | 'dropped' = 'done'): void {
    const effect = this.asked.shift()
    if (effect === undefined) return
    const { ticket } = effect
    if (effect.type === 'read') {
      const { query } = effect
      const leases = [...this.table.values()].filter(({ id }) => query.type !== 'leasesOf' || query.ids.includes(id))
      const answer = { term: this.term, index: this.index, revision: 3, leases }
      this.hear({ type: 'read', ticket, answer: outcome === 'done' ? answer : undefined })
      return
    }
    if (outcome === 'done') this.#apply(effect.command)
    const types = {
      done: { type: 'applied', term: this.term },
      lost: { type: 'unknown' },
      dropped: { type: 'dropped' },
    } as const
    this.hear({ type: 'proposed', ticket, outcome: types[outcome] })
  }

  /** @param told - False: the feed says nothing of it, as if its notice was lost. */
  grant(id: string, ttlSeconds: number, told: boolean = true): void {
    this.index += 1
    this.table.set(id, { id, granted: this.index, ttlSeconds, remainingSeconds: undefined })
    if (told) this.#feed([{ type: 'leaseGranted', id, granted: this.index, ttlSeconds }])
    else this.#fed = this.index
  }

  revoke(id: string, told: boolean = true): void {
    const granted = this.table.get(id)?.granted ?? 0
    this.index += 1
    this.table.delete(id)
    if (told) this.#feed([{ type: 'leaseGone', id, granted }])
    else this.#fed = this.index
  }

  /** Asks, and says how to find the reply. */
  ask(type: LessorRequest['type'], ...ids: readonly string[]): () => LessorReply | undefined {
    this.#handles += 1
    const correlation = this.#handles
    this.hear({
      type: 'asked',
      request: { type, ids },
      handle: { type: 'replyHandle', node: 1, executor: 0, correlation },
    })
    return () => this.replies.get(correlation)
  }

  /** The ids whose end was said, with the time of it. */
  get ends(): readonly (readonly [id: string, atMs: number])[] {
    return this.said.flatMap(({ atMs, command }) =>
      command.type === 'leaseExpire' ? command.leases.map(({ id }) => [id, atMs] as const) : [],
    )
  }

  #perform(effect: LessorEffect): void {
    switch (effect.type) {
      case 'reply':
        this.replies.set(effect.handle.correlation, effect.reply)
        break
      case 'wake':
        this.#wakeAtMs = this.nowMs + effect.inMs
        break
      case 'propose':
        this.said.push({ atMs: this.nowMs, command: effect.command })
        this.asked.push(effect)
        break
      case 'read':
        this.asked.push(effect)
        break
      default:
    }
  }

  #apply(command: LeaseCommand): void {
    this.index += 1
    if (command.type === 'leaseExpire') for (const { id } of command.leases) this.table.delete(id)
    if (command.type !== 'leaseCheckpoint') return
    for (const { id, seconds } of command.remaining) {
      const lease = this.table.get(id)
      if (lease !== undefined)
        this.table.set(id, { ...lease, remainingSeconds: seconds >= lease.ttlSeconds ? undefined : seconds })
    }
  }

  #feed(items: readonly unknown[]): void {
    const after = this.#fed
    this.#fed = this.index
    this.hear({ type: 'feed', group: 'default', after, upTo: this.index, items })
  }
}
