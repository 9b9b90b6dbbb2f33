/**
 * A node of one member whose keyspace is a sorted list in memory: just enough of the contract to drive the front doors
 * with real clients. It keeps the last call it got, and refuses or stalls on demand.
 */
import type {
  Alarm,
  Compare,
  DeleteRangeResponse,
  KeyValue,
  PutResponse,
  RangeRequest,
  RangeResponse,
  TxnOperation,
  TxnOperationResponse,
  TxnRequest,
  TxnResponse,
} from '../../../actors/keyspace/messages.ts'
import type { WatchEvent } from '../../../actors/watch/messages.ts'
import { compareBytes } from '../../../base/bytes.ts'
import {
  AspenError,
  type CallOptions,
  type Header,
  type KeyspaceInfo,
  type Member,
  type NodeClient,
} from '../../../client/interface.ts'
import { fakeAuth } from './fake-auth.ts'
import { type FakeHistory, FakeWatchStream } from './fake-watch.ts'

export const memberId = 0x1b2c3d4e5f607
export const clusterId = 0x0bad_cafe_0042

export interface FakeNode extends NodeClient {
  readonly calls: { readonly method: string; readonly request: unknown; readonly options: CallOptions | undefined }[]
  /** Thrown by every call while set. */
  failure: Error | undefined
  /** Calls wait for this while set. */
  gate: Promise<void> | undefined
  leader: number
  snapshotBytes: Uint8Array
  snapshotEnded: number
  verdict: (question: Parameters<NodeClient['health']>[0]) => { healthy: boolean; reason: string }
  metrics: string
  /** By id; a keep-alive begins their time anew, and nothing else ever ends it. */
  readonly leases: Map<string, { ttlSeconds: number }>
  readonly history: FakeHistory
  /** The records, for what a test wants to see. */
  readonly records: readonly KeyValue[]
}

