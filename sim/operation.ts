/**
 * What a simulated client may do, and what may come of it: the vocabulary of clients, histories and workloads. Operations
 * are plain data, so that a run can be written down and played back.
 */
import type { AuthOperation, Caller } from './auth-words.ts'

import type { Observation, Program } from './workloads/coordination-program.ts'

export type Operation =
  | { readonly type: 'put'; readonly key: string; readonly value: string; readonly as?: Caller }
  | { readonly type: 'get'; readonly key: string; readonly as?: Caller }
  | { readonly type: 'cas'; readonly key: string; readonly expected: string | undefined; readonly value: string }
  /** Sets both keys if both still hold what is expected. */
  | { readonly type: 'move'; readonly from: Change; readonly to: Change }
  /** All pairs under a prefix, at one moment. */
  | { readonly type: 'list'; readonly prefix: string; readonly as?: Caller }
  /** The same as of an earlier revision, unless that was compacted. */
  | { readonly type: 'listAt'; readonly prefix: string; readonly revision: number }
  /** The same from what `node` has applied: it may be old, but is of one moment. */
  | { readonly type: 'peek'; readonly prefix: string; readonly node: number }
  /** Drops what was overwritten at or before `revision`. */
  | { readonly type: 'compact'; readonly revision: number }
  | Txn
  | LeaseOperation
  | AuthOperation
  | WatchOperation
  /** A whole piece of coordinated work, of many steps. */
  | { readonly type: 'program'; readonly program: Program }
  /** Starts the supervised tree `name` of the workload on `node`, under the supervisor of users' actors. */
  | { readonly type: 'spawn'; readonly node: number; readonly name: string }
  /** Says something to an actor `name` of such a tree on `node`. */
  | { readonly type: 'ask'; readonly node: number; readonly name: string; readonly say: ActorMessage }

/** Ids are decimal text, as the keyspace knows them. */
export type LeaseOperation =
  | { readonly type: 'leaseGrant'; readonly lease: string; readonly ttlMs: number }
  | { readonly type: 'leaseRevoke'; readonly lease: string }
  /** A put of a key that hangs on a lease: nobody but its workload knows what becomes of it. */
  | { readonly type: 'leasePut'; readonly lease: string; readonly key: string; readonly value: string }
  /** Whether it is there, and the keys that hang on it. */
  | { readonly type: 'leaseKeys'; readonly lease: string }
  /** Asked of the lessor. */
  | { readonly type: 'leaseKeep'; readonly lease: string }
  /** How long it has; asked of the lessor. */
  | { readonly type: 'leaseLook'; readonly lease: string }

/** One stream of watchers through a node, from its beginning to its end. */
export interface WatchOperation {
  readonly type: 'watch'
  readonly node: number
  readonly watchers: readonly WatcherWish[]
  /** How often it asks for more, how long it waits each time, and how long it pauses in between. */
  readonly pulls: number
  readonly waitMs: number
  readonly pauseMs: number
  readonly bytesMax: number
  /** Asks for a bookmark of the stream, and is content when it comes. */
  readonly bookmark: boolean
}

export interface WatcherWish {
  /** The first revision it wants; 0: from now on. */
  readonly from: number
  /** Keys that it watches, and ranges. */
  readonly keys: readonly string[]
  readonly prefixes: readonly string[]
  readonly prevKv: boolean
  /** Kinds of changes that it does not want. */
  readonly without: readonly ('create' | 'update' | 'delete')[]
  readonly onlyIfChanged: boolean
  readonly latestOnly: boolean
  /** Given up after so many pulls. */
  readonly cancelAfter: number | undefined
}

/** What a stream was told, in order. */
export type WatchWord =
  | { readonly type: 'created'; readonly watchId: number; readonly revision: number }
  | {
      readonly type: 'events'
      readonly watchId: number
      readonly revision: number
      readonly events: readonly SeenEvent[]
      readonly more: boolean
    }
  | { readonly type: 'progress'; readonly watchId: number; readonly revision: number }
  | { readonly type: 'canceled'; readonly watchId: number; readonly cause: string; readonly compactRevision: number }

export interface SeenEvent {
  readonly key: string
  /** Undefined: it was deleted. */
  readonly value: string | undefined
  readonly revision: number
  readonly create: number
  readonly previous: { readonly value: string; readonly revision: number } | undefined
}

export interface Change {
  readonly key: string
  readonly expected: string
  readonly value: string
}

