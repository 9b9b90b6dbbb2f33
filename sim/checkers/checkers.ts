/**
 * All checks of a run, called around every delivery. The kernel shows a message before it is handled; so what it led to
 * is checked before the next one of the same executor, and at the end of the tick.
 */

import type { GroupMessage, RaftGroupArgs, RaftGroupState } from '../../actors/raft/group.ts'
import type { LocalMessage, PeerMessage, RaftMessage } from '../../actors/raft/messages.ts'
import type { ReplicaState } from '../../actors/raft/replica-state.ts'
import type { HardState } from '../../actors/raft/state.ts'
import { unpack } from '../../mailbox/codec.ts'
import type { Envelope } from '../../mailbox/envelope.ts'
import type { ActorRef, ChildEvent } from '../../runtime/kernel/actor.ts'
import type { Cell } from '../../runtime/kernel/cell.ts'
import { actorPrefix } from '../../runtime/kernel/cell-store.ts'
import type { Executor } from '../../runtime/kernel/executor.ts'
import { Late } from '../../runtime/kernel/system.ts'
import { keyText, type Medium } from '../disk-medium.ts'
import type { SimNetwork } from '../network.ts'
import type { SimNode } from '../node.ts'
import type { Trace } from '../trace.ts'
import { type GroupDisk, RaftSafety } from './raft-safety.ts'
import { ReplicaSafety } from './replica-safety.ts'
import { check, invariantOf, Violation } from './violation.ts'

/** What a core can be told by itself, and what is learned only from its state. */
interface Under {
  cell: Cell | undefined
  message: RaftMessage | undefined
}

/** Between deliveries to look at the slow checks. */
const slowEvery = 512

export class Checkers {
  readonly #trace: Trace
  readonly #nodes: ReadonlyMap<number, SimNode>
  readonly #network: SimNetwork
  readonly #raft = new Map<string, RaftSafety>()
  readonly #replicas = new Map<string, ReplicaSafety>()
  readonly #under = new Map<Executor, Under>()
  /** True for failures of actors that a fault of the run explains. */
  failureExplained: (node: number, error: string) => boolean = () => false
  /** False where actors may bear the names of ours by chance: then only what holds for any actor is checked. */
  knowsGroups = true

  constructor(trace: Trace, nodes: ReadonlyMap<number, SimNode>, network: SimNetwork) {
    this.#trace = trace
    this.#nodes = nodes
    this.#network = network
  }

