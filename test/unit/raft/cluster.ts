/**
 * A cluster of cores in one test: a bag of messages, a disk per replica that is written only by `flush`, a state machine
 * that applies only by `apply`. Nothing happens by itself, so a test decides every interleaving. After each step every
 * rule is checked.
 *
 * A turn is one step. Its writes queue; its `durable` sends wait for them and for all queued before; a crash loses both.
 */

import { step } from '../../../actors/raft/core.ts'
import { ClusterLedger, checkCluster, checkRaft, summarise } from '../../../actors/raft/invariants.ts'
import { emptyConfiguration } from '../../../actors/raft/membership.ts'
import type {
  Configuration,
  NodeId,
  PeerMessage,
  RaftEffect,
  RaftMessage,
  SnapshotMeta,
} from '../../../actors/raft/messages.ts'
import { hasQuorum } from '../../../actors/raft/quorum.ts'
import {
  compactedConfiguration,
  createRaftState,
  type RaftConfig,
  type RaftState,
  raftDefaults,
  snapshotMeta,
  snapshotWanted,
} from '../../../actors/raft/state.ts'
import { invariant } from '../../../base/assert.ts'
import { utf8 } from '../../../base/bytes.ts'
import { hash32, mix32 } from '../../../base/digest.ts'
import type { LogEntry } from '../../../runtime/ports/store.ts'
import { Disk, type DiskWrite, type Machine } from './disk.ts'

export interface Envelope {
  readonly from: NodeId
  readonly to: NodeId
  readonly message: PeerMessage
}

interface Turn {
  readonly writes: DiskWrite[]
  readonly held: Envelope[]
  readonly index: number
  readonly term: number
  folds: number | undefined
}

interface SnapshotTransfer {
  readonly from: NodeId
  readonly incarnation: number
  readonly to: NodeId
  readonly term: number
  readonly meta: SnapshotMeta
  readonly machine: Machine
}

export interface Replica {
  readonly id: NodeId
  /** As the group began; spares belong to nothing. */
  readonly founding: Configuration
  disk: Disk
  incarnation: number
  /** Undefined while crashed. */
  state: RaftState | undefined
  turns: Turn[]
  /** Handed over and not yet applied. */
  queue: (readonly LogEntry[])[]
  machine: Machine
}

export interface ClusterOptions {
  readonly voters: readonly NodeId[]
  readonly learners?: readonly NodeId[]
  /** Replicas that belong to nothing yet. */
  readonly spares?: readonly NodeId[]
  readonly seed?: number
  readonly config?: Partial<RaftConfig>
  /** A planted bug: who lost his store goes on as if nothing had happened. */
  readonly trustsLostStores?: boolean
}

export interface Happening {
  readonly node: NodeId
  readonly effect: RaftEffect
}

/** Small numbers, so that a short test reaches every limit. */
export const testConfig: Omit<RaftConfig, 'self' | 'seed'> = { ...raftDefaults, quiesceAfterTicks: 0 }

export class Cluster {
  readonly replicas: Map<NodeId, Replica> = new Map()
  readonly ledger: ClusterLedger = new ClusterLedger()
  bag: Envelope[] = []
  transfers: SnapshotTransfer[] = []
  /** Every effect that is not a write, a send or an apply. */
  happenings: Happening[] = []
  steps = 0
  readonly #options: ClusterOptions
  readonly #cut = new Set<string>()
  readonly #digests = new Map<number, number>()
  readonly #reads = new Map<string, number>()
  #commitMax = 0

  constructor(options: ClusterOptions) {
    this.#options = options
    const learners = options.learners ?? []
    const configuration: Configuration = { voters: options.voters, votersOutgoing: [], learners, learnersNext: [] }
    for (const id of [...options.voters, ...learners]) this.#add(id, configuration)
    for (const id of options.spares ?? []) this.#add(id, emptyConfiguration)
  }

  get ids(): NodeId[] {
    return [...this.replicas.keys()]
  }