/** Carries out `success` when every key holds what is expected (undefined: is not there), otherwise `failure`. */
export interface Txn {
  readonly type: 'txn'
  readonly compare: readonly { readonly key: string; readonly expected: string | undefined }[]
  readonly success: readonly TxnStep[]
  readonly failure: readonly TxnStep[]
  /** Who says it; of a nested one, whoever says the outermost. */
  readonly as?: Caller
}

/** `shows`: the answer is to tell what was there before. */
export type TxnStep =
  | { readonly type: 'put'; readonly key: string; readonly value: string; readonly shows?: boolean }
  | { readonly type: 'delete'; readonly key: string; readonly shows?: boolean }
  | { readonly type: 'get'; readonly key: string }
  | { readonly type: 'list'; readonly prefix: string }
  | Txn

export type ActorMessage =
  /** Keeps the element, once however often it is said. */
  | { readonly type: 'add'; readonly element: string }
  /** All that it keeps. */
  | { readonly type: 'read' }
  /** Keeps the element and fails in the same turn: it is restarted by its supervisor, and kept nothing. */
  | { readonly type: 'fail'; readonly element: string }

/** What came of a transaction, step by step: pairs that were read, how many pairs a write touched, or a nested one. */
export interface TxnSeen {
  readonly succeeded: boolean
  readonly steps: readonly (ReadonlyMap<string, string> | number | TxnSeen)[]
}

/** One life of one replica: what is said in the same life never goes backwards. */
export interface Teller {
  readonly node: number
  readonly life: number
}

export type Outcome =
  | {
      readonly type: 'done'
      readonly revision: number
      readonly succeeded: boolean
      readonly found: ReadonlyMap<string, string>
      /** The revision that wrote each pair of `found`. */
      readonly mods?: ReadonlyMap<string, number>
      /** Of a transaction. */
      readonly seen?: TxnSeen
      /** Of what a lessor was asked: the time that the lease has, and when the question was sent that was answered. */
      readonly lease?: { readonly leftMs: number; readonly sentMs: number }
      /** Of a peek, where it is known that it was one life of one replica. */
      readonly by?: Teller
    }
  /** It had no effect, the keyspace being at this revision. `noSpace` when there is no other reason. */
  | {
      readonly type: 'refused'
      readonly revision: number
      readonly reason?:
        | 'noSpace'
        | 'compacted'
        | 'futureRevision'
        | 'leaseNotFound'
        | 'leaseExists'
        | 'denied'
        | 'unfit'
    }
  /** What a stream of watchers heard until it was closed, or lost. */
  | { readonly type: 'watched'; readonly words: readonly WatchWord[] }
  /** An actor answered. */
  | { readonly type: 'told'; readonly elements: readonly string[] }
  /** A program saw this, in this order; `ended` false: of its last step nobody knows. */
  | { readonly type: 'observed'; readonly seen: readonly Observation[]; readonly ended: boolean }
  | { readonly type: 'unknown' }

/** One operation of one client: what history is made of. */
export interface HistoryNote {
  readonly client: string
  readonly operation: Operation
  readonly beganMs: number
  /** Its place among the beginnings and ends of all operations. */
  readonly began: number
  /** The newest revision anybody had been told when it began. */
  readonly floor: number
  endedMs: number | undefined
  /** Undefined while it runs, and for ever when its outcome stayed unknown. */
  ended: number | undefined
  outcome: Outcome | undefined
}

/** Whether `step`, or any step within it, may write. */
export function mayWrite(operation: Operation | TxnStep): boolean {
  switch (operation.type) {
    case 'put':
    case 'cas':
    case 'move':
    case 'delete':
      return true
    case 'txn':
      return operation.success.some(mayWrite) || operation.failure.some(mayWrite)
    default:
      return false
  }
}

/** Whether a transaction that went like this changed anything. */
export function txnWrote({ success, failure }: Txn, seen: TxnSeen): boolean {
  const steps = seen.succeeded ? success : failure
  return steps.some((step, at) => {
    const came = seen.steps[at]
    if (step.type === 'put') return true
    if (step.type === 'delete') return came !== 0
    return step.type === 'txn' && txnWrote(step, came as TxnSeen)
  })
}

/** Whether `operation`, which ended like this, made a revision. */
export function wrote(operation: Operation, outcome: Outcome): boolean {
  if (outcome.type !== 'done') return false
  switch (operation.type) {
    case 'put':
      return true
    case 'cas':
    case 'move':
      return outcome.succeeded
    case 'txn':
      return outcome.seen !== undefined && txnWrote(operation, outcome.seen)
    default:
      return false
  }
}
