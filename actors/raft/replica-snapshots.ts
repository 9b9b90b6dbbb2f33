/**
 * A replica as a snapshot, and back: the acts around `snapshot-sender.ts` and `snapshot-receiver.ts`, and the streams that
 * clients pull. A snapshot is the sessions, then the machine, each in chunks of about a mebibyte; index, configuration
 * and origins stand in the manifest.
 */
import { unreachable } from '../../base/assert.ts'
import { concatBytes, emptyBytes, uint64Bytes, utf8 } from '../../base/bytes.ts'
import { buggify, limit, sometimes } from '../../base/fault-points.ts'
import { pack, unpack } from '../../mailbox/codec.ts'
import type { ActorContext } from '../../runtime/kernel/actor.ts'
import { lineageKey, readLineageKey } from './lineage.ts'
import { originMarks, restoreOrigins } from './origins.ts'
import { sessionChunk, snapshotUnheard } from './replica-fault-sites.ts'
import type { OpenSnapshotReply, SnapshotChunkReply, SnapshotMessage } from './replica-messages.ts'
import { snapshotInstalled } from './replica-probes.ts'
import { type ReplicaState, saveMeta, type TellRaft } from './replica-state.ts'
import { restoreSessions, type SessionRecord, sessionRecords, writeSessionRecords } from './sessions.ts'
import { checkSnapshotMessage, chunkChecksum } from './snapshot-chunks.ts'
import {
  onSnapshotChunk,
  onSnapshotOffer,
  type ReceiverEffect,
  type Staging,
  sweepReceiver,
} from './snapshot-receiver.ts'
import { closeSender, onSnapshotAck, type SenderEffect, type SnapshotSource, sweepSender } from './snapshot-sender.ts'

const sessionChunkBytes = 1024 * 1024
const streamsMax = 4
const streamIdleMs = 60_000

/** The state as of now, to be read while it changes. */
export function openSource(state: ReplicaState): SnapshotSource {
  const { chunks, done } = state.machine.snapshot(state.machineState)
  const sessions = sessionPieces(sessionRecords(state.sessions))
  const { applied: index, appliedTerm: term, configuration, wallMs } = state
  return {
    // Named after the group as well, so that it is of no use to another that bears the same name (A13).
    id: lineageKey(`${state.node}.${state.incarnation}.${state.nextSnapshot++}`, state.lineage),
    manifest: { meta: { index, term, configuration }, wallMs, origins: originMarks(state.origins) },
    pull: () => {
      const session = sessions.next()
      if (session.done !== true) return { part: 'sessions', bytes: session.value }
      const machine = chunks.next()
      return machine.done === true ? undefined : { part: 'machine', bytes: machine.value }
    },
    close: done,
  }
}

export function onSnapshotMessage(
  state: ReplicaState,
  untrusted: SnapshotMessage,
  ctx: ActorContext,
  raft: TellRaft,
): void {
  const message = checkSnapshotMessage(untrusted)
  if (message === undefined || readLineageKey(message.id).id !== state.lineage) {
    state.malformedTotal += 1
    return
  }
  // Between two lives of the group an installation could not be reported: the sender repeats.
  if (!state.open || buggify(snapshotUnheard, 0.1)) return
  const effects: ReceiverEffect[] = []
  switch (message.type) {
    case 'snapshotOffer':
      onSnapshotOffer(state.receiver, message, { applied: state.applied, term: state.term }, ctx.now(), effects)
      break
    case 'snapshotChunk':
      onSnapshotChunk(state.receiver, message, state.applied, ctx.now(), effects)
      break
    case 'snapshotAck': {
      const out: SenderEffect[] = []
      onSnapshotAck(state.sender, message, ctx.now(), out)
      performSending(state, out, ctx, raft)
      break
    }
    default:
      unreachable(message)
  }
  for (const effect of effects) performReceiving(state, effect, ctx, raft)
}

export function performSending(
  state: ReplicaState,
  effects: readonly SenderEffect[],
  ctx: ActorContext,
  raft: TellRaft,
): void {
  for (const effect of effects) {
    switch (effect.type) {
      case 'send':
        tellReplica(state, effect.to, effect.message, 'now', ctx)
        break
      case 'ended':
        raft({ type: 'snapshotSent', to: effect.to, index: effect.index, delivered: effect.delivered }, 'now')
        break
      default:
        unreachable(effect)
    }
  }
}

export function sweepSnapshots(state: ReplicaState, ctx: ActorContext, raft: TellRaft): void {
  const sending: SenderEffect[] = []
  sweepSender(state.sender, ctx.now(), sending)
  performSending(state, sending, ctx, raft)
  const receiving: ReceiverEffect[] = []
  sweepReceiver(state.receiver, ctx.now(), receiving)
  for (const effect of receiving) performReceiving(state, effect, ctx, raft)
  for (const [id, stream] of state.streams) if (ctx.now() - stream.usedMs >= streamIdleMs) closeStream(state, id)
}

