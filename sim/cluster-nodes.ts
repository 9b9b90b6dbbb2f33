/**
 * The nodes of a simulated cluster: each starts the production actor graph (`aspen/tree.ts`) as a process would, at every start.
 * Bare ones run users' actors alone, and are told where the others are, since no actor of ours does it.
 */
import { lessor } from '../actors/lease/lessor.ts'
import type { LessorLimits } from '../actors/lease/lessor-limits.ts'
import { groupEraser } from '../actors/raft/eraser.ts'
import { raftGroup } from '../actors/raft/group.ts'
import { heartbeats } from '../actors/raft/heartbeats.ts'
import type { MachineAddress } from '../actors/raft/machines.ts'
import { replica } from '../actors/raft/replica.ts'
import { groupTree } from '../actors/raft/tree.ts'
import { watchHub } from '../actors/watch/hub.ts'
import { diskWatch } from '../aspen/disk-watch.ts'
import { keeper } from '../aspen/keeper.ts'
import { keyspaceTree } from '../aspen/keyspace-tree.ts'
import { peers } from '../aspen/peers.ts'
import type { FoundingMember, NodePlan } from '../aspen/plan.ts'
import { groupsTree, nodeTree, usersTree } from '../aspen/tree.ts'
import { edgeSpawn, edgeTell } from '../runtime/kernel/edge.ts'
import type { SimNode } from './node.ts'
import { collector, collectorTree } from './workloads/user-actor.ts'
import type { Exported, SimWorld } from './world.ts'

/** All that the graph is made of, for spawns that cross executors. */
export const graphDefinitions: readonly Exported[] = [
  nodeTree,
  groupsTree,
  usersTree,
  keeper,
  peers,
  heartbeats,
  diskWatch,
  groupTree,
  keyspaceTree,
  lessor,
  watchHub,
  raftGroup,
  replica,
  groupEraser,
  collector,
  collectorTree,
]

export interface NodesOptions {
  /** How many the cluster begins with. */
  readonly founders: number
  readonly bare: boolean
  readonly machines: Readonly<Record<string, MachineAddress>>
  readonly tickMs: number
  readonly electionTicks: number
  readonly logKeepEntries: number
  readonly leases: Partial<LessorLimits> | undefined
  /** Called whenever a node has started. */
  readonly started: (node: SimNode) => void
}

export class ClusterNodes {
  readonly founders: readonly FoundingMember[]
  readonly #options: NodesOptions

  constructor(options: NodesOptions) {
    this.#options = options
    this.founders = Array.from({ length: options.founders }, (_, at) => memberOf(at + 1))
  }

  /** Makes a node; it is not started yet. */
  add(world: SimWorld, id: number, executors: number): void {
    const { bare } = this.#options
    const node = world.addNode(id, executors, (started) => this.#boot(started))
    const root = { type: 'named', node: id, name: bare ? 'users' : 'node' } as const
    node.onReplaced = (executor) => {
      if (bare) this.#introduce(node, executor)
      edgeTell(node.executor(0), root, { type: 'threadReady', executor }, 'control')
    }
  }

  #boot(node: SimNode): void {
    const { bare, started } = this.#options
    if (bare) {
      for (let executor = 0; executor < node.executors; executor++) this.#introduce(node, executor)
      edgeSpawn(node.executor(0), usersTree, null, { name: 'users' })
    } else edgeSpawn(node.executor(0), nodeTree, this.#planOf(node), { name: 'node' })
    started(node)
  }

  #introduce(node: SimNode, executor: number): void {
    if (!node.runs(executor)) return
    for (const { id, peerUrls } of this.founders)
      if (id !== node.id) node.executor(executor).world.network.setPeer(id, peerUrls)
  }

  #planOf({ id, executors, lost }: SimNode): NodePlan {
    const { machines, tickMs, electionTicks, logKeepEntries, leases } = this.#options
    const { name } = memberOf(id)
    return {
      node: id,
      name,
      executors,
      clientUrls: [`http://${name}:2379`],
      founders: this.founders.some((founder) => founder.id === id) ? this.founders : undefined,
      contacts: this.founders.map(({ id: contact, peerUrls }) => ({ id: contact, peerUrls })),
      tickMs,
      electionTicks,
      logKeepEntries,
      leases,
      machines,
      wipedExecutors: [...lost],
    }
  }
}

/** What a member of a simulated cluster is called, and where it is. */
export function memberOf(id: number): FoundingMember {
  return { id, name: `n${id}`, peerUrls: [`http://n${id}:2380`] }
}
