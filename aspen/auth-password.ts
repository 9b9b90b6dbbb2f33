/**
 * Passwords, hashed with bcrypt on threads of the library's own. Slow by intent, so few are worked on at once: a flood of
 * guesses waits, and is turned away, before it takes the threads that the store needs.
 */
import { randomBytes } from 'node:crypto'
import { hash, verify } from '@node-rs/bcrypt'
import { AspenError } from '../client/interface.ts'

/** bcrypt reads no further: two passwords that differ only after this would be one. */
export const passwordBytesMax = 72

const runningMax = 2
const waitingMax = 128

export class Passwords {
  readonly #cost: number
  #running = 0
  readonly #waiting: (() => void)[] = []
  #nobodys: Promise<string> | undefined

  /** @param cost - 4 to 31; each step doubles the work of a guess. */
  constructor(cost: number) {
    this.#cost = cost
  }

  /** @throws {AspenError} `invalidAuthManagement`: it is longer than bcrypt reads. `tooManyRequests`. */
  hash(password: string): Promise<string> {
    const bytes = Buffer.byteLength(password)
    if (bytes > passwordBytesMax) {
      const reason = `a password may have at most ${passwordBytesMax} bytes, and this one has ${bytes}`
      return Promise.reject(new AspenError('invalidAuthManagement', reason))
    }
    return this.#inTurn(() => hash(password, { cost: this.#cost }))
  }

  /**
   * Whether `password` belongs to `stored`. Undefined: there is nothing it could belong to, which takes as long to find out,
   * so that nobody learns by the clock which users there are.
   *
   * @throws {AspenError} `tooManyRequests`.
   */
  async matches(password: string, stored: string | undefined): Promise<boolean> {
    const tooLong = Buffer.byteLength(password) > passwordBytesMax
    const real = stored !== undefined && stored !== '' && !tooLong
    const against = real ? stored : await this.#nobody()
    const matches = await this.#inTurn(() => verify(password, against))
    return real && matches
  }

  /** The hash of a password that nobody knows. */
  #nobody(): Promise<string> {
    this.#nobodys ??= hash(randomBytes(32).toString('base64'), { cost: this.#cost })
    return this.#nobodys
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= runningMax) {
      if (this.#waiting.length >= waitingMax) throw new AspenError('tooManyRequests', 'too many passwords to check')
      // Whoever ends passes its place on, so that nobody comes between.
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    } else this.#running += 1
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running -= 1
      else next()
    }
  }
}
