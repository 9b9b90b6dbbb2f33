import type { PeerNetwork } from '../../runtime/ports/network.ts'
import { Decisions } from '../../sim/decisions.ts'
import { EventQueue } from '../../sim/event-queue.ts'
import { SimNetwork } from '../../sim/network.ts'
import { type NetworkShape, type NetworkUnderTest, networkContract } from './network.ts'

/** Nodes of one simulated network: each executor an endpoint of its own, and time passes event by event. */
function simulated(seed: number, { nodes, executors }: NetworkShape): NetworkUnderTest {
  const queue = new EventQueue(seed)
  const network = new SimNetwork(queue, Decisions.drawn(seed))
  const instances = new Map<number, PeerNetwork[]>()
  const ids = Array.from({ length: nodes }, (_, at) => at + 1)
  let incarnations = 0

  const urls = (node: number): readonly string[] => [`http://n${node}:2380`]
  const open = (node: number): void => {
    incarnations += 1
    const own = Array.from({ length: executors }, (_, executor) => network.attach(node, executor, incarnations))
    for (const each of own) for (const other of ids) if (other !== node) each.setPeer(other, urls(other))
    instances.set(node, own)
  }

  for (const node of ids) open(node)
  return {
    at: (node, executor) => instances.get(node)?.[executor] as PeerNetwork,
    urls,
    until: async (done, what) => {
      const deadlineMs = queue.nowMs + 10_000
      while (!done()) {
        if (queue.nowMs > deadlineMs) throw new Error(`waited in vain for ${what}`)
        if (queue.length > 0) queue.step()
        else queue.skipTo(queue.nowMs + 1)
      }
    },
    kill: async (node) => {
      for (let executor = 0; executor < executors; executor++) network.detach(node, executor)
    },
    start: async (node) => open(node),
    close: async () => {},
  }
}

for (const seed of [1, 2, 3]) networkContract(`simulated, seed ${seed}`, async (shape) => simulated(seed, shape))
