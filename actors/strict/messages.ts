/**
 * What a strict keyspace is asked as a whole: keys, leases, and users, one log, one revision.
 *
 * A command or query of an outside caller comes in `as`, with who says it. Unwrapped, it is the node's own, or of the process
 * that embeds it.
 */
import type { AuthCommand, AuthError, AuthFeedItem, AuthQuery, AuthResponse, Principal } from '../auth/messages.ts'
import type {
  ChangesItem,
  KeyspaceCommand,
  KeyspaceError,
  KeyspaceQuery,
  KeyspaceResponse,
} from '../keyspace/messages.ts'
import type { LeaseCommand, LeaseError, LeaseFeedItem, LeaseQuery, LeaseResponse } from '../lease/messages.ts'

export type PlainCommand = KeyspaceCommand | LeaseCommand | AuthCommand
export type PlainQuery = KeyspaceQuery | LeaseQuery | AuthQuery

export type StrictCommand =
  | PlainCommand
  | { readonly type: 'as'; readonly principal: Principal; readonly command: PlainCommand }

export type StrictQuery =
  | PlainQuery
  | { readonly type: 'as'; readonly principal: Principal; readonly query: PlainQuery }

export type StrictResponse = KeyspaceResponse | LeaseResponse | AuthResponse
export type StrictError = KeyspaceError | LeaseError | AuthError

/** `revision` is the keyspace's after the command, or at the read. */
export type StrictReply =
  | { readonly type: 'done'; readonly revision: number; readonly response: StrictResponse }
  | { readonly type: 'refused'; readonly revision: number; readonly error: StrictError }

/** What the listeners of a replica hear. */
export type StrictFeedItem = ChangesItem | LeaseFeedItem | AuthFeedItem
