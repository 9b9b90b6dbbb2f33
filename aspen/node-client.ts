/**
 * One node as its front doors see it: `NodeClient` over the replicas of this node and the meta group.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Alarm, AlarmRequest } from '../actors/keyspace/messages.ts'
import type {
  OpenSnapshotReply,
  SnapshotChunkReply,
  StatusReply,
  TransferLeadershipReply,
} from '../actors/raft/replica-messages.ts'
import type { StrictReply } from '../actors/strict/messages.ts'
import {
  type ActorInfo,
  AspenError,
  type AuthApi,
  type CallOptions,
  type Header,
  type KeyspaceInfo,
  type MemberStatus,
  type NodeClient,
  type RecordRequest,
} from '../client/interface.ts'
import { etcdVersion } from '../client/version.ts'
import { type AskCredentials, AuthClient, authApi, Callers } from './auth-client.ts'
import { AuthGate, inside } from './auth-gate.ts'
import type { Passwords } from './auth-password.ts'
import { KvClient } from './kv-client.ts'
import { LeaseClient } from './lease-client.ts'
import { MemberClient } from './member-client.ts'
import { renderMetrics } from './metrics.ts'
import { metaGroup } from './plan.ts'
import { recentDeliveries, recordActor } from './recording.ts'
import type { Replicas } from './replicas.ts'
import type { NodeRuntime } from './runtime.ts'
import { streamSnapshot } from './snapshot-stream.ts'
import { StrictStore } from './strict-store.ts'
import type { TokenProvider } from './tokens.ts'
import { WatchClient } from './watch-client.ts'

export interface NodeClientOptions {
  readonly runtime: NodeRuntime
  readonly replicas: Replicas
  readonly clusterId: number
  readonly memberId: number
  readonly quotaBytes: number
  readonly strictReconfigCheck: boolean
  /** Of the groups of this node. */
  readonly electionMs: number
  /** Ten minutes when undefined. */
  readonly watchProgressMs: number | undefined
  readonly tokens: TokenProvider
  readonly passwords: Passwords
}

/** How long a new keyspace may take to have a leader, beyond the call's own deadline. */
const keyspaceReadyMs = 10_000

export function createNodeClient(options: NodeClientOptions): NodeClient {
  const client = new LocalClient(options)
  return Object.assign(client, authApi(client.auth))
}

class LocalClient implements Omit<NodeClient, keyof AuthApi> {
  readonly #options: NodeClientOptions
  readonly #kv: KvClient
  readonly #members: MemberClient
  readonly #gate: AuthGate
  readonly #watches: WatchClient
  readonly auth: AuthClient
  readonly range: NodeClient['range']
  readonly put: NodeClient['put']
  readonly deleteRange: NodeClient['deleteRange']
  readonly txn: NodeClient['txn']
  readonly compact: NodeClient['compact']
  readonly leaseGrant: NodeClient['leaseGrant']
  readonly leaseRevoke: NodeClient['leaseRevoke']
  readonly leaseKeepAlive: NodeClient['leaseKeepAlive']
  readonly leaseTimeToLive: NodeClient['leaseTimeToLive']
  readonly leaseList: NodeClient['leaseList']
  readonly openWatch: NodeClient['openWatch']
  readonly memberList: NodeClient['memberList']
  readonly memberAdd: NodeClient['memberAdd']
  readonly memberRemove: NodeClient['memberRemove']
  readonly memberUpdate: NodeClient['memberUpdate']
  readonly memberPromote: NodeClient['memberPromote']

