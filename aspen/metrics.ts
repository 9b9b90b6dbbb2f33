/**
 * What a node says of itself in Prometheus' exposition format, under etcd's names where the meaning is etcd's. Counters of
 * the front doors are theirs (`gateway/metrics.ts`); these come from the inside.
 */
import { Counter, Gauge, Registry } from 'prom-client'
import type { KeyspaceResponse } from '../actors/keyspace/messages.ts'
import type { WatchStats } from '../actors/watch/hub-messages.ts'
import type { KeyspaceInfo, MemberStatus } from '../client/interface.ts'
import { aspenVersion, etcdClusterVersion, etcdVersion } from '../client/version.ts'
import type { ActorStatus } from '../runtime/kernel/inspect.ts'
import type { RuntimeStats } from './runtime.ts'

export interface MetricsSource {
  readonly memberId: number
  readonly stats: readonly RuntimeStats[]
  readonly actors: readonly ActorStatus[]
  readonly keyspaces: readonly KeyspaceInfo[]
  readonly status: MemberStatus | undefined
  readonly space: KeyspaceResponse | undefined
  readonly quotaBytes: number
  /** Of each keyspace, where its hub has answered. */
  readonly watches: readonly (WatchStats | undefined)[]
}

/** One reading of everything: the registry lives for one exposition, so nothing is counted twice. */
export function renderMetrics(source: MetricsSource): Promise<string> {
  const registry = new Registry()
  addServer(registry, source)
  addStorage(registry, source)
  addWatches(registry, source)
  addActors(registry, source)
  return registry.metrics()
}

type Labels = Readonly<Record<string, string | number>>

function gauge(registry: Registry, name: string, help: string, values: readonly (readonly [Labels, number])[]): void {
  const one = new Gauge({ name, help, labelNames: Object.keys(values[0]?.[0] ?? {}), registers: [registry] })
  for (const [labels, value] of values) one.set(labels, value)
}

function counter(registry: Registry, name: string, help: string, values: readonly (readonly [Labels, number])[]): void {
  const one = new Counter({ name, help, labelNames: Object.keys(values[0]?.[0] ?? {}), registers: [registry] })
  for (const [labels, value] of values) one.inc(labels, value)
}

function addServer(registry: Registry, { memberId, status, quotaBytes, keyspaces }: MetricsSource): void {
  const hasLeader = status !== undefined && status.leader !== 0
  gauge(registry, 'etcd_server_has_leader', 'Whether or not a leader exists. 1 is existence, 0 is not.', [
    [{}, hasLeader ? 1 : 0],
  ])
  gauge(registry, 'etcd_server_is_leader', 'Whether or not this member is a leader. 1 if is, 0 otherwise.', [
    [{}, status?.leader === memberId ? 1 : 0],
  ])
  gauge(registry, 'etcd_server_is_learner', 'Whether or not this member is a learner. 1 if is, 0 otherwise.', [
    [{}, status?.learner === true ? 1 : 0],
  ])
  gauge(
    registry,
    'etcd_server_id',
    'Server or member ID in hexadecimal format. 1 for "server_id" label with current ID.',
    [[{ server_id: memberId.toString(16) }, 1]],
  )
  gauge(
    registry,
    'etcd_server_version',
    'Which version is running. 1 for "server_version" label with current version.',
    [[{ server_version: etcdVersion }, 1]],
  )
  gauge(
    registry,
    'etcd_cluster_version',
    'Which version is running. 1 for "cluster_version" label with current cluster version.',
    [[{ cluster_version: etcdClusterVersion }, 1]],
  )
  gauge(registry, 'aspen_build_info', "Aspen's own version.", [[{ version: aspenVersion }, 1]])
  gauge(registry, 'etcd_server_proposals_committed_total', 'The total number of consensus proposals committed.', [
    [{}, status?.raftIndex ?? 0],
  ])
  gauge(registry, 'etcd_server_proposals_applied_total', 'The total number of consensus proposals applied.', [
    [{}, status?.raftAppliedIndex ?? 0],
  ])
  gauge(registry, 'etcd_server_quota_backend_bytes', 'Current backend storage quota size in bytes.', [[{}, quotaBytes]])
  if (keyspaces.length === 0) return
  gauge(
    registry,
    'aspen_keyspace_has_leader',
    'Whether a keyspace has a leader.',
    keyspaces.map(({ name, leader }) => [{ keyspace: name }, leader === 0 ? 0 : 1]),
  )
  gauge(
    registry,
    'aspen_keyspace_revision',
    'The revision of a keyspace on this member.',
    keyspaces.map(({ name, revision }) => [{ keyspace: name }, revision]),
  )
}

