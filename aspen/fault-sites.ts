/** Where a simulation bends what keeps a node in line: looks are late, answers are lost, asking is impatient. */
import { type FaultSite, faultSite, type Probe, probe } from '../base/fault-points.ts'

export const skipLook: FaultSite = faultSite('keeper.look.skip', 'flow', 'the keeper looks the next time')
export const statusLooks: FaultSite = faultSite(
  'keeper.look.status',
  'limit',
  'the keeper asks for the state of groups often',
)
export const askPatience: FaultSite = faultSite(
  'keeper.ask.patience',
  'limit',
  'the keeper waits briefly for an answer',
)
export const peersUntold: FaultSite = faultSite(
  'keeper.peers.untold',
  'flow',
  'the network is told of members at the next look',
)
export const ignoreTopology: FaultSite = faultSite(
  'keeper.topology.ignore',
  'flow',
  'the list of members is read at the next look',
)
export const startLater: FaultSite = faultSite('keeper.start.later', 'flow', 'a group is started at the next look')
export const ignoreStatus: FaultSite = faultSite('keeper.status.ignore', 'flow', 'the state of a group is asked again')
export const changeLater: FaultSite = faultSite(
  'keeper.change.later',
  'flow',
  'a configuration lags for a while longer',
)
export const publishAgain: FaultSite = faultSite(
  'keeper.publish.again',
  'flow',
  'a member publishes what is known already',
)
export const foundLater: FaultSite = faultSite(
  'keeper.found.later',
  'flow',
  'the founders are proposed at the next look',
)
export const skipDiskLook: FaultSite = faultSite('disk-watch.look.skip', 'flow', 'the disk is looked at the next time')
export const roundWait: FaultSite = faultSite('disk-watch.round', 'limit', 'the next round of alarms comes soon')
export const forgetPeers: FaultSite = faultSite('peers.tell.again', 'flow', 'the network is told what it knows')

export const configurationLags: Probe = probe('keeper.change.begun', 'a configuration was behind the list of members')
export const topologyUnread: Probe = probe('keeper.topology.unread', 'the list of members could not be read')
export const alarmRaised: Probe = probe('disk-watch.alarm.raised', 'a full disk raised an alarm')
export const alarmUp: Probe = probe('disk-watch.alarm.up', 'an alarm was found to be up')
export const alarmRetried: Probe = probe('disk-watch.alarm.retried', 'an alarm could not be raised at once')
