/** What some run of many must have seen of the kernel: the ends, the refusals and the crossings. */
import { type Probe, probe } from '../../base/fault-points.ts'

export const askAfterDeath: Probe = probe('kernel.ask.thread-died', 'an ask was answered by the death of a thread')
export const answerLate: Probe = probe('kernel.ask.answer-late', 'an answer came after the deadline')
export const askTimedOut: Probe = probe('kernel.ask.timed-out', 'an ask had no answer but its deadline')
export const askWaitsForDisk: Probe = probe('kernel.ask.waits-for-disk', 'a request waited for the writes of its turn')
export const messageDead: Probe = probe('kernel.letter.dead', 'a message found nobody')
export const letterOfThread: Probe = probe('kernel.letter.thread-lost', 'a message was for a thread that died')
export const threadLost: Probe = probe('kernel.thread.lost', 'actors were told that a thread died')
export const threadBack: Probe = probe('kernel.thread.back', 'the names of a thread were told to its replacement')
export const mailboxFull: Probe = probe('kernel.mailbox.full', 'a message found a mailbox full')
export const creditSpent: Probe = probe('kernel.credit.spent', 'messages waited for the credit of another thread')
export const outputHeld: Probe = probe('kernel.output.held', 'a message waited for the writes of its actor')
export const commitQueued: Probe = probe('storage.commit.queued', 'writes waited for a commit under way')
export const commitNoRoom: Probe = probe('storage.commit.no-room', 'a commit found no room')
export const foldHeld: Probe = probe('storage.fold.held', 'a message waited for a fold')
export const overlayRead: Probe = probe(
  'storage.overlay.range',
  'a range was read partly from writes that are not on disk',
)
export const tombstoneRead: Probe = probe('storage.overlay.buried', 'a key lay under a deletion that is not on disk')
