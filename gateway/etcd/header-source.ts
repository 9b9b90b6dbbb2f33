/**
 * The header of answers that the node gives a revision for and nothing else: who answers, and in which term. It is asked
 * for when a stream begins, and again, in the background, when a second has passed: of a member's id and its cluster's
 * nothing ever changes, and a term that is a second old is one that was true when the answer was on its way.
 */
import type { WireHeader } from '../../client/etcd-wire.ts'
import type { CallOptions, Header, NodeClient } from '../../client/interface.ts'

const freshMs = 1_000

export interface Headers {
  /** The store's revision when it was last asked. */
  readonly revision: number
  at(revision: number): WireHeader
}

interface Known {
  header: Header
  atMs: number
  asking: boolean
}

export class HeaderSource {
  readonly #node: Pick<NodeClient, 'status'>
  readonly #now: () => number
  readonly #known = new Map<string, Known>()

  /** @param now - Milliseconds of a clock that never goes back. */
  constructor(node: Pick<NodeClient, 'status'>, now: () => number) {
    this.#node = node
    this.#now = now
  }

  /** Headers of one keyspace. @throws {AspenError} The keyspace cannot be asked. */
  async of(options: Pick<CallOptions, 'keyspace'>): Promise<Headers> {
    const keyspace = options.keyspace === undefined ? {} : { keyspace: options.keyspace }
    const name = options.keyspace ?? ''
    if (this.#known.get(name) === undefined) await this.#ask(name, keyspace)
    const known = (): Known => {
      const now = this.#known.get(name) as Known
      if (!now.asking && this.#now() - now.atMs > freshMs) {
        now.asking = true
        this.#ask(name, keyspace).catch(() => {
          now.asking = false
        })
      }
      return now
    }
    return {
      get revision() {
        return known().header.revision
      },
      at: (revision) => {
        const { clusterId, memberId, raftTerm } = known().header
        return { cluster_id: clusterId, member_id: memberId, revision, raft_term: raftTerm }
      },
    }
  }

  async #ask(name: string, keyspace: Pick<CallOptions, 'keyspace'>): Promise<void> {
    const { header } = await this.#node.status(keyspace)
    this.#known.set(name, { header, atMs: this.#now(), asking: false })
  }
}
