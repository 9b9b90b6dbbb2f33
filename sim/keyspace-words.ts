/**
 * Operations of simulated clients in the words of a keyspace and its replicas, and what they answer in the words of clients.
 */
import type {
  Compare,
  KeyspaceCommand,
  RangeRequest,
  RangeResponse,
  TxnOperation,
  TxnOperationResponse,
  TxnRequest,
  TxnResponse,
} from '../actors/keyspace/messages.ts'
import type { LeaseCommand } from '../actors/lease/messages.ts'
import type { ReplicaReply, ReplicaRequest } from '../actors/raft/replica-messages.ts'
import type { StrictReply } from '../actors/strict/messages.ts'
import { fromUtf8, utf8 } from '../base/bytes.ts'
import { askedBy, authMessageOf, foundOfUsers, refusalOf, saidBy } from './auth-words.ts'
import { mayWrite, type Operation, type Outcome, type Txn, type TxnSeen, type TxnStep } from './operation.ts'

export function rangeOf(prefix: string): RangeRequest {
  return { type: 'range', key: utf8(prefix), rangeEnd: utf8(`${prefix}\u007f`) }
}

export function messageOf(
  operation: Exclude<Operation, { type: 'peek' | 'spawn' | 'ask' | 'program' | 'leaseKeep' | 'leaseLook' | 'watch' }>,
  request: { readonly client: string; readonly number: number },
): ReplicaRequest {
  switch (operation.type) {
    case 'get': {
      const query = askedBy(operation.as, { type: 'range', key: utf8(operation.key) })
      return { type: 'read', query, consistency: 'linearizable' }
    }
    case 'list':
      return { type: 'read', query: askedBy(operation.as, rangeOf(operation.prefix)), consistency: 'linearizable' }
    case 'manage':
    case 'whoIs':
    case 'mayRead':
      return authMessageOf(operation, request)
    case 'listAt':
      return {
        type: 'read',
        query: { ...rangeOf(operation.prefix), revision: operation.revision },
        consistency: 'linearizable',
      }
    case 'leaseKeys':
      return {
        type: 'read',
        query: { type: 'lease', id: operation.lease, keys: true },
        consistency: 'linearizable',
      }
    case 'leaseGrant':
    case 'leaseRevoke':
      return { type: 'propose', command: leaseCommandOf(operation), request }
    default: {
      const command = commandOf(operation)
      // A transaction that only reads needs no place in the log.
      const as = 'as' in operation ? operation.as : undefined
      return command.type === 'txn' && !mayWrite(operation)
        ? { type: 'read', query: askedBy(as, command), consistency: 'linearizable' }
        : { type: 'propose', command: saidBy(as, command), request }
    }
  }
}

function leaseCommandOf(operation: Operation & { type: 'leaseGrant' | 'leaseRevoke' }): LeaseCommand {
  const { lease: id } = operation
  return operation.type === 'leaseRevoke'
    ? { type: 'leaseRevoke', id }
    : { type: 'leaseGrant', id, ttlSeconds: operation.ttlMs / 1_000 }
}

function commandOf(
  operation: Operation & { type: 'put' | 'cas' | 'move' | 'compact' | 'txn' | 'leasePut' },
): KeyspaceCommand {
  switch (operation.type) {
    case 'leasePut': {
      const { key, value, lease } = operation
      return { type: 'put', key: utf8(key), value: utf8(value), lease }
    }
    case 'put':
      return { type: 'put', key: utf8(operation.key), value: utf8(operation.value) }
    case 'cas': {
      const { key, expected, value } = operation
      return {
        type: 'txn',
        compare: [holds(key, expected)],
        success: [{ type: 'put', key: utf8(key), value: utf8(value) }],
        failure: [],
      }
    }
    case 'move': {
      const sides = [operation.from, operation.to]
      return {
        type: 'txn',
        compare: sides.map(({ key, expected }) => holds(key, expected)),
        success: sides.map(({ key, value }) => ({ type: 'put', key: utf8(key), value: utf8(value) }) as const),
        failure: [],
      }
    }
    case 'compact':
      return { type: 'compact', revision: operation.revision }
    case 'txn':
      return txnOf(operation)
  }
}

