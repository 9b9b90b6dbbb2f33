/** One per executor: the network of an executor belongs to its thread, so its addresses are set from there. */
import { buggify } from '../base/fault-points.ts'
import type { ActorContext, ActorDefinition } from '../runtime/kernel/actor.ts'
import { defineActor } from '../runtime/kernel/actor.ts'
import { forgetPeers } from './fault-sites.ts'

export interface SetPeers {
  readonly type: 'setPeers'
  readonly peers: readonly { readonly node: number; readonly urls: readonly string[] }[]
}

/** What this executor's network was told, by node, so that only changes are passed on. */
type PeersState = Map<number, string>

export const peers: ActorDefinition<
  null,
  PeersState,
  (state: PeersState, message: SetPeers, ctx: ActorContext) => unknown
> = defineActor(import.meta.url, {
  name: 'peers',
  init: (): PeersState => new Map(),
  receive: (state: PeersState, message: SetPeers, ctx: ActorContext): void => {
    const present = new Set(message.peers.map(({ node }) => node))
    for (const node of [...state.keys()]) {
      if (present.has(node)) continue
      state.delete(node)
      ctx.setPeer(node, [])
    }
    for (const { node, urls } of message.peers) {
      const told = urls.join(' ')
      if (node === ctx.node || (state.get(node) === told && !buggify(forgetPeers))) continue
      state.set(node, told)
      ctx.setPeer(node, urls)
    }
  },
})

export function peersName(executor: number): string {
  return `peers/${executor}`
}
