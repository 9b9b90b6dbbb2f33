/**
 * When a keyspace's history is compacted by itself, as a plain function of time; etcd's rules, so that what its operators
 * know holds here.
 *
 *   periodic   a sample of the revision every tenth of min(retention, 1 h); the window of samples is `retention` long, and
 *              its oldest is compacted to: the first time after `retention`, then every min(retention, 1 h)
 *   revision   every 5 minutes, to the newest revision less the number to keep
 *
 * All members sample, so that whoever becomes the leader has a window at once; only the leader compacts.
 *
 *   C1  a version is compacted away no sooner than `retention` after it was superseded, or with `revisions` after it
 *   C2  who does not lead asks for nothing
 *   C3  one revision is not asked for twice, unless the first time failed
 */

/** How much history a keyspace keeps by itself. */
export type CompactionPolicy =
  | { readonly mode: 'periodic'; readonly retentionMs: number }
  | { readonly mode: 'revision'; readonly revisions: number }

export interface CompactionState {
  readonly policy: CompactionPolicy
  /** Periodic: the newest last; the first is as old as the window is long. */
  readonly samples: number[]
  /** Of the newest compaction that was done. */
  doneRevision: number
  doneMs: number
  /** Until the first compaction, the whole retention must have passed; then its steps. */
  waitMs: number
}

const hourMs = 3_600_000
const samplesPerStep = 10
const revisionBeatMs = 300_000

/** The time from one `beat` to the next. */
export function beatMs(policy: CompactionPolicy): number {
  // Whole: ten tenths of a number are not always that number.
  return policy.mode === 'revision' ? revisionBeatMs : Math.floor(stepMs(policy.retentionMs) / samplesPerStep)
}

/** Counts from now: `revision` is the keyspace's at this moment. */
export function createCompaction(policy: CompactionPolicy, revision: number, nowMs: number): CompactionState {
  const waitMs = policy.mode === 'periodic' ? policy.retentionMs : 0
  return { policy, samples: [revision], doneRevision: 0, doneMs: nowMs, waitMs }
}

/**
 * Called every `beatMs`, with the keyspace's newest revision.
 *
 * @returns The revision to compact to; undefined when there is nothing to do. Report it with `compacted` when it was done.
 */
export function beat(state: CompactionState, revision: number, leads: boolean, nowMs: number): number | undefined {
  const { policy } = state
  const target =
    policy.mode === 'periodic' ? periodicTarget(state, policy.retentionMs, nowMs) : revision - policy.revisions
  if (policy.mode === 'periodic') sample(state, revision, policy.retentionMs)
  return leads && target !== undefined && target > 0 && target !== state.doneRevision ? target : undefined
}

/** The keyspace is compacted to `revision`, as decided at `nowMs`, by us or by somebody else. */
export function compacted(state: CompactionState, revision: number, nowMs: number): void {
  state.doneRevision = revision
  state.doneMs = nowMs
  if (state.policy.mode === 'periodic') state.waitMs = stepMs(state.policy.retentionMs)
}

function periodicTarget(state: CompactionState, retentionMs: number, nowMs: number): number | undefined {
  // Beats come a little early or late: half of one must not cost a whole one.
  const early = beatMs(state.policy) / 2
  if (nowMs - state.doneMs < state.waitMs - early) return undefined
  // C1: as old as the window is long, and no younger.
  return state.samples.length < beatsOf(retentionMs, state.policy) ? undefined : state.samples[0]
}

function sample(state: CompactionState, revision: number, retentionMs: number): void {
  state.samples.push(revision)
  if (state.samples.length > beatsOf(retentionMs, state.policy) + 1) state.samples.shift()
}

/** How many beats a retention takes, the last one whole. */
function beatsOf(retentionMs: number, policy: CompactionPolicy): number {
  return Math.ceil(retentionMs / beatMs(policy))
}

function stepMs(retentionMs: number): number {
  return Math.min(retentionMs, hourMs)
}
