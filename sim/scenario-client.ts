/** A client of a simulated cluster, for scenarios: its calls let time pass until they are answered. */
import { check } from './checkers/violation.ts'
import type { SimClient } from './client.ts'
import type { ClusterBody, Within } from './cluster-body.ts'
import type { Operation, Outcome } from './operation.ts'

export class ScenarioClient {
  readonly #cluster: ClusterBody
  readonly session: SimClient

  constructor(cluster: ClusterBody, session: SimClient) {
    this.#cluster = cluster
    this.session = session
  }

  /** @throws {Violation} It was not answered in time. */
  put(key: string, value: string, within: Within = { withinMs: 10_000 }): number {
    const outcome = this.#wait({ type: 'put', key, value }, within)
    check(outcome.type === 'done', 'I23', () => `put '${key}': no answer\n${this.#cluster.describe()}`)
    return outcome.revision
  }

  get(key: string, within: Within = { withinMs: 10_000 }): string | undefined {
    const outcome = this.#wait({ type: 'get', key }, within)
    check(outcome.type === 'done', 'I23', () => `get '${key}': no answer\n${this.#cluster.describe()}`)
    return outcome.found.get(key)
  }

  /** Like `put`, for when it may go either way. */
  tryPut(key: string, value: string, within: Within): Outcome['type'] {
    return this.#wait({ type: 'put', key, value }, within).type
  }

  #wait(operation: Operation, { withinMs }: Within): Outcome {
    let outcome: Outcome | undefined
    this.session.start(operation, (ended) => {
      outcome = ended
    })
    this.#cluster.world.runUntil(() => outcome !== undefined, withinMs)
    return outcome ?? { type: 'unknown' }
  }
}