  raft(group: string): RaftSafety {
    const known = this.#raft.get(group)
    if (known !== undefined) return known
    const safety = new RaftSafety(group, (node) => this.#diskOf(node, group))
    this.#raft.set(group, safety)
    return safety
  }

  /** `cell` is about to handle `envelope`. */
  before(node: SimNode, executor: Executor, cell: Cell, envelope: Envelope<ActorRef>): void {
    this.after(node, executor)
    const under = this.#under.get(executor) ?? { cell: undefined, message: undefined }
    this.#under.set(executor, under)
    under.cell = cell
    under.message = undefined
    if (this.knowsGroups && cell.definition.name === 'raft-group')
      under.message = this.#raftMessage(node, cell, envelope.body as GroupMessage | Late)
    else if (envelope.lane === 'system') this.#checkFailure(node, envelope.body)
  }

  /** The delivery that `executor` handled last has ended. */
  after(node: SimNode, executor: Executor): void {
    const under = this.#under.get(executor)
    const cell = under?.cell
    if (under === undefined || cell === undefined) return
    under.cell = undefined
    const depth = cell.mailbox?.depth ?? 0
    const bound = 2 * cell.definition.mailbox.messagesMax + 1_024
    check(
      depth <= bound,
      'I25',
      () => `mailbox of '${cell.name}' on node ${node.id} holds ${depth} messages, its bound is ${bound}`,
    )
    if (cell.status !== 'running') {
      if (this.knowsGroups && cell.definition.name === 'raft-group')
        this.raft(groupOf(cell)).after(node.id, undefined, undefined)
      this.#trace.state(cell.status.length)
      return
    }
    switch (this.knowsGroups ? cell.definition.name : '') {
      case 'raft-group':
        this.#afterGroup(node, cell, under.message)
        break
      case 'replica':
        this.#afterReplica(node, cell)
        break
    }
    const { digest } = cell.definition
    if (digest !== undefined) this.#trace.state(digest(cell.state))
    if (this.#trace.deliveries % slowEvery === 0) this.#checkNetwork()
  }

  /** The process of `node`, or one thread of it, is gone. */
  down(node: SimNode): void {
    for (const safety of this.#raft.values()) safety.down(node.id)
  }

  #afterGroup(node: SimNode, cell: Cell, message: RaftMessage | undefined): void {
    const { phase } = cell.state as RaftGroupState
    this.raft(groupOf(cell)).after(node.id, phase.type === 'open' ? phase.core : undefined, message)
  }

  #afterReplica(node: SimNode, cell: Cell): void {
    const group = groupOf(cell)
    const state = cell.state as ReplicaState
    let safety = this.#replicas.get(group)
    if (safety === undefined) {
      safety = new ReplicaSafety(group)
      this.#replicas.set(group, safety)
    }
    const { applied } = state
    if (safety.moved(node.id, state, applied, this.raft(group).committed)) {
      safety.stands(node.id, applied, cell.definition.digest?.(state) ?? 0)
    }
  }

  /** What the core is about to hear; undefined for what is the shell's own. */
  #raftMessage(node: SimNode, cell: Cell, body: GroupMessage | Late): RaftMessage | undefined {
    // Timers make their message where it is received; a group has but one.
    if (body instanceof Late) return { type: 'tick' }
    switch (body.type) {
      case 'peer': {
        // Of another group that bears the name: it is not heard.
        if ((body.lineage ?? 0) !== ((cell.args as RaftGroupArgs).lineage ?? 0)) return undefined
        const message = body.message as PeerMessage
        this.raft(groupOf(cell)).arrived(node.id, message)
        return message
      }
      case 'fromReplica':
        return body.message as LocalMessage
      case 'persisted':
      case 'campaign':
      case 'peerLink':
        return body
      default:
        return undefined
    }
  }

  #checkFailure(node: SimNode, body: unknown): void {
    const { type, event } = body as { type?: unknown; event?: ChildEvent }
    if (type !== 'child' || event?.type !== 'childFailed') return
    if (this.failureExplained(node.id, event.error)) return
    throw new Violation(
      invariantOf(event.error),
      `actor '${event.child.name}' of node ${node.id} failed: ${event.error}`,
    )
  }

  #checkNetwork(): void {
    const { sent, duplicated, delivered, dropped, corrupted } = this.#network.counts
    check(
      delivered + dropped + corrupted <= sent + duplicated,
      'I22',
      () => `${delivered} frames delivered, ${dropped + corrupted} lost, of ${sent} sent and ${duplicated} doubled`,
    )
  }

  #diskOf(node: number, group: string): GroupDisk | undefined {
    const simNode = this.#nodes.get(node)
    if (simNode === undefined) return undefined
    const log = `raft/${group.replace(/#.*/, '')}`
    for (const [at, { medium, struck }] of simNode.disks.entries()) {
      if (medium.logs.has(log) || medium.pairs.has(hardStateKey(log)))
        return groupDisk(medium, log, struck || simNode.lost.has(at))
    }
    return groupDisk(undefined, log, simNode.lost.size > 0)
  }
}

function groupDisk(medium: Medium | undefined, name: string, wiped: boolean): GroupDisk {
  return {
    wiped,
    term: (index) => {
      const log = medium?.logs.get(name)
      if (log === undefined) return undefined
      if (index < log.bounds.first) return 'compacted'
      return log.cells[index - log.bounds.first]?.entry.term
    },
    hardState: () => {
      const cell = medium?.pairs.get(hardStateKey(name))
      return cell === undefined || cell.rotten ? undefined : (unpack(cell.value) as HardState)
    },
  }
}

const hardStateKeys = new Map<string, string>()

function hardStateKey(actor: string): string {
  const known = hardStateKeys.get(actor)
  if (known !== undefined) return known
  const key = `${keyText(actorPrefix(actor))}hardState`
  hardStateKeys.set(actor, key)
  return key
}

/** A name that is used again is another group's: what is known of the first does not bind the second. */
function groupOf(cell: Cell): string {
  const { group, lineage = 0 } = cell.args as RaftGroupArgs
  return lineage > 1 ? `${group}#${lineage}` : group
}
