/** What some run of many must have seen of watching. */
import { type Probe, probe } from '../../base/fault-points.ts'

export const feedGap: Probe = probe('watch.hub.gap', 'the hub missed something of its feed')
export const feedRepeated: Probe = probe('watch.hub.repeated', 'the hub was told something again')
export const feedLost: Probe = probe('watch.hub.lost', 'the hub found out by itself that it had missed a feed')
export const caughtFromRing: Probe = probe('watch.hub.ring', 'a subscription was served from what the hub remembered')
export const sentToHistory: Probe = probe('watch.hub.behind', 'a subscription began before what the hub remembered')
export const sessionEvicted: Probe = probe('watch.hub.evicted', 'a session listened too slowly')
export const subscribeParked: Probe = probe('watch.hub.parked', 'a session asked for more than it had heard')
export const wordMissed: Probe = probe('watch.session.missed', 'a session noticed that a word of the hub was lost')
export const bufferFull: Probe = probe('watch.session.full', 'a watcher left the hub because its client was slow')
export const historyResumed: Probe = probe('watch.session.resumed', 'a watcher came back from history to the hub')
export const historyCompacted: Probe = probe('watch.session.compacted', 'history was compacted away under a watcher')
export const progressWaited: Probe = probe('watch.session.progress-waited', 'a bookmark waited for slow watchers')
export const fragmented: Probe = probe('watch.session.fragment', 'a revision was told in more than one response')
export const previousSought: Probe = probe(
  'watch.session.previous',
  'a watcher went through history for what a key held before',
)
