/**
 * The sending end of snapshot transfers, pure: pulls chunks out of a source as the receiver makes room.
 *
 *   begin ─▶ offering ──ack: n chunks are here──▶ streaming ──ack: installed──▶ ended, delivered
 *              ▲  │ no word                          │ no progress, refused
 *              │  └──────────▶ parked ◀──────────────┘            (ended, not delivered)
 *              └── the same follower again, while its source is kept
 *
 * Sent and not acknowledged are at most `windowChunks` and about `windowBytes`; they are kept to be sent again, for a
 * source cannot be rewound. So a transfer resumes where it broke as long as the receiver still holds what it
 * acknowledged; when it does not, a fresh source starts from the beginning under a new id.
 *
 *   A8   at most `transfersMax` sources are read at once, parked ones aside; every source is closed exactly once
 *   A9   every transfer that began ends with one `ended`, unless it was cancelled
 */
import { buggify, limit, sometimes } from '../../base/fault-points.ts'
import type { NodeId, Term } from './messages.ts'
import {
  dropParked,
  freshSource,
  ignoreSnapshotAck,
  offerTwice,
  resendMs as resendSoon,
  snapshotWindow,
  snapshotWindowBytes,
  stallNow,
  transfers,
} from './replica-fault-sites.ts'
import type { SnapshotAck, SnapshotChunk, SnapshotManifest, SnapshotMessage, SnapshotPart } from './replica-messages.ts'
import { snapshotParked, snapshotQueued, snapshotResent, snapshotRestarted, snapshotResumed } from './replica-probes.ts'
import { chainChecksum, chunkChecksum } from './snapshot-chunks.ts'

export interface SenderLimits {
  readonly windowChunks: number
  readonly windowBytes: number
  readonly transfersMax: number
  /** Without an acknowledgement for this long, what is under way is sent again. */
  readonly resendMs: number
  /** Without progress for this long, the transfer ends. */
  readonly stallMs: number
  /** How long the source of a broken transfer is kept for its follower to come back. */
  readonly parkMs: number
}

export const senderLimits: SenderLimits = {
  windowChunks: 8,
  windowBytes: 8 * 1024 * 1024,
  transfersMax: 2,
  resendMs: 1_000,
  stallMs: 10_000,
  parkMs: 60_000,
}

/** One snapshot, read forwards once. */
export interface SnapshotSource {
  readonly id: string
  readonly manifest: SnapshotManifest
  /** The next piece; undefined at the end. */
  pull(): { readonly part: SnapshotPart; readonly bytes: Uint8Array } | undefined
  close(): void
}

export type SenderEffect =
  | { readonly type: 'send'; readonly to: NodeId; readonly message: SnapshotMessage }
  | { readonly type: 'ended'; readonly to: NodeId; readonly index: number; readonly delivered: boolean }

interface Transfer {
  readonly to: NodeId
  readonly term: Term
  readonly source: SnapshotSource
  phase: 'offering' | 'streaming'
  /** Sent and not acknowledged, ascending from `acked`. */
  window: SnapshotChunk[]
  windowBytes: number
  acked: number
  next: number
  chain: number
  /** The last chunk was made. */
  drained: boolean
  progressMs: number
  sentMs: number
}

export interface SnapshotSender {
  readonly node: NodeId
  readonly limits: SenderLimits
  readonly open: () => SnapshotSource
  readonly active: Map<NodeId, Transfer>
  readonly parked: Map<NodeId, { readonly transfer: Transfer; readonly untilMs: number }>
  queued: { readonly to: NodeId; readonly term: Term }[]
}

export function createSnapshotSender(
  node: NodeId,
  open: () => SnapshotSource,
  limits: SenderLimits = senderLimits,
): SnapshotSender {
  return { node, limits, open, active: new Map(), parked: new Map(), queued: [] }
}

