/**
 * Replicas of one group, watched from outside: applied moves forward and never beyond what is committed (I10), and at
 * the same applied index every replica, whether it applied the log or installed a snapshot, has the same state (I5).
 */
import type { Index, NodeId } from '../../actors/raft/messages.ts'
import { check } from './violation.ts'

interface Known {
  readonly digest: number
  readonly node: NodeId
}

export class ReplicaSafety {
  readonly group: string
  readonly #digests = new Map<Index, Known>()
  /** By node: the state of the present incarnation and where it stood. */
  readonly #applied = new Map<NodeId, { readonly state: object; index: Index }>()

  constructor(group: string) {
    this.group = group
  }

  /** True when the replica moved since it was last looked at: its digest is worth computing. */
  moved(node: NodeId, state: object, applied: Index, committed: Index): boolean {
    const before = this.#applied.get(node)
    if (before === undefined || before.state !== state) {
      this.#applied.set(node, { state, index: applied })
      return applied > 0
    }
    if (before.index === applied) return false
    check(
      applied > before.index,
      'I10',
      () => `${this.group}: applied of node ${node} fell from ${before.index} to ${applied}`,
    )
    check(
      applied <= committed,
      'I10',
      () => `${this.group}: node ${node} applied ${applied}, of which ${committed} is committed`,
    )
    before.index = applied
    return true
  }

  stands(node: NodeId, applied: Index, digest: number): void {
    const known = this.#digests.get(applied)
    if (known === undefined) this.#digests.set(applied, { digest, node })
    else
      check(
        known.digest === digest,
        'I5',
        () => `${this.group}: nodes ${known.node} and ${node} differ in state after applying ${applied}`,
      )
  }
}
