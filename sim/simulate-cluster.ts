/**
 * What a scenario of a user's acts on: simulated nodes with the user's own actors and replicated state machines. Synchronous:
 * virtual time passes only in the calls that wait (`run`, `eventually`, `ask`, `propose`, …) and stands still between them.
 */
import type { TopologyReply } from '../actors/placement/topology-messages.ts'
import { machineGroup, metaGroup } from '../aspen/plan.ts'
import { hashText } from '../base/digest.ts'
import type { DeadLetter } from '../mailbox/dead-letters.ts'
import type { ActorDefinition } from '../runtime/kernel/actor.ts'
import { perform } from './acts.ts'
import { check } from './checkers/violation.ts'
import type { SimCluster, UsersMachine } from './cluster.ts'
import type { Within } from './cluster-body.ts'
import { type DecisionSite, decisionSite } from './decisions.ts'
import type { SimNode } from './node.ts'
import { keepNewest, OutsideOfNodes, type SimulatedActor, type SpawnOptions } from './simulate-actors.ts'
import { SimulatedClient } from './simulate-client.ts'
import { patienceMs, SimulatedGroup, type SimulatedGroupOf } from './simulate-group.ts'
import type { Exported } from './world.ts'

/** An actor of a user's that failed, supervised or not. */
export interface ActorFailure {
  readonly node: number
  readonly name: string
  /** What it threw, with the stack. */
  readonly error: string
}

/** A node that has just started, as the program that runs on it sees it. No time passes here. */
export interface StartedNode {
  readonly id: number
  /** 1 for the first start, one more for each start after a crash. */
  readonly start: number
  /** Spawns as a program does when it begins. What a supervisor refuses fails the run. */
  spawn<Args, State, P>(definition: ActorDefinition<Args, State, P>, args: Args, options?: SpawnOptions): void
}

export interface OnNode {
  /** 1 when absent. */
  readonly node?: number
}

export interface SpawnOnOptions extends SpawnOptions, OnNode {}

export class SimulatedCluster {
  readonly #cluster: SimCluster
  readonly #outside: OutsideOfNodes
  readonly #failures: ActorFailure[] = []
  readonly #starts = new Map<number, number>()
  readonly #groups = new Map<string, SimulatedGroup<unknown, unknown, unknown, unknown, unknown>>()
  readonly #sites = new Map<string, { readonly site: DecisionSite; count: number }>()
  readonly #calm: () => void
  /** What the scenario itself did, and a lull leaves as it is. */
  readonly #crashed = new Set<number>()
  readonly #partitions: (readonly (readonly number[])[])[] = []

