/**
 * A few nodes on one thread, each an executor with a store in memory, and a network between them that can be told to
 * lose, double and delay. The clock moves by hand and the same seed always gives the same run.
 */

import { heartbeats } from '../../../actors/raft/heartbeats.ts'
import { registerMachine } from '../../../actors/raft/machines.ts'
import type { Configuration } from '../../../actors/raft/messages.ts'
import type { ReplicaReply, ReplicaRequest, StatusReply } from '../../../actors/raft/replica-messages.ts'
import type { ReplicaState } from '../../../actors/raft/replica-state.ts'
import type { RaftConfig } from '../../../actors/raft/state.ts'
import { defineStateMachine, type StateMachine } from '../../../actors/raft/state-machine.ts'
import { groupTree } from '../../../actors/raft/tree.ts'
import { hashText } from '../../../base/digest.ts'
import { draw } from '../../../base/draw.ts'
import { pack, unpack } from '../../../mailbox/codec.ts'
import { edgeAsk, edgeSpawn, edgeTell } from '../../../runtime/kernel/edge.ts'
import { Executor } from '../../../runtime/kernel/executor.ts'
import { Disk, MemoryStore } from './memory-store.ts'

/** Sums by name. `poison` makes the next apply on one node throw, once: a bug that only that node has. */
export const poison: { node: number | undefined } = { node: undefined }

interface Sums {
  readonly node: number
  readonly sums: Map<string, number>
  readonly put: (name: string, sum: number) => void
}

export type SumCommand = {
  readonly name: string
  readonly by: number
  readonly effect?: string
  readonly pad?: Uint8Array
}

export const summer: StateMachine<unknown, Sums, SumCommand, number, string, number> = defineStateMachine('test', {
  name: 'summer',
  init: (ctx, _args: unknown): Sums => {
    const sums = new Map<string, number>()
    for (const [key, value] of ctx.store.range(new Uint8Array(0), undefined)) {
      sums.set(new TextDecoder().decode(key), unpack(value) as number)
    }
    return { node: ctx.node, sums, put: (name, sum) => ctx.store.put(name, pack(sum)) }
  },
  apply: (state: Sums, command: SumCommand) => {
    if (poison.node === state.node) {
      poison.node = undefined
      throw new Error('poisoned')
    }
    const sum = (state.sums.get(command.name) ?? 0) + command.by
    state.sums.set(command.name, sum)
    state.put(command.name, sum)
    return { reply: sum, effects: command.effect === undefined ? [] : [{ type: command.effect }] }
  },
  query: (state: Sums, name: string) => state.sums.get(name) ?? 0,
  snapshot: (state: Sums) => ({
    chunks: [...state.sums].map((pair) => pack(pair)).values(),
    done: () => {},
  }),
  restore: (ctx, _args: unknown, chunks): Sums => {
    const sums = new Map<string, number>()
    const put = (name: string, sum: number): void => ctx.store.put(name, pack(sum))
    for (const chunk of chunks) {
      const [name, sum] = unpack(chunk) as [string, number]
      sums.set(name, sum)
      put(name, sum)
    }
    return { node: ctx.node, sums, put }
  },
  // Independent of the order that names came in, which a restored machine does not know.
  digest: (state: Sums) =>
    [...state.sums].reduce((total, [name, sum]) => (total + hashText(`${name}=${sum}`)) >>> 0, 7),
})
registerMachine(summer)

export interface ClusterOptions {
  readonly nodes?: number
  readonly groups?: readonly string[]
  readonly config?: Partial<Omit<RaftConfig, 'self' | 'seed'>>
  readonly coalesce?: boolean
  readonly seed?: number
  /** How long a commit takes; by default no time. */
  readonly commitMs?: number
  /** First members; all nodes by default. */
  readonly voters?: readonly number[]
  /** Which bearer of the groups' names a node starts; asked at each start. */
  readonly lineage?: (node: number) => number
}

interface Member {
  readonly disk: Disk
  store: MemoryStore
  executor: Executor
  up: boolean
  incarnation: number
}

