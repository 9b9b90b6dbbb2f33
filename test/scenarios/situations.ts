/**
 * Situations that scenarios of the rules begin with, and small things all of them do: who leads, what its core believes, one
 * try at one node. Nothing here judges but `refused` and what waits in vain.
 */
import type { ReplicaReply, ReplicaRequest } from '../../actors/raft/replica-messages.ts'
import type { RaftState } from '../../actors/raft/state.ts'
import { utf8 } from '../../base/bytes.ts'
import { check } from '../../sim/checkers/violation.ts'
import type { SimCluster } from '../../sim/cluster.ts'

export const withinMs = 5_000
export const seeds: readonly number[] = [1, 2, 3, 5]

/** A leader that is cut off with entries nobody else has, and the two others, the first of which leads. */
export function oldTail(cluster: SimCluster, entries: number): { old: number; next: number; other: number } {
  const old = settled(cluster)
  const others = cluster.others(old)
  cluster.partition([old], others)
  for (let i = 0; i < entries; i++) {
    propose(cluster, old, 'lost', `${i}`)
    cluster.run({ ms: 3 })
  }
  const next = cluster.awaitLeader({ withinMs: 20 * cluster.electionMs, among: others })
  return { old, next, other: others.find((id) => id !== next) as number }
}

/** Waits for a leader that committed in its term and whom everybody follows. */
export function settled(cluster: SimCluster): number {
  const leader = cluster.awaitLeader({ withinMs })
  cluster.client('settler').put('s', cluster.client('settler').session.unique('s'))
  cluster.await('everybody follows', () => cluster.nodes.every((id) => cluster.core(id)?.leader === leader), {
    withinMs,
  })
  cluster.run({ ms: 50 })
  return leader
}

export function asleep(cluster: SimCluster): number {
  const leader = settled(cluster)
  const sleeps = (): boolean => cluster.nodes.every((id) => cluster.core(id)?.quiesced === true)
  cluster.await('the group sleeps', sleeps, { withinMs: 2 * withinMs })
  return leader
}

export function core(cluster: SimCluster, id: number): RaftState {
  const found = cluster.core(id)
  check(found !== undefined, 'I23', () => `node ${id} has no group\n${cluster.describe()}`)
  return found
}

/** Looks often, for what lasts less than a tick. */
export function until(cluster: SimCluster, predicate: () => boolean): void {
  const endMs = cluster.world.nowMs + withinMs
  while (!predicate()) {
    check(cluster.world.nowMs < endMs, 'I23', () => `it never came to pass\n${cluster.describe()}`)
    cluster.run({ ms: 0.1 })
  }
}

export function probe(cluster: SimCluster, node: number, request: ReplicaRequest): { reply: ReplicaReply | undefined } {
  return cluster.client('probe').session.once(node, request)
}

export function propose(
  cluster: SimCluster,
  node: number,
  key: string,
  value: string,
): { reply: ReplicaReply | undefined } {
  return probe(cluster, node, { type: 'propose', command: { type: 'put', key: utf8(key), value: utf8(value) } })
}

export function changeTo(voters: readonly number[], learners: readonly number[]): ReplicaRequest {
  return { type: 'changeConfiguration', wanted: { voters, learners } }
}

export function refused(reply: ReplicaReply | undefined, reason: string): void {
  const right = reply?.type === 'dropped' && reply.reason === reason
  check(right, reason === 'transferring' ? 'R19' : 'R13', () => `wanted ${reason}, found ${JSON.stringify(reply)}`)
}

/** Clients that write one value after another until the returned function is called. */
export function writers(cluster: SimCluster, count: number): () => void {
  let over = false
  for (let at = 0; at < count; at++) {
    const { session } = cluster.client(`writer-${at}`)
    const next = (): void => {
      if (over) return
      const operation = { type: 'put', key: `w${at}`, value: session.unique('v') } as const
      session.start(operation, () => cluster.world.later(5, next))
    }
    next()
  }
  return () => {
    over = true
  }
}

export function groupOf(node: number): { readonly type: 'named'; readonly node: number; readonly name: string } {
  return { type: 'named', node, name: 'raft/default' }
}

export function lineageOf(cluster: SimCluster, node: number): number {
  return cluster.replica(node)?.lineage ?? 0
}
