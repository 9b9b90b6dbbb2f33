/**
 * What is watched of one actor, by its kind: made at its first delivery, asked around each.
 */
import type { GroupMessage, RaftGroupArgs, RaftGroupState } from '../../actors/raft/group.ts'
import type { LocalMessage, PeerMessage, RaftMessage } from '../../actors/raft/messages.ts'
import type { ReplicaState } from '../../actors/raft/replica-state.ts'
import type { Cell } from '../../runtime/kernel/cell.ts'
import { Late } from '../../runtime/kernel/system.ts'
import type { SimNode } from '../node.ts'
import { checkMailbox, checkReplicaBounds } from './bounds.ts'
import type { LeaseSafety } from './lease-safety.ts'
import type { RaftSafety } from './raft-safety.ts'
import type { ReplicaSafety } from './replica-safety.ts'
import type { CommittedHistory } from './watch-history.ts'

export interface CellWatch {
  readonly cell: Cell
  /** As they were at its last delivery. */
  restarts: number
  before(body: unknown): void
  /** A number that changes with the actor's state, where it has one. */
  after(): number | undefined
}

/** An actor that has no rules but those of all. */
export class OtherWatch implements CellWatch {
  readonly cell: Cell
  readonly #node: SimNode
  restarts: number

  constructor(node: SimNode, cell: Cell) {
    this.#node = node
    this.cell = cell
    this.restarts = cell.restarts
  }

  before(): void {}

  after(): number | undefined {
    const { cell } = this
    checkMailbox(this.#node.id, cell)
    if (cell.status !== 'running') return cell.status.length
    return cell.definition.digest?.(cell.state)
  }
}

const tick: RaftMessage = { type: 'tick' }

export class GroupWatch implements CellWatch {
  readonly cell: Cell
  readonly #node: SimNode
  readonly #safety: RaftSafety
  readonly #lineage: number
  restarts: number
  #message: RaftMessage | undefined = undefined

  constructor(node: SimNode, cell: Cell, safety: RaftSafety) {
    this.#node = node
    this.cell = cell
    this.#safety = safety
    this.#lineage = (cell.args as RaftGroupArgs).lineage ?? 0
    this.restarts = cell.restarts
  }

  before(body: unknown): void {
    this.#message = this.#heard(body as GroupMessage | Late)
  }

  after(): number | undefined {
    const { cell } = this
    const { id } = this.#node
    checkMailbox(id, cell)
    if (cell.status !== 'running') {
      this.#safety.after(id, undefined, undefined)
      return cell.status.length
    }
    const { phase } = cell.state as RaftGroupState
    this.#safety.after(id, phase.type === 'open' ? phase.core : undefined, this.#message)
    return cell.definition.digest?.(cell.state)
  }

  /** What the core is about to hear; undefined for what is the shell's own. */
  #heard(body: GroupMessage | Late): RaftMessage | undefined {
    // Timers make their message where it is received; a group has but one.
    if (body instanceof Late) return tick
    switch (body.type) {
      case 'peer': {
        // Of another group that bears the name: it is not heard.
        if ((body.lineage ?? 0) !== this.#lineage) return undefined
        const message = body.message as PeerMessage
        this.#safety.arrived(this.#node.id, message)
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
}

export class ReplicaWatch implements CellWatch {
  readonly cell: Cell
  readonly #node: SimNode
  readonly #safety: ReplicaSafety
  readonly #raft: RaftSafety
  readonly #leases: LeaseSafety
  readonly #committed: CommittedHistory
  readonly #now: () => number
  restarts: number
  /** What the digest was made of: while it stands, so does the digest. */
  #machine: unknown = undefined
  #applied = -1
  #digest: number | undefined = undefined

  constructor(
    node: SimNode,
    cell: Cell,
    safety: {
      readonly replica: ReplicaSafety
      readonly raft: RaftSafety
      readonly leases: LeaseSafety
      readonly committed: CommittedHistory
    },
    now: () => number,
  ) {
    this.#node = node
    this.cell = cell
    this.#safety = safety.replica
    this.#raft = safety.raft
    this.#leases = safety.leases
    this.#committed = safety.committed
    this.#now = now
    this.restarts = cell.restarts
  }

  before(): void {}

  after(): number | undefined {
    const { cell } = this
    const { id } = this.#node
    checkMailbox(id, cell)
    if (cell.status !== 'running') return cell.status.length
    const state = cell.state as ReplicaState
    checkReplicaBounds(id, state)
    if (state.applied === this.#applied && state.machineState === this.#machine) return this.#digest
    this.#applied = state.applied
    this.#machine = state.machineState
    this.#digest = cell.definition.digest?.(state)
    this.#safety.stands(id, state, this.#raft.committed, this.#digest ?? 0)
    this.#leases.stands(id, state.machineState, this.#now())
    this.#committed.stands(id, state.machineState)
    return this.#digest
  }
}
