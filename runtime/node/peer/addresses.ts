/**
 * Where the executors of other nodes listen.
 *
 * The URLs of a node lead to its executor 0. The ports of the others are chosen by its operating system and learned from
 * whoever answers there; they hold until a dial fails or meets somebody else, for a node that restarts gets new ones.
 */
import { type PeerAddress, parsePeerUrl } from './url.ts'

interface Known {
  readonly urls: readonly PeerAddress[]
  ports: readonly number[]
  /** Who answered last: learned ports are ports of that machine, and speak TLS where it did. */
  answered: Pick<PeerAddress, 'host' | 'secure'>
}

/** `direct` reaches the executor itself; `table` is executor 0, to be asked for the port. */
export type Route = PeerAddress & { readonly type: 'direct' | 'table' }

/** Nodes that introduced themselves and that nobody told of, at most. */
const strangersMax = 64

export class PeerAddresses {
  readonly #nodes = new Map<number, Known>()
  readonly #strangers = new Set<number>()

  /** @throws {TypeError} One of `urls` is no peer URL. */
  set(node: number, urls: readonly string[]): void {
    const parsed = urls.map(parsePeerUrl)
    const [first] = parsed
    this.#strangers.delete(node)
    if (first === undefined) this.#nodes.delete(node)
    else this.#nodes.set(node, { urls: parsed, ports: [], answered: first })
  }

  /**
   * A node of the cluster says where it can be found. It is believed where nobody told better: a member that missed the
   * news of another one could not answer it, and would never learn them from a leader that waits for its answer.
   */
  meet(node: number, urls: readonly string[]): void {
    if (urls.length === 0 || (this.#nodes.has(node) && !this.#strangers.has(node))) return
    if (!this.#strangers.has(node) && this.#strangers.size >= strangersMax) return
    try {
      this.set(node, urls)
      this.#strangers.add(node)
    } catch (error) {
      // It cannot be found by what it says; then it is not answered, as before.
      if (!(error instanceof TypeError)) throw error
    }
  }

  has(node: number): boolean {
    return this.#nodes.has(node)
  }

  /** Where the given attempt to reach an executor should go; several URLs take turns. */
  route(node: number, executor: number, attempt: number): Route | undefined {
    const known = this.#nodes.get(node)
    if (known === undefined) return undefined
    const port = known.ports[executor] ?? 0
    if (executor > 0 && port > 0) return { ...known.answered, type: 'direct', port }
    const url = known.urls[attempt % known.urls.length] as PeerAddress
    return { ...url, type: executor === 0 ? 'direct' : 'table' }
  }

  /** Notes the table of ports that `node` gave, and at which address it `answered`, if it did. */
  learn(node: number, ports: readonly number[], answered?: Pick<PeerAddress, 'host' | 'secure'>): void {
    const known = this.#nodes.get(node)
    if (known === undefined) return
    known.ports = ports
    if (answered !== undefined) known.answered = answered
  }

  /** The learned port of an executor led nowhere, or to somebody else. */
  forgetPorts(node: number): void {
    const known = this.#nodes.get(node)
    if (known !== undefined) known.ports = []
  }
}