/** Lets go of every open reading of the state: it is about to be replaced, or the actor ends. */
export function closeSources(state: ReplicaState, ctx: ActorContext, raft: TellRaft): void {
  const effects: SenderEffect[] = []
  closeSender(state.sender, effects)
  performSending(state, effects, ctx, raft)
  for (const id of [...state.streams.keys()]) closeStream(state, id)
}

export function openStream(state: ReplicaState, nowMs: number): OpenSnapshotReply {
  if (state.streams.size >= streamsMax) return { type: 'dropped', reason: 'overloaded', leader: state.leader }
  const source = openSource(state)
  const id = state.nextSnapshot++
  state.streams.set(id, { source, chunks: 0, usedMs: nowMs })
  return { type: 'opened', id, manifest: source.manifest }
}

export function nextStreamChunk(state: ReplicaState, id: number, nowMs: number): SnapshotChunkReply {
  const stream = state.streams.get(id)
  if (stream === undefined) return { type: 'notFound' }
  stream.usedMs = nowMs
  const piece = stream.source.pull()
  if (piece === undefined) {
    closeStream(state, id)
    return { type: 'end', chunks: stream.chunks }
  }
  const index = stream.chunks++
  const { part, bytes } = piece
  return { type: 'chunk', part, index, bytes, checksum: chunkChecksum(String(id), index, part, bytes) }
}

export function closeStream(state: ReplicaState, id: number): void {
  state.streams.get(id)?.source.close()
  state.streams.delete(id)
}

function performReceiving(state: ReplicaState, effect: ReceiverEffect, ctx: ActorContext, raft: TellRaft): void {
  switch (effect.type) {
    case 'restage':
      state.staged.deleteRange(emptyBytes, undefined)
      state.staged.putValue('staging', effect.staging)
      break
    case 'stage':
      state.staged.put(chunkKey(effect.index), effect.bytes)
      state.staged.putValue('staging', effect.staging)
      break
    case 'clear':
      state.staged.deleteRange(emptyBytes, undefined)
      break
    case 'install':
      install(state, effect.staging, ctx, raft)
      break
    case 'ack':
      tellReplica(state, effect.to, effect.ack, effect.release, ctx)
      break
    default:
      unreachable(effect)
  }
}

/** Replaces the whole replicated state, in one turn. */
function install(state: ReplicaState, staging: Staging, ctx: ActorContext, raft: TellRaft): void {
  sometimes(snapshotInstalled)
  closeSources(state, ctx, raft)
  const { meta, wallMs, origins } = staging.manifest
  const sessionStore = state.sessions.store
  sessionStore.deleteRange(emptyBytes, undefined)
  for (const chunk of stagedChunks(state, 0, staging.sessionChunks)) {
    writeSessionRecords(sessionStore, unpack(chunk) as SessionRecord[])
  }
  state.sessions = restoreSessions(sessionStore)
  state.machineContext.store.deleteRange(emptyBytes, undefined)
  state.machineState = state.machine.restore(
    state.machineContext,
    state.args.machineArgs,
    stagedChunks(state, staging.sessionChunks, staging.next),
  )
  state.applied = meta.index
  state.appliedTerm = meta.term
  state.configuration = meta.configuration
  state.wallMs = wallMs
  state.origins = restoreOrigins(origins)
  saveMeta(state, ctx.store)
  // Only when the state is on disk may the log that leads to it go.
  raft({ type: 'installed', from: staging.from, term: staging.term, meta }, 'durable')
}

function* stagedChunks(state: ReplicaState, from: number, to: number): Generator<Uint8Array> {
  for (let index = from; index < to; index++) yield state.staged.get(chunkKey(index)) as Uint8Array
}

function* sessionPieces(records: readonly SessionRecord[]): Generator<Uint8Array> {
  let piece: SessionRecord[] = []
  let bytes = 0
  for (const record of records) {
    piece.push(record)
    bytes += 64
    for (const [, answer] of record[3]) bytes += answer.length + 16
    if (bytes < limit(sessionChunk, sessionChunkBytes, 1)) continue
    yield pack(piece)
    piece = []
    bytes = 0
  }
  if (piece.length > 0) yield pack(piece)
}

function chunkKey(index: number): Uint8Array {
  return concatBytes(utf8('c'), uint64Bytes(index))
}

function tellReplica(
  state: ReplicaState,
  to: number,
  message: SnapshotMessage,
  release: 'now' | 'durable',
  ctx: ActorContext,
): void {
  ctx.tell({ type: 'named', node: to, name: `replica/${state.args.group}` }, message, { release, lane: 'control' })
}
