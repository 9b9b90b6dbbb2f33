/**
 * What a lease table is asked and answers. It has two halves on every replica of a keyspace:
 *
 *   table    (table.ts)   which leases exist, with their TTLs: replicated, part of the keyspace's own log
 *   lessor   (lessor.ts)  when each of them ends: an actor that counts time, where its replica leads, and nowhere else
 *
 *   client ──grant, revoke──▶ log ──▶ table on every replica ──feed──▶ lessor of the leader ──expire──▶ log
 *   client ──keepAlive──▶ lessor of the leader, which proves that it still leads before it answers
 *
 * Ids are 63 bits on the wire, and so decimal text here; '0' is no lease. TTLs are seconds, whole ones for every client, as etcd
 * has them; the table and the lessor take fractions, for worlds that run faster.
 */
import type { Index, NodeId, Role, Term } from '../raft/messages.ts'

/** etcd's own bound, some 285 years. */
export const leaseTtlSecondsMax = 9_000_000_000

export type LeaseCommand =
  /** The proposer chose the id, and raised the TTL to the smallest that it grants. */
  | { readonly type: 'leaseGrant'; readonly id: string; readonly ttlSeconds: number }
  | { readonly type: 'leaseRevoke'; readonly id: string }
  /**
   * From the lessor that leads in `term`. Of no effect when the entry is of another term: then it was passed on to a leader
   * who may have heard from the client since. With no leases it changes nothing, and its answer says that everything
   * which this node proposed before it is settled.
   */
  | { readonly type: 'leaseExpire'; readonly leases: readonly LeaseMark[]; readonly term: Term }
  /**
   * The same, of what is left of long leases, so that a change of leaders does not begin them anew. The whole TTL, or more,
   * takes back what an earlier one said.
   */
  | {
      readonly type: 'leaseCheckpoint'
      readonly remaining: readonly (LeaseMark & { readonly seconds: number })[]
      readonly term: Term
    }

/** One lease among all that ever bear its id: an id may be granted again once it is free. */
export interface LeaseMark {
  readonly id: string
  /** Where in the log it was granted. */
  readonly granted: Index
}

export interface LeaseRecord extends LeaseMark {
  readonly ttlSeconds: number
  /** As of the last checkpoint; undefined: the whole TTL. */
  readonly remainingSeconds: number | undefined
}

export type LeaseQuery =
  | { readonly type: 'lease'; readonly id: string; readonly keys: boolean }
  | { readonly type: 'leases' }
  /** Those of the ids that are leases. */
  | { readonly type: 'leasesOf'; readonly ids: readonly string[] }
  /** How many there are, and a number that is equal for equal tables. */
  | { readonly type: 'leaseDigest' }

export type LeaseResponse =
  | { readonly type: 'leaseGranted'; readonly id: string; readonly ttlSeconds: number }
  | { readonly type: 'leaseRevoked'; readonly keysDeleted: number }
  /** How many of the ids were there, and are no more. */
  | { readonly type: 'leasesExpired'; readonly expired: number }
  | { readonly type: 'leasesCheckpointed' }
  /** `lease` undefined: there is none of that id. */
  | { readonly type: 'lease'; readonly lease: LeaseRecord | undefined; readonly keys: readonly Uint8Array[] }
  | { readonly type: 'leases'; readonly leases: readonly LeaseRecord[] }
  | { readonly type: 'leaseDigest'; readonly count: number; readonly digest: number }

export type LeaseError = 'leaseExists' | 'leaseNotFound' | 'leaseTtlTooLarge'

/** What a lessor hears of its table, in the feed of its replica. Hearing one twice does no harm. */
export type LeaseFeedItem =
  | { readonly type: 'leaseGranted'; readonly id: string; readonly granted: Index; readonly ttlSeconds: number }
  | { readonly type: 'leaseGone'; readonly id: string; readonly granted: Index }
  /** `seconds` undefined: the whole TTL again. */
  | {
      readonly type: 'leaseCheckpointed'
      readonly id: string
      readonly granted: Index
      readonly seconds: number | undefined
    }

/** Asked of `lessor/<group>`, on the node that leads, on the control lane; from other nodes too. 1 to 1_024 ids. */
export type LessorRequest =
  /** Answered with `LessorReply` of type `kept`. */
  | { readonly type: 'keepAlive'; readonly ids: readonly string[] }
  /** Answered with `timeToLive`. */
  | { readonly type: 'timeToLive'; readonly ids: readonly string[] }

/** Where and when an answer was true: `revision` is the keyspace's at `index`. */
interface Position {
  readonly term: Term
  readonly index: Index
  readonly revision: number
}

export type LessorReply =
  /** One for each id, in order: the TTL that begins now; 0: there is no such lease. */
  | ({ readonly type: 'kept'; readonly ttlSeconds: readonly number[] } & Position)
  /** What is left of each, in milliseconds that are never too many, and what was granted; -1 and 0: there is no such lease. */
  | ({
      readonly type: 'timeToLive'
      readonly remainingMs: readonly number[]
      readonly grantedSeconds: readonly number[]
    } & Position)
  /** Nothing happened: ask the leader, if there is one. */
  | { readonly type: 'notLeading'; readonly role: Role; readonly leader: NodeId | undefined }
  /** There is no room, or nothing could be proved in time. A lease may have been kept alive all the same. Ask again. */
  | { readonly type: 'busy' }
  /** The request was none. */
  | { readonly type: 'badRequest' }
