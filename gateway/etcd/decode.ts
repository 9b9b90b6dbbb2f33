/**
 * From etcd's wire messages to the requests of `client/interface.ts`. Fields at their default are left out, so that what
 * goes on is as small as what came in.
 *
 * Two bounds of ours meet etcd's wider ones here. A 64-bit revision beyond the safe integers is held at the largest one:
 * no revision reaches it, so it compares and refuses as the wider number would. A member id beyond them belongs to
 * nobody.
 */
import { status } from '@grpc/grpc-js'
import type {
  AlarmRequest,
  AlarmType,
  CompactRequest,
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  TxnOperation,
  TxnRequest,
} from '../../actors/keyspace/messages.ts'
import type {
  Int64,
  WireAlarmRequest,
  WireCompactionRequest,
  WireCompare,
  WireDeleteRangeRequest,
  WireEnum,
  WirePutRequest,
  WireRangeRequest,
  WireRequestOp,
  WireTxnRequest,
} from '../../client/etcd-wire.ts'
import { AspenError } from '../../client/interface.ts'
import { StatusError } from './errors.ts'

const sortOrders = { NONE: 'none', ASCEND: 'ascend', DESCEND: 'descend' } as const
const sortTargets = { KEY: 'key', VERSION: 'version', CREATE: 'create', MOD: 'mod', VALUE: 'value' } as const
const compareResults = { EQUAL: 'equal', GREATER: 'greater', LESS: 'less', NOT_EQUAL: 'notEqual' } as const
const alarmTypes = { NOSPACE: 'nospace', CORRUPT: 'corrupt' } as const

/** @throws {AspenError} `invalidSortOption`. */
export function decodeRange(wire: WireRangeRequest): RangeRequest {
  const sortOrder = named(sortOrders, wire.sort_order)
  const sortTarget = named(sortTargets, wire.sort_target)
  if (sortOrder === undefined || sortTarget === undefined) throw new AspenError('invalidSortOption')
  const limit = countOf(wire.limit)
  const revision = countOf(wire.revision)
  const minModRevision = integerOf(wire.min_mod_revision)
  const maxModRevision = integerOf(wire.max_mod_revision)
  const minCreateRevision = integerOf(wire.min_create_revision)
  const maxCreateRevision = integerOf(wire.max_create_revision)
  return {
    type: 'range',
    key: plain(wire.key),
    ...rangeEndOf(wire.range_end),
    ...(limit > 0 && { limit }),
    ...(revision > 0 && { revision }),
    ...(sortOrder !== 'none' && { sortOrder }),
    ...(sortTarget !== 'key' && { sortTarget }),
    ...(wire.serializable && { serializable: true }),
    ...(wire.keys_only && { keysOnly: true }),
    ...(wire.count_only && { countOnly: true }),
    ...(minModRevision !== 0 && { minModRevision }),
    ...(maxModRevision !== 0 && { maxModRevision }),
    ...(minCreateRevision !== 0 && { minCreateRevision }),
    ...(maxCreateRevision !== 0 && { maxCreateRevision }),
  }
}

export function decodePut(wire: WirePutRequest): PutRequest {
  const lease = leaseOf(wire.lease)
  return {
    type: 'put',
    key: plain(wire.key),
    value: plain(wire.value),
    ...(lease !== '0' && { lease }),
    ...(wire.prev_kv && { prevKv: true }),
    ...(wire.ignore_value && { ignoreValue: true }),
    ...(wire.ignore_lease && { ignoreLease: true }),
  }
}

export function decodeDeleteRange(wire: WireDeleteRangeRequest): DeleteRangeRequest {
  return {
    type: 'deleteRange',
    key: plain(wire.key),
    ...rangeEndOf(wire.range_end),
    ...(wire.prev_kv && { prevKv: true }),
  }
}

/**
 * @param operationsMax - etcd's bound per level; what one level uses is taken from the levels inside it.
 * @throws {AspenError} `tooManyOperations`, `invalidSortOption`, or `keyNotFound` for an operation that is none.
 */
