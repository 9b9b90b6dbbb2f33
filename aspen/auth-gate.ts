/**
 * Who may do what is not about keys: membership, snapshots, keyspaces, actors. Asked before the work is begun, so that every
 * front door is covered by it.
 *
 * Each keyspace has users of its own. What concerns the whole cluster is for the root of the first keyspace, which every
 * cluster has; so while users are switched off there, whoever reaches the cluster may administer it.
 */
import { firstKeyspace } from '../actors/placement/topology.ts'
import type { CallOptions } from '../client/interface.ts'
import type { StrictStore } from './strict-store.ts'

type Call = CallOptions | undefined

export class AuthGate {
  readonly #store: StrictStore

  constructor(store: StrictStore) {
    this.#store = store
  }

  /** Lets the users of the cluster pass. */
  user(call: Call): Promise<void> {
    return this.#store.require([], 'serializable', { ...call, keyspace: firstKeyspace })
  }

  /** Lets root of the keyspace pass: by this member's state, so that a cluster without a majority can still be looked at. */
  root(call: Call): Promise<void> {
    return this.#store.require([{ type: 'admin' }], 'serializable', call)
  }

  /** Lets root of the cluster pass, for what looks. */
  viewer(call: Call): Promise<void> {
    return this.root({ ...call, keyspace: firstKeyspace })
  }

  /** Lets root of the cluster pass, for what changes it. */
  administrator(call: Call): Promise<void> {
    return this.#store.require([{ type: 'admin' }], 'linearizable', { ...call, keyspace: firstKeyspace })
  }

  /** Lets root of the cluster pass; where there are no users, root of the keyspace that is to go. */
  async dropper(keyspace: string, call: Call): Promise<void> {
    await this.administrator(call)
    if (call?.credentials === undefined) return
    const { response } = await this.#store.query({ type: 'authStatus' }, 'linearizable', {
      ...inside(call),
      keyspace: firstKeyspace,
    })
    if (response.type === 'authStatus' && response.enabled) return
    await this.#store.require([{ type: 'admin' }], 'linearizable', { ...call, keyspace })
  }
}

/** The call as the node's own, once its caller was let pass. */
export function inside(call: Call): CallOptions {
  const { credentials: _shown, ...rest } = call ?? {}
  return rest
}
