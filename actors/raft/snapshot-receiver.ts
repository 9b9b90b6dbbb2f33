/**
 * The receiving end of a snapshot transfer, pure: chunks are staged in order, and when the last one proves that all
 * of them are here, the replica installs them in one turn.
 *
 *   offer ─▶ staging ──chunk, in its place and intact──▶ staged, acknowledged once on disk
 *               │  └── any other chunk: the old acknowledgement again, so that the sender repeats
 *               └── last chunk, total right ─▶ install      total wrong ─▶ refused, staging cleared
 *
 * What is staged is in the store, so a restart takes up where it was, and an offer of the same snapshot goes on from
 * there. Only one snapshot is staged at a time: a newer offer of a leader replaces it.
 *
 *   A10  only a snapshot whose every chunk and total checked is installed, and only one ahead of the applied state
 */
import { invariant } from '../../base/assert.ts'
import { buggify, sometimes } from '../../base/fault-points.ts'
import type { Index, NodeId, Term } from './messages.ts'
import { brokenChunk, brokenTotal, giveUpStaging, refuseOffer, restage } from './replica-fault-sites.ts'
import type { SnapshotAck, SnapshotChunk, SnapshotManifest, SnapshotOffer } from './replica-messages.ts'
import { chunkBroken, chunkOutOfPlace, snapshotOld, snapshotReplaced, stagedAtStart } from './replica-probes.ts'
import { chainChecksum, chunkChecksum, chunksMax } from './snapshot-chunks.ts'

export interface ReceiverLimits {
  /** A staged snapshot that nobody continues is given up after this long. */
  readonly idleMs: number
}

export const receiverLimits: ReceiverLimits = { idleMs: 120_000 }

/** What has come of one snapshot. Plain data: kept in the store beside the chunks. */
export interface Staging {
  readonly id: string
  readonly from: NodeId
  readonly term: Term
  readonly manifest: SnapshotManifest
  /** Chunks staged. */
  readonly next: number
  /** Of those, how many belong to the sessions; they come first. */
  readonly sessionChunks: number
  readonly chain: number
}

export interface SnapshotReceiver {
  readonly node: NodeId
  readonly limits: ReceiverLimits
  staging: Staging | undefined
  heardMs: number
  /** The id of the newest snapshot that was installed: a lost last acknowledgement is given again. */
  installedId: string | undefined
  refusedTotal: number
  corruptTotal: number
}

export type ReceiverEffect =
  /** Keep `bytes` as chunk `index` and `staging` with it. */
  | { readonly type: 'stage'; readonly index: number; readonly bytes: Uint8Array; readonly staging: Staging }
  /** A new staging begins: what was staged before goes. */
  | { readonly type: 'restage'; readonly staging: Staging }
  | { readonly type: 'clear' }
  | { readonly type: 'install'; readonly staging: Staging }
  /** `durable`: only when what was staged is on disk. */
  | { readonly type: 'ack'; readonly to: NodeId; readonly ack: SnapshotAck; readonly release: 'now' | 'durable' }

export function createSnapshotReceiver(
  node: NodeId,
  staged: Staging | undefined,
  nowMs: number,
  limits: ReceiverLimits = receiverLimits,
): SnapshotReceiver {
  sometimes(stagedAtStart, staged !== undefined)
  return { node, limits, staging: staged, heardMs: nowMs, installedId: undefined, refusedTotal: 0, corruptTotal: 0 }
}

/** `applied` and `term` are what this replica knows; a snapshot that is behind them helps nobody. */
export function onSnapshotOffer(
  receiver: SnapshotReceiver,
  offer: SnapshotOffer,
  known: { readonly applied: Index; readonly term: Term },
  nowMs: number,
  out: ReceiverEffect[],
): void {
  if (offer.id === receiver.installedId || offer.manifest.meta.index <= known.applied) {
    // Being ahead of the offer is as good as having installed it.
    sometimes(snapshotOld)
    out.push(acknowledge(receiver, offer.from, offer.id, 0, 'installed'))
    return
  }
  if (offer.term < known.term || buggify(refuseOffer, 0.3)) {
    receiver.refusedTotal += 1
    out.push(acknowledge(receiver, offer.from, offer.id, 0, 'refused'))
    return
  }
  receiver.heardMs = nowMs
  const present = receiver.staging
  if (present === undefined || present.id !== offer.id || buggify(restage, 0.4)) {
    sometimes(snapshotReplaced, present !== undefined && present.id !== offer.id)
    const { id, from, term, manifest } = offer
    receiver.staging = { id, from, term, manifest, next: 0, sessionChunks: 0, chain: 0 }
    out.push({ type: 'restage', staging: receiver.staging })
  } else if (present.term !== offer.term) {
    receiver.staging = { ...present, term: offer.term }
  }
  out.push(acknowledge(receiver, offer.from, offer.id, receiver.staging?.next ?? 0, 'staged'))
}

