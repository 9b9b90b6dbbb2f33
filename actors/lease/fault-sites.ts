/**
 * Where a simulation bends a lessor. Nothing of it can end a lease too early or keep one for ever: bounds become small,
 * work is done twice, and what the lessor hears gets lost as it may when its mailbox is full.
 */
import { type FaultSite, faultSite } from '../../base/fault-points.ts'

export const endsPerCommand: FaultSite = faultSite('lease.end.batch', 'limit', 'few leases end in one command')
export const endCommands: FaultSite = faultSite('lease.end.commands', 'limit', 'few commands are under way')
export const endsPerSecond: FaultSite = faultSite('lease.end.rate', 'limit', 'few leases end in a second')
export const checkpointEvery: FaultSite = faultSite('lease.checkpoint.every', 'limit', 'leases are written down often')
export const checkpointsPerCommand: FaultSite = faultSite(
  'lease.checkpoint.batch',
  'limit',
  'few leases are written down in one command',
)
export const idsWaiting: FaultSite = faultSite('lease.request.ids', 'limit', 'few ids may wait')
export const requestTime: FaultSite = faultSite('lease.request.time', 'limit', 'a request is soon given up')
export const proveAgain: FaultSite = faultSite('lease.proof.again', 'flow', 'a proof is thrown away')
export const loseFeed: FaultSite = faultSite('lease.feed.lose', 'flow', 'a notice of the feed gets lost')
export const loseRole: FaultSite = faultSite('lease.role.lose', 'flow', 'a notice of who leads gets lost')
export const auditEvery: FaultSite = faultSite('lease.audit.every', 'limit', 'the table is compared often')
export const readAgain: FaultSite = faultSite(
  'lease.table.again',
  'flow',
  'the table is read anew though nothing misses',
)
export const endLater: FaultSite = faultSite('lease.end.later', 'flow', 'what is due ends a little later')
