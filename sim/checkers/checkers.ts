/**
 * All checks of a run, called around every delivery. The kernel shows a message before it is handled; so what it led to
 * is checked before the next one of the same executor, and at the end of the tick.
 *
 * They run half a million times a second, so each actor has a watch of its own that was made for its kind once, and a watch
 * looks first whether anything changed that it cares for. Nothing is made per delivery.
 */
import type { RaftGroupArgs } from '../../actors/raft/group.ts'
import type { Envelope } from '../../mailbox/envelope.ts'
import type { ActorRef, ChildEvent } from '../../runtime/kernel/actor.ts'
import type { Cell } from '../../runtime/kernel/cell.ts'
import type { Executor } from '../../runtime/kernel/executor.ts'
import { isSubtree } from '../../supervisors/spec.ts'
import type { SimNetwork } from '../network.ts'
import type { SimNode } from '../node.ts'
import type { Trace } from '../trace.ts'
import { Busyness } from './busyness.ts'
import { type CellWatch, GroupWatch, OtherWatch, ReplicaWatch } from './cell-watches.ts'
import { DiskOfGroup, type GroupDisk } from './group-disk.ts'
import { LeaseSafety } from './lease-safety.ts'
import { RaftSafety } from './raft-safety.ts'
import { ReplicaSafety } from './replica-safety.ts'
import { SupervisionSafety } from './supervision-safety.ts'
import { check, invariantOf, Violation } from './violation.ts'
import { CommittedHistory } from './watch-history.ts'

/** The actors of one executor, and which of them handles a message now. */
interface Under {
  readonly node: number
  /** By the actor itself: numbers of actors are large, and given out again when a process lives long. */
  readonly watches: Map<Cell, CellWatch>
  watch: CellWatch | undefined
}

/** Between deliveries to look at the slow checks. */
const slowEvery = 512

export class Checkers {
  readonly #trace: Trace
  readonly #nodes: ReadonlyMap<number, SimNode>
  readonly #network: SimNetwork
  readonly #raft = new Map<string, RaftSafety>()
  readonly #replicas = new Map<string, ReplicaSafety>()
  readonly #leases = new Map<string, LeaseSafety>()
  readonly #committed = new Map<string, CommittedHistory>()
  readonly #now: () => number
  readonly #supervision = new SupervisionSafety()
  readonly #busyness = new Busyness()
  readonly #under = new Map<Executor, Under>()
  #present: Executor | undefined = undefined
  #presentUnder: Under | undefined = undefined
  /** True for failures of actors that a fault of the run explains. */
  failureExplained: (node: number, error: string) => boolean = () => false
  /** False where actors may bear the names of ours by chance: then only what holds for any actor is checked. */
  knowsGroups = true

  constructor(trace: Trace, nodes: ReadonlyMap<number, SimNode>, network: SimNetwork, now: () => number) {
    this.#now = now
    this.#trace = trace
    this.#nodes = nodes
    this.#network = network
  }

