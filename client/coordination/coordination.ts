/**
 * Coordination over a keyspace: locks, elections, queues and the like, each a recipe (`recipes/`) with an async face.
 *
 * @example
 * const coordination = coordinate(node.client)
 * await using lock = await coordination.locks.acquire('jobs/7')
 */
import type { TxnOperation } from '../../actors/keyspace/messages.ts'
import { type CoordinationClient, Driver, type DriverOptions } from './driver.ts'
import { Elections } from './elections.ts'
import { type HoldingLinks, nameOf } from './holding.ts'
import { Locks } from './locks.ts'
import { Barrier, Meeting } from './meetings.ts'
import { Counter, RateLimiter, type RateLimitOptions, Sequence } from './numbers.ts'
import { Queue, type QueueOptions } from './queues.ts'
import { type FencedWrite, fencedWrite } from './recipes/fence.ts'
import { Services } from './services.ts'
import { Session, type SessionOptions } from './session.ts'

export interface Coordination {
  /** Locks, read-write locks, semaphores. */
  readonly locks: Locks
  readonly elections: Elections
  readonly services: Services
  queue(name: string | Uint8Array, options?: QueueOptions): Queue
  barrier(name: string | Uint8Array): Barrier
  meeting(name: string | Uint8Array, parties: number): Meeting
  counter(name: string | Uint8Array): Counter
  sequence(name: string | Uint8Array): Sequence
  rateLimiter(name: string | Uint8Array, options: RateLimitOptions): RateLimiter
  /** A lease that is kept alive in the background, for keys of one's own. */
  session(options?: SessionOptions): Promise<Session>
  /**
   * Carries out `operations` unless somebody with a greater token has written under the same `fence` before: for what lies in this
   * keyspace and is protected by a lock of another.
   */
  fencedWrite(fence: string | Uint8Array, token: number, operations: readonly TxnOperation[]): Promise<FencedWrite>
}

/**
 * Coordination by way of `client`: a node of one's own process (`node.client`), or a connection (`client.node` of `connect`).
 *
 * Repeats are safe with Aspen, which applies a numbered request once. An etcd knows no such numbers: there, after an answer that was
 * lost, an addition to a counter may count twice, and a number of a sequence be skipped.
 *
 * @param options.keyspace - `default` when absent.
 * @param options.persistMs - How long a request is tried for when there is no leader, or no way to it; 30_000 when absent.
 */
export function coordinate(client: CoordinationClient, options: DriverOptions = {}): Coordination {
  const driver = new Driver(client, options)
  const { persistMs: _persistMs, ...call } = options
  const session = {
    driver,
    keepAlive: (id: string, deadlineMs: number) => client.leaseKeepAlive({ id }, { ...call, deadlineMs }),
  }
  const links: HoldingLinks = { driver, session }
  return {
    locks: new Locks(links),
    elections: new Elections(links),
    services: new Services(links),
    queue: (name, more) => new Queue(driver, name, more),
    barrier: (name) => new Barrier(driver, name),
    meeting: (name, parties) => new Meeting(links, name, parties),
    counter: (name) => new Counter(driver, name),
    sequence: (name) => new Sequence(driver, name),
    rateLimiter: (name, more) => new RateLimiter(driver, name, more),
    session: (more) => Session.open(session, more),
    fencedWrite: (fence, token, operations) => driver.run(fencedWrite(nameOf('fencedWrite', fence), token, operations)),
  }
}
