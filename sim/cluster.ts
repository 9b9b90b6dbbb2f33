/**
 * A simulated cluster of the production actor graph (`aspen/tree.ts`), for scenarios and workloads. Synchronous: virtual
 * time moves only in the calls that say so.
 */

import type { LessorLimits } from '../actors/lease/lessor-limits.ts'
import { topology } from '../actors/placement/topology.ts'
import type { TopologyCommand, TopologyReply } from '../actors/placement/topology-messages.ts'
import type { RaftGroupState } from '../actors/raft/group.ts'
import { registerMachine } from '../actors/raft/machines.ts'
import type { ReplicaReply, ReplicaRequest } from '../actors/raft/replica-messages.ts'
import type { ReplicaState } from '../actors/raft/replica-state.ts'
import type { RaftState } from '../actors/raft/state.ts'
import type { StrictState } from '../actors/strict/machine.ts'
import { strictKeyspace } from '../actors/strict/machine.ts'
import { metaGroup } from '../aspen/plan.ts'
import type { Cell } from '../runtime/kernel/cell.ts'
import { edgeAsk } from '../runtime/kernel/edge.ts'
import type { Executor } from '../runtime/kernel/executor.ts'
import type { TimedAct } from './act.ts'
import { type Budget, FaultAtlas } from './atlas.ts'
import { AuthSafety } from './checkers/auth-safety.ts'
import { check, Violation } from './checkers/violation.ts'
import { type ClientOptions, SimClient } from './client.ts'
import { type ClusterBody, defaultGroup, type Within } from './cluster-body.ts'
import { describeCluster, evidenceOf, isConverged } from './cluster-evidence.ts'
import { ClusterNodes, graphDefinitions, memberOf } from './cluster-nodes.ts'
import { clusterView, groupsOfAll } from './cluster-view.ts'
import type { Decisions } from './decisions.ts'
import type { FaultPlan } from './faults.ts'
import { History } from './history.ts'
import { MemberChanges } from './member-changes.ts'
import type { SimNode } from './node.ts'
import { explainFailure, explainFatal } from './outages.ts'
import { ScenarioClient } from './scenario-client.ts'
import type { SchedulerPlan } from './schedulers/scheduler.ts'
import { coordinationPrefix } from './workloads/coordination-program.ts'
import type { ReplicaEvidence } from './workloads/workload.ts'
import { type Exported, SimWorld } from './world.ts'

export interface ClusterOptions {
  readonly seed: number
  readonly nodes: number
  /** Executors a node. */
  readonly executors?: number
  readonly tickMs?: number
  readonly electionTicks?: number
  readonly logKeepEntries?: number
  /** Other bounds of lessors than the usual ones: time is short here. */
  readonly leases?: Partial<LessorLimits>
  readonly faults?: FaultPlan
  /** How much acts may destroy; `unlimited` when absent: whoever writes a scenario knows what it does. */
  readonly budget?: Budget
  /** `uniform` when absent. */
  readonly scheduler?: SchedulerPlan
  /** True: nodes run users' actors and nothing else, no group and no keyspace. */
  readonly bare?: boolean
  /** Of users' actors, for spawns that cross executors. */
  readonly definitions?: readonly Exported[]
  /** State machines of users' own that groups may be made of. */
  readonly machines?: readonly UsersMachine[]
  /** Called whenever a node has started, from its first start on. */
  readonly started?: (node: SimNode) => void
  /** Drawn from `seed` when absent. */
  readonly decisions?: Decisions | undefined
}

/** Any machine that `defineStateMachine` made. */
export type UsersMachine = Parameters<typeof registerMachine>[0]

export class SimCluster implements ClusterBody {
  readonly world: SimWorld
  readonly history: History = new History()
  /** Judges what callers say where it is carried out. */
  readonly users: AuthSafety = new AuthSafety()
  /** What was done to it from outside, for whoever writes the run down. */
  acts: readonly TimedAct[] = []
  readonly executors: number
  readonly tickMs: number
  readonly electionTicks: number
  readonly #nodes: ClusterNodes
  /** Nodes run users' actors alone. */
  readonly bare: boolean
  /** Those whose data the atlas watches over; who makes another adds it. */
  readonly groups: string[]
  readonly #clients = new Map<string, SimClient>()
  /** Members as the meta group was told. */
  readonly members: Set<number> = new Set<number>()
  readonly removed: Set<number> = new Set<number>()
  /** Nodes that are not started again when they went down. */
  readonly frozen: Set<number> = new Set<number>()
  /** Changes of the member list that are under way. */
  readonly changes: MemberChanges
  /** What is damaged where. */
  readonly atlas: FaultAtlas

