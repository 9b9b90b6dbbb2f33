/**
 * Where a simulation bends the kernel: turns are few, batches small, timers late, threads full, disks busy. What leaves an
 * actor still leaves in order and after its writes, and every ask is still answered once.
 */
import { type FaultSite, faultSite } from '../../base/fault-points.ts'

// Turns.
export const turnsPerActor: FaultSite = faultSite('kernel.turns.per-actor', 'limit', 'an actor has few turns in a row')
export const turnsPerTick: FaultSite = faultSite('kernel.turns.per-tick', 'limit', 'a tick has few turns')
export const turnsPerClock: FaultSite = faultSite('kernel.turns.per-clock', 'limit', 'the clock is read often')
export const yieldTurn: FaultSite = faultSite('kernel.turns.yield', 'flow', 'an actor makes way though it has messages')
export const mailboxMessages: FaultSite = faultSite('kernel.mailbox.messages', 'limit', 'mailboxes are small')

// Timers, asks and births.
export const timerLate: FaultSite = faultSite('kernel.timer.late', 'flow', 'a timer is late')
export const askTimeout: FaultSite = faultSite('kernel.ask.timeout', 'flow', 'the time of an ask is up at once')
export const loadLate: FaultSite = faultSite('kernel.spawn.late', 'flow', 'a module takes its time to load')

// What leaves an executor.
export const holdFlush: FaultSite = faultSite(
  'kernel.flush.hold',
  'flow',
  'what leaves an executor leaves a tick later',
)
export const batchMessages: FaultSite = faultSite('kernel.batch.messages', 'limit', 'few messages fit a batch')
export const urgentAlone: FaultSite = faultSite(
  'kernel.batch.urgent-alone',
  'flow',
  "the kernel's own messages have a batch of their own",
)
export const creditWindow: FaultSite = faultSite(
  'kernel.credit.window',
  'limit',
  'a thread may owe another few messages',
)
export const creditEarly: FaultSite = faultSite('kernel.credit.early', 'flow', 'credit goes back in small notices')
export const waitingMessages: FaultSite = faultSite(
  'kernel.outbound.waiting',
  'limit',
  'few messages may wait for credit',
)
export const outboundFull: FaultSite = faultSite(
  'kernel.outbound.full',
  'flow',
  'another thread has no room for a message',
)
export const splitFrame: FaultSite = faultSite('kernel.frame.split', 'flow', 'every message has a frame of its own')
export const loseFrame: FaultSite = faultSite('kernel.frame.lose', 'flow', 'a frame finds its link down')

// Commits.
export const commitLate: FaultSite = faultSite('storage.commit.late', 'flow', 'a commit begins later, with more in it')
export const commitSoon: FaultSite = faultSite('storage.commit.soon', 'flow', 'a commit begins in the middle of a tick')
export const commitFull: FaultSite = faultSite(
  'storage.commit.full',
  'flow',
  'a commit finds no room, and some a moment later',
)
export const retryMs: FaultSite = faultSite(
  'storage.commit.retry',
  'limit',
  'a commit without room is soon tried again',
)

// Lazy writes and the view of a store.
export const foldMs: FaultSite = faultSite('storage.fold.within', 'limit', 'lazy writes are folded soon')
export const foldAtOnce: FaultSite = faultSite(
  'storage.fold.at-once',
  'flow',
  'lazy writes are folded with the next tick',
)
export const foldLate: FaultSite = faultSite('storage.fold.late', 'flow', 'lazy writes wait once more')
export const foldBackwards: FaultSite = faultSite(
  'storage.fold.backwards',
  'flow',
  'a fold writes its keys in another order',
)
export const keepOverlay: FaultSite = faultSite(
  'storage.overlay.keep',
  'flow',
  'what is on disk is still read from memory',
)
export const walkRange: FaultSite = faultSite('storage.range.walk', 'flow', 'a range is read without a limit and cut')

// The log of an actor.
export const splitAppend: FaultSite = faultSite('storage.log.split-append', 'flow', 'an append is written as two')
export const appendTwice: FaultSite = faultSite('storage.log.append-twice', 'flow', 'an append is written over itself')
export const dropBeforeReset: FaultSite = faultSite(
  'storage.log.drop-first',
  'flow',
  'a log is dropped before it is begun anew',
)
