/**
 * Numbers for writes, so that a repeated one is applied once. The cluster keeps the last 64 answers of each client and
 * refuses numbers below them, so the numbers in flight under one name must stay close together: when the oldest of them is
 * held up, newer writes go on under another name.
 *
 * Rules:
 *   Q1  no number is given twice under one name
 *   Q2  two numbers in flight under one name are less than `spreadMax` apart
 */
import { invariant } from '../base/assert.ts'

/** Half of what the cluster keeps, so that a late copy of a request still finds its answer. */
export const spreadMax = 32

export interface RequestNumber {
  readonly client: string
  readonly number: number
}

interface Name {
  readonly client: string
  next: number
  readonly inFlight: Set<number>
}

export class RequestNumbers {
  readonly #prefix: string
  readonly #names: Name[] = []

  /** @param prefix - Nobody else's: a random one. */
  constructor(prefix: string) {
    this.#prefix = prefix
  }

  take(): RequestNumber {
    const name = this.#names.find(hasRoom) ?? this.#another()
    const number = name.next
    name.next += 1
    name.inFlight.add(number)
    return { client: name.client, number }
  }

  /** Nobody will send it again. */
  done({ client, number }: RequestNumber): void {
    const name = this.#names.find((one) => one.client === client)
    invariant(name?.inFlight.delete(number) === true, `Q1: number ${number} of ${client} is not in flight`)
  }

  #another(): Name {
    const name: Name = { client: `${this.#prefix}.${this.#names.length}`, next: 1, inFlight: new Set() }
    this.#names.push(name)
    return name
  }
}

function hasRoom({ next, inFlight }: Name): boolean {
  // Sets keep the order of insertion, and numbers only grow: the first is the oldest.
  const oldest = inFlight.values().next().value
  return oldest === undefined || next - oldest < spreadMax
}