/** The follower `to` needs a snapshot from the leader of `term`. Starts, or waits for a place. */
export function beginSnapshot(
  sender: SnapshotSender,
  to: NodeId,
  term: Term,
  nowMs: number,
  out: SenderEffect[],
): void {
  if (sender.active.has(to) || sender.queued.some((waiting) => waiting.to === to)) return
  if (sender.active.size >= transfersMax(sender)) {
    sometimes(snapshotQueued)
    sender.queued.push({ to, term })
    return
  }
  const parked = takeParked(sender, to)
  const transfer: Transfer =
    parked === undefined
      ? freshTransfer(sender, to, term, nowMs)
      : { ...parked, term, phase: 'offering', progressMs: nowMs, sentMs: nowMs }
  sender.active.set(to, transfer)
  offer(sender, transfer, nowMs, out)
}

export function onSnapshotAck(sender: SnapshotSender, ack: SnapshotAck, nowMs: number, out: SenderEffect[]): void {
  const transfer = sender.active.get(ack.from)
  if (transfer === undefined || transfer.source.id !== ack.id || buggify(ignoreSnapshotAck)) return
  switch (ack.status) {
    case 'installed':
      end(sender, transfer, true, nowMs, out)
      break
    case 'refused':
      end(sender, transfer, false, nowMs, out)
      break
    default:
      onStaged(sender, transfer, ack.next, nowMs, out)
      if (sender.active.get(ack.from) === transfer && buggify(stallNow, 0.5)) park(sender, transfer, nowMs, out)
  }
}

/** Raft no longer wants the transfer: it ends without a word. */
export function cancelSnapshot(sender: SnapshotSender, to: NodeId, nowMs: number, out: SenderEffect[]): void {
  sender.queued = sender.queued.filter((waiting) => waiting.to !== to)
  const transfer = sender.active.get(to) ?? sender.parked.get(to)?.transfer
  sender.active.delete(to)
  sender.parked.delete(to)
  transfer?.source.close()
  startQueued(sender, nowMs, out)
}

/** Sends again what got lost, ends what stands still, lets go of what nobody came back for. */
export function sweepSender(sender: SnapshotSender, nowMs: number, out: SenderEffect[]): void {
  const { stallMs } = sender.limits
  const resendMs = limit(resendSoon, sender.limits.resendMs, 1)
  for (const transfer of [...sender.active.values()]) {
    if (nowMs - transfer.progressMs >= stallMs) {
      park(sender, transfer, nowMs, out)
    } else if (nowMs - transfer.sentMs >= resendMs) {
      if (transfer.phase === 'offering') offer(sender, transfer, nowMs, out)
      else resend(transfer, nowMs, out)
    }
  }
  for (const [to, { transfer, untilMs }] of sender.parked) {
    if (nowMs < untilMs && !buggify(dropParked, 0.3)) continue
    sender.parked.delete(to)
    transfer.source.close()
  }
  startQueued(sender, nowMs, out)
}

/** Closes every source: the state they read is going away. Transfers under way end undelivered. */
export function closeSender(sender: SnapshotSender, out: SenderEffect[]): void {
  for (const { to } of sender.queued) out.push({ type: 'ended', to, index: 0, delivered: false })
  for (const { to, source } of sender.active.values()) {
    source.close()
    out.push({ type: 'ended', to, index: source.manifest.meta.index, delivered: false })
  }
  for (const { transfer } of sender.parked.values()) transfer.source.close()
  sender.queued = []
  sender.active.clear()
  sender.parked.clear()
}

/** Lays a transfer aside that stands still; its source is kept for its follower to come back. */
function park(sender: SnapshotSender, transfer: Transfer, nowMs: number, out: SenderEffect[]): void {
  sometimes(snapshotParked)
  sender.active.delete(transfer.to)
  sender.parked.set(transfer.to, { transfer, untilMs: nowMs + sender.limits.parkMs })
  out.push({ type: 'ended', to: transfer.to, index: transfer.source.manifest.meta.index, delivered: false })
}

function transfersMax({ limits }: SnapshotSender): number {
  return limit(transfers, limits.transfersMax, 1)
}

/** The transfer that was laid aside for `to`, to go on with; undefined when there is none. */
function takeParked(sender: SnapshotSender, to: NodeId): Transfer | undefined {
  const parked = sender.parked.get(to)?.transfer
  sender.parked.delete(to)
  if (parked === undefined || !buggify(freshSource, 0.5)) return parked
  parked.source.close()
  return undefined
}