  /** @param calm - Ends the faults that the seed brings. */
  constructor(cluster: SimCluster, actors: readonly Exported[], calm: () => void) {
    this.#cluster = cluster
    this.#outside = new OutsideOfNodes(cluster.world, 'simulate', actors)
    this.#calm = calm
    cluster.world.onActorFailed = (node, name, error) => keepNewest(this.#failures, { node, name, error })
  }

  /** The cluster behind it, for what this door has no word for. */
  get inner(): SimCluster {
    return this.#cluster
  }

  get seed(): number {
    return this.#cluster.world.seed
  }

  /** Virtual milliseconds since the world began. */
  get nowMs(): number {
    return this.#cluster.world.nowMs
  }

  get nodes(): readonly number[] {
    return this.#cluster.nodes
  }

  /** Messages that reached nobody, oldest first; the newest 4_096. */
  get deadLetters(): readonly DeadLetter[] {
    return this.#outside.deadLetters
  }

  /** Actors that failed, oldest first; the newest 4_096. */
  get failures(): readonly ActorFailure[] {
    return this.#failures
  }

  /** What happened last, in words, oldest first. */
  tail(lines: number = 40): readonly string[] {
    return this.#cluster.world.trace.tail(lines)
  }

  /** Writes a line into the trace, for whoever reads how a run failed. */
  note(text: string): void {
    this.#cluster.world.trace.event(this.nowMs, text)
  }

  /**
   * A number of 0 (included) to 1 (excluded), decided by the seed: the only dice a scenario may throw. Each name has a
   * sequence of its own, so that one call more at one place changes nothing at another.
   */
  random(name: string): number {
    let drawn = this.#sites.get(name)
    if (drawn === undefined) {
      drawn = { site: decisionSite('scenario.random'), count: 0 }
      this.#sites.set(name, drawn)
    }
    drawn.count += 1
    return this.#cluster.world.decisions.share(drawn.site, hashText(name), drawn.count)
  }

  /** One of `items`, decided as by `random`. */
  pick<T>(name: string, items: readonly T[]): T {
    if (items.length === 0) throw new RangeError(`pick '${name}': wanted at least one item`)
    return items[Math.floor(this.random(name) * items.length)] as T
  }

  /** Lets virtual time pass. */
  run({ ms }: { readonly ms: number }): void {
    if (!(ms >= 0 && Number.isFinite(ms))) throw new RangeError(`run: ms must be a number of 0 or more, not ${ms}`)
    this.#outside.pass('run', () => this.#cluster.run({ ms }))
  }

  /** Does `act` when `ms` have passed, in the middle of whatever runs then. It may tell, begin and crash, not wait. */
  later({ ms }: { readonly ms: number }, act: () => void): void {
    this.#cluster.world.later(ms, act)
  }

  /**
   * Lets time pass until `predicate` holds.
   *
   * @throws {Violation} I23: it did not come true within `withinMs`.
   */
  eventually(what: string, predicate: () => boolean, { withinMs }: Within): void {
    this.#outside.pass(what, () => {
      const came = this.#cluster.world.runUntil(predicate, withinMs)
      check(came, 'I23', () => `${what}: not within ${withinMs} ms`)
    })
  }

  up(node: number): boolean {
    return this.#cluster.world.node(node).up
  }

  /** The processes end at once. Of a write under way the seed decides whether it is on disk. */
  crash(...nodes: readonly number[]): void {
    for (const node of nodes) this.#crashed.add(node)
    this.#cluster.crash(...nodes)
  }

  /** The processes start again, on what their disks hold. */
  restart(...nodes: readonly number[]): void {
    for (const node of nodes) this.#crashed.delete(node)
    this.#cluster.restart(...nodes)
  }

  /** One thread dies and is replaced; supervised actors come back on it by themselves. */
  crashThread(node: number, thread: number, { replaceAfterMs = 50 }: { readonly replaceAfterMs?: number } = {}): void {
    if (!Number.isInteger(thread) || thread < 1 || thread >= this.#cluster.executors) {
      throw new RangeError(`crashThread: wanted thread ${thread}, there are 1 to ${this.#cluster.executors - 1}`)
    }
    this.#cluster.world.crashThread(node, thread, replaceAfterMs)
  }

  /** The process stands still for `ms`, and loses nothing. */
  pause(node: number, { ms }: { readonly ms: number }): void {
    this.#cluster.world.pause(node, ms)
  }

  /** The wall clock of a node jumps; what measures elapsed time goes on. */
  stepClock(node: number, { byMs }: { readonly byMs: number }): void {
    perform(this.#cluster, { type: 'stepWallClock', node, byMs })
  }

  /** Nothing passes from one side to another, in both directions, until `heal`. */
  partition(...sides: readonly (readonly number[])[]): void {
    this.#partitions.push(sides)
    this.#cluster.partition(...sides)
  }

  /** Cuts one node off from all others. */
  isolate(node: number): void {
    this.partition([node], this.others(node))
  }

  others(...nodes: readonly number[]): readonly number[] {
    return this.#cluster.others(...nodes)
  }

  /** Partitions end. What else the seed brings goes on: see `calm`. */
  heal(): void {
    this.#partitions.length = 0
    this.#cluster.heal()
  }

  /** The faults of the seed end for good, what they broke is repaired, and every node runs. */
  calm(): void {
    this.#partitions.length = 0
    this.#crashed.clear()
    this.#calm()
  }

  /**
   * Starts an actor on a node. After a crash of the node nothing runs: what a program starts whenever it begins belongs in
   * the option `boot`.
   *
   * @throws {RangeError} The name is taken, `supervise` comes without a name, the definition is not in the option
   *   `actors`, or the node is down.
   */
  spawn<Args, State, P>(
    definition: ActorDefinition<Args, State, P>,
    args: Args,
    { node = 1, ...options }: SpawnOnOptions = {},
  ): SimulatedActor<P> {
    return this.#outside.spawn(node, definition, args, options)
  }

  /** Whoever holds `name` on a node, now or later. Its `ask` answers `failed` while the node is down. */
  actor<Args, State, P>(
    _definition: ActorDefinition<Args, State, P>,
    name: string,
    { node = 1 }: OnNode = {},
  ): SimulatedActor<P> {
    return this.#outside.actor<P>(node, name)
  }

  /** The state of the actor that holds `name` on a node now; undefined while none runs. For reading alone. */
  stateOf<Args, State, P>(
    _definition: ActorDefinition<Args, State, P>,
    name: string,
    { node = 1 }: OnNode = {},
  ): State | undefined {
    return this.#cluster.running(node, name)?.cell.state as State | undefined
  }

  /** A client of the default keyspace, by its name. */
  client(name: string): SimulatedClient {
    this.#wantWhole(`client '${name}'`)
    return new SimulatedClient(this.#cluster, (what, wait) => this.#outside.pass(what, wait), name)
  }

  /**
   * Makes a group that replicates `machine` on every node, and waits until it has a leader.
   *
   * @throws {RangeError} There is no such machine in the option `machines`, or the name is no name for a group.
   * @throws {Violation} I23: it had no leader within `withinMs`, 60_000 when absent.
   */
  createGroup<M extends UsersMachine>(
    name: string,
    machine: M,
    args: Parameters<M['init']>[1],
    { withinMs = patienceMs }: Partial<Within> = {},
  ): SimulatedGroupOf<M> {
    this.#wantWhole(`createGroup '${name}'`)
    const endMs = this.nowMs + withinMs
    const command = { type: 'createGroup', name: machineGroup(name), machine: machine.name, args } as const
    this.#outside.pass(`createGroup '${name}'`, () => {
      for (;;) {
        const leader = this.#cluster.leader(metaGroup)
        const reply =
          leader === undefined
            ? undefined
            : this.#cluster.ask(leader, { type: 'propose', command }, { withinMs: 500, group: metaGroup })
        if (reply?.type === 'applied') {
          const said = reply.reply as TopologyReply
          // A repeated command finds that it happened. What else is in the way, such as members that have not started, passes.
          if (said.type === 'done' || said.error === 'keyspaceExists') break
          if (said.error === 'invalidKeyspaceName')
            throw new RangeError(`createGroup: '${name}' is no name for a group`)
        }
        check(this.nowMs < endMs, 'I23', () => `createGroup '${name}': not within ${withinMs} ms`)
        this.#cluster.run({ ms: 20 })
      }
      if (!this.#cluster.groups.includes(machineGroup(name))) this.#cluster.groups.push(machineGroup(name))
      this.#cluster.awaitLeader({ withinMs: Math.max(1, endMs - this.nowMs), group: machineGroup(name) })
    })
    return this.group<M>(name)
  }

  /** A group by its name. */
  group<M extends UsersMachine>(name: string): SimulatedGroupOf<M> {
    let group = this.#groups.get(name)
    if (group === undefined) {
      group = new SimulatedGroup(this.#cluster, (what, wait) => this.#outside.pass(what, wait), name)
      this.#groups.set(name, group)
    }
    // The machine's types exist for the caller alone; what travels is data.
    return group as unknown as SimulatedGroupOf<M>
  }

  /** The groups of users' machines that were made or asked for. */
  get groups(): readonly string[] {
    return [...this.#groups.keys()]
  }

  /**
   * Waits until all replicas of all groups have applied the same and agree on what it came to.
   *
   * @throws {Violation} I23: they did not within `withinMs`.
   */
  expectConverged({ withinMs }: Within): void {
    this.#wantWhole('expectConverged')
    this.#outside.pass('expectConverged', () => {
      this.#cluster.expectConverged({ withinMs })
      for (const name of this.#groups.keys()) {
        const group = machineGroup(name)
        this.#cluster.await(`equal replicas of group '${name}'`, () => this.#cluster.converged(group), { withinMs })
      }
    })
  }

  /** A storm has passed: what it broke is repaired, and what the scenario broke is not. */
  lull(): void {
    const { world, removed } = this.#cluster
    world.calm()
    for (const node of this.nodes) if (!removed.has(node) && !this.#crashed.has(node)) world.start(node)
    for (const sides of this.#partitions) this.#cluster.partition(...sides)
  }

  /** Called by the cluster whenever a node has started. */
  started(node: SimNode, boot: ((started: StartedNode) => void) | undefined): void {
    const start = (this.#starts.get(node.id) ?? 0) + 1
    this.#starts.set(node.id, start)
    this.#outside.listen(
      node,
      Array.from({ length: node.executors }, (_, executor) => executor),
    )
    boot?.({
      id: node.id,
      start,
      spawn: (definition, args, options = {}) => {
        this.#outside.begin(node.id, definition, args, options, (refusal) => {
          // It may have died meanwhile, and started again.
          if (refusal === undefined || this.#starts.get(node.id) !== start || !node.up) return
          throw new RangeError(`boot of node ${node.id}: spawn '${options.name ?? definition.name}': ${refusal}`)
        })
      },
    })
  }

  #wantWhole(what: string): void {
    if (this.#cluster.bare) {
      throw new RangeError(`${what}: wanted nodes with a keyspace; set the option 'keyspace', or give 'machines'`)
    }
  }
}
