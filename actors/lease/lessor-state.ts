/**
 * What a lessor holds in memory, all of it made anew whenever its replica begins to lead, and forgotten when it ends.
 *
 *   idle ──leads──▶ settling ──everything said before is settled──▶ reading ──table──▶ counting
 *     ▲                └─ only where this node may have led in the term before ─┘            │
 *     └──────────────────────────────── leads no more ───────────────────────────────────────┘
 */
import FlatQueue from 'flatqueue'
import type { ReplyHandle, TimerId } from '../../runtime/kernel/actor.ts'
import type { Index, NodeId, Role, Term } from '../raft/messages.ts'
import type { FeedNotice, ReplicaNotice } from '../raft/replica-messages.ts'
import { type LessorLimits, lessorLimits } from './lessor-limits.ts'
import type { LeaseCommand, LeaseMark, LeaseQuery, LeaseRecord, LessorReply, LessorRequest } from './messages.ts'

export interface LessorConfig {
  readonly group: string
  /** What every lease is given beyond its time when leaders change. */
  readonly electionMs: number
  readonly limits?: Partial<LessorLimits>
}

/** What a question to the replica came to. */
export interface TableAnswer {
  readonly term: Term
  readonly index: Index
  readonly revision: number
  readonly leases: readonly LeaseRecord[]
}

export type LessorInput =
  | ReplicaNotice
  | { readonly type: 'asked'; readonly request: LessorRequest; readonly handle: ReplyHandle }
  /** Who leads, as the replica says when it is asked; it may have started just now, and know little. */
  | { readonly type: 'standing'; readonly role: Role; readonly term: Term; readonly leader: NodeId | undefined }
  /** `answer` undefined: refused, or lost. */
  | { readonly type: 'read'; readonly ticket: number; readonly answer: TableAnswer | undefined }
  | {
      readonly type: 'audited'
      readonly term: Term
      readonly index: Index
      readonly count: number
      readonly digest: number
    }
  | { readonly type: 'proposed'; readonly ticket: number; readonly outcome: ProposeOutcome }
  | { readonly type: 'wake' }

export type ProposeOutcome =
  /** `term`: of the entry. */
  | { readonly type: 'applied'; readonly term: Term }
  /** It had no effect, and never will. */
  | { readonly type: 'dropped' }
  | { readonly type: 'unknown' }

/** What the shell does. Every `read` and `propose` is answered, with its ticket. */
export type LessorEffect =
  | { readonly type: 'read'; readonly ticket: number; readonly query: LeaseQuery }
  | { readonly type: 'propose'; readonly ticket: number; readonly command: LeaseCommand }
  /** Answered with `standing`, or not at all. */
  | { readonly type: 'askStanding' }
  /** Answered with `audited`, or not at all. */
  | { readonly type: 'audit' }
  | { readonly type: 'reply'; readonly handle: ReplyHandle; readonly reply: LessorReply }
  | { readonly type: 'wake'; readonly inMs: number }

export interface CountedLease extends LeaseMark {
  readonly ttlSeconds: number
  /** As the table has it, as far as the feed told. */
  remainingSeconds: number | undefined
  /** The table may hold less than the whole TTL, or will. */
  noted: boolean
  /** When it was begun anew, and when it is over, by this node's monotonic clock. */
  beganMs: number
  dueMs: number
  stage: 'counting' | 'ending' | 'gone'
  /** Those who asked for it and wait for what becomes of it. */
  wishes: Wish[]
}

/** One request, with the answers that are known. */
export interface Asked {
  readonly kind: LessorRequest['type']
  readonly handle: ReplyHandle
  readonly cameMs: number
  readonly answers: number[]
  readonly granted: number[]
  /** Ids without an answer yet. */
  missing: number
}

/** One id of a request. */
export interface Wish {
  readonly asked: Asked
  readonly slot: number
  readonly id: string
}

/** One command under way: leases to end. */
export interface Ending {
  readonly leases: readonly CountedLease[]
}

export interface Noting {
  readonly ticket: number
  readonly items: readonly { readonly lease: CountedLease; readonly seconds: number }[]
}