  constructor(options: NodeClientOptions) {
    this.#options = options
    const store = new StrictStore({
      ...options,
      groupOf: keyspaceGroup,
      principalOf: (group, credentials, call, fresh) => callers.principalOf(group, credentials, call, fresh),
    })
    const ask = askCredentials(options.replicas)
    const callers = new Callers({ tokens: options.tokens, ask })
    const gate = new AuthGate(store)
    const kv = new KvClient({ ...options, store })
    const members = new MemberClient({ ...options, header: () => this.#header(undefined) })
    this.#kv = kv
    this.#members = members
    this.#gate = gate
    this.auth = new AuthClient({ ...options, store, ask })
    this.range = (request, call) => kv.range(request, call)
    this.put = (request, call) => kv.put(request, call)
    this.deleteRange = (request, call) => kv.deleteRange(request, call)
    this.txn = (request, call) => kv.txn(request, call)
    this.compact = (request, call) => kv.compact(request, call)
    const leases = new LeaseClient({ ...options, store })
    this.leaseGrant = (request, call) => leases.leaseGrant(request, call)
    this.leaseRevoke = (request, call) => leases.leaseRevoke(request, call)
    this.leaseKeepAlive = (request, call) => leases.leaseKeepAlive(request, call)
    this.leaseTimeToLive = (request, call) => leases.leaseTimeToLive(request, call)
    this.leaseList = (call) => leases.leaseList(call)
    const { watchProgressMs: progressMs } = options
    const limits = progressMs === undefined ? {} : { progressMs }
    const watches = new WatchClient({ executor: options.runtime.executor, store, limits })
    this.#watches = watches
    this.openWatch = (call) => watches.openWatch(call)
    this.memberList = async (call) => {
      await gate.user(call)
      return members.list(call)
    }
    const administering =
      <R, A>(work: (request: R, call?: CallOptions) => Promise<A>): ((request: R, call?: CallOptions) => Promise<A>) =>
      async (request, call) => {
        await gate.administrator(call)
        return work(request, call)
      }
    this.memberAdd = administering((request, call) => members.add(request, call))
    this.memberRemove = administering((request, call) => members.remove(request, call))
    this.memberUpdate = administering((request, call) => members.update(request, call))
    this.memberPromote = administering((request, call) => members.promote(request, call))
  }

  async status(call?: CallOptions): Promise<MemberStatus & { readonly header: Header }> {
    const [status, { header, response }, stats] = await Promise.all([
      this.#groupStatus(call),
      this.#kv.query({ type: 'status' }, 'serializable', call),
      this.#options.runtime.stats(),
    ])
    if (response.type !== 'status')
      throw new AspenError('internal', `a status query was answered with ${response.type}`)
    const fileBytes = stats.reduce((sum, one) => sum + one.fileBytes, 0)
    return {
      header: { ...header, raftTerm: status.term },
      version: etcdVersion,
      dbSizeBytes: fileBytes,
      dbSizeInUseBytes: response.bytes,
      leader: status.leader ?? 0,
      raftIndex: status.commit,
      raftTerm: status.term,
      raftAppliedIndex: status.applied,
      learner: status.configuration.learners.includes(this.#options.memberId),
      errors: errorsOf(status, response.alarms),
    }
  }

  async hash(call?: CallOptions): Promise<{ readonly header: Header; readonly hash: number }> {
    const { header, response } = await this.#kv.query({ type: 'hash' }, 'serializable', call)
    return { header, hash: response.type === 'hash' ? response.hash : 0 }
  }

  async hashKv(
    request: { readonly revision: number },
    call?: CallOptions,
  ): Promise<{
    readonly header: Header
    readonly hash: number
    readonly compactRevision: number
    readonly hashRevision: number
  }> {
    const { header, response } = await this.#kv.query(
      { type: 'hashKv', revision: request.revision },
      'serializable',
      call,
    )
    if (response.type !== 'hashKv') throw new AspenError('internal', `a hash query was answered with ${response.type}`)
    const { hash, compactRevision, hashRevision } = response
    return { header, hash, compactRevision, hashRevision }
  }

  async alarms(call?: CallOptions): Promise<{ readonly header: Header; readonly alarms: readonly Alarm[] }> {
    const { header, response } = await this.#kv.query({ type: 'alarms' }, 'linearizable', call)
    return { header, alarms: response.type === 'alarms' ? response.alarms : [] }
  }

  async alarm(
    request: Omit<AlarmRequest, 'type'>,
    call?: CallOptions,
  ): Promise<{ readonly header: Header; readonly alarms: readonly Alarm[] }> {
    const { header, response } = await this.#kv.command({ type: 'alarm', ...request }, call)
    return { header, alarms: response.type === 'alarms' ? response.alarms : [] }
  }

  /** Freed pages are used again by themselves; there is nothing to stop the world for. */
  async defragment(call?: CallOptions): Promise<{ readonly header: Header }> {
    await this.#gate.root(call)
    return { header: await this.#header(call) }
  }

  snapshot(call?: CallOptions): ReturnType<NodeClient['snapshot']> {
    const group = keyspaceGroup(call?.keyspace ?? 'default')
    const { replicas } = this.#options
    return streamSnapshot({
      header: () => this.#header(call),
      open: async () => {
        await this.#gate.root(call)
        return replicas.ask<OpenSnapshotReply>(group, { type: 'openSnapshot' }, call)
      },
      next: (id) => replicas.ask<SnapshotChunkReply>(group, { type: 'nextSnapshotChunk', id }, call),
      close: (id) => replicas.ask(group, { type: 'closeSnapshot', id }, call).then(() => undefined),
    })
  }

  async moveLeader(request: { readonly target: number }, call?: CallOptions): Promise<{ readonly header: Header }> {
    const group = keyspaceGroup(call?.keyspace ?? 'default')
    await this.#gate.root(call)
    const status = await this.#groupStatus(call)
    if (status.role !== 'leader') throw new AspenError('notLeader')
    if (!status.configuration.voters.includes(request.target)) throw new AspenError('badLeaderTransferee')
    const message = { type: 'transferLeadership', to: request.target } as const
    const reply = await this.#options.replicas.ask<TransferLeadershipReply>(group, message, call)
    if (reply.type !== 'transferred')
      throw new AspenError('timeout', `the leadership was not handed over: ${reply.reason}`)
    return { header: await this.#header(call) }
  }

  async keyspaceList(outer?: CallOptions): Promise<readonly KeyspaceInfo[]> {
    await this.#gate.user(outer)
    const call = inside(outer)
    const { groups } = await this.#members.topology(false, call)
    const actors = await this.#options.runtime.actors()
    const keyspaces = groups.filter(({ machine }) => machine === 'keyspace')
    return Promise.all(
      keyspaces.map(async ({ name, id }): Promise<KeyspaceInfo> => {
        const executor = actors.find((actor) => actor.name === `replica/${name}`)?.executor ?? -1
        const status = await this.#groupStatus({ ...call, keyspace: name }).catch(() => undefined)
        const answer = await this.#kv
          .query({ type: 'status' }, 'serializable', { ...call, keyspace: name })
          .catch(() => undefined)
        return {
          name,
          id,
          executor,
          leader: status?.leader ?? 0,
          term: status?.term ?? 0,
          revision: answer?.header.revision ?? 0,
        }
      }),
    )
  }

  async keyspaceCreate(request: { readonly name: string }, call?: CallOptions): Promise<KeyspaceInfo> {
    const { name } = request
    await this.#gate.administrator(call)
    await this.#members.change({ type: 'createGroup', name, machine: 'keyspace', args: {} }, call)
    // The group begins on every member by itself; the answer is worth having only when it can be used.
    for (
      const endMs = performance.now() + (call?.deadlineMs ?? keyspaceReadyMs);
      performance.now() < endMs;
      await sleep(25)
    ) {
      const present = (await this.keyspaceList(call)).find((keyspace) => keyspace.name === name)
      if (present !== undefined && present.leader !== 0) return present
    }
    throw new AspenError('timeout', `keyspace '${name}' was created but has no leader yet`)
  }

  async keyspaceDrop(request: { readonly name: string }, call?: CallOptions): Promise<void> {
    await this.#gate.dropper(request.name, call)
    await this.#members.dropGroup(keyspaceGroup(request.name), call)
  }

  async actors(call?: CallOptions): Promise<readonly ActorInfo[]> {
    await this.#gate.viewer(call)
    return this.#options.runtime.actors()
  }

  async record(
    { name, ...limits }: RecordRequest,
    options?: Pick<CallOptions, 'signal' | 'credentials'>,
  ): Promise<Uint8Array> {
    await this.#gate.viewer(options)
    const { signal } = options ?? {}
    return recordActor(this.#options.runtime, name, { ...limits, ...(signal !== undefined && { signal }) })
  }

  async recentDeliveries(name: string, linesMax: number, call?: CallOptions): Promise<readonly string[]> {
    await this.#gate.viewer(call)
    return recentDeliveries(this.#options.runtime, name, linesMax)
  }

  async health(options: {
    readonly linearizable: boolean
    readonly excludeAlarms: readonly ('NOSPACE' | 'CORRUPT')[]
  }): Promise<{ readonly healthy: boolean; readonly reason: string }> {
    const key = new TextEncoder().encode('health')
    try {
      const { response } = await this.#kv.query({ type: 'alarms' }, 'serializable', undefined)
      const alarms = response.type === 'alarms' ? response.alarms : []
      const counted = alarms.find(
        ({ alarm }) => !options.excludeAlarms.includes(alarm === 'nospace' ? 'NOSPACE' : 'CORRUPT'),
      )
      if (counted !== undefined) return { healthy: false, reason: `ALARM ${counted.alarm.toUpperCase()}` }
      await this.#kv.range({ key, limit: 1, serializable: !options.linearizable })
      return { healthy: true, reason: '' }
    } catch (error) {
      return { healthy: false, reason: error instanceof AspenError ? error.code : String(error) }
    }
  }

  async metricsText(): Promise<string> {
    const { runtime } = this.#options
    const [stats, actors, keyspaces] = await Promise.all([
      runtime.stats(),
      runtime.actors(),
      this.keyspaceList().catch(() => []),
    ])
    const status = await this.status().catch(() => undefined)
    const space = await this.#kv.query({ type: 'status' }, 'serializable', undefined).catch(() => undefined)
    return renderMetrics({
      memberId: this.#options.memberId,
      stats,
      actors,
      keyspaces,
      status,
      space: space?.response.type === 'status' ? space.response : undefined,
      quotaBytes: this.#options.quotaBytes,
      watches: await Promise.all(keyspaces.map(({ name }) => this.#watches.stats({ keyspace: name }))),
    })
  }

  #groupStatus(call: CallOptions | undefined): Promise<StatusReply> {
    return this.#options.replicas.ask<StatusReply>(keyspaceGroup(call?.keyspace ?? 'default'), { type: 'status' }, call)
  }

  async #header(call: CallOptions | undefined): Promise<Header> {
    const { header } = await this.#kv.query({ type: 'status' }, 'serializable', call)
    return header
  }
}

/** What passwords and tokens are checked against is the node's own business: it asks as itself. */
function askCredentials(replicas: Replicas): AskCredentials {
  return async (group, query, consistency, call) => {
    const { answer } = await replicas.read<StrictReply>(group, query, consistency, call)
    if (answer.type === 'done' && answer.response.type === 'credentials') return answer.response
    throw new AspenError('internal', `a question for credentials was answered with ${answer.type}`)
  }
}

/** A keyspace is the group of its name; the meta group is nobody's keyspace. */
function keyspaceGroup(keyspace: string): string {
  if (keyspace === metaGroup || keyspace.includes('/')) throw new AspenError('keyspaceNotFound')
  return keyspace
}

function errorsOf(status: StatusReply, alarms: readonly Alarm[]): string[] {
  const errors = alarms.map(({ member, alarm }) => `memberID:${member} alarm:${alarm.toUpperCase()}`)
  return status.leader === undefined ? ['etcdserver: no leader', ...errors] : errors
}
