/** What a program may say about a watch, and the specification that it becomes. */
import type { ChangeKind, ValueTest, WatchSpec } from '../../actors/watch/messages.ts'
import { type Bytes, toBytes } from '../codec.ts'
import { type KeyRange, type Target, toRange } from '../keys.ts'

export interface WatchOptions {
  /** The first revision to tell; from now on when absent. */
  readonly fromRevision?: number
  /** Tell what the key held before. */
  readonly previous?: boolean
  /** Kinds of change to tell; all when absent. */
  readonly only?: readonly ChangeKind[]
  /**
   * Tell, among the changes, how far the watch has come when there was nothing to tell, and where history was compacted away
   * under it; the watch then goes on from what is left. Without markers compaction ends it with an error.
   */
  readonly markers?: boolean
  /** Ends the watch. */
  readonly signal?: AbortSignal
  /** What the program may lag behind before the server is told to wait; 4_096 changes, 8 MiB of keys and values. */
  readonly bufferedEventsMax?: number
  readonly bufferedBytesMax?: number

  // What follows only Aspen has: an etcd that is asked for it refuses the watch.

  /** Only keys that end so. */
  readonly keySuffix?: Bytes
  /** Only keys that match, in RE2's syntax. */
  readonly keyPattern?: string
  /** Only changes to such values; no deletes. */
  readonly value?: ValueTest
  /** Not when the value is what it was. */
  readonly onlyIfChanged?: boolean
  /** When the program is slow, the newest change of each key alone. */
  readonly latestOnly?: boolean
  /** Of each key at most one change in so many milliseconds, the newest. */
  readonly sampleMs?: number
}

const kinds: readonly ChangeKind[] = ['create', 'update', 'delete']

/** @throws {RangeError} There is nothing to watch, or nothing to tell of it. */
export function watchSpec(
  target: Target | readonly KeyRange[],
  options: WatchOptions,
): Omit<WatchSpec, 'startRevision'> {
  const ranges = Array.isArray(target) ? (target as readonly KeyRange[]) : [toRange(target as Target)]
  const without = options.only === undefined ? [] : kinds.filter((kind) => options.only?.includes(kind) === false)
  if (ranges.length === 0) throw new RangeError('a watch needs at least one range, and got none')
  if (without.length === kinds.length)
    throw new RangeError('a watch needs something to tell: `only` names no kind of change')
  const { keySuffix, keyPattern, value, onlyIfChanged, latestOnly, sampleMs } = options
  return {
    ranges,
    prevKv: options.previous ?? false,
    // Asked for always: a quiet watch that knows how far it has come is not caught by compaction.
    progressNotify: true,
    without,
    ...(keySuffix !== undefined && { keySuffix: toBytes(keySuffix) }),
    ...(keyPattern !== undefined && { keyPattern }),
    ...(value !== undefined && { value }),
    ...(onlyIfChanged !== undefined && { onlyIfChanged }),
    ...(latestOnly !== undefined && { latestOnly }),
    ...(sampleMs !== undefined && { sampleMs }),
  }
}

/** The parts of a specification that an etcd would not understand, and so would tell the wrong things for. */
export function beyondEtcd(spec: Omit<WatchSpec, 'startRevision'>): readonly string[] {
  const { without } = spec
  const create = without.includes('create')
  const parts = {
    'several ranges': spec.ranges.length > 1,
    'creates without updates, or the reverse': create !== without.includes('update'),
    keySuffix: spec.keySuffix !== undefined,
    keyPattern: spec.keyPattern !== undefined,
    value: spec.value !== undefined,
    onlyIfChanged: spec.onlyIfChanged === true,
    latestOnly: spec.latestOnly === true,
    sampleMs: spec.sampleMs !== undefined,
  }
  return Object.entries(parts).flatMap(([name, used]) => (used ? [name] : []))
}
