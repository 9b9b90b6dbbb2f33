/** What tests of a node's own actors read of a simulated cluster. */

import type { KeyspaceReply } from '../../../actors/keyspace/messages.ts'
import type { KeyspaceState } from '../../../actors/keyspace/state.ts'
import type { StrictState } from '../../../actors/strict/machine.ts'
import { utf8 } from '../../../base/bytes.ts'
import type { Cell } from '../../../runtime/kernel/cell.ts'
import type { SimCluster } from '../../../sim/cluster.ts'

export interface Found {
  readonly executor: number
  readonly cell: Cell
}

/** Who holds `name` on a node, and on which executor. */
export function holderOf(cluster: SimCluster, node: number, name: string): Found | undefined {
  const sim = cluster.world.node(node)
  for (let executor = 0; sim.up && executor < sim.executors; executor++) {
    for (const cell of sim.executor(executor).cells.values())
      if (cell.name === name && cell.status === 'running') return { executor, cell }
  }
  return undefined
}

/** Keys that an actor keeps in the stores of a node. */
export function rowsOf(cluster: SimCluster, node: number, name: string): number {
  const sim = cluster.world.node(node)
  let rows = 0
  for (let executor = 0; executor < sim.executors; executor++) {
    const { store } = sim.executor(executor).world
    rows += [...store.range({ from: utf8(`${name}\0`), to: utf8(`${name}\u0001`) })].length
    rows += store.logNames().filter((log) => log === name).length
  }
  return rows
}

export function keyspaceOf(cluster: SimCluster, node: number, group: string = 'default'): KeyspaceState | undefined {
  return (cluster.replica(node, group)?.machineState as StrictState | undefined)?.keyspace
}

/** Proposes one command without a request id at `node`, as the front doors do. */
export function propose(
  cluster: SimCluster,
  node: number,
  command: unknown,
  withinMs: number = 3_000,
): KeyspaceReply | string {
  const reply = cluster.ask(node, { type: 'propose', command }, { withinMs })
  return reply?.type === 'applied' ? (reply.reply as KeyspaceReply) : (reply?.type ?? 'no answer')
}

export function putOf(key: string, bytes: number = 10): unknown {
  return { type: 'put', key: utf8(key), value: new Uint8Array(bytes).fill(1) }
}