  raft(group: string): RaftSafety {
    const known = this.#raft.get(group)
    if (known !== undefined) return known
    const disks = new Map<number, GroupDisk>()
    // A lineage is not part of the name that its log bears.
    const name = group.replace(/#.*/, '')
    const safety = new RaftSafety(group, (id) => {
      const node = this.#nodes.get(id)
      let disk = disks.get(id)
      if (disk === undefined && node !== undefined) {
        disk = new DiskOfGroup(node, name)
        disks.set(id, disk)
      }
      return disk
    })
    this.#raft.set(group, safety)
    return safety
  }

  replicas(group: string): ReplicaSafety {
    const known = this.#replicas.get(group)
    if (known !== undefined) return known
    const safety = new ReplicaSafety(group)
    this.#replicas.set(group, safety)
    return safety
  }

  committed(group: string): CommittedHistory {
    let history = this.#committed.get(group)
    if (history === undefined) {
      history = new CommittedHistory()
      this.#committed.set(group, history)
    }
    return history
  }

  leases(group: string): LeaseSafety {
    let safety = this.#leases.get(group)
    if (safety === undefined) {
      safety = new LeaseSafety(group)
      this.#leases.set(group, safety)
    }
    return safety
  }

  /** `cell` is about to handle `envelope`. */
  before(node: SimNode, executor: Executor, cell: Cell, envelope: Envelope<ActorRef>): void {
    const under = this.#underOf(node, executor)
    this.#end(under)
    let watch = under.watches.get(cell)
    if (watch === undefined) {
      watch = this.#watchOf(node, cell)
      under.watches.set(cell, watch)
    }
    under.watch = watch
    if (cell.restarts !== watch.restarts) {
      watch.restarts = cell.restarts
      this.#supervision.restarted(node, executor.index, cell)
    }
    if (envelope.lane === 'system') this.#checkFailure(node, cell, envelope.body)
    watch.before(envelope.body)
  }

  /** The delivery that `executor` handled last has ended. */
  after(node: SimNode, executor: Executor): void {
    this.#end(this.#underOf(node, executor))
  }

  /** The process of `node`, or one thread of it, is gone. */
  down(node: SimNode): void {
    for (const safety of this.#raft.values()) safety.down(node.id)
    this.#supervision.down(node.id)
  }

  #end(under: Under): void {
    const { watch } = under
    if (watch === undefined) return
    under.watch = undefined
    const digest = watch.after()
    if (digest !== undefined) this.#trace.state(digest)
    if (this.#trace.deliveries % slowEvery !== 0) return
    this.checkFrames()
    // Actors of users may be as busy as their scenarios please.
    if (this.knowsGroups) this.#busyness.look(this.#now(), this.#trace.deliveries, under.node, watch.cell)
  }

  #underOf(node: SimNode, executor: Executor): Under {
    // A tick is one executor's: mostly it is the same as before.
    if (executor === this.#present && this.#presentUnder !== undefined) return this.#presentUnder
    let under = this.#under.get(executor)
    if (under === undefined) {
      under = { node: node.id, watches: new Map(), watch: undefined }
      this.#under.set(executor, under)
    }
    this.#present = executor
    this.#presentUnder = under
    return under
  }

  #watchOf(node: SimNode, cell: Cell): CellWatch {
    if (this.knowsGroups && cell.definition.name === 'raft-group')
      return new GroupWatch(node, cell, this.raft(groupOf(cell)))
    if (this.knowsGroups && cell.definition.name === 'replica') {
      const group = groupOf(cell)
      const safety = {
        replica: this.replicas(group),
        raft: this.raft(group),
        leases: this.leases(group),
        committed: this.committed(group),
      }
      return new ReplicaWatch(node, cell, safety, this.#now)
    }
    return new OtherWatch(node, cell)
  }

  #checkFailure(node: SimNode, cell: Cell, body: unknown): void {
    const { type, event } = body as { type?: unknown; event?: ChildEvent }
    if (type !== 'child' || event?.type !== 'childFailed') return
    if (isSubtree(cell.definition)) this.#supervision.childFailed(node, cell, event.child)
    if (this.failureExplained(node.id, event.error)) return
    throw new Violation(
      invariantOf(event.error),
      `actor '${event.child.name}' of node ${node.id} failed: ${event.error}`,
    )
  }

  /** I22: what arrived, or was lost on the way, was sent. */
  checkFrames(): void {
    const { sent, duplicated, delivered, dropped, corrupted, misdirected } = this.#network.counts
    check(
      delivered + dropped + corrupted + misdirected <= sent + duplicated,
      'I22',
      () =>
        `${delivered} frames delivered, ${dropped + corrupted + misdirected} lost, of ${sent} sent and ${duplicated} doubled`,
    )
  }
}

/** A name that is used again is another group's: what is known of the first does not bind the second. */
function groupOf(cell: Cell): string {
  const { group, lineage = 0 } = cell.args as RaftGroupArgs
  return lineage > 1 ? `${group}#${lineage}` : group
}
