/** Barriers: everybody waits until one lifts it; and meetings, where a number of parties begin and end together. */
import { AspenError } from '../interface.ts'
import type { Driver } from './driver.ts'
import { type HoldingLinks, nameOf, wholeOf } from './holding.ts'
import { awaitBarrier, enterBarrier, leaveBarrier, liftBarrier, raiseBarrier } from './recipes/barrier.ts'
import type { Grant } from './recipes/fence.ts'
import { Session, type SessionOptions } from './session.ts'

interface Waiting {
  /** Gives up waiting: the call rejects with its reason. */
  readonly signal?: AbortSignal | undefined
}

export class Barrier {
  readonly #driver: Driver
  readonly #name: Uint8Array

  constructor(driver: Driver, name: string | Uint8Array) {
    this.#driver = driver
    this.#name = nameOf('barrier', name)
  }

  /** Raises it, for all who come from now on. It stands until it is lifted, whoever dies. False: it stood already. */
  async raise(): Promise<boolean> {
    return (await this.#driver.run(raiseBarrier(this.#name, undefined))) === true
  }

  /** False: it did not stand. */
  lift(): Promise<boolean> {
    return this.#driver.run(liftBarrier(this.#name))
  }

  /** Resolves when it does not stand. @throws what `signal` was aborted with. */
  async pass({ signal }: Waiting = {}): Promise<void> {
    if ((await this.#driver.run(awaitBarrier(this.#name), { signal })) === 'stopped') throw signal?.reason
  }
}

/** Being in a meeting. */
export class Attendance implements AsyncDisposable {
  readonly #driver: Driver
  readonly #name: Uint8Array
  readonly #session: Session
  readonly #grant: Grant
  readonly #round: number

  constructor(driver: Driver, name: Uint8Array, session: Session, grant: Grant, round: number) {
    this.#driver = driver
    this.#name = name
    this.#session = session
    this.#grant = grant
    this.#round = round
  }

  /** Fires before the others take us for dead. */
  get signal(): AbortSignal {
    return this.#session.lost
  }

  /** Leaves, and resolves when all have left, or died. @throws what `signal` was aborted with. */
  async leave({ signal }: Waiting = {}): Promise<void> {
    const left = await this.#driver.run(leaveBarrier(this.#name, this.#grant, this.#round), { signal })
    await this.#session.close()
    if (left === 'stopped') throw signal?.reason
  }

  /** Leaves without waiting for the others. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.close()
  }
}

export class Meeting {
  readonly #links: HoldingLinks
  readonly #name: Uint8Array
  readonly #parties: number

  /** @param parties - How many begin together, 1 to 1_000; the same for all who use `name`. */
  constructor(links: HoldingLinks, name: string | Uint8Array, parties: number) {
    this.#links = links
    this.#name = nameOf('meeting', name)
    this.#parties = wholeOf('meeting: parties', parties, 1, 1_000)
  }

  /**
   * Resolves when as many as there are parties have entered. Where a round is not over yet, waits for the next.
   *
   * @throws {AspenError} `leaseNotFound`: the session was lost meanwhile; enter again.
   * @throws what `options.signal` was aborted with.
   */
  async enter({ signal, ...options }: Waiting & SessionOptions = {}): Promise<Attendance> {
    const { driver } = this.#links
    const session = await Session.open(this.#links.session, options)
    let entered = false
    try {
      const all = signal === undefined ? session.lost : AbortSignal.any([signal, session.lost])
      const request = { name: this.#name, lease: session.lease, parties: this.#parties }
      const came = await driver.run(enterBarrier(request), { signal: all })
      if (came.type === 'entered') {
        entered = true
        return new Attendance(driver, this.#name, session, came.grant, came.round)
      }
      if (signal?.aborted === true) throw signal.reason
      throw new AspenError('leaseNotFound', 'the session was lost before all had entered')
    } finally {
      if (!entered) await session.close()
    }
  }
}
