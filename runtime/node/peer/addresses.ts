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
  /** The host that answered last: learned ports are ports of that machine. */
  host: string
}

/** `direct` reaches the executor itself; `table` is executor 0, to be asked for the port. */
export type Route = PeerAddress & { readonly type: 'direct' | 'table' }

export class PeerAddresses {
  readonly #nodes = new Map<number, Known>()

  /** @throws {TypeError} One of `urls` is no peer URL. */
  set(node: number, urls: readonly string[]): void {
    const parsed = urls.map(parsePeerUrl)
    const [first] = parsed
    if (first === undefined) this.#nodes.delete(node)
    else this.#nodes.set(node, { urls: parsed, ports: [], host: first.host })
  }

  has(node: number): boolean {
    return this.#nodes.has(node)
  }

  /** Where the given attempt to reach an executor should go; several URLs take turns. */
  route(node: number, executor: number, attempt: number): Route | undefined {
    const known = this.#nodes.get(node)
    if (known === undefined) return undefined
    const port = known.ports[executor] ?? 0
    if (executor > 0 && port > 0) return { type: 'direct', host: known.host, port }
    const url = known.urls[attempt % known.urls.length] as PeerAddress
    return { ...url, type: executor === 0 ? 'direct' : 'table' }
  }

  /** Notes the table of ports that `node` gave, at `host` where it answered there. */
  learn(node: number, ports: readonly number[], host?: string): void {
    const known = this.#nodes.get(node)
    if (known === undefined) return
    known.ports = ports
    if (host !== undefined) known.host = host
  }

  /** The learned port of an executor led nowhere, or to somebody else. */
  forgetPorts(node: number): void {
    const known = this.#nodes.get(node)
    if (known !== undefined) known.ports = []
  }
}
