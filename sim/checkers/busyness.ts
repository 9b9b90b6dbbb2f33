/**
 * I27: whoever waits, waits quietly. Actors that answer each other at once and get no further would keep a core busy for as long
 * as whatever they wait for takes: all that they tell each other is well, and so no other rule sees it.
 *
 * Looked at now and then, a sample of one delivery each time; the text names whom the samples met most.
 */
import type { Cell } from '../../runtime/kernel/cell.ts'
import { Violation } from './violation.ts'

/** Of all nodes together in a virtual second. What a cluster does for the clients of a run is below a tenth of it. */
export const busyDeliveries = 100_000
const windowMs = 1_000
const namedMax = 3

export class Busyness {
  #sinceMs = 0
  #sinceDeliveries = 0
  readonly #met = new Map<string, number>()

  /** @throws {Violation} I27. */
  look(nowMs: number, deliveries: number, node: number, cell: Cell): void {
    if (nowMs - this.#sinceMs >= windowMs) {
      this.#sinceMs = nowMs
      this.#sinceDeliveries = deliveries
      this.#met.clear()
    }
    const who = `${cell.name} of node ${node}`
    this.#met.set(who, (this.#met.get(who) ?? 0) + 1)
    const made = deliveries - this.#sinceDeliveries
    if (made < busyDeliveries) return
    const most = [...this.#met].sort(([, a], [, b]) => b - a).slice(0, namedMax)
    throw new Violation(
      'I27',
      `${made} deliveries in ${(nowMs - this.#sinceMs).toFixed(3)} ms, most of them to ${most.map(([name]) => name).join(', ')}; ` +
        `wanted fewer than ${busyDeliveries} in ${windowMs} ms`,
    )
  }
}
