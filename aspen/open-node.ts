/**
 * Opens a node: runtime, supervision tree, client. Both doors into it, `Aspen.open` and the server's `startNode`, end here.
 *
 *   runtime open ─▶ tree spawned ─▶ first keyspace has a leader known here, or `readyWithinMs` passed ─▶ node
 */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { firstKeyspace, topology } from '../actors/placement/topology.ts'
import type { AnyMachine, MachineAddress } from '../actors/raft/machines.ts'
import type { StatusReply } from '../actors/raft/replica-messages.ts'
import { strictKeyspace } from '../actors/strict/machine.ts'
import type { ActorRef } from '../runtime/kernel/actor.ts'
import { edgeSpawn, edgeTell, edgeWatch } from '../runtime/kernel/edge.ts'
import type { AnswerRequest } from '../runtime/node/peer/listener.ts'
import type { PeerAddress } from '../runtime/node/peer/url.ts'
import type { TlsSettings } from '../runtime/node/tls/settings.ts'
import { Passwords } from './auth-password.ts'
import { type AuthSettings, authDefaults } from './auth-settings.ts'
import { Groups } from './group.ts'
import { askActor } from './handle.ts'
import { AspenNode } from './node.ts'
import { createNodeClient } from './node-client.ts'
import type { FoundingMember, NodePlan } from './plan.ts'
import { metaGroup } from './plan.ts'
import { Replicas } from './replicas.ts'
import { NodeRuntime } from './runtime.ts'
import { settleStores } from './settling.ts'
import { loadTokens } from './token-load.ts'
import { nodeTree } from './tree.ts'

export interface OpenNodeOptions {
  readonly dir: string
  readonly name: string
  readonly memberId: number
  readonly clusterId: number
  readonly workers: number
  readonly clientUrls: readonly string[]
  readonly founders: readonly FoundingMember[] | undefined
  readonly contacts: NodePlan['contacts']
  /** The cluster knows this member already: an absent directory is a loss and no beginning. */
  readonly lost?: boolean
  /** Where it listens to the other members, where they find it, and with what certificates. Undefined: a node on its own. */
  readonly peer:
    | { readonly listen: PeerAddress; readonly urls: readonly string[]; readonly tls: TlsSettings | undefined }
    | undefined
  readonly heartbeatIntervalMs: number
  readonly electionTimeoutMs: number
  readonly snapshotCount: number
  readonly quotaBytes: number
  readonly autoCompaction?: NodePlan['autoCompaction']
  readonly strictReconfigCheck: boolean
  /** Ten minutes when absent. */
  readonly watchProgressMs?: number | undefined
  /** How callers are known; as etcd does by default when absent. */
  readonly auth?: AuthSettings
  /** State machines of the user's own, beside keyspaces. */
  readonly machines: readonly (MachineAddress & Pick<AnyMachine, 'name'>)[]
  readonly readyWithinMs: number
  readonly log: (level: 'info' | 'warn' | 'error', fields: Record<string, unknown>, text: string) => void
}

const ownMachines: readonly (MachineAddress & { readonly name: string })[] = [
  addressOf(strictKeyspace),
  addressOf(topology),
]

