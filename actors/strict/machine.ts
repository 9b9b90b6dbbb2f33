/**
 * The strict keyspace as clients know it: keys, the leases they hang on, and the users who may touch them, as one state
 * machine under one log. The three parts are strangers to each other; here alone is known what they have to do with one
 * another:
 *
 *   S1  a key hangs only on a lease that exists, and a lease takes its keys along: one command, one revision
 *   S2  what an outside caller says is judged, and carried out, by one and the same state of the auth store
 *   S3  what is refused changes nothing, in none of the three
 *
 * What changed is told in the feed, revision by revision, for who watches keys or counts the time of leases.
 */
import type { AuthError, Principal } from '../auth/messages.ts'
import { type AuthState, applyAuth, hashAuth, openAuth, queryAuth, refuse } from '../auth/store.ts'
import { type KeyspaceArgs, keyspace } from '../keyspace/machine.ts'
import type { KeyspaceCommand, KeyspaceQuery } from '../keyspace/messages.ts'
import type { KeyspaceState } from '../keyspace/state.ts'
import { beginWrite, deleteLeased, endWrite } from '../keyspace/write.ts'
import type { LeaseCommand, LeaseQuery } from '../lease/messages.ts'
import {
  checkpoint,
  end,
  grant,
  isThere,
  type LeaseTable,
  leasesOf,
  openLeaseTable,
  refuseLeaseCommand,
} from '../lease/table.ts'
import {
  type Applied,
  type ApplyPosition,
  defineStateMachine,
  type MachineContext,
  type StateMachine,
} from '../raft/state-machine.ts'
import type {
  PlainCommand,
  PlainQuery,
  StrictCommand,
  StrictError,
  StrictFeedItem,
  StrictQuery,
  StrictReply,
  StrictResponse,
} from './messages.ts'
import { restoreStrict, takeStrict } from './snapshot.ts'
import { isAuthCommand, isAuthQuery, isLeaseCommand, isLeaseQuery, wantsOfCommand, wantsOfQuery } from './wants.ts'

export interface StrictState {
  readonly keyspace: KeyspaceState
  readonly leases: LeaseTable
  readonly auth: AuthState
  /** Somebody listens to what changes. */
  readonly heard: boolean
}

/** Groups of this machine are keyspaces, whatever else they hold: the name is in the topology of every cluster. */
export const strictKeyspace: StateMachine<
  KeyspaceArgs,
  StrictState,
  StrictCommand,
  StrictReply,
  StrictQuery,
  StrictReply
> = defineStateMachine(import.meta.url, {
  name: 'keyspace',
  exportName: 'strictKeyspace',
  init: (ctx, args: KeyspaceArgs): StrictState =>
    join(ctx, keyspace.init(ctx, args), openLeaseTable(ctx.store), openAuth(ctx.store)),
  apply,
  query,
  refuse: (state: StrictState, command: StrictCommand, local): StrictReply | undefined => {
    const plain = command.type === 'as' ? command.command : command
    return isLeaseCommand(plain) || isAuthCommand(plain) ? undefined : keyspace.refuse?.(state.keyspace, plain, local)
  },
  snapshot: takeStrict,
  restore: (ctx, args: KeyspaceArgs, chunks): StrictState => {
    const parts = restoreStrict(ctx, args, chunks)
    return join(ctx, parts.keyspace, parts.leases, parts.auth)
  },
  digest: ({ keyspace: keys, leases, auth }: StrictState): number => {
    const own = keyspace.digest?.(keys) ?? 0
    return (own ^ Math.imul(leases.digest, 0x9e3779b1) ^ Math.imul(hashAuth(auth), 0x85ebca77)) >>> 0
  },
  idle: (state: StrictState): boolean => keyspace.idle?.(state.keyspace) ?? false,
})

function join(ctx: MachineContext, keys: KeyspaceState, leases: LeaseTable, auth: AuthState): StrictState {
  keys.leaseExists = (id) => leases.leases.has(id)
  return { keyspace: keys, leases, auth, heard: ctx.heard }
}

function apply(state: StrictState, command: StrictCommand, at: ApplyPosition): Applied<StrictReply> {
  const plain = command.type === 'as' ? command.command : command
  const fault = command.type === 'as' ? forbids(state, command.principal, plain) : undefined
  // Who comes again with a newer token, or was given the permission meanwhile, says the same under the same number.
  if (fault !== undefined) return { reply: refused(state, fault), unsettled: true }
  const feed: StrictFeedItem[] = []
  const reply = carryOut(state, plain, at, feed)
  return feed.length === 0 ? { reply } : { reply, feed }
}

function forbids(state: StrictState, principal: Principal, command: PlainCommand): AuthError | undefined {
  return refuse(state.auth, principal, () => wantsOfCommand(command, (lease) => keysOf(state, lease)))
}