export class Cluster {
  nowMs = 0
  framesTotal = 0
  readonly members: Map<number, Member> = new Map<number, Member>()
  /** Shares of frames, 0 to 1. */
  faults: { lose: number; double: number; delay: number } = { lose: 0, double: 0, delay: 0 }
  readonly fatals: string[] = []
  readonly #options: ClusterOptions
  readonly #cut = new Set<string>()
  readonly #deliver = new Map<number, (node: number, executor: number, frame: Uint8Array) => void>()
  #later: (() => void)[] = []
  #delayed: { readonly atMs: number; readonly act: () => void }[] = []
  #draws = 0

  constructor(options: ClusterOptions = {}) {
    this.#options = options
    for (let node = 1; node <= (options.nodes ?? 3); node++) {
      const disk = new Disk()
      const { store, executor } = this.#boot(node, disk, 1)
      this.members.set(node, { disk, store, executor, up: true, incarnation: 1 })
    }
    this.settle()
  }

  get nodes(): number[] {
    return [...this.members.keys()]
  }

  executor(node: number): Executor {
    return (this.members.get(node) as Member).executor
  }

  settle(): void {
    for (let rounds = 0; rounds < 20_000; rounds++) {
      const up = [...this.members.values()].filter((member) => member.up)
      for (const { executor } of up) executor.tick()
      const work = this.#later
      this.#later = []
      for (const act of work) act()
      if (work.length === 0 && up.every(({ executor }) => executor.idle && !executor.router.outbound.busy)) return
    }
    throw new Error('the cluster does not come to rest')
  }

  run(ms: number): void {
    for (const end = this.nowMs + ms; this.nowMs < end; ) {
      this.nowMs += 5
      const due = this.#delayed.filter(({ atMs }) => atMs <= this.nowMs)
      this.#delayed = this.#delayed.filter(({ atMs }) => atMs > this.nowMs)
      for (const { act } of due) act()
      this.settle()
    }
  }

  until(what: string, holds: () => boolean, withinMs: number = 30_000): void {
    for (const end = this.nowMs + withinMs; this.nowMs < end; this.run(20)) if (holds()) return
    throw new Error(
      `not within ${withinMs} ms: ${what}; ${JSON.stringify(this.nodes.map((node) => (this.members.get(node)?.up === true ? this.status(node) : 'down')))}`,
    )
  }

  /** Asks the replica of `node`; the answers come in as time moves. */
  ask(node: number, request: ReplicaRequest, group: string = 'g'): ReplicaReply[] {
    const replies: ReplicaReply[] = []
    const to = { type: 'named', node, name: `replica/${group}` } as const
    edgeAsk(this.executor(node), to, request, { deadlineMs: 60_000 }, (answer) => {
      replies.push(answer.type === 'reply' ? (answer.value as ReplicaReply) : { type: 'unknown', reason: 'timeout' })
    })
    return replies
  }

  /** Asks and lets time move until the answer is there. */
  get(node: number, request: ReplicaRequest, group: string = 'g'): ReplicaReply {
    const replies = this.ask(node, request, group)
    for (let waited = 0; replies.length === 0 && waited < 20_000; waited += 5) this.run(5)
    if (replies[0] === undefined) throw new Error(`no answer to ${request.type}`)
    return replies[0]
  }

  add(node: number, name: string, by: number = 1): ReplicaReply {
    return this.get(node, { type: 'propose', command: { name, by } })
  }

  status(node: number, group: string = 'g'): StatusReply {
    const replies = this.ask(node, { type: 'status' }, group)
    this.settle()
    return replies[0] as StatusReply
  }

  /** Looks into the replica, for what no message tells. */
  replica(node: number, group: string = 'g'): ReplicaState {
    const cell = [...this.executor(node).cells.values()].find(({ name }) => name === `replica/${group}`)
    return cell?.state as ReplicaState
  }

  leader(group: string = 'g', among: readonly number[] = this.nodes): number {
    let found = 0
    this.until('a leader', () => {
      const leaders = among.filter(
        (node) => this.members.get(node)?.up === true && this.status(node, group).role === 'leader',
      )
      found = leaders.sort((a, b) => this.status(b, group).term - this.status(a, group).term)[0] ?? 0
      return found !== 0
    })
    return found
  }