export function createFakeNode(): FakeNode {
  let records: readonly KeyValue[] = []
  let revision = 1
  let compacted = 0
  let alarms: readonly Alarm[] = []
  let members: readonly Member[] = [
    {
      id: memberId,
      name: 'n1',
      peerUrls: ['http://127.0.0.1:2380'],
      clientUrls: ['http://127.0.0.1:2379'],
      learner: false,
    },
  ]
  const keyspaces = new Map<string, KeyspaceInfo>()
  const leases: FakeNode['leases'] = new Map()
  const history: FakeHistory = {
    revision: () => revision,
    compacted: () => compacted,
    events: [],
    streams: new Set(),
  }
  let nextLease = 7_587_822_882_194_966_551n
  let changes: WatchEvent[] = []
  /** Tells what has changed since it was last told. */
  const publish = (): void => {
    const told = changes
    changes = []
    history.events.push(...told)
    for (const stream of history.streams) stream.notify(told)
  }
  const header = (): Header => ({ clusterId, memberId, revision, raftTerm: 3 })
  const inRange = (key: Uint8Array, from: Uint8Array, end: Uint8Array | undefined): boolean => {
    if (end === undefined) return compareBytes(key, from) === 0
    if (end.length === 1 && end[0] === 0) return (from.length === 1 && from[0] === 0) || compareBytes(key, from) >= 0
    return compareBytes(key, from) >= 0 && compareBytes(key, end) < 0
  }

  const range = (request: Omit<RangeRequest, 'type'>): RangeResponse => {
    if ((request.revision ?? 0) > revision) throw new AspenError('futureRevision')
    if ((request.revision ?? 0) > 0 && (request.revision ?? 0) < compacted) throw new AspenError('compacted')
    const all = records.filter((kv) => inRange(kv.key, request.key, request.rangeEnd))
    if (request.sortOrder === 'descend') all.reverse()
    const limited = request.limit === undefined ? all : all.slice(0, request.limit)
    const kvs = limited.map((kv) => (request.keysOnly === true ? { ...kv, value: new Uint8Array() } : kv))
    return {
      type: 'range',
      kvs: request.countOnly === true ? [] : kvs,
      more: limited.length < all.length,
      count: all.length,
    }
  }
  const put = (request: Extract<TxnOperation, { type: 'put' }>): PutResponse => {
    const old = records.find((kv) => compareBytes(kv.key, request.key) === 0)
    if (request.ignoreValue === true && old === undefined) throw new AspenError('keyNotFound')
    const kv: KeyValue = {
      key: request.key.slice(),
      value: request.ignoreValue === true && old !== undefined ? old.value : request.value.slice(),
      createRevision: old?.createRevision ?? revision,
      modRevision: revision,
      version: (old?.version ?? 0) + 1,
      lease: request.lease ?? '0',
    }
    if (kv.lease !== '0' && !leases.has(kv.lease)) throw new AspenError('leaseNotFound')
    records = [...records.filter((one) => one !== old), kv].sort((a, b) => compareBytes(a.key, b.key))
    changes.push({ type: 'put', kv, ...(old !== undefined && { prevKv: old }) })
    return { type: 'put', ...(request.prevKv === true && old !== undefined && { prevKv: old }) }
  }
  const deleteRange = (request: Extract<TxnOperation, { type: 'deleteRange' }>): DeleteRangeResponse => {
    const gone = records.filter((kv) => inRange(kv.key, request.key, request.rangeEnd))
    records = records.filter((kv) => !gone.includes(kv))
    for (const prevKv of gone) changes.push({ type: 'delete', kv: tombstone(prevKv.key, revision + 1), prevKv })
    return { type: 'deleteRange', deleted: gone.length, prevKvs: request.prevKv === true ? gone : [] }
  }
  const holds = ({ key, target, result }: Compare): boolean => {
    const kv = records.find((one) => compareBytes(one.key, key) === 0)
    const actual = { version: kv?.version ?? 0, create: kv?.createRevision ?? 0, mod: kv?.modRevision ?? 0 }
    let order = 0
    if (target.type === 'value') order = compareBytes(kv?.value ?? new Uint8Array(), target.value)
    else if (target.type === 'lease') order = Number(BigInt(kv?.lease ?? '0') - BigInt(target.value))
    else order = actual[target.type] - target.value
    return { equal: order === 0, greater: order > 0, less: order < 0, notEqual: order !== 0 }[result]
  }
  const txn = (request: Omit<TxnRequest, 'type'>): TxnResponse => {
    const succeeded = request.compare.every(holds)
    return { type: 'txn', succeeded, responses: (succeeded ? request.success : request.failure).map(operate) }
  }
  const operate = (operation: TxnOperation): TxnOperationResponse => {
    if (operation.type === 'range') return range(operation)
    if (operation.type === 'put') return put(operation)
    if (operation.type === 'deleteRange') return deleteRange(operation)
    return txn(operation)
  }
  const keyspaceNamed = (name: string): KeyspaceInfo => ({
    name,
    id: keyspaces.size + 1,
    leader: memberId,
    term: 3,
    revision,
    executor: 1,
  })

  const node: Pick<
    FakeNode,
    | 'calls'
    | 'failure'
    | 'gate'
    | 'leader'
    | 'snapshotBytes'
    | 'snapshotEnded'
    | 'verdict'
    | 'metrics'
    | 'leases'
    | 'history'
  > = {
    leases,
    history,
    calls: [],
    failure: undefined,
    gate: undefined,
    leader: memberId,
    snapshotBytes: new Uint8Array([1, 2, 3]),
    snapshotEnded: 0,
    verdict: () => ({ healthy: true, reason: '' }),
    metrics:
      '# HELP etcd_server_has_leader Whether a leader exists.\n# TYPE etcd_server_has_leader gauge\netcd_server_has_leader 1\n',
  }
  const step = async (method: string, request: unknown, options: CallOptions | undefined): Promise<void> => {
    node.calls.push({ method, request, options })
    if (node.gate !== undefined) await node.gate
    if (node.failure !== undefined) throw node.failure
  }

  const methods = {
    range: async (request, options) => {
      await step('range', request, options)
      return { header: header(), ...range(request) }
    },
    put: async (request, options) => {
      await step('put', request, options)
      revision += 1
      const response = put({ ...request, type: 'put' })
      publish()
      return { header: header(), ...response }
    },
    deleteRange: async (request, options) => {
      await step('deleteRange', request, options)
      const response = deleteRange({ ...request, type: 'deleteRange' })
      if (response.deleted > 0) revision += 1
      publish()
      return { header: header(), ...response }
    },
    txn: async (request, options) => {
      await step('txn', request, options)
      const before = records
      revision += 1
      const response = txn(request)
      if (records === before) revision -= 1
      publish()
      return { header: header(), ...response }
    },
    compact: async (request, options) => {
      await step('compact', request, options)
      if (request.revision <= compacted) throw new AspenError('compacted')
      if (request.revision > revision) throw new AspenError('futureRevision')
      compacted = request.revision
      return { header: header() }
    },
    memberList: async (options) => {
      await step('memberList', undefined, options)
      return { header: header(), members }
    },
    memberAdd: async (request, options) => {
      await step('memberAdd', request, options)
      const member: Member = { id: 77, name: '', peerUrls: request.peerUrls, clientUrls: [], learner: request.learner }
      members = [...members, member]
      return { header: header(), member, members }
    },
    memberRemove: async (request, options) => {
      await step('memberRemove', request, options)
      if (!members.some(({ id }) => id === request.id)) throw new AspenError('memberNotFound')
      members = members.filter(({ id }) => id !== request.id)
      return { header: header(), members }
    },
    memberUpdate: async (request, options) => {
      await step('memberUpdate', request, options)
      members = members.map((member) => (member.id === request.id ? { ...member, peerUrls: request.peerUrls } : member))
      return { header: header(), members }
    },
    memberPromote: async (request, options) => {
      await step('memberPromote', request, options)
      members = members.map((member) => (member.id === request.id ? { ...member, learner: false } : member))
      return { header: header(), members }
    },
    status: async (options) => {
      await step('status', undefined, options)
      return {
        header: header(),
        version: '0.1.0',
        dbSizeBytes: 20_480,
        dbSizeInUseBytes: 8_192,
        leader: node.leader,
        raftIndex: 41,
        raftTerm: 3,
        raftAppliedIndex: 40,
        learner: false,
        errors: alarms.map(({ alarm }) => `alarm:${alarm.toUpperCase()}`),
      }
    },
    hash: async (options) => {
      await step('hash', undefined, options)
      return { header: header(), hash: 0xfeed_beef }
    },
    hashKv: async (request, options) => {
      await step('hashKv', request, options)
      return {
        header: header(),
        hash: 0xdead_beef,
        compactRevision: compacted,
        hashRevision: request.revision || revision,
      }
    },
    alarms: async (options) => {
      await step('alarms', undefined, options)
      return { header: header(), alarms }
    },
    alarm: async (request, options) => {
      await step('alarm', request, options)
      const { member, alarm } = request
      const others = alarms.filter((one) => one.member !== member || one.alarm !== alarm)
      alarms = request.action === 'activate' ? [...others, { member, alarm }] : others
      return { header: header(), alarms: [{ member, alarm }] }
    },
    defragment: async (options) => {
      await step('defragment', undefined, options)
      return { header: header() }
    },
    snapshot: async function* (options) {
      await step('snapshot', undefined, options)
      const bytes = node.snapshotBytes
      try {
        for (let at = 0; at < bytes.length; at += 3_000_000) {
          const blob = bytes.subarray(at, at + 3_000_000)
          yield { header: header(), remainingBytes: bytes.length - at - blob.length, blob }
        }
      } finally {
        node.snapshotEnded += 1
      }
    },
    moveLeader: async (request, options) => {
      await step('moveLeader', request, options)
      if (!members.some(({ id }) => id === request.target)) throw new AspenError('badLeaderTransferee')
      return { header: header() }
    },
    leaseGrant: async (request, options) => {
      await step('leaseGrant', request, options)
      if (request.ttlSeconds > 9_000_000_000) throw new AspenError('leaseTtlTooLarge')
      const id = request.id === undefined || request.id === '0' ? String(nextLease++) : request.id
      if (leases.has(id)) throw new AspenError('leaseExists')
      const ttlSeconds = Math.max(2, request.ttlSeconds)
      leases.set(id, { ttlSeconds })
      return { header: header(), id, ttlSeconds }
    },
    leaseRevoke: async ({ id }, options) => {
      await step('leaseRevoke', { id }, options)
      if (!leases.delete(id)) throw new AspenError('leaseNotFound')
      const gone = records.filter((kv) => kv.lease === id)
      records = records.filter((kv) => kv.lease !== id)
      if (gone.length > 0) revision += 1
      for (const prevKv of gone) changes.push({ type: 'delete', kv: tombstone(prevKv.key, revision), prevKv })
      publish()
      return { header: header() }
    },
    leaseKeepAlive: async ({ id }, options) => {
      await step('leaseKeepAlive', { id }, options)
      return { header: header(), id, ttlSeconds: leases.get(id)?.ttlSeconds ?? 0 }
    },
    leaseTimeToLive: async ({ id, keys }, options) => {
      await step('leaseTimeToLive', { id, keys }, options)
      const ttlSeconds = leases.get(id)?.ttlSeconds
      const attached = records.filter((kv) => kv.lease === id).map((kv) => kv.key)
      return {
        header: header(),
        id,
        ttlSeconds: ttlSeconds === undefined ? -1 : ttlSeconds - 1,
        grantedTtlSeconds: ttlSeconds ?? 0,
        keys: keys === true ? attached : [],
      }
    },
    leaseList: async (options) => {
      await step('leaseList', undefined, options)
      return { header: header(), ids: [...leases.keys()] }
    },
    openWatch: (options) => {
      node.calls.push({ method: 'openWatch', request: undefined, options })
      return new FakeWatchStream(history)
    },
    ...fakeAuth(step, header),
    keyspaceList: async (options) => {
      await step('keyspaceList', undefined, options)
      return [...keyspaces.values()]
    },
    keyspaceCreate: async (request, options) => {
      await step('keyspaceCreate', request, options)
      if (keyspaces.has(request.name)) throw new AspenError('keyspaceExists')
      const made = keyspaceNamed(request.name)
      keyspaces.set(request.name, made)
      return made
    },
    keyspaceDrop: async (request, options) => {
      await step('keyspaceDrop', request, options)
      if (!keyspaces.delete(request.name)) throw new AspenError('keyspaceNotFound')
    },
    record: async ({ name, forMs, bytesMax = 0 }) => {
      if (name !== 'recorded')
        throw Object.assign(new Error(`record: this node has no actor '${name}'`), { name: 'NotRecordable' })
      if (forMs > 600_000) throw new RangeError('record: forMs is too long')
      return new Uint8Array(bytesMax).fill(7)
    },
    recentDeliveries: async (name, linesMax) => [`${name} ${linesMax}`],
    actors: async () => [
      {
        name: 'raft/1',
        definition: 'raft-group',
        executor: 1,
        mailboxDepth: 4,
        messagesTotal: 12_345,
        restarts: 1,
        state: 'parked' as const,
      },
    ],
    health: async (question) => {
      if (node.gate !== undefined) await node.gate
      return node.verdict(question)
    },
    metricsText: async () => {
      await step('metricsText', undefined, undefined)
      return node.metrics
    },
  } satisfies Omit<FakeNode, keyof typeof node | 'records'>
  // Defined and not assigned: `Object.assign` would copy today's records in place of the getter.
  return Object.defineProperty(Object.assign(node, methods), 'records', { get: () => records }) as unknown as FakeNode
}

function tombstone(key: Uint8Array, modRevision: number): KeyValue {
  return { key, value: new Uint8Array(), createRevision: 0, modRevision, version: 0, lease: '0' }
}