function freshTransfer(sender: SnapshotSender, to: NodeId, term: Term, nowMs: number): Transfer {
  return {
    to,
    term,
    source: sender.open(),
    phase: 'offering',
    window: [],
    windowBytes: 0,
    acked: 0,
    next: 0,
    chain: 0,
    drained: false,
    progressMs: nowMs,
    sentMs: nowMs,
  }
}

function onStaged(sender: SnapshotSender, transfer: Transfer, held: number, nowMs: number, out: SenderEffect[]): void {
  if (held > transfer.next || held < transfer.acked) {
    // An acknowledgement of a streaming transfer that is merely old; only the answer to an offer says where to go on.
    if (transfer.phase === 'streaming') return
    // The receiver lost what it had acknowledged, and so have we: from the beginning, with a state of today.
    sometimes(snapshotRestarted)
    transfer.source.close()
    const fresh = freshTransfer(sender, transfer.to, transfer.term, nowMs)
    sender.active.set(transfer.to, fresh)
    offer(sender, fresh, nowMs, out)
    return
  }
  const resumes = transfer.phase === 'offering'
  if (held === transfer.acked && !resumes) return
  const gone = held - transfer.acked
  for (const chunk of transfer.window.slice(0, gone)) transfer.windowBytes -= chunk.bytes.length
  transfer.window = transfer.window.slice(gone)
  transfer.acked = held
  transfer.phase = 'streaming'
  transfer.progressMs = nowMs
  sometimes(snapshotResumed, resumes && held > 0)
  if (resumes) resend(transfer, nowMs, out)
  pump(sender, transfer, nowMs, out)
}

/** Fills the window. */
function pump(sender: SnapshotSender, transfer: Transfer, nowMs: number, out: SenderEffect[]): void {
  const windowChunks = limit(snapshotWindow, sender.limits.windowChunks, 1)
  const windowBytes = limit(snapshotWindowBytes, sender.limits.windowBytes, 1)
  while (!transfer.drained && transfer.window.length < windowChunks && transfer.windowBytes < windowBytes) {
    const chunk = nextChunk(sender, transfer)
    transfer.window.push(chunk)
    transfer.windowBytes += chunk.bytes.length
    transfer.sentMs = nowMs
    out.push({ type: 'send', to: transfer.to, message: chunk })
  }
}

function nextChunk(sender: SnapshotSender, transfer: Transfer): SnapshotChunk {
  const { id } = transfer.source
  const piece = transfer.source.pull()
  const part = piece?.part ?? 'machine'
  const bytes = piece?.bytes ?? new Uint8Array(0)
  const index = transfer.next
  const checksum = chunkChecksum(id, index, part, bytes)
  transfer.next += 1
  transfer.chain = chainChecksum(transfer.chain, checksum)
  transfer.drained = piece === undefined
  const total = transfer.drained ? transfer.chain : undefined
  return { type: 'snapshotChunk', from: sender.node, id, index, part, bytes, checksum, total }
}

function offer(sender: SnapshotSender, transfer: Transfer, nowMs: number, out: SenderEffect[]): void {
  const { id, manifest } = transfer.source
  transfer.sentMs = nowMs
  const message = { type: 'snapshotOffer', from: sender.node, id, term: transfer.term, manifest } as const
  out.push({ type: 'send', to: transfer.to, message })
  if (buggify(offerTwice)) out.push({ type: 'send', to: transfer.to, message })
}

function resend(transfer: Transfer, nowMs: number, out: SenderEffect[]): void {
  transfer.sentMs = nowMs
  sometimes(snapshotResent, transfer.window.length > 0)
  for (const chunk of transfer.window) out.push({ type: 'send', to: transfer.to, message: chunk })
}

function end(sender: SnapshotSender, transfer: Transfer, delivered: boolean, nowMs: number, out: SenderEffect[]): void {
  sender.active.delete(transfer.to)
  transfer.source.close()
  out.push({ type: 'ended', to: transfer.to, index: transfer.source.manifest.meta.index, delivered })
  startQueued(sender, nowMs, out)
}

function startQueued(sender: SnapshotSender, nowMs: number, out: SenderEffect[]): void {
  while (sender.queued.length > 0 && sender.active.size < transfersMax(sender)) {
    const next = sender.queued.shift()
    if (next !== undefined) beginSnapshot(sender, next.to, next.term, nowMs, out)
  }
}
