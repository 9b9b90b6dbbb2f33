/** As `probes.ts`: what some run must have seen of replicas, snapshot transfers and the heartbeat service. */
import { type Probe, probe } from '../../base/fault-points.ts'

// Proposals and reads.
export const entryOvertaken: Probe = probe(
  'replica.entry.overtaken',
  'a later entry of ours was applied, so the earlier one is dead',
)
export const entryTwice: Probe = probe('replica.entry.twice', 'an entry stood in the log twice and was passed over')
export const entrySplit: Probe = probe('replica.entry.split', 'commands did not fit one entry')
export const requestRepeated: Probe = probe(
  'replica.request.repeated',
  'a repeated request got the answer of the first',
)
export const droppedSurely: Probe = probe('replica.propose.dropped', 'a command was certainly not taken')
export const droppedPerhaps: Probe = probe('replica.propose.unknown', 'a command was perhaps taken')
export const proposalExpired: Probe = probe('replica.propose.expired', 'the fate of a command did not show in time')
export const readExpired: Probe = probe('replica.read.expired', 'a read was not answered in time')
export const questionLost: Probe = probe('replica.read.question-lost', 'a question was put again')

// The pair of group and replica.
export const answeredAfterSnapshot: Probe = probe(
  'replica.snapshot.pending',
  'a snapshot came under commands that wait',
)

export const pairedAgain: Probe = probe('replica.pair.unheard', 'the group was told again where its replica stands')

// Snapshots.
export const snapshotInstalled: Probe = probe('snapshot.installed', 'a snapshot was installed')
export const snapshotResumed: Probe = probe('snapshot.resumed', 'a transfer went on where it broke')
export const snapshotRestarted: Probe = probe('snapshot.restarted', 'the receiver lost what it had acknowledged')
export const snapshotResent: Probe = probe('snapshot.resent', 'chunks were sent again')
export const snapshotParked: Probe = probe('snapshot.parked', 'a transfer stood still and was laid aside')
export const snapshotQueued: Probe = probe('snapshot.queued', 'a transfer waited for a place')
export const snapshotReplaced: Probe = probe('snapshot.replaced', 'a newer snapshot took the place of a staged one')
export const snapshotOld: Probe = probe('snapshot.old', 'a snapshot was offered that is in the past')
export const chunkBroken: Probe = probe('snapshot.chunk.broken', 'a chunk came broken')
export const chunkOutOfPlace: Probe = probe('snapshot.chunk.out-of-place', 'a chunk came before or after its turn')
export const stagedAtStart: Probe = probe('snapshot.staged-at-start', 'a replica started with half a snapshot staged')

// The heartbeat service.
export const linkDown: Probe = probe('beats.link.down', 'a node was silent for too long')
export const linkUp: Probe = probe('beats.link.up', 'a silent node was heard again')
export const calledForLeader: Probe = probe('beats.called', 'a replica that lost its members called for a leader')
export const beatDropped: Probe = probe('beats.dropped', 'heartbeats were dropped for want of room')
