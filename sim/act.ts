/**
 * Faults that have a moment, as data: what is done to a world from outside while it runs. Durations are part of an act, so that
 * one that is left out takes its end with it.
 */
import type { PartitionShape } from './partitions.ts'
import type { Way } from './passages.ts'

export type Act =
  | DiskAct
  /** The processes die at once and come back on their disks; `power`: what the disks lied about is gone. */
  | { readonly type: 'crash'; readonly nodes: readonly number[]; readonly forMs: number; readonly power?: boolean }
  | { readonly type: 'crashThread'; readonly node: number; readonly thread: number; readonly forMs: number }
  /** One actor fails in the middle of its life; its supervisor decides what follows. */
  | { readonly type: 'crashActor'; readonly node: number; readonly actor: string }
  /** One node after the other, each down for `forMs`. */
  | {
      readonly type: 'rollingRestart'
      readonly nodes: readonly number[]
      readonly everyMs: number
      readonly forMs: number
    }
  /** Frames are lost on each of the ways; one direction only. */
  | { readonly type: 'cut'; readonly shape?: PartitionShape; readonly pairs: readonly Way[]; readonly forMs: number }
  /** Frames are held back on each of the ways, and arrive when it ends. */
  | { readonly type: 'clog'; readonly pairs: readonly Way[]; readonly forMs: number }
  /** Nodes clog one after the other, all they send and receive, and clear up in another order. */
  | { readonly type: 'swizzle'; readonly clogs: readonly NodeClog[] }
  /** The process stands still and loses nothing. */
  | { readonly type: 'pause'; readonly node: number; readonly forMs: number }
  /** The machine sleeps: its monotonic clock stands still as well. */
  | { readonly type: 'suspend'; readonly node: number; readonly forMs: number }
  | { readonly type: 'stepWallClock'; readonly node: number; readonly byMs: number }
  /** Whoever leads is asked to hand over to `to`. */
  | { readonly type: 'transferLeadership'; readonly to: number }
  /** `node` becomes a voter, or, if it is one of more than two, a learner. */
  | { readonly type: 'swapRole'; readonly node: number }
  /** A new member joins, under a number that no node ever had. */
  | { readonly type: 'addMember'; readonly node: number }
  | { readonly type: 'removeMember'; readonly node: number }

export interface NodeClog {
  readonly node: number
  readonly afterMs: number
  readonly forMs: number
}

/** An act and when it is done, in milliseconds since the world began. */
export interface TimedAct {
  readonly atMs: number
  readonly act: Act
}

export type DiskAct =
  | { readonly type: 'slowDisk'; readonly node: number; readonly forMs: number }
  /** One disk has `roomBytes` left. */
  | {
      readonly type: 'fillDisk'
      readonly node: number
      readonly disk: number
      readonly roomBytes: number
      readonly forMs: number
    }
  /** The next flush fails, and the process ends. */
  | { readonly type: 'failFlush'; readonly node: number; readonly disk: number }
  /** A bit of one stored value flips; `choice` (0 to 1, excluded) says where. */
  | { readonly type: 'rot'; readonly node: number; readonly disk: number; readonly choice: number }
  /** The next write that can lands under the wrong key. Readers find out, or (`silent`) read what was there before. */
  | {
      readonly type: 'misdirectWrite'
      readonly node: number
      readonly disk: number
      readonly choice: number
      readonly silent: boolean
    }
  /** Flushes are acknowledged and not done; a power cut shows it. */
  | { readonly type: 'lieAboutFlushes'; readonly node: number; readonly disk: number; readonly forMs: number }
  /** Values are read as they were when it began. */
  | { readonly type: 'staleReads'; readonly node: number; readonly disk: number; readonly forMs: number }
  /** The process dies and finds these disks empty when it comes back. */
  | { readonly type: 'loseDisks'; readonly node: number; readonly disks: readonly number[]; readonly forMs: number }
  /** After `afterMs` the node goes down, and comes back on its disks as they were when this began: an operator's mistake. */
  | { readonly type: 'restoreOldCopy'; readonly node: number; readonly afterMs: number; readonly forMs: number }
