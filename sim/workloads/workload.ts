/**
 * A workload: clients that use the store in one way, and the law that their use obeys whatever goes wrong. Many run beside
 * one another in a run, each on keys of its own.
 *
 *   setup   what its first client asks for until it is there; undefined: nothing
 *   start   a client's next operation, from draws with names and from what it has seen
 *   check   whether all that was seen, and what replicas hold at the end, obeys the law
 *
 * `check` knows nothing but the evidence: a run that is played back has operations and no generators, and some of its
 * operations may have been taken out.
 */
import type { StrictState } from '../../actors/strict/machine.ts'
import type { LeaseLife } from '../checkers/lease-safety.ts'
import type { HeldVersion } from '../checkers/ledger.ts'
import type { CommittedHistory } from '../checkers/watch-history.ts'
import type { HistoryNote, Operation, Outcome } from '../operation.ts'

export type WorkloadName =
  | 'register'
  | 'bank'
  | 'cycle'
  | 'append'
  | 'compaction'
  | 'membership'
  | 'actors'
  | 'nested'
  | 'stale'
  | 'leases'
  | 'locks'
  | 'elections'
  | 'queues'
  | 'numbers'
  | 'meetings'
  | 'limits'
  | 'services'
  | 'watch'
  | 'auth'

/** What a run does at once, as data. */
export interface WorkloadPlan {
  readonly name: WorkloadName
  /** 1 and up. */
  readonly clients: number
}

/** What a client has to decide by. */
export interface ClientSeat {
  /** Its place among the clients of the workload, from 0. */
  readonly at: number
  /** Nodes of the cluster, as it began. */
  readonly nodes: number
  readonly tickMs: number
  /** 0 (included) to 1 (excluded): another for every site and every operation of every client. */
  roll(site: string): number
  /** A value that no other operation of the run writes. */
  unique(text: string): string
}

export interface WorkloadClient {
  next(): Operation
  /** What came of an operation of its own. */
  learn(operation: Operation, outcome: Outcome): void
}

/** What a replica holds when all is over. */
export interface ReplicaEvidence {
  readonly name: string
  /** Oldest first. */
  readonly versions: readonly HeldVersion[]
  /** -1: nothing was compacted. */
  readonly compacted: number
  /** What is there now. */
  readonly pairs: ReadonlyMap<string, string>
}

export interface Evidence {
  readonly notes: readonly HistoryNote[]
  readonly replicas: readonly ReplicaEvidence[]
  /** Nodes whose disks were lost: what users' actors kept there is gone. */
  readonly wiped: ReadonlySet<number>
  /** All that any replica ever had. */
  readonly leases: readonly LeaseLife[]
  /** What the keyspace went through. */
  readonly committed: CommittedHistory
}

export interface Workload {
  readonly name: WorkloadName
  setup(seat: ClientSeat): Operation | undefined
  start(seat: ClientSeat): WorkloadClient
  /** Asked when all is calm, for a last look; from the history alone. */
  closing(notes: readonly HistoryNote[]): readonly Operation[]
  /** What must come true by itself, in bounded time, once all is calm and nobody asks for anything. */
  readonly settles?: { readonly what: string; readonly come: (replicas: readonly StrictState[]) => boolean }
  /** @throws {Violation} The law was broken. */
  check(evidence: Evidence): void
}

/** What is written beside a value to make it unique is not part of it. */
export function plain(value: string): string {
  const end = value.indexOf('|')
  return end < 0 ? value : value.slice(0, end)
}

/** A whole number of 0 to `count - 1`. */
export function pick(seat: ClientSeat, site: string, count: number): number {
  return Math.floor(seat.roll(site) * count)
}

/** Everything that was seen under `prefix` as of one moment, by whom, and what is there at the end. */
export function looksAt(
  { notes, replicas }: Evidence,
  prefix: string,
): readonly { readonly by: string; readonly pairs: ReadonlyMap<string, string> }[] {
  const looks: { by: string; pairs: ReadonlyMap<string, string> }[] = []
  for (const { client, operation, outcome } of notes) {
    if (outcome?.type !== 'done') continue
    if (operation.type !== 'list' && operation.type !== 'listAt' && operation.type !== 'peek') continue
    if (operation.prefix === prefix)
      looks.push({ by: `${client}, by ${operation.type} at revision ${outcome.revision},`, pairs: outcome.found })
  }
  for (const { name, pairs } of replicas) {
    const under = new Map([...pairs].filter(([key]) => key.startsWith(prefix)))
    looks.push({ by: name, pairs: under })
  }
  return looks
}
