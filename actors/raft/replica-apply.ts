/**
 * Applying committed entries: the only code that changes replicated state, save the installation of a snapshot.
 *
 *   entry ─▶ already in? skip ─▶ batch ─▶ origin admits it? ─▶ each command: request known? ─▶ machine.apply
 *
 * Whatever happens here happens alike on every replica, so nothing local decides anything: who waits for an answer and
 * who leads only matters for what is told to the outside afterwards.
 */
import { invariant } from '../../base/assert.ts'
import { sometimes } from '../../base/fault-points.ts'
import type { ActorContext, ReplyHandle } from '../../runtime/kernel/actor.ts'
import type { LogEntry } from '../../runtime/ports/store.ts'
import { type BatchCommand, decodeBatch } from './entry-codec.ts'
import { decodeConfiguration } from './membership.ts'
import { admitEntry } from './origins.ts'
import { type ProposalAnswer, takeApplied } from './proposals.ts'
import type { EffectsNotice, ProposeReply } from './replica-messages.ts'
import { entryTwice, requestRepeated } from './replica-probes.ts'
import { type ReplicaState, saveMeta, tellFeed } from './replica-state.ts'
import { lookUp, remember } from './sessions.ts'
import type { ApplyPosition } from './state-machine.ts'

/**
 * Applies what of `entries` is not in yet.
 *
 * @returns False when entries are missing before the first: nothing was done, and the group must send anew.
 */
export function applyEntries(
  state: ReplicaState,
  entries: readonly LogEntry[],
  answers: ProposalAnswer[],
  ctx: ActorContext,
): boolean {
  const before = state.applied
  for (const entry of entries) {
    if (entry.index <= state.applied) continue
    if (entry.index !== state.applied + 1) return false
    applyEntry(state, entry, answers, ctx)
    state.applied = entry.index
    state.appliedTerm = entry.term
  }
  if (state.applied > before) saveMeta(state, ctx.store)
  tellFeed(state, false, ctx)
  return true
}

function applyEntry(state: ReplicaState, entry: LogEntry, answers: ProposalAnswer[], ctx: ActorContext): void {
  switch (entry.type) {
    case 'config': {
      const configuration = decodeConfiguration(entry.data)
      invariant(configuration !== undefined, () => `A1: entry ${entry.index} holds a configuration`)
      state.configuration = configuration
      break
    }
    case 'normal':
      applyBatch(state, entry, answers, ctx)
      break
    case 'empty':
      break
    default:
      invariant(false, () => `A1: entry ${entry.index} is of a known type, not ${String(entry.type)}`)
  }
}

function applyBatch(state: ReplicaState, entry: LogEntry, answers: ProposalAnswer[], ctx: ActorContext): void {
  const batch = decodeBatch(entry.data)
  const admitted = admitEntry(state.origins, batch.node, batch.incarnation, batch.number)
  const ours = batch.node === state.node && batch.incarnation === state.incarnation
  const waiting = ours ? takeApplied(state.proposals, batch.number, admitted, standingOf(state), answers) : noHandles
  sometimes(entryTwice, !admitted)
  if (!admitted) return
  if (batch.wallMs > state.wallMs) state.wallMs = batch.wallMs
  const at: ApplyPosition = { index: entry.index, term: entry.term, wallMs: state.wallMs }
  for (let i = 0; i < batch.commands.length; i++) {
    const reply = applyCommand(state, batch.commands[i] as BatchCommand, at, ctx)
    const handle = waiting[i]
    if (handle !== undefined) answers.push({ handle, reply })
  }
}

const noHandles: readonly (ReplyHandle | undefined)[] = []

function applyCommand(
  state: ReplicaState,
  { command, request }: BatchCommand,
  at: ApplyPosition,
  ctx: ActorContext,
): ProposeReply {
  const { index, term } = at
  if (request !== undefined) {
    const known = lookUp(state.sessions, request)
    sometimes(requestRepeated, known.type === 'repeated')
    if (known.type === 'repeated') return { type: 'applied', reply: known.reply, index, term }
    if (known.type === 'forgotten') return { type: 'unknown', reason: 'forgotten' }
  }
  const { reply, effects, feed, unsettled } = state.machine.apply(state.machineState, command, at)
  if (feed !== undefined && state.args.listeners !== undefined) state.feed.push(...feed)
  if (request !== undefined && unsettled !== true) remember(state.sessions, request, reply)
  if (effects !== undefined && effects.length > 0 && state.role === 'leader') {
    const notice: EffectsNotice = { type: 'effects', group: state.args.group, index, effects }
    const performer = ctx.lookup(`effects/${state.args.group}`)
    if (performer !== undefined) ctx.tell(performer, notice, { lane: 'control' })
  }
  return { type: 'applied', reply, index, term }
}

export function standingOf(state: ReplicaState): {
  readonly term: number
  readonly leading: boolean
  readonly leader: number | undefined
} {
  return { term: state.term, leading: state.role === 'leader', leader: state.leader }
}