function carryOut(state: StrictState, command: PlainCommand, at: ApplyPosition, feed: StrictFeedItem[]): StrictReply {
  if (isLeaseCommand(command)) return onLease(state, command, at, feed)
  if (isAuthCommand(command)) {
    const before = state.auth.revision
    const outcome = applyAuth(state.auth, command)
    if (typeof outcome === 'string') return refused(state, outcome)
    if (state.auth.revision !== before) feed.push({ type: 'authChanged', authRevision: state.auth.revision })
    return done(state, outcome)
  }
  return telling(state, feed, () => keyspace.apply(state.keyspace, command as KeyspaceCommand, at).reply)
}

function onLease(state: StrictState, command: LeaseCommand, at: ApplyPosition, feed: StrictFeedItem[]): StrictReply {
  const { leases } = state
  const fault = refuseLeaseCommand(leases, command)
  if (fault !== undefined) return refused(state, fault)
  switch (command.type) {
    case 'leaseGrant': {
      const { id, ttlSeconds } = command
      feed.push(grant(leases, id, ttlSeconds, at.index))
      return done(state, { type: 'leaseGranted', id, ttlSeconds })
    }
    case 'leaseRevoke':
      return done(state, { type: 'leaseRevoked', keysDeleted: endLease(state, command.id, feed) })
    case 'leaseExpire': {
      // J1: passed on to another leader, the decision is void.
      let expired = 0
      for (const mark of at.term === command.term ? command.leases : []) {
        if (!isThere(leases, mark)) continue
        endLease(state, mark.id, feed)
        expired += 1
      }
      return done(state, { type: 'leasesExpired', expired })
    }
    case 'leaseCheckpoint': {
      for (const mark of at.term === command.term ? command.remaining : []) {
        const item = checkpoint(leases, mark)
        if (item !== undefined) feed.push(item)
      }
      return done(state, { type: 'leasesCheckpointed' })
    }
  }
}

/** S1: the lease and its keys, in one revision. */
function endLease(state: StrictState, id: string, feed: StrictFeedItem[]): number {
  feed.push(end(state.leases, id))
  return telling(state, feed, () => {
    const write = beginWrite(state.keyspace)
    const deleted = deleteLeased(state.keyspace, write, id)
    endWrite(state.keyspace, write)
    return deleted
  })
}

/** Carries out one write of the keyspace, and puts what it changed into the feed. */
function telling<T>(state: StrictState, feed: StrictFeedItem[], write: () => T): T {
  const { keyspace: keys } = state
  if (!state.heard) return write()
  keys.changes = []
  const result = write()
  const { changes, revision } = keys
  keys.changes = undefined
  if (changes.length > 0) feed.push({ type: 'changes', revision, changes })
  return result
}

function query(state: StrictState, asked: StrictQuery): StrictReply {
  if (asked.type !== 'as') return answer(state, asked)
  const { principal, query: plain } = asked
  const fault = refuse(state.auth, principal, () => wantsOfQuery(plain, (lease) => keysOf(state, lease)))
  if (fault !== undefined) return refused(state, fault)
  return isAuthQuery(plain) ? authAnswer(state, plain, principal) : answer(state, plain)
}

function answer(state: StrictState, plain: PlainQuery): StrictReply {
  if (isLeaseQuery(plain)) return done(state, leaseAnswer(state, plain))
  if (isAuthQuery(plain)) return authAnswer(state, plain, undefined)
  return keyspace.query(state.keyspace, plain as KeyspaceQuery)
}

function authAnswer(
  state: StrictState,
  plain: PlainQuery & { readonly type: Parameters<typeof queryAuth>[1]['type'] },
  by: Principal | undefined,
): StrictReply {
  const outcome = queryAuth(state.auth, plain, by)
  return typeof outcome === 'string' ? refused(state, outcome) : done(state, outcome)
}

function leaseAnswer(state: StrictState, plain: LeaseQuery): StrictResponse {
  const { leases } = state.leases
  switch (plain.type) {
    case 'leases':
      return { type: 'leases', leases: leasesOf(state.leases) }
    case 'leasesOf':
      return { type: 'leases', leases: plain.ids.flatMap((id) => leases.get(id) ?? []) }
    case 'leaseDigest':
      return { type: 'leaseDigest', count: leases.size, digest: state.leases.digest }
    case 'lease':
      return { type: 'lease', lease: leases.get(plain.id), keys: plain.keys ? keysOf(state, plain.id) : [] }
  }
}

function keysOf(state: StrictState, lease: string): readonly Uint8Array[] {
  return state.keyspace.index.leasedBy(lease).map(({ key }) => key)
}

function done(state: StrictState, response: StrictResponse): StrictReply {
  return { type: 'done', revision: state.keyspace.revision, response }
}

function refused(state: StrictState, error: StrictError): StrictReply {
  return { type: 'refused', revision: state.keyspace.revision, error }
}
