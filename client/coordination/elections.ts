/**
 * Elections: one leader at a time, each with a term that is greater than those before, and a runner that does work only while
 * it leads. The layout is etcd's.
 */
import { invariant } from '../../base/assert.ts'
import { fromUtf8, utf8 } from '../../base/bytes.ts'
import type { Driver } from './driver.ts'
import { type AcquireOptions, Holding, type HoldingLinks, hold, nameOf } from './holding.ts'
import { campaign, type Leadership as LeaderSeen, leader, observe, proclaim } from './recipes/election.ts'
import type { Grant } from './recipes/fence.ts'
import type { Session } from './session.ts'

export interface Leader {
  /** What the leader proclaims. */
  readonly value: string
  /** The fencing token of its leadership. */
  readonly term: number
  readonly key: Uint8Array
  /** Of the keyspace, when it was seen. */
  readonly revision: number
}

export interface CampaignOptions extends AcquireOptions {
  /** What to proclaim when elected; empty when absent. */
  readonly value?: string
}

/** One's own leadership: release it to resign. */
export class Leadership extends Holding {
  readonly #driver: Driver
  readonly #lease: string

  constructor(driver: Driver, session: Session, grant: Grant) {
    super(driver, session, grant)
    this.#driver = driver
    this.#lease = session.lease
  }

  /** The fencing token under the name it has in elections. */
  get term(): number {
    return this.token
  }

  /** Says something new as leader. False: it leads no more, and nothing was said. */
  async proclaim(value: string): Promise<boolean> {
    const done = await this.#driver.run(proclaim({ key: this.key, token: this.token }, this.#lease, utf8(value)))
    return done.type === 'proclaimed'
  }
}

/** Work of a leader. `signal` fires before anybody else can lead; `term` is the fencing token. */
export type LeaderWork<R> = (signal: AbortSignal, term: number, leadership: Leadership) => Promise<R>

export class Elections {
  readonly #links: HoldingLinks

  constructor(links: HoldingLinks) {
    this.#links = links
  }

  /**
   * Stands in the election `name` and waits to be elected. First come, first elected.
   *
   * @param name - 1 to 1_024 bytes; keys under `name/` belong to the election.
   * @param options.ttlSeconds - How long a dead leader is waited for; seconds of the leader's clock, 1 to 86_400; 10 when absent.
   * @throws {AspenError} `timeout`, or the keyspace did not answer for 30 seconds.
   * @throws what `options.signal` was aborted with.
   *
   * @example
   * await using leadership = await coordination.elections.campaign('scheduler', { value: 'host-3' })
   */
  async campaign(name: string | Uint8Array, { value = '', ...options }: CampaignOptions = {}): Promise<Leadership> {
    const bytes = nameOf('campaign', name)
    const ask = (lease: string): ReturnType<typeof campaign> =>
      campaign({ name: bytes, lease, value: utf8(value), wait: true })
    const found = await hold<never>(this.#links, ask, options)
    invariant(found !== undefined, 'G22: who waits is not told that others lead')
    return new Leadership(this.#links.driver, found.session, found.granted.grant)
  }

  /**
   * Does `work` as leader: campaigns, works, resigns. Where the leadership is lost before the work is done, `signal` fires, and once
   * `work` has returned or thrown it campaigns anew and works anew. What `work` writes to the keyspace should go through
   * `leadership.write`; what it writes elsewhere should carry `term`.
   *
   * @param work - Must end soon after its signal fires: nothing stops it from outside.
   * @returns What `work` returned in a leadership that it kept to the end.
   * @throws What `work` threw while it led; else as `campaign`. `options.signal` fires the signal of `work` too, and rejects.
   *
   * @example
   * await coordination.elections.runAsLeader('scheduler', async (signal, term, leadership) => {
   *   while (!signal.aborted) await schedule(term, leadership)
   * })
   */
  async runAsLeader<R>(name: string | Uint8Array, work: LeaderWork<R>, options: CampaignOptions = {}): Promise<R> {
    for (;;) {
      await using leadership = await this.campaign(name, options)
      const { signal: lost, term } = leadership
      const signal = options.signal === undefined ? lost : AbortSignal.any([lost, options.signal])
      const done = await work(signal, term, leadership).then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      )
      if (options.signal?.aborted === true) throw options.signal.reason
      if (lost.aborted) continue
      if ('error' in done) throw done.error
      return done.value
    }
  }

  /** Who leads; undefined: nobody. Linearizable. */
  async leader(name: string | Uint8Array): Promise<Leader | undefined> {
    const { kv, revision } = await this.#links.driver.run(leader(nameOf('leader', name)))
    return kv === undefined ? undefined : shown({ kv, revision })
  }

  /**
   * Every leader and what it proclaims, from the present one on; in order, and of what is proclaimed in quick succession the newest.
   * Goes on until `signal` fires or the loop is left.
   *
   * @example
   * for await (const { value, term } of coordination.elections.observe('scheduler')) show(value, term)
   */
  observe(
    name: string | Uint8Array,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncIterableIterator<Leader> {
    const seen = this.#links.driver.follow<LeaderSeen>(observe(nameOf('observe', name)), { signal })
    return mapped(seen, shown)
  }
}

function shown({ kv, revision }: LeaderSeen): Leader {
  return { value: fromUtf8(kv.value), term: kv.createRevision, key: kv.key, revision }
}

/** The same, of something else; leaving it leaves the source. */
export function mapped<A, B>(source: AsyncIterableIterator<A>, change: (item: A) => B): AsyncIterableIterator<B> {
  return {
    async next() {
      const { done, value } = await source.next()
      return done === true ? { done: true, value: undefined } : { done: false, value: change(value) }
    },
    async return() {
      await source.return?.()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
