/**
 * What a leader knows of one follower.
 *
 *   probe ──matched──▶ replicate ──mismatched, link down──▶ probe
 *     └──the log no longer holds what it needs──▶ snapshot ──installed or failed──▶ probe
 *
 * `probe` sends one append at a time until the logs are known to meet. `replicate` sends ahead of the acknowledgements,
 * within a window of messages and bytes. `snapshot` sends nothing until the transfer ends.
 */
import { invariant } from '../../base/assert.ts'
import type { Index } from './messages.ts'

export type ProgressPhase = 'probe' | 'replicate' | 'snapshot'

export interface Progress {
  phase: ProgressPhase
  /** Known to be durable on the follower and equal to our log up to here. */
  match: Index
  /** The next entry to send. */
  next: Index
  /** In `probe`: one append is out; the next waits for an answer or a heartbeat's. */
  probing: boolean
  /** Appends sent and not yet acknowledged: the last index and the bytes of each, oldest first. */
  readonly inflight: { readonly index: Index; readonly bytes: number }[]
  inflightBytes: number
  /** The highest commit index the follower was told. */
  commitSent: Index
  /** It answered since the last look of check-quorum. */
  active: boolean
  /** Ticks since it was last heard. */
  silentTicks: number
  linkUp: boolean
  /** The highest round of ours it acknowledged. */
  roundAcked: number
  /** `match` at the last heartbeat's answer: no progress in between means that appends were lost. */
  matchAtHeartbeat: Index
  /** In `snapshot`: the log must be kept after this index for the transfer to be of use. */
  snapshotIndex: Index
  /** In `snapshot`: ticks since the transfer ended well; undefined while it runs. */
  deliveredTicks: number | undefined
  /** The start that speaks, of a follower whose store was lost; 0 of any other. */
  life: number
  /** The entry that vouches for that start once it is committed and matched; 0 when nothing needs vouching for (R25). */
  proof: Index
  /** It does not know yet that it is trusted. */
  forgetful: boolean
}

export function createProgress(next: Index): Progress {
  return {
    phase: 'probe',
    match: 0,
    next,
    probing: false,
    inflight: [],
    inflightBytes: 0,
    commitSent: 0,
    active: true,
    silentTicks: 0,
    linkUp: true,
    roundAcked: 0,
    matchAtHeartbeat: 0,
    snapshotIndex: 0,
    deliveredTicks: undefined,
    life: 0,
    proof: 0,
    forgetful: false,
  }
}

/** Whether what it says counts towards a quorum. */
export function counts(progress: Progress): boolean {
  return progress.proof === 0
}

/** The follower is another than it was: what is known of it was said by one who lost his store since. */
export function startLife(progress: Progress, life: number, next: Index): void {
  Object.assign(progress, { ...createProgress(next), inflight: progress.inflight, linkUp: progress.linkUp, life })
  clearInflight(progress)
}

export function toProbe(progress: Progress, next: Index = progress.match + 1): void {
  progress.phase = 'probe'
  progress.next = Math.max(next, progress.match + 1)
  progress.probing = false
  progress.deliveredTicks = undefined
  clearInflight(progress)
}

export function toReplicate(progress: Progress): void {
  progress.phase = 'replicate'
  progress.next = progress.match + 1
  progress.probing = false
  progress.deliveredTicks = undefined
  clearInflight(progress)
}

export function toSnapshot(progress: Progress, index: Index): void {
  progress.phase = 'snapshot'
  progress.snapshotIndex = index
  progress.deliveredTicks = undefined
  clearInflight(progress)
}

/** Notes an append of `bytes` that ends at `index`. */
export function sent(progress: Progress, index: Index, bytes: number): void {
  invariant(progress.phase === 'replicate', 'R22: only replication sends ahead')
  progress.inflight.push({ index, bytes })
  progress.inflightBytes += bytes
  progress.next = index + 1
}

/** Takes an acknowledgement up to `index`. True when it is news. */
export function acknowledged(progress: Progress, index: Index): boolean {
  while (progress.inflight.length > 0 && (progress.inflight[0] as { index: Index }).index <= index) {
    progress.inflightBytes -= (progress.inflight.shift() as { bytes: number }).bytes
  }
  if (index <= progress.match) return false
  progress.match = index
  if (progress.next <= index) progress.next = index + 1
  return true
}

/**
 * Takes a refusal of the append after `prevIndex`; `retryAfter` is the highest index where the logs may still meet.
 * False when the refusal is older than what is known since.
 */
export function refused(progress: Progress, prevIndex: Index, retryAfter: Index): boolean {
  if (progress.phase === 'snapshot' || prevIndex <= progress.match) return false
  // A late answer to an earlier probe: acting on it would move the present one.
  if (progress.phase === 'probe' && progress.next - 1 !== prevIndex) return false
  toProbe(progress, Math.min(prevIndex, retryAfter + 1))
  return true
}

/**
 * The follower says that its log ends below what it once confirmed: its disk was lost. What it held is not counted any
 * more, and it is filled again from where its log ends.
 */
export function lostLog(progress: Progress, last: Index): void {
  progress.match = 0
  progress.matchAtHeartbeat = 0
  toProbe(progress, last + 1)
}

function clearInflight(progress: Progress): void {
  progress.inflight.length = 0
  progress.inflightBytes = 0
}