export function onSnapshotChunk(
  receiver: SnapshotReceiver,
  chunk: SnapshotChunk,
  applied: Index,
  nowMs: number,
  out: ReceiverEffect[],
): void {
  const staging = receiver.staging
  if (staging === undefined || staging.id !== chunk.id) {
    const status = chunk.id === receiver.installedId ? 'installed' : 'refused'
    out.push(acknowledge(receiver, chunk.from, chunk.id, 0, status))
    return
  }
  receiver.heardMs = nowMs
  const sound = chunkChecksum(chunk.id, chunk.index, chunk.part, chunk.bytes) === chunk.checksum
  const intact = sound && !buggify(brokenChunk)
  sometimes(chunkBroken, !intact)
  if (!intact) receiver.corruptTotal += 1
  const outOfPlace = chunk.index !== staging.next || (chunk.part === 'sessions' && staging.sessionChunks < staging.next)
  sometimes(chunkOutOfPlace, outOfPlace)
  if (!intact || outOfPlace) {
    out.push(acknowledge(receiver, chunk.from, chunk.id, staging.next, 'staged'))
    return
  }
  const chain = chainChecksum(staging.chain, chunk.checksum)
  if (chunk.total !== undefined) {
    finish(receiver, staging, chunk, chain, applied, out)
    return
  }
  const sessionChunks = staging.sessionChunks + (chunk.part === 'sessions' ? 1 : 0)
  const advanced: Staging = { ...staging, next: staging.next + 1, sessionChunks, chain }
  invariant(advanced.next <= chunksMax, `A10: at most ${chunksMax} chunks are staged`)
  receiver.staging = advanced
  out.push({ type: 'stage', index: chunk.index, bytes: chunk.bytes, staging: advanced })
  out.push(acknowledge(receiver, chunk.from, chunk.id, advanced.next, 'staged'))
}

/** Gives up what nobody continues. */
export function sweepReceiver(receiver: SnapshotReceiver, nowMs: number, out: ReceiverEffect[]): void {
  if (receiver.staging === undefined) return
  if (nowMs - receiver.heardMs < receiver.limits.idleMs && !buggify(giveUpStaging)) return
  receiver.staging = undefined
  out.push({ type: 'clear' })
}

function finish(
  receiver: SnapshotReceiver,
  staging: Staging,
  last: SnapshotChunk,
  chain: number,
  applied: Index,
  out: ReceiverEffect[],
): void {
  receiver.staging = undefined
  if (chain !== last.total || last.bytes.length > 0 || buggify(brokenTotal, 0.4)) {
    receiver.corruptTotal += 1
    out.push({ type: 'clear' }, acknowledge(receiver, last.from, last.id, 0, 'refused'))
    return
  }
  receiver.installedId = staging.id
  // The log may have caught up meanwhile: then what was staged is the past.
  if (staging.manifest.meta.index > applied) out.push({ type: 'install', staging })
  out.push({ type: 'clear' })
  out.push(acknowledge(receiver, last.from, last.id, staging.next + 1, 'installed'))
}

function acknowledge(
  receiver: SnapshotReceiver,
  to: NodeId,
  id: string,
  next: number,
  status: SnapshotAck['status'],
): ReceiverEffect {
  const ack: SnapshotAck = { type: 'snapshotAck', from: receiver.node, id, next, status }
  return { type: 'ack', to, ack, release: status === 'refused' ? 'now' : 'durable' }
}
