/** Where a simulation bends a supervisor, and what some run must have seen of one. */
import { type FaultSite, faultSite, type Probe, probe } from '../base/fault-points.ts'

export const refuseStart: FaultSite = faultSite('supervisor.start.full', 'flow', 'a supervisor has no room for a child')
export const silentList: FaultSite = faultSite(
  'supervisor.list.silent',
  'flow',
  'a supervisor does not say who its children are',
)
export const readyTwice: FaultSite = faultSite(
  'supervisor.thread.ready-twice',
  'flow',
  'it is told twice that a thread is ready',
)

export const lossCounted: Probe = probe('supervisor.thread.lost', 'the loss of a thread was a failure of a child')
export const lossKnown: Probe = probe('supervisor.thread.known', 'a second child went down with the same thread')
export const startedBefore: Probe = probe('supervisor.start.already', 'a child was to be started that was there')
export const restartAfterLoss: Probe = probe('supervisor.restart.spawned', 'a child that was gone was spawned anew')