  constructor(options: ClusterOptions) {
    const { seed, nodes, executors = 1, tickMs = 20, electionTicks = 10, logKeepEntries = 10_000 } = options
    const { faults, scheduler, decisions } = options
    const machines = [this.users.watch(strictKeyspace), ...(options.machines ?? [])]
    for (const machine of [topology, ...machines]) registerMachine(machine)
    this.bare = options.bare ?? false
    this.groups = this.bare ? [] : [...groupsOfAll]
    this.executors = executors
    this.tickMs = tickMs
    this.electionTicks = electionTicks
    this.#nodes = new ClusterNodes({
      founders: nodes,
      bare: this.bare,
      machines: Object.fromEntries(machines.map(({ name, module, exportName }) => [name, { module, exportName }])),
      tickMs,
      electionTicks,
      logKeepEntries,
      leases: options.leases,
      started: options.started ?? (() => {}),
    })
    this.world = new SimWorld({
      seed,
      definitions: [...graphDefinitions, ...(options.definitions ?? [])],
      ...(faults === undefined ? {} : { faults }),
      ...(scheduler === undefined ? {} : { scheduler }),
      ...(decisions === undefined ? {} : { decisions }),
    })
    this.world.checkers.knowsGroups = !this.bare
    this.changes = new MemberChanges(this)
    this.atlas = new FaultAtlas(options.budget ?? 'unlimited', clusterView(this, this.groups))
    this.world.fatalExplained = (node, reason) => explainFatal(this, node, reason)
    this.world.checkers.failureExplained = (node, error) => explainFailure(this, node, error)
    for (const { id } of this.#nodes.founders) this.join(id)
  }

  /** At most this long lasts an election in which nothing goes wrong. */
  get electionMs(): number {
    return 2 * this.electionTicks * this.tickMs
  }

  /** How many nodes it began with. */
  get founders(): number {
    return this.#nodes.founders.length
  }

  get nodes(): number[] {
    return [...this.world.nodes.keys()]
  }

  get upNodes(): number[] {
    return this.nodes.filter((id) => this.world.node(id).up)
  }

  others(...nodes: readonly number[]): number[] {
    return this.nodes.filter((id) => !nodes.includes(id))
  }

  run({ ms }: { readonly ms: number }): void {
    this.world.run(ms)
  }

  /** @throws {Violation} `what` did not come true in time (I23). */
  await(what: string, predicate: () => boolean, { withinMs }: Within): void {
    check(
      this.world.runUntil(predicate, withinMs),
      'I23',
      () => `${what}: not within ${withinMs} ms\n${this.describe()}`,
    )
  }

  /** Waits for a leader that knows it leads; of two, the one of the newer term. */
  awaitLeader({
    withinMs,
    among,
    group = defaultGroup,
  }: Within & { readonly among?: readonly number[]; readonly group?: string }): number {
    this.await(`a leader of ${group}`, () => this.leader(group, among) !== undefined, { withinMs })
    return this.leader(group, among) as number
  }

  leader(group: string = defaultGroup, among: readonly number[] = this.nodes): number | undefined {
    let best: RaftState | undefined
    for (const id of among) {
      const core = this.core(id, group)
      if (core?.role === 'leader' && (best === undefined || core.term > best.term)) best = core
    }
    return best?.self
  }

  /** What the group of a node believes, for reading alone. */
  core(id: number, group: string = defaultGroup): RaftState | undefined {
    const phase = (this.#cell(id, `raft/${group}`)?.state as RaftGroupState | undefined)?.phase
    return phase?.type === 'open' ? phase.core : undefined
  }

  replica(id: number, group: string = defaultGroup): ReplicaState | undefined {
    return this.#cell(id, `replica/${group}`)?.state as ReplicaState | undefined
  }

  partition(...sides: readonly (readonly number[])[]): void {
    this.world.trace.event(this.world.nowMs, `partition ${JSON.stringify(sides)}`)
    for (const [at, side] of sides.entries()) {
      for (const other of sides.slice(at + 1).flat()) for (const one of side) this.cut(one, other)
    }
  }

  /** Both directions. */
  cut(a: number, b: number): void {
    this.world.network.cut(a, b)
    this.world.network.cut(b, a)
  }

  heal(): void {
    this.world.trace.event(this.world.nowMs, 'partitions end')
    this.world.network.joinAll()
  }

  crash(...nodes: readonly number[]): void {
    for (const id of nodes) this.world.crash(id)
  }

  restart(...nodes: readonly number[]): void {
    for (const id of nodes) this.world.start(id)
  }

  /** The node comes back with empty disks. */
  wipe(id: number): void {
    this.world.crash(id)
    this.world.node(id).wipe()
  }

  client(name: string, options: Partial<ClientOptions> = {}): ScenarioClient {
    let client = this.#clients.get(name)
    if (client === undefined) {
      const nodes = (): number[] => [...this.members]
      client = new SimClient(this.world, this.history, {
        group: defaultGroup,
        nodes,
        attemptMs: 600,
        patienceMs: 10_000,
        lifeOf: (id) => this.replica(id)?.incarnation,
        ...options,
        name,
      })
      this.#clients.set(name, client)
    }
    return new ScenarioClient(this, client)
  }

  /** Asks one replica and waits for its answer; undefined when none came. */
  ask(
    id: number,
    request: ReplicaRequest,
    { withinMs, group = defaultGroup }: Within & { readonly group?: string },
  ): ReplicaReply | undefined {
    let reply: ReplicaReply | undefined
    let answered = false
    const to = { type: 'named', node: id, name: `replica/${group}` } as const
    edgeAsk(this.world.node(id).executor(0), to, request, { deadlineMs: withinMs }, (answer) => {
      answered = true
      if (answer.type === 'reply') reply = answer.value as ReplicaReply
    })
    this.world.runUntil(() => answered, withinMs + 10)
    return reply
  }

  /** Adds a node that starts empty and is told by the others. */
  addMember({ withinMs }: Within): number {
    const id = Math.max(...this.nodes) + 1
    this.change({ type: 'addMember', id, peerUrls: memberOf(id).peerUrls, learner: false }, { withinMs })
    this.join(id)
    return id
  }

  /** Starts a node that the member list already names. */
  join(id: number): void {
    this.members.add(id)
    this.#nodes.add(this.world, id, this.executors)
    this.world.start(id)
  }

  removeMember(id: number, { withinMs }: Within): void {
    this.removed.add(id)
    this.change({ type: 'removeMember', id }, { withinMs })
    this.members.delete(id)
  }

  /** Changes the member list; safe to repeat, so it is until it went through. */
  change(command: TopologyCommand, { withinMs }: Within): void {
    const endMs = this.world.nowMs + withinMs
    for (;;) {
      const leader = this.leader(metaGroup)
      const reply =
        leader === undefined
          ? undefined
          : this.ask(leader, { type: 'propose', command }, { withinMs: 1_000, group: metaGroup })
      if (reply?.type === 'applied') {
        const said = reply.reply as TopologyReply
        // A repeated change finds that it happened.
        if (said.type === 'done' || said.error === 'memberExists' || said.error === 'memberNotFound') return
        throw new Violation('I0', `${command.type}: ${said.error}`)
      }
      check(this.world.nowMs < endMs, 'I23', () => `${command.type}: not within ${withinMs} ms`)
      this.world.run(20)
    }
  }

  /** What an operator does when there is room again: lowers every alarm that disks raised. */
  clearAlarms({ withinMs }: Within): void {
    this.await(
      'no alarm',
      () => {
        const leader = this.leader()
        const state =
          leader === undefined ? undefined : (this.replica(leader)?.machineState as StrictState | undefined)?.keyspace
        if (leader === undefined || state === undefined) return false
        for (const { member, alarm } of state.facts.alarms) {
          const command = { type: 'alarm', action: 'deactivate', member, alarm }
          this.ask(leader, { type: 'propose', command }, { withinMs: 500 })
        }
        return state.facts.alarms.length === 0 && this.world.node(leader).up
      },
      { withinMs },
    )
  }

  /** Waits until every member that runs applied the same and agrees on what it came to. */
  expectConverged({ withinMs }: Within): void {
    for (const group of [metaGroup, defaultGroup])
      this.await(`equal replicas of ${group}`, () => this.converged(group), { withinMs })
  }

  converged(group: string): boolean {
    return isConverged(this, group)
  }

  /** Judges all that clients saw, and every replica against what was acknowledged. */
  checkHistory(): void {
    const replicas = this.replicaEvidence()
    this.history.checkOrder(replicas.flatMap(({ versions }) => versions))
    const { deletable } = this.history
    for (const { name, versions, compacted } of replicas) {
      // Programs write the same value more than once, and have laws of their own.
      const others = versions.filter(({ key }) => !key.startsWith(coordinationPrefix))
      this.history.ledger.checkAgainst(name, others, { revision: compacted, deletable })
    }
  }

  /** What the keyspace of every member holds now. */
  replicaEvidence(): readonly ReplicaEvidence[] {
    return evidenceOf(this)
  }

  /** Where every node stands, for messages about what did not happen. */
  describe(): string {
    return describeCluster(this)
  }

  peerUrlsOf(id: number): readonly string[] {
    return memberOf(id).peerUrls
  }

  #cell(id: number, name: string): Cell | undefined {
    return this.running(id, name)?.cell
  }

  /** The actor of that name on a node, and the executor it runs on. */
  running(id: number, name: string): { readonly cell: Cell; readonly executor: Executor } | undefined {
    const node = this.world.nodes.get(id)
    if (node === undefined || !node.up) return undefined
    for (let at = 0; at < node.executors; at++) {
      if (!node.runs(at)) continue
      const executor = node.executor(at)
      const holder = executor.registry.holder(name)
      const cell = holder === undefined ? undefined : executor.cells.get(holder.id)
      if (cell?.status === 'running') return { cell, executor }
    }
    return undefined
  }
}
