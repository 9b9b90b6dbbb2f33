/**
 * What a simulated client may do, and what may come of it: the vocabulary of clients, histories and workloads.
 */

export type Operation =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'get'; readonly key: string }
  | { readonly type: 'cas'; readonly key: string; readonly expected: string | undefined; readonly value: string }
  /** Sets both keys if both still hold what is expected. */
  | { readonly type: 'move'; readonly from: Change; readonly to: Change }
  /** All pairs under a prefix, at one moment. */
  | { readonly type: 'list'; readonly prefix: string }

export interface Change {
  readonly key: string
  readonly expected: string
  readonly value: string
}

export type Outcome =
  | {
      readonly type: 'done'
      readonly revision: number
      readonly succeeded: boolean
      readonly found: ReadonlyMap<string, string>
    }
  /** It had no effect: the keyspace is under an alarm, and its revision was this. */
  | { readonly type: 'refused'; readonly revision: number }
  | { readonly type: 'unknown' }
