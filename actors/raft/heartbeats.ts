/**
 * The heartbeat service of one executor, `heartbeats/<lane>`: the actor around `node-beats.ts`. It keeps nothing on disk;
 * after a restart its groups introduce themselves again.
 */
import { unreachable } from '../../base/assert.ts'
import type { ActorContext, ActorDefinition } from '../../runtime/kernel/actor.ts'
import { defineActor } from '../../runtime/kernel/actor.ts'
import { onlyLineage, readLineageKey } from './lineage.ts'
import type { NodeId, PeerMessage } from './messages.ts'
import {
  type Beat,
  type BeatEffect,
  beatLimits,
  callAll,
  checkBeat,
  collectBeat,
  createNodeBeats,
  flushBeats,
  type NodeBeats,
  onBeat,
  onBeatTick,
  onMembers,
} from './node-beats.ts'

export interface HeartbeatsArgs {
  /** Which of the node's services this is, of 0 to `lanes` - 1. */
  readonly lane: number
  readonly lanes: number
  readonly tickMs: number
  /** Ticks without a word after which a node counts as gone: the election timeout. The service ticks less often. */
  readonly missedTicksMax: number
}

export type HeartbeatsMessage =
  | { readonly type: 'tick' }
  | { readonly type: 'flush' }
  /** `group` is a `lineageKey`, here and below. */
  | { readonly type: 'members'; readonly group: string; readonly nodes: readonly NodeId[] }
  | { readonly type: 'collect'; readonly group: string; readonly to: NodeId; readonly message: PeerMessage }
  | { readonly type: 'call'; readonly group: string; readonly message: PeerMessage }
  | Beat

/** Beats of a silent node in the time after which it counts as gone. */
const signsOfLife = 5

export function heartbeatsName(lane: number): string {
  return `heartbeats/${lane}`
}

export const heartbeats: ActorDefinition<
  HeartbeatsArgs,
  NodeBeats,
  (state: NodeBeats, message: HeartbeatsMessage, ctx: ActorContext) => void
> = defineActor(import.meta.url, {
  name: 'heartbeats',
  mailbox: { messagesMax: 65_536, whenFull: 'dropOldest' },
  openToPeers: true,
  init: (ctx, args: HeartbeatsArgs) => {
    // As many signs of life as let a few be lost, and no more: a node whose groups all sleep sends nothing else.
    const every = Math.max(1, Math.floor(args.missedTicksMax / signsOfLife))
    ctx.every(args.tickMs * every, { type: 'tick' })
    const missedTicksMax = Math.ceil(args.missedTicksMax / every)
    return createNodeBeats(ctx.node, args.lane, args.lanes, { ...beatLimits, missedTicksMax })
  },
  receive: (state: NodeBeats, message: HeartbeatsMessage, ctx: ActorContext) => {
    const effects: BeatEffect[] = []
    receive(state, message, ctx, effects)
    for (const effect of effects) perform(effect, ctx)
  },
})

function receive(state: NodeBeats, message: HeartbeatsMessage, ctx: ActorContext, out: BeatEffect[]): void {
  switch (message.type) {
    case 'tick':
      onBeatTick(state, out)
      break
    case 'flush':
      flushBeats(state, out)
      break
    case 'members':
      onMembers(state, message.group, message.nodes, out)
      break
    case 'collect':
      // The flush queues behind the heartbeats of the groups that tick with this one, and takes them all.
      if (collectBeat(state, message.group, message.to, message.message)) ctx.tell(ctx.self, { type: 'flush' })
      break
    case 'call':
      callAll(state, message.group, message.message, out)
      break
    case 'beat': {
      const beat = checkBeat(message)
      if (beat === undefined) state.droppedTotal += 1
      else onBeat(state, beat, out)
      break
    }
    default:
      unreachable(message)
  }
}

function perform(effect: BeatEffect, ctx: ActorContext): void {
  switch (effect.type) {
    case 'send':
      ctx.tell({ type: 'named', node: effect.to, name: heartbeatsName(effect.lane) }, effect.beat, { lane: 'control' })
      break
    case 'deliver': {
      const { group, id } = readLineageKey(effect.group)
      const { message } = effect
      const peer = { type: 'peer', message, coalesced: true } as const
      tellGroup(ctx, group, id === onlyLineage ? peer : { type: 'peer', message, coalesced: true, lineage: id })
      break
    }
    case 'link':
      tellGroup(ctx, readLineageKey(effect.group).group, { type: 'peerLink', node: effect.node, up: effect.up })
      break
    default:
      unreachable(effect)
  }
}

function tellGroup(ctx: ActorContext, group: string, message: unknown): void {
  const name = `raft/${group}`
  // A node that has not heard of our executors yet sends to the first; the group may live on another one.
  ctx.tell(ctx.lookup(name) ?? { type: 'named', node: ctx.node, name }, message, { lane: 'control' })
}