function addStorage(registry: Registry, { status, space, stats }: MetricsSource): void {
  gauge(
    registry,
    'etcd_mvcc_db_total_size_in_bytes',
    'Total size of the underlying database physically allocated in bytes.',
    [[{}, status?.dbSizeBytes ?? 0]],
  )
  gauge(
    registry,
    'etcd_mvcc_db_total_size_in_use_in_bytes',
    'Total size of the underlying database logically in use in bytes.',
    [[{}, status?.dbSizeInUseBytes ?? 0]],
  )
  if (space?.type === 'status') {
    gauge(registry, 'etcd_debugging_mvcc_current_revision', 'The current revision of store.', [[{}, space.revision]])
    gauge(registry, 'etcd_debugging_mvcc_compact_revision', 'The revision of the last compaction in store.', [
      [{}, space.compactRevision],
    ])
    gauge(registry, 'etcd_debugging_mvcc_keys_total', 'Total number of keys.', [[{}, space.keys]])
  }
  counter(
    registry,
    'aspen_store_commits_total',
    'Durable commits of an executor.',
    stats.map(({ executor, commits }) => [{ executor }, commits]),
  )
  gauge(
    registry,
    'aspen_store_full',
    'Whether a commit of an executor waits for room on the disk.',
    stats.map(({ executor, storeFull }) => [{ executor }, storeFull ? 1 : 0]),
  )
  gauge(
    registry,
    'aspen_store_file_bytes',
    'Size of the store of an executor on disk.',
    stats.map(({ executor, fileBytes }) => [{ executor }, fileBytes]),
  )
}

function addWatches(registry: Registry, { watches }: MetricsSource): void {
  const sum = (pick: (stats: WatchStats) => number): [Labels, number][] => [
    [{}, watches.reduce((total, stats) => total + (stats === undefined ? 0 : pick(stats)), 0)],
  ]
  gauge(
    registry,
    'etcd_debugging_mvcc_watch_stream_total',
    'Total number of watch streams.',
    sum((stats) => stats.streams),
  )
  gauge(
    registry,
    'etcd_debugging_mvcc_watcher_total',
    'Total number of watchers.',
    sum((stats) => stats.watchers),
  )
  gauge(
    registry,
    'etcd_debugging_mvcc_slow_watcher_total',
    'Total number of unsynced slow watchers.',
    sum((stats) => stats.slow),
  )
  counter(
    registry,
    'etcd_debugging_mvcc_events_total',
    'Total number of events sent by this member.',
    sum((stats) => stats.eventsTotal),
  )
}

function addActors(registry: Registry, { stats, actors }: MetricsSource): void {
  counter(
    registry,
    'aspen_executor_turns_total',
    'Turns that an executor has run.',
    stats.map(({ executor, turns }) => [{ executor }, turns]),
  )
  gauge(
    registry,
    'aspen_executor_actors',
    'Actors that live on an executor.',
    stats.map(({ executor, actors: count }) => [{ executor }, count]),
  )
  counter(
    registry,
    'aspen_dead_letters_total',
    'Messages that reached nobody.',
    stats.map(({ executor, deadLetters }) => [{ executor }, deadLetters]),
  )
  const rows = new Map<string, { depth: number; dropped: number; messages: number; restarts: number }>()
  for (const actor of actors) {
    const row = rows.get(actor.definition) ?? { depth: 0, dropped: 0, messages: 0, restarts: 0 }
    row.depth += actor.mailboxDepth
    row.dropped += actor.mailboxDropped
    row.messages += actor.messagesTotal
    row.restarts += actor.restarts
    rows.set(actor.definition, row)
  }
  // By definition, not by actor: an actor's name is unbounded, and a label of that kind fills any Prometheus.
  const each = (
    pick: (row: { depth: number; dropped: number; messages: number; restarts: number }) => number,
  ): [Labels, number][] => [...rows].map(([definition, row]) => [{ definition }, pick(row)])
  gauge(
    registry,
    'aspen_mailbox_depth',
    'Messages waiting, by kind of actor.',
    each((row) => row.depth),
  )
  gauge(
    registry,
    'aspen_mailbox_dropped',
    'Messages refused or dropped for want of room by living actors, by kind.',
    each((row) => row.dropped),
  )
  gauge(
    registry,
    'aspen_actor_messages',
    'Messages handled by living actors, by kind.',
    each((row) => row.messages),
  )
  gauge(
    registry,
    'aspen_actor_restarts',
    'Restarts of living actors, by kind.',
    each((row) => row.restarts),
  )
}
