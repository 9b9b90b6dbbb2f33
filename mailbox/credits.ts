/**
 * Credit between two executors: a sender may have at most `windowMessages` messages with a receiver that were not yet
 * taken from a mailbox there. What has no credit waits at the sender, bounded; beyond that it is refused.
 *
 *   C1  sent − consumed ≤ window, per ordered pair of executors
 *   C2  every message that entered a mailbox gives its credit back exactly once, whatever becomes of it
 *
 * Counts are totals since the start of the pair, so a repeated or merged notice does no harm.
 */
export class SendCredit {
  readonly windowMessages: number
  #sent = 0
  #consumed = 0

  constructor(windowMessages: number) {
    this.windowMessages = windowMessages
  }

  get available(): number {
    return this.windowMessages - (this.#sent - this.#consumed)
  }

  spend(messages: number): void {
    this.#sent += messages
  }

  /** The receiver has taken `total` messages since the start. */
  returned(total: number): void {
    if (total > this.#consumed) this.#consumed = total
  }
}

/** The receiving side: counts what was taken and says when a notice is due. */
export class ReceiveCredit {
  readonly #noticeEvery: number
  #taken = 0
  #noticed = 0

  constructor(windowMessages: number) {
    // A quarter of the window: late enough to be rare, early enough that a busy sender never runs dry.
    this.#noticeEvery = Math.max(1, Math.floor(windowMessages / 4))
  }

  take(): void {
    this.#taken += 1
  }

  /** The total to report, or undefined when a notice can wait. */
  due(force: boolean): number | undefined {
    const open = this.#taken - this.#noticed
    if (open === 0 || (!force && open < this.#noticeEvery)) return undefined
    this.#noticed = this.#taken
    return this.#taken
  }
}
