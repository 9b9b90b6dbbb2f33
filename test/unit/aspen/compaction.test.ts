import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { beat, beatMs, type CompactionPolicy, compacted, createCompaction } from '../../../aspen/compaction.ts'

const minute = 60_000
const hour = 60 * minute

interface Done {
  readonly atMs: number
  readonly revision: number
}

/** Beats until `untilMs`, with the revision as a function of time; every compaction succeeds. */
function run(
  policy: CompactionPolicy,
  untilMs: number,
  revisionAt: (ms: number) => number,
  leads = (_ms: number) => true,
): Done[] {
  const state = createCompaction(policy, revisionAt(0), 0)
  const done: Done[] = []
  for (let atMs = beatMs(policy); atMs <= untilMs; atMs += beatMs(policy)) {
    const revision = beat(state, revisionAt(atMs), leads(atMs), atMs)
    if (revision === undefined) continue
    done.push({ atMs, revision })
    compacted(state, revision, atMs)
  }
  return done
}

/** One write a minute, from revision 1 on. */
const perMinute = (ms: number): number => 1 + Math.floor(ms / minute)

test('periodic, up to an hour: a sample every tenth, the first compaction after the retention, then one every retention', () => {
  const policy = { mode: 'periodic', retentionMs: 10 * minute } as const

  assert.equal(beatMs(policy), minute)
  assert.deepEqual(run(policy, 30 * minute, perMinute), [
    { atMs: 10 * minute, revision: 1 },
    { atMs: 20 * minute, revision: 10 },
    { atMs: 30 * minute, revision: 20 },
  ])
})

test('periodic, beyond an hour: the first compaction after the retention, then one every hour', () => {
  const policy = { mode: 'periodic', retentionMs: 5 * hour } as const

  assert.equal(beatMs(policy), 6 * minute)
  assert.deepEqual(
    run(policy, 7 * hour, perMinute).map(({ atMs, revision }) => [atMs / hour, revision]),
    [
      [5, 1],
      [6, perMinute(hour) - 6],
      [7, perMinute(2 * hour) - 6],
    ],
  )
})

test('revision: every five minutes, to the newest less what is kept', () => {
  const policy = { mode: 'revision', revisions: 7 } as const

  assert.equal(beatMs(policy), 5 * minute)
  assert.deepEqual(run(policy, 20 * minute, perMinute), [
    { atMs: 10 * minute, revision: 4 },
    { atMs: 15 * minute, revision: 9 },
    { atMs: 20 * minute, revision: 14 },
  ])
})

test('C2: who does not lead asks for nothing, yet whoever comes to lead has a whole window', () => {
  const periodic = { mode: 'periodic', retentionMs: 10 * minute } as const
  const later = (ms: number): boolean => ms > 24 * minute

  assert.deepEqual(run(periodic, 25 * minute, perMinute, later), [{ atMs: 25 * minute, revision: 15 }])
  assert.deepEqual(
    run(periodic, 25 * minute, perMinute, () => false),
    [],
  )
  assert.deepEqual(
    run({ mode: 'revision', revisions: 1 }, 25 * minute, perMinute, () => false),
    [],
  )
})

test('C3: a keyspace that is not written is compacted once', () => {
  assert.equal(run({ mode: 'periodic', retentionMs: minute }, hour, () => 9).length, 1)
  assert.equal(run({ mode: 'revision', revisions: 2 }, 2 * hour, () => 9).length, 1)
  assert.equal(run({ mode: 'revision', revisions: 20 }, 2 * hour, () => 9).length, 0)
})

test('C3: what failed is asked for again with the next beat', () => {
  const policy = { mode: 'revision', revisions: 2 } as const
  const state = createCompaction(policy, 9, 0)

  assert.equal(beat(state, 9, true, beatMs(policy)), 7)
  assert.equal(beat(state, 9, true, 2 * beatMs(policy)), 7)
  compacted(state, 7, 2 * beatMs(policy))
  assert.equal(beat(state, 9, true, 3 * beatMs(policy)), undefined)
})

test('C1: whatever the writes and the changes of leader, what is compacted away was superseded a retention ago, less a beat of lateness', () => {
  const anything = fc.record({
    retentionMs: fc.integer({ min: 1_000, max: 10 * hour }),
    writes: fc.array(fc.integer({ min: 0, max: 30 * hour }), { maxLength: 60 }),
    leads: fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }),
  })
  fc.assert(
    fc.property(anything, ({ retentionMs, writes, leads }) => {
      const policy: CompactionPolicy = { mode: 'periodic', retentionMs }
      const revisionAt = (ms: number): number => 1 + writes.filter((at) => at <= ms).length
      const untilMs = Math.min(30 * hour, 400 * beatMs(policy))
      let last = 0
      for (const { atMs, revision } of run(
        policy,
        untilMs,
        revisionAt,
        (ms) => leads[Math.floor(ms / retentionMs) % leads.length] as boolean,
      )) {
        assert.ok(revision <= revisionAt(atMs - retentionMs), `C1: ${revision} at ${atMs}`)
        assert.ok(revision > last, `C3: ${revision} after ${last}`)
        last = revision
      }
    }),
    // Ten beats of this one were once less than the retention, by a rounding.
    { examples: [[{ retentionMs: 1_558_449, writes: [0], leads: [true] }]] },
  )
})
