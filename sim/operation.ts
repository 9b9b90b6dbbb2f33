/**
 * What a simulated client may do, and what may come of it: the vocabulary of clients, histories and workloads. Operations
 * are plain data, so that a run can be written down and played back.
 */

export type Operation =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'get'; readonly key: string }
  | { readonly type: 'cas'; readonly key: string; readonly expected: string | undefined; readonly value: string }
  /** Sets both keys if both still hold what is expected. */
  | { readonly type: 'move'; readonly from: Change; readonly to: Change }
  /** All pairs under a prefix, at one moment. */
  | { readonly type: 'list'; readonly prefix: string }
  /** The same as of an earlier revision, unless that was compacted. */
  | { readonly type: 'listAt'; readonly prefix: string; readonly revision: number }
  /** The same from what `node` has applied: it may be old, but is of one moment. */
  | { readonly type: 'peek'; readonly prefix: string; readonly node: number }
  /** Drops what was overwritten at or before `revision`. */
  | { readonly type: 'compact'; readonly revision: number }
  | Txn
  /** Starts the supervised tree `name` of the workload on `node`, under the supervisor of users' actors. */
  | { readonly type: 'spawn'; readonly node: number; readonly name: string }
  /** Says something to an actor `name` of such a tree on `node`. */
  | { readonly type: 'ask'; readonly node: number; readonly name: string; readonly say: ActorMessage }

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
}

export type TxnStep =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'delete'; readonly key: string }
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
      /** Of a peek, where it is known that it was one life of one replica. */
      readonly by?: Teller
    }
  /** It had no effect, the keyspace being at this revision. `noSpace` when there is no other reason. */
  | {
      readonly type: 'refused'
      readonly revision: number
      readonly reason?: 'noSpace' | 'compacted' | 'futureRevision'
    }
  /** An actor answered. */
  | { readonly type: 'told'; readonly elements: readonly string[] }
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