  /** Waits until all nodes applied the same and agree on what it came to. */
  converge(group: string = 'g'): void {
    this.until('all replicas are equal', () => {
      const states = this.nodes.map((node) => this.status(node, group))
      return states.every(
        (state) =>
          state !== undefined &&
          state.applied > 0 &&
          state.applied === states[0]?.applied &&
          state.digest === states[0]?.digest,
      )
    })
  }

  partition(side: readonly number[]): void {
    for (const a of this.nodes)
      for (const b of this.nodes) if (side.includes(a) !== side.includes(b)) this.#cut.add(`${a}/${b}`)
  }

  heal(): void {
    this.#cut.clear()
    this.faults = { lose: 0, double: 0, delay: 0 }
  }

  /** The process dies; what it wrote and had not committed is gone. */
  crash(node: number): void {
    const member = this.members.get(node) as Member
    member.up = false
    member.store.crash()
    this.#deliver.delete(node)
  }

  restart(node: number): void {
    const member = this.members.get(node) as Member
    member.incarnation += 1
    Object.assign(member, this.#boot(node, member.disk, member.incarnation), { up: true })
    this.settle()
  }

  tell(node: number, name: string, message: unknown): void {
    edgeTell(this.executor(node), { type: 'named', node, name }, message)
  }

  #boot(node: number, disk: Disk, incarnation: number): { store: MemoryStore; executor: Executor } {
    const { commitMs = 0 } = this.#options
    const store = new MemoryStore(disk, (act) => {
      if (commitMs === 0) this.#later.push(act)
      else this.#delayed.push({ atMs: this.nowMs + commitMs, act })
    })
    const executor = new Executor({
      node,
      index: 0,
      incarnation,
      world: {
        clock: { nowMs: () => this.nowMs, wallMs: () => 1_700_000_000_000 + this.nowMs },
        seed: (this.#options.seed ?? 1) * 1_000 + node,
        store,
        network: {
          send: (to, at, frame) => this.#send(node, to, at, frame),
          setPeer: () => {},
          onFrame: (deliver) => void this.#deliver.set(node, deliver),
          onLink: () => {},
        },
        threads: { executors: 1, send: () => {}, onBatch: () => {}, onThread: () => {} },
        load: (_module, exportName, done) => done(undefined, exportName),
        wake: () => {},
        fatal: (reason) => void this.fatals.push(`node ${node}: ${reason}`),
      },
    })
    this.#spawn(executor)
    return { store, executor }
  }

  #spawn(executor: Executor): void {
    const { nodes = 3, groups = ['g'], config = {}, coalesce = false, voters } = this.#options
    const all = Array.from({ length: nodes }, (_, at) => at + 1)
    const first = voters ?? all
    const configuration: Configuration | undefined = first.includes(executor.node)
      ? { voters: first, votersOutgoing: [], learners: [], learnersNext: [] }
      : undefined
    if (coalesce)
      edgeSpawn(executor, heartbeats, { lane: 0, lanes: 1, tickMs: 100, missedTicksMax: 10 }, { name: 'heartbeats/0' })
    const lineage = this.#options.lineage?.(executor.node) ?? 0
    for (const group of groups) {
      const machine = { module: 'test', exportName: 'summer' }
      const raft = {
        group,
        lineage,
        configuration,
        tickMs: 100,
        config,
        heartbeats: coalesce ? 'heartbeats/0' : undefined,
      }
      edgeSpawn(
        executor,
        groupTree,
        { raft, replica: { group, lineage, machine, machineArgs: undefined, configuration } },
        { name: `group/${group}` },
      )
    }
  }

  #send(from: number, to: number, at: number, frame: Uint8Array): boolean {
    if (this.#cut.has(`${from}/${to}`) || this.#roll() < this.faults.lose) return false
    this.framesTotal += 1
    // Copied, as a socket would: nobody may share memory with another node.
    const copy = frame.slice()
    const act = (): void => this.#deliver.get(to)?.(from, at, copy)
    if (this.#roll() < this.faults.double) this.#later.push(act)
    if (this.#roll() < this.faults.delay) this.#delayed.push({ atMs: this.nowMs + 5 + this.#roll() * 200, act })
    else this.#later.push(act)
    return true
  }

  #roll(): number {
    return draw(this.#options.seed ?? 1, 'test.network', this.#draws++)
  }
}
