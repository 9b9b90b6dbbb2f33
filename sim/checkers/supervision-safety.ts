/**
 * W7: supervisors restart neither too often nor too soon, watched from outside, by the failures they are told of and the
 * actors that come back.
 *
 *   within a window   at most `restartsMax` failures are answered by a restart (U1)
 *   a restart         comes no sooner after its failure than half of the first delay (U7)
 *
 * Where one failure makes others restart too, what fails meanwhile is restarted with them and counts for nothing.
 */
import type { ActorRef } from '../../runtime/kernel/actor.ts'
import type { Cell } from '../../runtime/kernel/cell.ts'
import { backoffOf, type SupervisorSpec } from '../../supervisors/spec.ts'
import type { SupervisorDefinition } from '../../supervisors/supervisor.ts'
import type { SimNode } from '../node.ts'
import { check } from './violation.ts'

/** One life of a supervisor. */
interface Watched {
  readonly cell: Cell
  readonly life: number
  readonly spec: SupervisorSpec
  /** Failures that were answered by a restart, oldest first, in milliseconds of the node's clock. */
  readonly answered: number[]
  /** Failures that are not answered yet. */
  open: number
}

interface Failure {
  readonly by: Watched
  readonly atMs: number
  /** Another was open already: it may be restarted for that one's sake. */
  readonly joined: boolean
}

const slackMs = 0.01
/** Executors of a node at most, for keys. */
const executorsMax = 64

export class SupervisionSafety {
  /** By node; then by supervisor, or by the actor that failed. */
  readonly #watched = new Map<number, Map<Cell, Watched>>()
  readonly #failures = new Map<number, Map<number, Failure>>()

  /** `supervisor` is about to hear that `child` failed. */
  childFailed(node: SimNode, supervisor: Cell, child: ActorRef): void {
    if (child.type !== 'local') return
    const by = this.#watch(node.id, supervisor)
    const failures = within(this.#failures, node.id)
    const joined = by.open > 0 && by.spec.strategy !== 'oneForOne'
    by.open += 1
    failures.set(child.id * executorsMax + child.executor, { by, atMs: node.clock.nowMs(), joined })
  }

  /** `child` came back, and is about to handle its first message. */
  restarted(node: SimNode, executor: number, child: Cell): void {
    const key = child.id * executorsMax + executor
    const failure = this.#failures.get(node.id)?.get(key)
    if (failure === undefined) return
    this.#failures.get(node.id)?.delete(key)
    const { by, atMs, joined } = failure
    by.open -= 1
    if (joined) return
    const { baseMs, maxMs } = backoffOf(by.spec)
    const passedMs = node.clock.nowMs() - atMs
    const leastMs = Math.min(baseMs, maxMs) / 2
    check(
      passedMs >= leastMs - slackMs,
      'W7',
      () => `'${child.name}' of node ${node.id} was restarted ${passedMs} ms after it failed, not ${leastMs} or more`,
    )
    by.answered.push(atMs)
    const { restartsMax, restartsWindowMs } = by.spec
    const since = atMs - restartsWindowMs
    const count = by.answered.reduce(
      (total, answeredMs) => (answeredMs > since && answeredMs <= atMs ? total + 1 : total),
      0,
    )
    check(
      count <= restartsMax,
      'W7',
      () =>
        `'${by.cell.name}' of node ${node.id} answered ${count} failures within ${restartsWindowMs} ms by a restart, not ${restartsMax}`,
    )
  }

  down(node: number): void {
    this.#watched.delete(node)
    this.#failures.delete(node)
  }

  #watch(node: number, cell: Cell): Watched {
    const all = within(this.#watched, node)
    const known = all.get(cell)
    if (known !== undefined && known.life === cell.restarts) return known
    const spec = (cell.definition as unknown as SupervisorDefinition<unknown>).spec(cell.args)
    const watched: Watched = { cell, life: cell.restarts, spec, answered: [], open: 0 }
    all.set(cell, watched)
    return watched
  }
}

function within<K, V>(maps: Map<number, Map<K, V>>, node: number): Map<K, V> {
  let found = maps.get(node)
  if (found === undefined) {
    found = new Map()
    maps.set(node, found)
  }
  return found
}