  replica(id: NodeId): Replica {
    const replica = this.replicas.get(id)
    if (replica === undefined) throw new RangeError(`no replica ${id}`)
    return replica
  }

  state(id: NodeId): RaftState {
    const { state } = this.replica(id)
    if (state === undefined) throw new RangeError(`replica ${id} is down`)
    return state
  }

  get states(): RaftState[] {
    return [...this.replicas.values()].flatMap(({ state }) => (state === undefined ? [] : [state]))
  }

  /** The leader of the highest term. */
  get leader(): RaftState | undefined {
    const leaders = this.states.filter((state) => state.role === 'leader')
    return leaders.sort((a, b) => b.term - a.term)[0]
  }

  step(id: NodeId, message: RaftMessage): RaftEffect[] {
    const out: RaftEffect[] = []
    const replica = this.replica(id)
    const { state } = replica
    if (state === undefined) return out
    this.steps++
    if (message.type === 'read') this.#reads.set(`${id}/${replica.incarnation}/${message.id}`, this.#commitMax)
    const before = summarise(state)
    step(state, message, out)
    checkRaft(before, state, message, out)
    this.ledger.observe(state, out)
    this.#perform(replica, state, out)
    if (state.role === 'leader' && state.commit > before.commit) this.#checkDurable(state)
    if (state.commit > this.#commitMax) this.#commitMax = state.commit
    return out
  }

  tick(id: NodeId, times: number = 1): void {
    for (let n = 0; n < times; n++) this.step(id, { type: 'tick' })
  }

  propose(id: NodeId, text: string, proposal: number = this.steps): void {
    this.step(id, { type: 'propose', proposals: [{ id: proposal, data: utf8(text) }] })
  }

  /** The oldest queued turn reaches the disk. False when there is none. */
  flush(id: NodeId): boolean {
    const replica = this.replica(id)
    const turn = replica.turns.shift()
    if (turn === undefined) return false
    for (const write of turn.writes) replica.disk.write(write)
    this.bag.push(...turn.held)
    this.step(id, { type: 'persisted', index: turn.index, term: turn.term })
    if (turn.folds !== undefined) this.step(id, { type: 'folded', index: turn.folds })
    return true
  }

  /** The state machine applies the oldest batch it was handed. */
  apply(id: NodeId): boolean {
    const replica = this.replica(id)
    const entries = replica.queue.shift()
    if (entries === undefined) return false
    for (const entry of entries) {
      invariant(entry.index === replica.machine.index + 1, `R9: machine of ${id} skips to ${entry.index}`)
      const digest = mix32(replica.machine.digest ^ hash32(entry.data, entry.index))
      replica.machine = { index: entry.index, digest }
      const known = this.#digests.get(entry.index) ?? digest
      this.#digests.set(entry.index, known)
      invariant(known === digest, `R9: machine of ${id} differs at ${entry.index}`)
    }
    this.step(id, { type: 'applied', index: replica.machine.index })
    return true
  }

  /** Makes what is applied durable in the machine itself, so that the log may be compacted. */
  fold(id: NodeId): void {
    const replica = this.replica(id)
    if (replica.state === undefined) return
    const { machine } = replica
    this.#turn(replica, [{ type: 'machine', machine }]).folds = machine.index
  }

  deliver(envelope: Envelope): void {
    if (this.#cut.has(`${envelope.from}>${envelope.to}`)) return
    if (this.replicas.has(envelope.to)) this.step(envelope.to, envelope.message)
  }

  /** Ends the oldest snapshot transfer. */
  finishSnapshot(delivered: boolean): void {
    const transfer = this.transfers.shift()
    if (transfer === undefined) return
    const { from, to, term, meta, machine } = transfer
    const target = this.replica(to)
    const arrives = delivered && target.state !== undefined && !this.#cut.has(`${from}>${to}`)
    const wanted = arrives && snapshotWanted(target.state as RaftState, meta.index)
    // The core hears of one that is not wanted too, and tells the leader where to go on instead.
    if (arrives && !wanted) this.step(to, { type: 'installed', from, term, meta })
    if (wanted) {
      target.machine = machine
      target.queue = []
      const known = this.#digests.get(meta.index) ?? machine.digest
      invariant(known === machine.digest, `R21: snapshot at ${meta.index} of ${from} differs`)
      this.step(to, { type: 'installed', from, term, meta })
      // One commit with the log's reset: the newest turn is this step's.
      ;(target.turns[target.turns.length - 1] as Turn).writes.push({ type: 'machine', machine })
    }
    const source = this.replica(from)
    if (source.incarnation === transfer.incarnation)
      this.step(from, { type: 'snapshotSent', to, index: meta.index, delivered: arrives })
  }

  crash(id: NodeId): void {
    const replica = this.replica(id)
    replica.state = undefined
    replica.turns = []
    replica.queue = []
    this.transfers = this.transfers.filter((transfer) => transfer.from !== id)
  }

  /** The replica crashes and its disk is replaced by an empty one: how the group began it knows from elsewhere. */
  wipe(id: NodeId): void {
    this.crash(id)
    const replica = this.replica(id)
    replica.disk = new Disk(replica.founding, true)
  }

  restart(id: NodeId): void {
    const replica = this.replica(id)
    if (replica.state !== undefined) this.crash(id)
    const { disk } = replica
    replica.incarnation++
    replica.machine = disk.machine
    replica.state = createRaftState(
      {
        ...testConfig,
        ...this.#options.config,
        self: id,
        forgetful: disk.forgetful && this.#options.trustsLostStores !== true,
        seed: mix32((this.#options.seed ?? 1) ^ replica.incarnation),
      },
      { hardState: disk.hardState, configuration: disk.configuration, appliedIndex: disk.machine.index },
      disk.log,
    )
  }

  cut(from: NodeId, to: NodeId): void {
    this.#cut.add(`${from}>${to}`)
  }

  isolate(id: NodeId): void {
    for (const other of this.ids) {
      this.cut(id, other)
      this.cut(other, id)
    }
  }

  heal(): void {
    this.#cut.clear()
  }

  /** Disks, machines, messages and snapshots run until nothing is left to do; time stands still. */
  settle(stepsMax: number = 100_000): void {
    const end = this.steps + stepsMax
    for (let busy = true; busy; ) {
      busy = false
      for (const id of this.ids) {
        while (this.flush(id)) busy = true
        while (this.apply(id)) busy = true
      }
      for (let envelope = this.bag.shift(); envelope !== undefined; envelope = this.bag.shift()) {
        busy = true
        this.deliver(envelope)
      }
      while (this.transfers.length > 0) {
        busy = true
        this.finishSnapshot(true)
      }
      invariant(this.steps < end, `the cluster does not come to rest in ${stepsMax} steps`)
    }
  }

  /** Everybody's clock ticks, and everything that follows happens, `times` times. */
  run(times: number): void {
    for (let n = 0; n < times; n++) {
      for (const id of this.ids) this.step(id, { type: 'tick' })
      this.settle()
    }
  }

  /** Makes `id` the leader, patiently: past vote bans and shields. */
  elect(id: NodeId): RaftState {
    for (let n = 0; n < 100 && this.state(id).role !== 'leader'; n++) {
      this.step(id, { type: 'campaign' })
      this.settle()
      if (this.state(id).role !== 'leader') for (const each of this.ids) this.tick(each)
      this.settle()
    }
    invariant(this.state(id).role === 'leader', `${id} does not become leader`)
    return this.state(id)
  }

  check(): void {
    checkCluster(this.states)
  }

  /** What happened of one kind at one replica, and forgets nothing. */
  seen<T extends RaftEffect['type']>(id: NodeId, type: T): Extract<RaftEffect, { type: T }>[] {
    return this.happenings.flatMap(({ node, effect }) =>
      node === id && effect.type === type ? [effect as Extract<RaftEffect, { type: T }>] : [],
    )
  }

  /** Messages under way, by kind. */
  under<T extends PeerMessage['type']>(type: T): (Envelope & { message: Extract<PeerMessage, { type: T }> })[] {
    return this.bag.filter(({ message }) => message.type === type) as (Envelope & {
      message: Extract<PeerMessage, { type: T }>
    })[]
  }

  #add(id: NodeId, configuration: Configuration): void {
    const disk = new Disk(configuration)
    this.replicas.set(id, {
      id,
      founding: configuration,
      disk,
      incarnation: 0,
      state: undefined,
      turns: [],
      queue: [],
      machine: disk.machine,
    })
    this.restart(id)
  }

  #perform(replica: Replica, state: RaftState, out: readonly RaftEffect[]): void {
    const writes: DiskWrite[] = []
    const held: Envelope[] = []
    for (const effect of out) {
      switch (effect.type) {
        case 'persistHardState':
          writes.push({
            type: 'hardState',
            hardState: { term: effect.term, votedFor: effect.votedFor, commit: effect.commit },
          })
          break
        case 'append':
          writes.push(effect)
          break
        case 'compactLog':
          writes.push({
            type: 'compact',
            index: effect.index,
            term: effect.term,
            configuration: compactedConfiguration(state),
          })
          break
        case 'resetLog':
          writes.push({ type: 'reset', index: effect.index, term: effect.term, configuration: effect.configuration })
          break
        case 'send': {
          const envelope = { from: replica.id, to: effect.to, message: effect.message }
          if (effect.release === 'now') this.bag.push(envelope)
          else held.push(envelope)
          break
        }
        case 'trusted':
          writes.push(effect)
          break
        case 'apply':
          replica.queue.push(effect.entries)
          break
        default:
          this.#note(replica, state, effect)
      }
    }
    if (writes.length > 0) this.#turn(replica, writes).held.push(...held)
    else if (replica.turns.length > 0) (replica.turns[replica.turns.length - 1] as Turn).held.push(...held)
    else this.bag.push(...held)
  }

  #turn(replica: Replica, writes: DiskWrite[]): Turn {
    const { log, term } = replica.state as RaftState
    const turn: Turn = { writes, held: [], index: log.last, term, folds: undefined }
    replica.turns.push(turn)
    return turn
  }

  #note(replica: Replica, state: RaftState, effect: RaftEffect): void {
    this.happenings.push({ node: replica.id, effect })
    if (effect.type === 'sendSnapshot') {
      const { machine, id: from, incarnation } = replica
      const meta = snapshotMeta(state, machine.index)
      invariant(meta !== undefined, `R20: the log of ${from} knows the term of applied ${machine.index}`)
      this.transfers.push({ from, incarnation, to: effect.to, term: effect.term, meta, machine })
    }
    if (effect.type === 'cancelSnapshot') {
      this.transfers = this.transfers.filter((each) => each.from !== replica.id || each.to !== effect.to)
    }
    if (effect.type === 'readReady') {
      for (const id of effect.ids) {
        const asked = this.#reads.get(`${replica.id}/${replica.incarnation}/${id}`) as number
        invariant(effect.index >= asked, `R18: read ${id} of ${replica.id} at ${effect.index}, ${asked} was committed`)
      }
    }
  }

  /** R10: what is committed is on the disks of a quorum. */
  #checkDurable(state: RaftState): void {
    const term = state.log.term(state.commit)
    const holds = (node: NodeId): boolean => {
      const disk = this.replicas.get(node)?.disk
      const log = disk?.log
      // What was lost since it was acknowledged may still be counted: the others see to it that it stays (R25).
      if (disk?.forgetful === true) return true
      return log !== undefined && (log.firstIndex - 1 >= state.commit || log.term(state.commit) === term)
    }
    const configuration = state.membership.at(state.log.last)
    invariant(
      hasQuorum(configuration, holds),
      `R10: entry ${state.commit} of ${state.self} is committed and not durable`,
    )
  }
}
