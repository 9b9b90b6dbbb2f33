/**
 * What a command or a query needs permission for.
 *
 *   U8  both branches of a transaction count, taken or not, with what they compare and at every depth: whoever may not read a
 *       key must not learn of it by which branch is refused
 *   U9  what an answer shows needs permission to read, what a lease takes along permission to write
 *
 * Nothing that a request does inside a transaction needs less than it does outside one.
 */
import type { AuthCommand, AuthQuery, Want } from '../auth/messages.ts'
import type { Compare, TxnOperation, TxnRequest } from '../keyspace/messages.ts'
import type { LeaseCommand, LeaseQuery } from '../lease/messages.ts'
import type { PlainCommand, PlainQuery } from './messages.ts'

const administrator: readonly Want[] = [{ type: 'admin' }]
const nothing: readonly Want[] = []

/** @param keysOf - The keys that hang on a lease. */
export function wantsOfCommand(
  command: PlainCommand,
  keysOf: (lease: string) => readonly Uint8Array[],
): readonly Want[] {
  switch (command.type) {
    case 'put':
    case 'deleteRange':
    case 'txn':
      return wantsOfOperation(command, keysOf)
    case 'leaseRevoke':
      // Its keys go with it.
      return keysOf(command.id).map((key) => ({ type: 'write', key }))
    case 'leaseGrant':
    case 'compact':
      return nothing
    default:
      // Alarms, users and roles; and what only a lessor says, which no front door passes on.
      return administrator
  }
}

export function wantsOfQuery(query: PlainQuery, keysOf: (lease: string) => readonly Uint8Array[]): readonly Want[] {
  switch (query.type) {
    case 'range':
    case 'txn':
      return wantsOfOperation(query, keysOf)
    case 'history':
      return query.ranges.map((range) => wantOf('read', range))
    case 'lease':
      return query.keys ? keysOf(query.id).map((key) => ({ type: 'read', key })) : nothing
    case 'leases':
    case 'status':
    case 'alarms':
    case 'userGet':
    case 'roleGet':
      // A user may look at himself and at his own roles; the auth store knows which they are.
      return nothing
    default:
      return administrator
  }
}

export function isLeaseCommand(command: PlainCommand): command is LeaseCommand {
  return leaseCommands.has(command.type)
}

export function isAuthCommand(command: PlainCommand): command is AuthCommand {
  return authCommands.has(command.type)
}

export function isLeaseQuery(query: PlainQuery): query is LeaseQuery {
  return leaseQueries.has(query.type)
}

export function isAuthQuery(query: PlainQuery): query is AuthQuery {
  return authQueries.has(query.type)
}

const leaseCommands: ReadonlySet<string> = new Set<LeaseCommand['type']>([
  'leaseGrant',
  'leaseRevoke',
  'leaseExpire',
  'leaseCheckpoint',
])

const leaseQueries: ReadonlySet<string> = new Set<LeaseQuery['type']>(['lease', 'leases', 'leasesOf', 'leaseDigest'])

const authCommands: ReadonlySet<string> = new Set<AuthCommand['type']>([
  'authEnable',
  'authDisable',
  'userAdd',
  'userDelete',
  'userChangePassword',
  'userGrantRole',
  'userRevokeRole',
  'roleAdd',
  'roleDelete',
  'roleGrantPermission',
  'roleRevokePermission',
])

const authQueries: ReadonlySet<string> = new Set<AuthQuery['type']>([
  'authStatus',
  'userGet',
  'userList',
  'roleGet',
  'roleList',
  'credentials',
  'may',
])

function wantsOfOperation(operation: TxnOperation, keysOf: (lease: string) => readonly Uint8Array[]): readonly Want[] {
  switch (operation.type) {
    case 'range':
      return [wantOf('read', operation)]
    case 'put': {
      const { key, lease, prevKv } = operation
      const wants: Want[] = [{ type: 'write', key }]
      if (prevKv === true) wants.push({ type: 'read', key })
      // Whoever hangs a key on a lease can end the lease, and with it every other key that hangs there.
      if (lease !== undefined) for (const other of keysOf(lease)) wants.push({ type: 'write', key: other })
      return wants
    }
    case 'deleteRange':
      return operation.prevKv === true
        ? [wantOf('write', operation), wantOf('read', operation)]
        : [wantOf('write', operation)]
    case 'txn':
      return wantsOfTxn(operation, keysOf)
  }
}

function wantsOfTxn(
  { compare, success, failure }: TxnRequest,
  keysOf: (lease: string) => readonly Uint8Array[],
): readonly Want[] {
  const compared = compare.map((each: Compare) => wantOf('read', each))
  return [...compared, ...[...success, ...failure].flatMap((operation) => wantsOfOperation(operation, keysOf))]
}

function wantOf(
  type: 'read' | 'write',
  { key, rangeEnd }: { readonly key: Uint8Array; readonly rangeEnd?: Uint8Array },
): Want {
  return rangeEnd === undefined ? { type, key } : { type, key, rangeEnd }
}