function txnOf({ compare, success, failure }: Txn): TxnRequest {
  return {
    type: 'txn',
    compare: compare.map(({ key, expected }) => holds(key, expected)),
    success: success.map(stepOf),
    failure: failure.map(stepOf),
  }
}

function stepOf(step: TxnStep): TxnOperation {
  switch (step.type) {
    case 'put':
      return { type: 'put', key: utf8(step.key), value: utf8(step.value), ...showing(step) }
    case 'delete':
      return { type: 'deleteRange', key: utf8(step.key), ...showing(step) }
    case 'get':
      return { type: 'range', key: utf8(step.key) }
    case 'list':
      return rangeOf(step.prefix)
    case 'txn':
      return txnOf(step)
  }
}

function showing({ shows }: { readonly shows?: boolean }): { readonly prevKv?: true } {
  return shows === true ? { prevKv: true } : {}
}

function holds(key: string, expected: string | undefined): Compare {
  return expected === undefined
    ? { key: utf8(key), result: 'equal', target: { type: 'version', value: 0 } }
    : { key: utf8(key), result: 'equal', target: { type: 'value', value: utf8(expected) } }
}

const refusals = ['noSpace', 'compacted', 'futureRevision', 'leaseNotFound', 'leaseExists'] as const

export function outcomeOf(operation: Operation, reply: ReplicaReply | undefined): Outcome {
  if (reply === undefined) return { type: 'unknown' }
  const said = (reply.type === 'applied' ? reply.reply : reply.type === 'answer' ? reply.answer : undefined) as
    | StrictReply
    | undefined
  if (said?.type === 'refused') {
    const reason = refusals.find((known) => known === said.error) ?? refusalOf(said.error)
    if (reason !== undefined) return { type: 'refused', revision: said.revision, reason }
  }
  // Nothing else of an operation of ours can be refused.
  if (said?.type !== 'done')
    throw new RangeError(`${operation.type}: wanted an answer, found ${JSON.stringify(said ?? reply)}`)
  const { revision, response } = said
  const found = new Map<string, string>()
  const mods = new Map<string, number>()
  if (response.type === 'range') noteRange(response, found, mods)
  if (response.type === 'lease') {
    for (const key of response.keys) found.set(fromUtf8(key), '')
    return { type: 'done', revision, succeeded: response.lease !== undefined, found }
  }
  if (response.type === 'credentials') return { type: 'done', revision, succeeded: true, found: foundOfUsers(response) }
  if (response.type !== 'txn') return { type: 'done', revision, succeeded: true, found, mods }
  const { succeeded } = response
  return operation.type === 'txn'
    ? { type: 'done', revision, succeeded, found, mods, seen: seenIn(response) }
    : { type: 'done', revision, succeeded, found, mods }
}

function noteRange({ kvs }: RangeResponse, found: Map<string, string>, mods: Map<string, number>): void {
  for (const { key, value, modRevision } of kvs) {
    const text = fromUtf8(key)
    found.set(text, fromUtf8(value))
    mods.set(text, modRevision)
  }
}

function seenIn({ succeeded, responses }: TxnResponse): TxnSeen {
  return { succeeded, steps: responses.map(stepSeen) }
}

function stepSeen(response: TxnOperationResponse): TxnSeen['steps'][number] {
  switch (response.type) {
    case 'put':
      return 1
    case 'deleteRange':
      return response.deleted
    case 'range':
      return new Map(response.kvs.map(({ key, value }) => [fromUtf8(key), fromUtf8(value)]))
    case 'txn':
      return seenIn(response)
  }
}
