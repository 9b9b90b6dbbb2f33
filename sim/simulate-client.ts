/** A client of the default keyspace in a user's scenario: its calls let time pass until they are answered. */
import { check } from './checkers/violation.ts'
import type { SimClient } from './client.ts'
import type { SimCluster } from './cluster.ts'
import type { Within } from './cluster-body.ts'
import type { Operation, Outcome } from './operation.ts'
import { type Pass, patienceMs } from './simulate-group.ts'

/** `unknown`: it may have happened, or may still. `refused`: it did not, for want of room. */
export type TriedPut = 'done' | 'refused' | 'unknown'

export class SimulatedClient {
  readonly name: string
  readonly #cluster: SimCluster
  readonly #pass: Pass
  readonly #session: SimClient

  constructor(cluster: SimCluster, pass: Pass, name: string) {
    this.name = name
    this.#cluster = cluster
    this.#pass = pass
    this.#session = cluster.client(name, { patienceMs }).session
  }

  /**
   * Writes, once however often it has to be sent. Where an alarm says that there is no room, it is lowered, as an operator
   * would.
   *
   * @returns The revision of the write.
   * @throws {Violation} I23: it was not done within `withinMs`, 60_000 when absent.
   */
  put(key: string, value: string, { withinMs = patienceMs }: Partial<Within> = {}): number {
    const { world } = this.#cluster
    const endMs = world.nowMs + withinMs
    for (;;) {
      const outcome = this.#wait({ type: 'put', key, value }, endMs - world.nowMs)
      if (outcome.type === 'done') return outcome.revision
      const late = outcome.type !== 'refused' || world.nowMs >= endMs
      check(!late, 'I23', () => `${this.name}: put '${key}': ${outcome.type} within ${withinMs} ms`)
      this.#pass('lower alarms', () => this.#cluster.clearAlarms({ withinMs: endMs - world.nowMs }))
    }
  }

  /** Like `put`, for when it may go either way. */
  tryPut(key: string, value: string, { withinMs = patienceMs }: Partial<Within> = {}): TriedPut {
    const { type } = this.#wait({ type: 'put', key, value }, withinMs)
    return type === 'done' || type === 'refused' ? type : 'unknown'
  }

  /**
   * Reads what was acknowledged before, by whomever.
   *
   * @returns Undefined when there is no such key.
   * @throws {Violation} I23: it was not answered within `withinMs`, 60_000 when absent.
   */
  get(key: string, { withinMs = patienceMs }: Partial<Within> = {}): string | undefined {
    const outcome = this.#wait({ type: 'get', key }, withinMs)
    check(outcome.type === 'done', 'I23', () => `${this.name}: get '${key}': no answer within ${withinMs} ms`)
    return outcome.found.get(key)
  }

  #wait(operation: Operation, withinMs: number): Outcome {
    let outcome: Outcome | undefined
    this.#pass(`${operation.type} of client '${this.name}'`, () => {
      this.#session.start(operation, (ended) => {
        outcome = ended
      })
      this.#cluster.world.runUntil(() => outcome !== undefined, withinMs)
    })
    return outcome ?? { type: 'unknown' }
  }
}
