/**
 * Replicas of one group, watched from outside.
 *
 *   I10  applied moves forward, and never beyond what is committed
 *   I5   at the same applied index every replica has the same state
 *   I11  a replica that installed a snapshot of index i has the state of one that applied 1 to i; i is committed
 */
import type { Index, NodeId } from '../../actors/raft/messages.ts'
import { check } from './violation.ts'

interface Known {
  readonly digest: number
  readonly node: NodeId
}

/** One life of a replica, and where it stood. */
interface Standing {
  readonly state: object
  machine: unknown
  applied: Index
}

export class ReplicaSafety {
  readonly group: string
  readonly #digests = new Map<Index, Known>()
  readonly #standings = new Map<NodeId, Standing>()

  constructor(group: string) {
    this.group = group
  }

  /** The replica moved: `digest` is of its state after `applied`. A machine that is another one was installed. */
  stands(
    node: NodeId,
    state: { readonly applied: Index; readonly machineState: unknown },
    committed: Index,
    digest: number,
  ): void {
    const { applied, machineState } = state
    const before = this.#standings.get(node)
    const same = before !== undefined && before.state === state
    check(
      !same || applied >= before.applied,
      'I10',
      () => `${this.group}: applied of node ${node} fell from ${before?.applied} to ${applied}`,
    )
    const installed = same && before.machine !== machineState
    check(
      applied <= committed,
      installed ? 'I11' : 'I10',
      () => `${this.group}: node ${node} applied ${applied}, of which ${committed} is committed`,
    )
    if (same) {
      before.machine = machineState
      before.applied = applied
    } else this.#standings.set(node, { state, machine: machineState, applied })
    const known = this.#digests.get(applied)
    if (known === undefined) this.#digests.set(applied, { digest, node })
    else
      check(
        known.digest === digest,
        installed ? 'I11' : 'I5',
        () => `${this.group}: nodes ${known.node} and ${node} differ in state after applying ${applied}`,
      )
  }
}
