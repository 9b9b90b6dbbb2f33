/**
 * A desk at which recipes are played out step by step: the state machine of a keyspace over a store in memory, leases that end
 * when a clock on the wall says so, and any number of runs whose steps a test interleaves as it likes.
 *
 *   start ─▶ run ──step──▶ carried out only when the test, or a draw, says so
 */
import assert from 'node:assert/strict'
import { isReadOnly } from '../../../actors/keyspace/check.ts'
import type { RangeResponse, TxnRequest, TxnResponse } from '../../../actors/keyspace/messages.ts'
import { type StrictState, strictKeyspace } from '../../../actors/strict/machine.ts'
import type { StrictCommand, StrictReply } from '../../../actors/strict/messages.ts'
import { compareBytes, fromUtf8, utf8 } from '../../../base/bytes.ts'
import type { AwaitChange, Recipe, Step, StepAnswer } from '../../../client/coordination/recipes/step.ts'
import { MemoryStore } from '../keyspace/memory-store.ts'
import { contextOf } from '../keyspace/replica.ts'

interface SeenChange {
  readonly revision: number
  readonly key: Uint8Array
  readonly deleted: boolean
}

export class Desk {
  readonly #state: StrictState = strictKeyspace.init(
    { ...contextOf(new MemoryStore()), heard: true },
    {
      cacheBytesMax: 4_096,
    },
  )
  readonly #changes: SeenChange[] = []
  readonly #leaseEnds = new Map<string, { ttlSeconds: number; endMs: number }>()
  readonly runs: Run<unknown>[] = []
  #index = 0
  #leases = 0
  nowMs = 0

  /** Puts a recipe on the desk; nothing of it is carried out yet. */
  start<R>(recipe: Recipe<R>): Run<R> {
    const run = new Run(this, recipe)
    this.runs.push(run as Run<unknown>)
    return run
  }

  /** Plays a recipe to its end, alone. */
  play<R>(recipe: Recipe<R>): R {
    const run = this.start(recipe)
    run.go()
    return run.result
  }

  /** Carries out whatever can be, one step of one run after another, until all have ended or wait. */
  settle(): void {
    for (let moved = true; moved; ) {
      moved = false
      for (const run of this.runs) if (run.canStep) moved = run.step() || moved
    }
  }

  /** Lets time pass: leases end, sleepers wake. */
  pass(ms: number): void {
    this.nowMs += ms
    for (const [id, { endMs }] of [...this.#leaseEnds]) if (endMs <= this.nowMs) this.revoke(id)
  }

  grant(ttlSeconds: number = 10): string {
    this.#leases += 1
    const id = String(this.#leases)
    this.#command({ type: 'leaseGrant', id, ttlSeconds })
    this.#leaseEnds.set(id, { ttlSeconds, endMs: this.nowMs + ttlSeconds * 1_000 })
    return id
  }

  /** As if its holder had died and its time had passed. */
  revoke(id: string): void {
    if (this.#leaseEnds.delete(id)) this.#command({ type: 'leaseRevoke', id })
  }

  /** `key=value` of all that is there, in order of keys. */
  get contents(): readonly string[] {
    const everything = { type: 'range', key: utf8('\0'), rangeEnd: utf8('\0') } as const
    const reply = strictKeyspace.query(this.#state, everything)
    assert.equal(reply.type, 'done')
    const { kvs } = (reply as { response: unknown }).response as RangeResponse
    return kvs.map(({ key, value }) => `${fromUtf8(key)}=${fromUtf8(value)}`)
  }

  ready(step: Step, sinceMs: number): boolean {
    if (step.type === 'sleep') return this.nowMs >= sinceMs + step.ms
    if (step.type !== 'awaitChange') return true
    return this.#changes.some((change) => concerns(step, change))
  }

  carryOut(step: Step): StepAnswer {
    switch (step.type) {
      case 'range': {
        const { revision, response } = done(strictKeyspace.query(this.#state, step))
        return { type: 'range', revision, response: response as RangeResponse }
      }
      case 'txn':
        return this.#txn(step)
      case 'leaseGrant': {
        const id = this.grant(step.ttlSeconds)
        return { type: 'lease', id, ttlSeconds: step.ttlSeconds }
      }
      case 'leaseRevoke':
        this.revoke(step.id)
        return { type: 'lease', id: step.id, ttlSeconds: 0 }
      case 'leaseKeepAlive': {
        const lease = this.#leaseEnds.get(step.id)
        if (lease !== undefined) lease.endMs = this.nowMs + lease.ttlSeconds * 1_000
        return { type: 'lease', id: step.id, ttlSeconds: lease?.ttlSeconds ?? 0 }
      }
      case 'leaseTimeToLive': {
        const lease = this.#leaseEnds.get(step.id)
        const leftMs = lease === undefined ? -1_000 : lease.endMs - this.nowMs
        return { type: 'lease', id: step.id, ttlSeconds: Math.floor(leftMs / 1_000) }
      }
      default:
        return { type: 'woken' }
    }
  }

  #txn(step: TxnRequest): StepAnswer {
    const reply = isReadOnly(step) ? strictKeyspace.query(this.#state, step) : this.#command(step)
    if (reply.type === 'refused' && reply.error === 'leaseNotFound') return { type: 'leaseGone' }
    const { revision, response } = done(reply)
    return { type: 'txn', revision, response: response as TxnResponse }
  }

  #command(command: StrictCommand): StrictReply {
    this.#index += 1
    const { reply, feed = [] } = strictKeyspace.apply(this.#state, command, { index: this.#index, term: 1, wallMs: 0 })
    for (const item of feed as readonly { readonly type: string }[]) {
      if (item.type !== 'changes') continue
      const { revision, changes } = item as unknown as {
        readonly revision: number
        readonly changes: readonly { readonly kv: { readonly key: Uint8Array }; readonly deleted: boolean }[]
      }
      for (const { kv, deleted } of changes) this.#changes.push({ revision, key: kv.key, deleted })
    }
    return reply
  }
}

/** One recipe under way. */
export class Run<R> {
  readonly #desk: Desk
  readonly #recipe: Recipe<R>
  #next: IteratorResult<Step, R>
  #sinceMs: number
  #stopped = false
  /** What it told. */
  readonly told: unknown[] = []

  constructor(desk: Desk, recipe: Recipe<R>) {
    this.#desk = desk
    this.#recipe = recipe
    this.#next = recipe.next()
    this.#sinceMs = desk.nowMs
  }

  get ended(): boolean {
    return this.#next.done === true
  }

  get result(): R {
    if (this.#next.done !== true)
      assert.fail(`the run has not ended: it waits with ${JSON.stringify(this.#next.value)}`)
    return this.#next.value
  }

  /** It has something to do, now. */
  get canStep(): boolean {
    if (this.#next.done === true) return false
    return this.#stopped || this.#desk.ready(this.#next.value, this.#sinceMs)
  }

  /** The caller gives up. */
  stop(): void {
    this.#stopped = true
  }

  /** Carries out one step; false where it waits or has ended. */
  step(): boolean {
    if (!this.canStep || this.#next.done === true) return false
    const step = this.#next.value
    if (step.type === 'tell') this.told.push(step.told)
    const waits = step.type === 'awaitChange' || step.type === 'sleep' || step.type === 'tell'
    const answer: StepAnswer = waits && this.#stopped ? { type: 'stopped' } : this.#desk.carryOut(step)
    this.#next = this.#recipe.next(answer)
    this.#sinceMs = this.#desk.nowMs
    return true
  }

  /** Carries out step after step until it waits or ends. */
  go(): void {
    while (this.step());
  }
}

function concerns({ key, rangeEnd, fromRevision, kind }: AwaitChange, change: SeenChange): boolean {
  if (change.revision < fromRevision || (kind === 'delete' && !change.deleted)) return false
  if (rangeEnd === undefined) return compareBytes(key, change.key) === 0
  return compareBytes(key, change.key) <= 0 && compareBytes(change.key, rangeEnd) < 0
}

function done(reply: StrictReply): Extract<StrictReply, { type: 'done' }> {
  if (reply.type === 'refused') assert.fail(`refused: ${reply.error}`)
  return reply
}