export async function openNode(options: OpenNodeOptions): Promise<AspenNode> {
  const { memberId, clusterId } = options
  const machines = [...ownMachines, ...options.machines.map(addressOf)]
  const auth = options.auth ?? authDefaults
  // Before anything is opened: keys that cannot be read are a mistake of the settings.
  const tokens = await loadTokens(auth.token, auth.tokenTtlMs, readFileSync)
  const members = options.founders ?? options.contacts
  let replicas: Replicas | undefined
  const onRequest: AnswerRequest = (kind) => answerPeer(kind, replicas, clusterId)
  if (options.lost === true) {
    options.log(
      'warn',
      { dir: options.dir, member: memberId.toString(16) },
      'the cluster knows this member already, but its data directory is gone: it votes for nobody until the others, a majority ' +
        'without it, have given it again what it may have promised (on a first start, into a running cluster, that is soon)',
    )
  }
  const runtime = await NodeRuntime.open({
    dir: options.dir,
    clusterId,
    memberId,
    name: options.name,
    workers: options.workers,
    seed: seedOf(memberId),
    lost: options.lost === true,
    repairable: members.length > 1 || options.founders === undefined,
    boot: {
      module: new URL('./boot.js', import.meta.url).href,
      exportName: 'bootMachines',
      argument: machines.map(({ module, exportName }) => ({ module, exportName })),
    },
    peer: options.peer === undefined ? undefined : { ...options.peer, onRequest },
    log: options.log,
  })
  // etcd's own: time for a write, and for two elections should the leader go.
  const deadlineMs = 5_000 + 2 * options.electionTimeoutMs
  replicas = new Replicas(runtime.executor, deadlineMs)
  const plan = planOf(options, runtime, machines)
  const root = edgeSpawn(runtime.executor, nodeTree, plan, { name: 'node' })
  runtime.onThreadUp((executor) => {
    void askActor(runtime.executor, root, { type: 'threadReady', executor }, 5_000, undefined).catch(() => undefined)
  })
  // The root has nobody above it: when it gives up, the node is an empty shell and says so.
  let closing = false
  edgeWatch(runtime.executor, root, (reason) => {
    if (!closing) runtime.fail(`the supervision tree ended: ${reason.type === 'failed' ? reason.error : reason.type}`)
  })
  const { quotaBytes, strictReconfigCheck } = options
  const client = createNodeClient({
    runtime,
    replicas,
    clusterId,
    memberId,
    quotaBytes,
    strictReconfigCheck,
    electionMs: plan.electionTicks * plan.tickMs,
    watchProgressMs: options.watchProgressMs,
    tokens,
    passwords: new Passwords(auth.bcryptCost),
  })
  const groups = new Groups(
    replicas,
    options.machines.map(({ name }) => name),
  )
  const { executors, wiped } = runtime
  const settled = (executor: number): void => settleStore(runtime, memberId, executor, options.log)
  const stopSettling = settleStores({ node: memberId, executors, wiped, replicas, settled })
  const close = (withinMs: number): Promise<void> => {
    closing = true
    stopSettling()
    return closeNode(runtime, root, withinMs)
  }
  const node = new AspenNode({ runtime, client, groups, memberId, clusterId, close })
  await untilReady(replicas, options.readyWithinMs)
  return node
}

function planOf(options: OpenNodeOptions, runtime: NodeRuntime, machines: typeof ownMachines): NodePlan {
  return {
    node: options.memberId,
    name: options.name,
    executors: runtime.executors,
    clientUrls: options.clientUrls,
    founders: options.founders,
    contacts: options.contacts,
    tickMs: options.heartbeatIntervalMs,
    electionTicks: Math.max(2, Math.round(options.electionTimeoutMs / options.heartbeatIntervalMs)),
    logKeepEntries: options.snapshotCount,
    autoCompaction: options.autoCompaction,
    machines: Object.fromEntries(machines.map(({ name, module, exportName }) => [name, { module, exportName }])),
    wipedExecutors: runtime.wiped,
  }
}

function addressOf({
  name,
  module,
  exportName,
}: MachineAddress & { readonly name: string }): MachineAddress & { readonly name: string } {
  return { name, module, exportName }
}

/** What a node that wants to join may ask at the peer URL. */
async function answerPeer(
  kind: string,
  replicas: Replicas | undefined,
  clusterId: number,
): Promise<Uint8Array | undefined> {
  if (kind !== 'members' || replicas === undefined) return undefined
  const { answer } = await replicas.read(metaGroup, { type: 'topology' }, 'serializable', { deadlineMs: 2_000 })
  return new TextEncoder().encode(JSON.stringify({ clusterId, topology: answer }))
}

/** Waits for a leader, but not for ever: a node whose peers are down serves what it can. */
async function untilReady(replicas: Replicas, withinMs: number): Promise<void> {
  for (const endMs = performance.now() + withinMs; performance.now() < endMs; await sleep(10)) {
    const status = await replicas
      .ask<StatusReply>(firstKeyspace, { type: 'status' }, { deadlineMs: 1_000 })
      .catch(() => undefined)
    if (status?.leader !== undefined && status.applied >= status.commit && status.commit > 0) return
  }
}

async function closeNode(runtime: NodeRuntime, root: ActorRef, withinMs: number): Promise<void> {
  const stopMs = Math.max(1, Math.floor(withinMs / 2))
  // What does not stop in time is cut off with its thread; whatever was acknowledged is on disk already.
  await askActor(runtime.executor, root, { type: 'shutDown' }, stopMs, undefined).catch(() => undefined)
  await runtime.close(withinMs - stopMs)
}

function settleStore(runtime: NodeRuntime, node: number, executor: number, log: OpenNodeOptions['log']): void {
  runtime.settle(executor)
  edgeTell(runtime.executor, { type: 'named', node, name: 'keeper' }, { type: 'storeSettled', executor })
  log('info', { store: executor }, 'a store that was lost is filled again; this member votes with all it knew')
}

/** Two nodes must not draw alike, nor one node after a restart. */
function seedOf(memberId: number): number {
  return (memberId ^ Number(process.hrtime.bigint() & 0xffff_ffffn) ^ (Date.now() & 0xffff_ffff)) >>> 0
}
