/**
 * The supervision tree of one keyspace on one node, as data: the Raft group, the replica it feeds, and two actors that derive
 * something of what the replica applies.
 *
 *   raft/<g> ──▶ replica/<g> ──feed──▶ lessor/<g>    counts the time of leases, where the replica leads
 *                            └─feed──▶ watches/<g>   tells watchers of this node what changed
 *
 * Both can make themselves anew from the replica at any moment, and notice when they missed something of its feed; so
 * nobody restarts with anybody. That the group and its replica need no more than that either is told in `actors/raft/tree.ts`.
 */
import { lessor, lessorName } from '../actors/lease/lessor.ts'
import type { LessorLimits } from '../actors/lease/lessor-limits.ts'
import type { GroupTreeConfig } from '../actors/raft/tree.ts'
import { groupChildren } from '../actors/raft/tree.ts'
import { watchHub, watchHubName } from '../actors/watch/hub.ts'
import { child } from '../supervisors/spec.ts'
import { defineSupervisor, type SupervisorDefinition } from '../supervisors/supervisor.ts'

export interface KeyspaceTreeConfig extends GroupTreeConfig {
  /** Of the group: what a lease is given beyond its TTL when leaders change. */
  readonly electionMs: number
  /** Other bounds than the usual ones, for worlds that run faster. */
  readonly leases?: Partial<LessorLimits>
}

export const keyspaceTree: SupervisorDefinition<KeyspaceTreeConfig> = defineSupervisor(
  import.meta.url,
  'keyspaceTree',
  (config: KeyspaceTreeConfig) => {
    const { group } = config.raft
    const listeners = [lessorName(group), watchHubName(group)]
    return {
      name: `group/${group}`,
      strategy: 'oneForOne',
      restartsMax: 5,
      restartsWindowMs: 10_000,
      children: [
        ...groupChildren({ ...config, replica: { ...config.replica, listeners } }),
        child(
          lessorName(group),
          lessor,
          { group, electionMs: config.electionMs, ...(config.leases === undefined ? {} : { limits: config.leases }) },
          { restart: 'permanent', stopWithinMs: 1_000 },
        ),
        child(watchHubName(group), watchHub, { group }, { restart: 'permanent', stopWithinMs: 1_000 }),
      ],
    }
  },
)
