/** What some run of many must have seen of leases and the lessor. */
import { type Probe, probe } from '../../base/fault-points.ts'

export const tookOver: Probe = probe('lease.begin.leases', 'a leader began with leases of an earlier one')
export const expired: Probe = probe('lease.end.expired', 'a lease ended because its time was up')
export const endRetried: Probe = probe('lease.end.again', 'the end of a lease had to be said again')
export const keptWhileEnding: Probe = probe(
  'lease.end.kept',
  'a lease was to be kept alive while its end was under way',
)
export const secondChance: Probe = probe('lease.end.second-chance', 'an end was refused, and the lease lived on')
export const feedMissed: Probe = probe('lease.feed.gap', 'the feed had a gap, and the table was read again')
export const auditDiffered: Probe = probe('lease.audit.differs', 'lessor and table differed')
export const adoptedByProof: Probe = probe(
  'lease.proof.adopted',
  'a lease was known to a proof before the feed told of it',
)
export const proofLost: Probe = probe('lease.proof.lost', 'a proof failed, and was tried again')
export const checkpointed: Probe = probe('lease.checkpoint.written', 'what was left of a lease was written down')
export const checkpointUndone: Probe = probe('lease.checkpoint.undone', 'a lease that was written down was begun anew')
export const beganWithLess: Probe = probe('lease.begin.remaining', 'a leader began with what was left of a lease')
export const lessorRestarted: Probe = probe(
  'lease.begin.barrier',
  'a lessor that restarted waited for what it had said before',
)
