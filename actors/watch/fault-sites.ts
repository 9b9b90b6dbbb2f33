/** Where a simulation bends watching: what is small, what is lost, what is refused. Nothing of it may be told to a client. */
import { type FaultSite, faultSite } from '../../base/fault-points.ts'

export const ringRevisions: FaultSite = faultSite('watch.ring.revisions', 'limit', 'the hub remembers few revisions')
export const ringForget: FaultSite = faultSite('watch.ring.forget', 'flow', 'the hub forgets what it remembered')
export const feedDropped: FaultSite = faultSite('watch.feed.dropped', 'flow', 'a feed does not reach the hub')
export const subscribeBehind: FaultSite = faultSite(
  'watch.subscribe.behind',
  'flow',
  'a session is sent to history though the hub remembers',
)
export const sessionWindow: FaultSite = faultSite(
  'watch.session.window',
  'limit',
  'few words may be on their way to a session',
)
export const sessionLeft: FaultSite = faultSite('watch.session.left', 'flow', 'a session is left though it listens')
export const wordDropped: FaultSite = faultSite('watch.session.word-dropped', 'flow', 'a word to a session is lost')
export const bufferBytes: FaultSite = faultSite('watch.session.buffer-bytes', 'limit', 'a session keeps few bytes')
export const bufferEvents: FaultSite = faultSite('watch.session.buffer-events', 'limit', 'a session keeps few events')
export const pageEvents: FaultSite = faultSite('watch.history.page', 'limit', 'a page of history has few events')
export const pageScan: FaultSite = faultSite('watch.history.scan', 'limit', 'a page of history looks at few records')
export const historyLost: FaultSite = faultSite('watch.history.lost', 'flow', 'a page of history gets lost')
export const hubSweep: FaultSite = faultSite(
  'watch.hub.sweep',
  'limit',
  'the hub looks often whether it missed something',
)
