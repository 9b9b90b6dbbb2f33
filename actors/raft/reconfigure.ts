/**
 * Changing the members, on the leader (thesis §4.1 to §4.3). One change at a time; joint configurations are left without
 * being asked; a leader that is no longer a voter goes once its successor configuration is committed (R13).
 */

import { buggify, sometimes } from '../../base/fault-points.ts'
import { lingerJoint, noHeir, refuseChange } from './fault-sites.ts'
import { broadcastHeartbeat } from './heartbeat.ts'
import {
  changeProblem,
  encodeConfiguration,
  isJoint,
  isVoter,
  leaveJoint,
  members,
  nextConfiguration,
} from './membership.ts'
import type { Configuration, DropReason, LocalMessage, NodeId, RaftEffect } from './messages.ts'
import { changeRefused, jointLeft, leaderLeft } from './probes.ts'
import { counts, createProgress } from './progress.ts'
import { hasQuorum } from './quorum.ts'
import { appendOwn, replicateAll } from './replication.ts'
import { becomeFollower } from './roles.ts'
import { type RaftState, send } from './state.ts'

type ChangeConfiguration = Extract<LocalMessage, { type: 'changeConfiguration' }>

export function onChangeConfiguration(state: RaftState, { id, wanted }: ChangeConfiguration, out: RaftEffect[]): void {
  const error = changeRefusal(state) ?? (changeProblem(wanted) === undefined ? undefined : 'notReady')
  if (error !== undefined) {
    sometimes(changeRefused)
    out.push({ type: 'configurationChanged', id, error })
    return
  }
  const next = nextConfiguration(state.membership.current, wanted)
  if (next === undefined) {
    out.push({ type: 'configurationChanged', id, error: undefined })
    return
  }
  // It could never be committed, nor left: who does not count is vouched for by those who do (R25).
  if (!hasQuorum(next, (node) => mayCount(state, node))) {
    out.push({ type: 'configurationChanged', id, error: 'configurationPending' })
    return
  }
  state.changeId = id
  appendConfiguration(state, next, out)
}

/** Leader, after every step: goes on with a change whose entry is committed. */
export function continueChange(state: RaftState, out: RaftEffect[]): void {
  const { membership } = state
  if (membership.currentIndex > state.commit) return
  if (isJoint(membership.current)) {
    if (buggify(lingerJoint, 0.8)) return
    sometimes(jointLeft)
    appendConfiguration(state, leaveJoint(membership.current), out)
    return
  }
  dismissLeavers(state, out)
  if (state.changeId !== undefined) {
    out.push({ type: 'configurationChanged', id: state.changeId, error: undefined })
    state.changeId = undefined
  }
  if (!isVoter(membership.current, state.self)) retire(state, out)
}

function appendConfiguration(state: RaftState, configuration: Configuration, out: RaftEffect[]): void {
  state.membership.add(state.log.last + 1, configuration)
  appendOwn(state, 'config', [encodeConfiguration(configuration)], out)
  trackNewMembers(state)
  replicateAll(state, out)
}

function mayCount({ self, progress }: RaftState, node: NodeId): boolean {
  const known = progress.get(node)
  return node === self || known === undefined || counts(known)
}

function trackNewMembers(state: RaftState): void {
  for (const node of members(state.membership.current)) {
    // Next is the entry that names it, so that there is something to send at once.
    if (node !== state.self && !state.progress.has(node)) state.progress.set(node, createProgress(state.log.last))
  }
}

/** With the last heartbeat they know that they are out, and will not stand for election. */
function dismissLeavers(state: RaftState, out: RaftEffect[]): void {
  const { membership, progress, commit, transfer } = state
  const { voters, learners } = membership.current
  // Everybody who stays is tracked, so equal numbers say that nobody leaves: this is asked after every step.
  const own = voters.includes(state.self) || learners.includes(state.self) ? 1 : 0
  if (progress.size === voters.length + learners.length - own) return
  const staying = members(membership.current)
  const leavers = [...progress.keys()].filter((node) => !staying.has(node))
  replicateAll(state, out)
  broadcastHeartbeat(state, false, out)
  for (const node of leavers) {
    if (progress.get(node)?.phase === 'snapshot') out.push({ type: 'cancelSnapshot', to: node })
    progress.delete(node)
  }
  if (transfer !== undefined && !isVoter(membership.at(commit), transfer.to)) state.transfer = undefined
}

function changeRefusal(state: RaftState): DropReason | undefined {
  if (state.role !== 'leader') return 'notLeader'
  if (state.transfer !== undefined) return 'transferring'
  if (buggify(refuseChange)) return 'configurationPending'
  // Without a committed entry of this term, two leaders could each change one voter and have majorities that never meet.
  if (state.commit < state.termStart) return 'notReady'
  const { currentIndex, current } = state.membership
  return currentIndex > state.commit || isJoint(current) ? 'configurationPending' : undefined
}

/** The others are told what is committed, and the best of them to take over at once. */
function retire(state: RaftState, out: RaftEffect[]): void {
  const { self: from, term } = state
  replicateAll(state, out)
  broadcastHeartbeat(state, false, out)
  const heir = bestVoter(state)
  sometimes(leaderLeft)
  if (heir !== undefined && !buggify(noHeir, 0.8)) send(out, heir, { type: 'timeoutNow', from, term }, 'now')
  becomeFollower(state, term, undefined, out)
}

function bestVoter(state: RaftState): NodeId | undefined {
  let best: NodeId | undefined
  for (const node of state.membership.current.voters) {
    const progress = state.progress.get(node)
    if (progress?.match === state.log.last && !progress.forgetful) best ??= node
  }
  return best
}