/** Leases by when to look at them; one that is to be looked at later by then is put back. */
export class LookQueue {
  readonly #heap: FlatQueue<CountedLease> = new FlatQueue<CountedLease>()

  push(lease: CountedLease, atMs: number): void {
    this.#heap.push(lease, atMs)
  }

  /** When to look next; undefined: never. */
  get nextMs(): number | undefined {
    return this.#heap.peekValue()
  }

  /** The next that is to be looked at by now. */
  pop(nowMs: number): CountedLease | undefined {
    const nextMs = this.#heap.peekValue()
    return nextMs === undefined || nextMs > nowMs ? undefined : this.#heap.pop()
  }
}

/** What it knows while its replica leads in `term`. */
export interface Tenure {
  readonly term: Term
  phase: 'settling' | 'reading' | 'counting'
  readonly leases: Map<string, CountedLease>
  digest: number
  /** Everything that the log up to here did to leases is in. */
  upTo: Index

  /** The question for the whole table that is under way. */
  tableTicket: number | undefined
  tableWanted: boolean
  tableAtMs: number
  /** Of the feed, while the first answer is on its way. */
  early: FeedNotice[]
  /** Leases that ended while a later answer is on its way. */
  readonly endedSince: Set<string>

  readonly dues: LookQueue
  readonly endings: Map<number, Ending>
  /** To be said again. */
  unended: CountedLease[]
  endAtMs: number
  /** Ends that may be said now, which grow with time. */
  allowance: number
  allowanceMs: number

  readonly longOnes: LookQueue
  /** Begun anew though the table holds less. */
  readonly undo: Set<CountedLease>
  noting: Noting | undefined
  noteAtMs: number

  waiting: Wish[]
  proving: { readonly ticket: number; readonly wishes: Wish[] } | undefined
  proveAtMs: number
  /** In the order in which they came. */
  readonly open: Set<Asked>
  ids: number
  /** Of the newest proof. */
  revision: number
  provenIndex: Index
}

export interface LessorState {
  readonly config: LessorConfig
  readonly limits: LessorLimits
  role: Role
  term: Term
  leader: NodeId | undefined
  tenure: Tenure | undefined
  /** The newest term in which this lessor began a tenure; undefined: none in its life. */
  ledIn: Term | undefined
  nextTicket: number
  auditAtMs: number
  /** When it will be woken; infinite: not at all. */
  wakeAtMs: number
  /** The shell's: the timer that does it. */
  timer: TimerId | undefined
}

export function createLessor(config: LessorConfig, nowMs: number): LessorState {
  return {
    config,
    limits: { ...lessorLimits, ...config.limits },
    role: 'follower',
    term: 0,
    leader: undefined,
    tenure: undefined,
    ledIn: undefined,
    nextTicket: 1,
    auditAtMs: nowMs,
    wakeAtMs: Number.POSITIVE_INFINITY,
    timer: undefined,
  }
}

export function createTenure(term: Term, phase: 'settling' | 'reading', nowMs: number): Tenure {
  return {
    term,
    phase,
    leases: new Map(),
    digest: 0,
    upTo: 0,
    tableTicket: undefined,
    tableWanted: true,
    tableAtMs: nowMs,
    early: [],
    endedSince: new Set(),
    dues: new LookQueue(),
    endings: new Map(),
    unended: [],
    endAtMs: nowMs,
    allowance: 0,
    allowanceMs: nowMs,
    longOnes: new LookQueue(),
    undo: new Set(),
    noting: undefined,
    noteAtMs: nowMs,
    waiting: [],
    proving: undefined,
    proveAtMs: nowMs,
    open: new Set(),
    ids: 0,
    revision: 0,
    provenIndex: 0,
  }
}

/** Milliseconds that are surely left, whatever the clock did: what a promise may be made of. */
export function remainingMs(state: LessorState, { dueMs }: CountedLease, nowMs: number): number {
  return Math.max(0, (dueMs - nowMs) / (1 + state.limits.clockDrift))
}

/** How long to count for `ms` to have passed in truth. */
export function countedMs(state: LessorState, ms: number): number {
  return ms * (1 + state.limits.clockDrift)
}
