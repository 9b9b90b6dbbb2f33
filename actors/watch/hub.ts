/**
 * The watch hub of a group on one node, `watches/<group>`: hears what the replica applies, and tells the sessions that watch
 * it. It keeps nothing on disk: the replica can tell everything again.
 *
 *   replica ──feed──▶ hub ──told, once a feed and session──▶ sessions
 *
 * While somebody watches, a hub that hears nothing asks now and then: the last feed before a silence may have been lost.
 */
import { buggify, limit, sometimes } from '../../base/fault-points.ts'
import type { ActorContext, ActorDefinition, ActorRef, Answer } from '../../runtime/kernel/actor.ts'
import { defineActor } from '../../runtime/kernel/actor.ts'
import type { ReplicaNotice, ReplicaRequest } from '../raft/replica-messages.ts'
import { hubSweep, wordDropped } from './fault-sites.ts'
import type { ToHub } from './hub-messages.ts'
import {
  createHub,
  forget,
  type HubOut,
  type HubState,
  loseFeed,
  onFeed,
  onStanding,
  onToHub,
  sessionKey,
  statsOf,
} from './hub-state.ts'
import { feedLost } from './probes.ts'

export interface WatchHubArgs {
  readonly group: string
}

export function watchHubName(group: string): string {
  return `watches/${group}`
}

type HubMessage =
  | ReplicaNotice
  | ToHub
  /** Asked from outside: `WatchStats`. */
  | { readonly type: 'stats' }
  /** From the hub to itself. */
  | { readonly type: 'sweep' }
  | { readonly type: 'standing'; readonly answer: Answer }
  /** Behind every feed that had arrived when the replica said this. */
  | { readonly type: 'compare'; readonly revision: number }
  | { readonly type: 'sessionGone'; readonly key: string }

interface WatchHub {
  readonly group: string
  readonly core: HubState
  asking: boolean
  /** Something was fed since the last sweep. */
  heard: boolean
}

const sweepMs = 1_000
const standingMs = 2_000

export const watchHub: ActorDefinition<
  WatchHubArgs,
  WatchHub,
  (state: WatchHub, message: HubMessage, ctx: ActorContext) => void
> = defineActor(import.meta.url, {
  name: 'watchHub',
  mailbox: { messagesMax: 65_536, whenFull: 'reject' },
  init: (ctx, { group }: WatchHubArgs): WatchHub => {
    const state: WatchHub = { group, core: createHub(), asking: false, heard: false }
    ctx.every(limit(hubSweep, sweepMs, 20), { type: 'sweep' })
    askStanding(state, ctx)
    return state
  },
  receive: onHubMessage,
  digest: ({ core }: WatchHub): number => (core.recent.newest * 31 + core.index.size * 7 + core.sessions.size) >>> 0,
})

function onHubMessage(state: WatchHub, message: HubMessage, ctx: ActorContext): void {
  const { core } = state
  const knew = core.fed !== undefined
  const out: HubOut = []
  switch (message.type) {
    case 'feed':
      state.heard = true
      onFeed(core, message, out)
      break
    case 'role':
      break
    case 'stats':
      ctx.reply(statsOf(core))
      break
    case 'sweep':
      if (core.fed === undefined || (!state.heard && core.index.size > 0)) askStanding(state, ctx)
      state.heard = false
      break
    case 'standing':
      onAnswer(state, message.answer, out, ctx)
      break
    case 'compare':
      if (core.fed !== undefined && message.revision > core.recent.newest) {
        sometimes(feedLost)
        loseFeed(core, out)
      }
      break
    case 'sessionGone': {
      const gone = core.sessions.get(message.key)
      if (gone !== undefined) forget(core, gone)
      break
    }
    default: {
      const joined = onToHub(core, message, out)
      if (joined !== undefined) watchSession(joined.ref, ctx)
    }
  }
  // Something was missed just now: nobody shall wait for the next sweep.
  if (knew && core.fed === undefined) askStanding(state, ctx)
  for (const { to, word } of out) if (!buggify(wordDropped, 0.1)) ctx.tell(to, word, { lane: 'control' })
}

function watchSession(ref: ActorRef, ctx: ActorContext): void {
  const key = sessionKey(ref)
  ctx.watch(ref, () => ({ type: 'sessionGone', key }))
}

function askStanding(state: WatchHub, ctx: ActorContext): void {
  if (state.asking) return
  state.asking = true
  const request: ReplicaRequest = { type: 'read', query: { type: 'status' }, consistency: 'serializable' }
  const replica: ActorRef = { type: 'named', node: ctx.node, name: `replica/${state.group}` }
  ctx.ask(replica, request, { deadlineMs: standingMs }, (answer) => ({ type: 'standing', answer }))
}

function onAnswer(state: WatchHub, answer: Answer, out: HubOut, ctx: ActorContext): void {
  state.asking = false
  const read = answer.type === 'reply' ? standingOf(answer.value) : undefined
  if (read === undefined) return
  if (state.core.fed === undefined) onStanding(state.core, read.index, read.revision, out)
  // Answers overtake feeds. The message to ourselves does not.
  else ctx.tell(ctx.self, { type: 'compare', revision: read.revision })
}

function standingOf(reply: unknown): { readonly index: number; readonly revision: number } | undefined {
  const { type, index, answer } = reply as { type: string; index: number; answer?: { revision: number } }
  return type === 'answer' && answer !== undefined ? { index, revision: answer.revision } : undefined
}
