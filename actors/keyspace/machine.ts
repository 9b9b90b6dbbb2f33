/**
 * The strict keyspace as a replicated state machine: which command goes where, and in which order its faults are judged.
 *
 *   command ─▶ nonsense? ─▶ forbidden by an alarm? ─▶ refused by the state? ─▶ over quota? ─▶ written, one revision
 *
 * Every refusal is a reply. What throws is a broken rule of ours. README.md lists the rules K1 to K14.
 */
import { invariant, unreachable } from '../../base/assert.ts'
import { type Applied, defineStateMachine, type StateMachine } from '../raft/state-machine.ts'
import { changeAlarm, refuseAlarmed } from './alarms.ts'
import { checkRequest, holdsPut, isReadOnly, type RequestLimits } from './check.ts'
import { compact, compactStep } from './compact.ts'
import { hashHistory, hashState } from './hash.ts'
import { readHistory } from './history.ts'
import type {
  DeleteRangeRequest,
  KeyspaceCommand,
  KeyspaceError,
  KeyspaceQuery,
  KeyspaceReply,
  KeyspaceResponse,
  PutRequest,
  RangeRequest,
  TxnRequest,
} from './messages.ts'
import { refuseGrowth } from './quota.ts'
import { checkRevision, readRange } from './range.ts'
import { restoreSnapshot, takeSnapshot } from './snapshot.ts'
import { type KeyspaceState, openState } from './state.ts'
import { choosePath, pathGrowth, refusePath, runPath } from './txn.ts'
import { beginWrite, deleteRange, endWrite, growthOf, put, refuseLease, refusePut } from './write.ts'

export interface KeyspaceArgs {
  /** Newest records kept in memory; 64 MiB by default. Each replica may have its own. */
  readonly cacheBytesMax?: number
}

const cacheBytesDefault = 64 * 1_048_576

/** Dropped records removed in one piece of housekeeping: about a millisecond. */
const idleRecordsMax = 512

/** The front doors' limit is a matter of each node's configuration, and so cannot count here. */
const applyLimits: RequestLimits = { operationsMax: Number.POSITIVE_INFINITY }

export const keyspace: StateMachine<
  KeyspaceArgs,
  KeyspaceState,
  KeyspaceCommand,
  KeyspaceReply,
  KeyspaceQuery,
  KeyspaceReply
> = defineStateMachine(import.meta.url, {
  name: 'keyspace',
  init: (ctx, args: KeyspaceArgs): KeyspaceState => openState(ctx.store, args.cacheBytesMax ?? cacheBytesDefault),
  apply: (state: KeyspaceState, command: KeyspaceCommand): Applied<KeyspaceReply> => ({
    reply: replyOf(state, applyCommand(state, command)),
  }),
  query: (state: KeyspaceState, query: KeyspaceQuery): KeyspaceReply => replyOf(state, answerQuery(state, query)),
  refuse: (state: KeyspaceState, command: KeyspaceCommand, { storeFull }): KeyspaceReply | undefined =>
    storeFull && couldPut(command) ? replyOf(state, 'noSpace') : undefined,
  snapshot: takeSnapshot,
  restore: (ctx, args: KeyspaceArgs, chunks): KeyspaceState =>
    restoreSnapshot(ctx.store, args.cacheBytesMax ?? cacheBytesDefault, chunks),
  digest: hashState,
  idle: (state: KeyspaceState): boolean => compactStep(state, idleRecordsMax),
})

type Outcome = KeyspaceResponse | KeyspaceError

function replyOf(state: KeyspaceState, outcome: Outcome): KeyspaceReply {
  const { revision } = state
  if (typeof outcome === 'string') return { type: 'refused', revision, error: outcome }
  return { type: 'done', revision, response: outcome }
}

function applyCommand(state: KeyspaceState, command: KeyspaceCommand): Outcome {
  switch (command.type) {
    case 'put':
      return onPut(state, command)
    case 'deleteRange':
      return onDeleteRange(state, command)
    case 'txn':
      return onTxn(state, command)
    case 'compact':
      return refuseAlarmed(state, never) ?? compact(state, Math.floor(command.revision)) ?? { type: 'compact' }
    case 'alarm':
      return { type: 'alarms', alarms: changeAlarm(state, command) }
    default:
      return unreachable(command)
  }
}

function answerQuery(state: KeyspaceState, query: KeyspaceQuery): Outcome {
  switch (query.type) {
    case 'range':
      return onRange(state, query)
    case 'txn':
      return onReadTxn(state, query)
    case 'history':
      return refuseAlarmed(state, never) ?? readHistory(state, query)
    case 'hash':
      return { type: 'hash', hash: hashState(state) }
    case 'hashKv': {
      const hashed = hashHistory(state, query.revision)
      return typeof hashed === 'string' ? hashed : { type: 'hashKv', ...hashed }
    }
    case 'alarms':
      return { type: 'alarms', alarms: state.facts.alarms }
    case 'status':
      return {
        type: 'status',
        revision: state.revision,
        compactRevision: state.facts.compactRevision,
        keys: state.index.liveKeys,
        bytes: state.index.historyBytes,
        alarms: state.facts.alarms,
        removable: state.index.removable,
      }
    default:
      return unreachable(query)
  }
}

function couldPut(command: KeyspaceCommand): boolean {
  return command.type === 'put' || (command.type === 'txn' && holdsPut(command))
}

const always = (): boolean => true
const never = (): boolean => false

function onPut(state: KeyspaceState, request: PutRequest): Outcome {
  // A single put names a missing lease before a missing key; within a transaction it is the other way round. So has etcd.
  const fault =
    checkRequest(request, applyLimits) ??
    refuseAlarmed(state, always) ??
    refuseLease(state, request) ??
    refusePut(state, request) ??
    refuseGrowth(state, request.quota, growthOf(state, request))
  if (fault !== undefined) return fault
  const write = beginWrite(state)
  const response = put(state, write, request)
  endWrite(state, write)
  return response
}

function onDeleteRange(state: KeyspaceState, request: DeleteRangeRequest): Outcome {
  const fault = checkRequest(request, applyLimits) ?? refuseAlarmed(state, never)
  if (fault !== undefined) return fault
  const write = beginWrite(state)
  const response = deleteRange(state, write, request)
  endWrite(state, write)
  return response
}

function onTxn(state: KeyspaceState, request: TxnRequest): Outcome {
  const fault = checkRequest(request, applyLimits) ?? refuseAlarmed(state, () => holdsPut(request))
  if (fault !== undefined) return fault
  const path = choosePath(state, request)
  const refusal =
    refusePath(state, path) ??
    (request.quota === undefined ? undefined : refuseGrowth(state, request.quota, pathGrowth(state, path)))
  if (refusal !== undefined) return refusal
  const write = beginWrite(state)
  const response = runPath(state, write, path)
  endWrite(state, write)
  return response
}

function onRange(state: KeyspaceState, request: RangeRequest): Outcome {
  const fault = checkRequest(request, applyLimits) ?? refuseAlarmed(state, never) ?? checkRevision(state, request)
  return fault ?? readRange(state, request)
}

function onReadTxn(state: KeyspaceState, request: TxnRequest): Outcome {
  const fault = checkRequest(request, applyLimits) ?? refuseAlarmed(state, never)
  if (fault !== undefined) return fault
  invariant(isReadOnly(request), 'M3: a query changes nothing, and holds no put or delete on any path')
  const path = choosePath(state, request)
  return refusePath(state, path) ?? runPath(state, undefined, path)
}