export function decodeTxn(wire: WireTxnRequest, operationsMax: number): TxnRequest {
  const used = Math.max(wire.compare.length, wire.success.length, wire.failure.length)
  if (used > operationsMax) throw new AspenError('tooManyOperations')
  const decode = (operation: WireRequestOp): TxnOperation => decodeOperation(operation, operationsMax - used)
  return {
    type: 'txn',
    compare: wire.compare.map(decodeCompare),
    success: wire.success.map(decode),
    failure: wire.failure.map(decode),
  }
}

export function decodeCompact(wire: WireCompactionRequest): CompactRequest {
  return { type: 'compact', revision: integerOf(wire.revision), ...(wire.physical && { physical: true }) }
}

/** Undefined for `GET` and for an alarm we do not have: nothing to change. */
export function decodeAlarm(wire: WireAlarmRequest): AlarmRequest | undefined {
  const alarm: AlarmType | undefined = wire.alarm === 'NONE' ? undefined : named(alarmTypes, wire.alarm)
  if (alarm === undefined || (wire.action !== 'ACTIVATE' && wire.action !== 'DEACTIVATE')) return undefined
  const action = wire.action === 'ACTIVATE' ? 'activate' : 'deactivate'
  return { type: 'alarm', action, member: memberIdOf(wire.memberID), alarm }
}

/** @throws {AspenError} `memberNotFound` for an id that no member of ours can have. */
export function memberIdOf(value: Int64): number {
  const id = Number(value)
  if (!Number.isSafeInteger(id)) throw new AspenError('memberNotFound')
  return id
}

/** A 64-bit integer, held within the safe ones. */
export function integerOf(value: Int64): number {
  const number = Number(value)
  return Math.min(Math.max(number, -Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER)
}

/** As `integerOf`, for fields where etcd takes everything below one as unset. */
export function countOf(value: Int64): number {
  return Math.max(0, integerOf(value))
}

function decodeOperation(wire: WireRequestOp, operationsMax: number): TxnOperation {
  if (wire.request_range) return decodeRange(wire.request_range)
  if (wire.request_put) return decodePut(wire.request_put)
  if (wire.request_delete_range) return decodeDeleteRange(wire.request_delete_range)
  if (wire.request_txn) return decodeTxn(wire.request_txn, operationsMax)
  throw new AspenError('keyNotFound')
}

function decodeCompare(wire: WireCompare): Compare {
  const result = named(compareResults, wire.result)
  if (result === undefined) throw unknownEnum('result', wire.result)
  return { key: plain(wire.key), ...rangeEndOf(wire.range_end), result, target: decodeTarget(wire) }
}

function decodeTarget(wire: WireCompare): Compare['target'] {
  switch (wire.target) {
    case 'VERSION':
      return { type: 'version', value: integerOf(wire.version ?? 0) }
    case 'CREATE':
      return { type: 'create', value: integerOf(wire.create_revision ?? 0) }
    case 'MOD':
      return { type: 'mod', value: integerOf(wire.mod_revision ?? 0) }
    case 'VALUE':
      return { type: 'value', value: plain(wire.value ?? new Uint8Array()) }
    case 'LEASE':
      return { type: 'lease', value: leaseOf(wire.lease ?? 0) }
    default:
      throw unknownEnum('target', wire.target)
  }
}

function rangeEndOf(wire: Uint8Array | undefined): { readonly rangeEnd?: Uint8Array } {
  return wire === undefined || wire.length === 0 ? {} : { rangeEnd: plain(wire) }
}

function unknownEnum(field: string, value: WireEnum<string>): StatusError {
  return new StatusError(status.INVALID_ARGUMENT, `aspen: compare has the unknown ${field} ${value}`)
}

function leaseOf(wire: Int64): string {
  return String(wire)
}

// A Buffer's `slice` shares memory where a Uint8Array's copies: only the latter may reach the rooms inside. No bytes are
// copied here; what is kept is copied when it is encoded for the log.
export function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function named<Name extends string, Ours>(names: Readonly<Record<Name, Ours>>, wire: WireEnum<Name>): Ours | undefined {
  return typeof wire === 'string' ? names[wire] : undefined
}
