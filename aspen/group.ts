/**
 * State machines of one's own, replicated: a group is a Raft group on every member of the cluster, and this is how a host
 * process makes one and talks to it.
 *
 *   createGroup ─▶ the meta group writes it down ─▶ every member's keeper starts it ─▶ it has a leader ─▶ Group
 *   propose     ─▶ replica of this node ─▶ its leader's log ─▶ a majority's disks ─▶ applied ─▶ the machine's reply
 *   read        ─▶ replica of this node, after it has caught up with the leader (linearizable) or at once (serializable)
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { GroupRecord, Topology, TopologyReply } from '../actors/placement/topology-messages.ts'
import type { Role } from '../actors/raft/messages.ts'
import type { StatusReply } from '../actors/raft/replica-messages.ts'
import type { StateMachine } from '../actors/raft/state-machine.ts'
import { AspenError } from '../client/interface.ts'
import { machineGroup, metaGroup } from './plan.ts'
import type { Replicas } from './replicas.ts'

export interface GroupCallOptions {
  /** How long to wait, in milliseconds of this process's clock; 5 s plus two election timeouts when absent. */
  readonly deadlineMs?: number
  readonly signal?: AbortSignal
}

export interface ProposeOptions extends GroupCallOptions {
  /** Makes the command safe to repeat: the same pair is applied once and always gets the same reply. */
  readonly request?: { readonly client: string; readonly number: number }
}

export interface ReadOptions extends GroupCallOptions {
  /**
   * `linearizable` (when absent) sees every command that was acknowledged before the call, wherever; `serializable` is
   * what this member has applied so far, without asking anyone.
   */
  readonly consistency?: 'linearizable' | 'serializable'
}

/** A group as this member sees it. */
export interface GroupStatus {
  readonly role: Role
  /** Undefined while there is none, or this member does not know it. */
  readonly leader: number | undefined
  readonly term: number
  readonly commit: number
  readonly applied: number
  readonly voters: readonly number[]
  readonly learners: readonly number[]
  /** The machine's digest at `applied`; undefined when it has none. */
  readonly digest: number | undefined
}

/** One state machine, replicated over the members of the cluster. Every refusal is an `AspenError`. */
export interface Group<Command = unknown, Reply = unknown, Query = unknown, Answer = unknown> {
  readonly name: string
  /**
   * Appends a command to the group's log and resolves with what `apply` replied, once a majority has it on disk.
   *
   * @throws {AspenError} `timeout` and `leaderChanged`: it may still be applied. Repeat it with the same `request`.
   */
  propose(command: Command, options?: ProposeOptions): Promise<Reply>
  read(query: Query, options?: ReadOptions): Promise<Answer>
  status(options?: GroupCallOptions): Promise<GroupStatus>
}

// biome-ignore lint/suspicious/noExplicitAny: a machine's own types are contravariant; no other type matches every machine.
export type AnyStateMachine = StateMachine<any, any, any, any, any, any>

/** The group that replicates a machine: `GroupOf<typeof bank>`. */
export type GroupOf<M> =
  M extends StateMachine<infer _A, infer _S, infer Command, infer Reply, infer Query, infer Answer>
    ? Group<Command, Reply, Query, Answer>
    : Group

export interface CreateGroupOptions<Args, M> {
  /** 1 to 64 of a-z, 0-9, `.`, `_` and `-`, beginning with a letter or digit. Keyspaces have names of their own. */
  readonly name: string
  /** One of those that `Aspen.open` was given, on every member. */
  readonly machine: M
  /** Plain data for the machine's `init`, the same on every member. */
  readonly args: Args
}

/** How long a new group may take to have a leader, when the call has no deadline of its own. */
const readyWithinMs = 10_000
const lookEveryMs = 25

export class Groups {
  readonly #replicas: Replicas
  readonly #machines: ReadonlySet<string>

  /** @param machines - The names of the machines that this node can run. */
  constructor(replicas: Replicas, machines: Iterable<string>) {
    this.#replicas = replicas
    this.#machines = new Set(machines)
  }

  group<M>(name: string): GroupOf<M> {
    // The machine's types exist for the caller alone; what travels is data.
    return new LocalGroup(name, this.#replicas) as Group as GroupOf<M>
  }

  async create<Args, M extends AnyStateMachine>(
    { name, machine, args }: CreateGroupOptions<Args, M>,
    options: GroupCallOptions = {},
  ): Promise<GroupOf<M>> {
    if (!this.#machines.has(machine.name)) {
      const known = [...this.#machines].join(', ')
      throw new RangeError(
        `create group '${name}': this node was not opened with the state machine '${machine.name}'; it has ${known}`,
      )
    }
    const endMs = performance.now() + (options.deadlineMs ?? readyWithinMs)
    const command = { type: 'createGroup', name: machineGroup(name), machine: machine.name, args } as const
    const { reply } = await this.#replicas.propose<TopologyReply>(metaGroup, command, options)
    if (reply.type === 'refused') {
      const present = reply.error === 'keyspaceExists' ? await this.#find(name, options) : undefined
      if (present?.machine !== machine.name) throw new AspenError(reply.error)
    }
    const group = this.group<M>(name)
    while (performance.now() < endMs) {
      // The members start it by themselves, each when it hears of it; the answer is worth having once it can be used.
      const status = await group.status({ ...options, deadlineMs: 1_000 }).catch(() => undefined)
      if (status?.leader !== undefined) return group
      await sleep(lookEveryMs)
      if (options.signal?.aborted === true) throw new AspenError('canceled')
    }
    throw new AspenError('timeout', `group '${name}' was created but has no leader yet`)
  }

  async #find(name: string, options: GroupCallOptions): Promise<GroupRecord | undefined> {
    const { answer } = await this.#replicas.read<Topology>(metaGroup, { type: 'topology' }, 'linearizable', options)
    return answer.groups.find((group) => group.name === machineGroup(name))
  }
}

class LocalGroup implements Group {
  readonly name: string
  readonly #group: string
  readonly #replicas: Replicas

  constructor(name: string, replicas: Replicas) {
    this.name = name
    this.#group = machineGroup(name)
    this.#replicas = replicas
  }

  async propose(command: unknown, options: ProposeOptions = {}): Promise<unknown> {
    return (await this.#replicas.propose<unknown>(this.#group, command, options)).reply
  }

  async read(query: unknown, { consistency = 'linearizable', ...options }: ReadOptions = {}): Promise<unknown> {
    return (await this.#replicas.read<unknown>(this.#group, query, consistency, options)).answer
  }

  async status(options: GroupCallOptions = {}): Promise<GroupStatus> {
    const status = await this.#replicas.ask<StatusReply>(this.#group, { type: 'status' }, options)
    const { role, leader, term, commit, applied, configuration, digest } = status
    return {
      role,
      leader,
      term,
      commit,
      applied,
      voters: configuration.voters,
      learners: configuration.learners,
      digest,
    }
  }
}
