/**
 * What a member remembers of the users of its keyspaces, so that a call need not ask the store who its caller is.
 *
 * It is a hint and nothing more. The store judges every call by what is true where the call is carried out, and refuses a
 * caller that was known by something older; nobody is turned away before the store was asked anew.
 */
import type { ResponseOf } from './strict-store.ts'

type Answer = ResponseOf<'credentials'>

export interface Knowledge {
  readonly enabled: boolean
  readonly authRevision: number
  readonly secret: Uint8Array
  readonly user: Answer['user']
}

interface Remembered {
  readonly enabled: boolean
  readonly authRevision: number
  readonly secret: Uint8Array
  readonly users: Map<string, Answer['user']>
}

/** Names that nobody has are remembered too, and anybody may think of one. */
const usersMax = 1_000

export class AuthKnowledge {
  readonly #groups = new Map<string, Remembered>()

  /** Undefined: the store must be asked. */
  recall(group: string, user: string): Knowledge | undefined {
    const known = this.#groups.get(group)
    if (known === undefined) return undefined
    const { enabled, authRevision, secret, users } = known
    // Without users there is nothing to know of one.
    if (!enabled) return { enabled, authRevision, secret, user: undefined }
    return users.has(user) ? { enabled, authRevision, secret, user: users.get(user) } : undefined
  }

  learn(group: string, name: string, { enabled, authRevision, secret, user }: Answer): Knowledge {
    const known = this.#groups.get(group)
    // Older counts as news as well: a keyspace that was dropped and made again begins anew.
    const same = known !== undefined && known.enabled === enabled && known.authRevision === authRevision
    const users = same && known.users.size < usersMax ? known.users : new Map<string, Answer['user']>()
    users.set(name, user)
    this.#groups.set(group, { enabled, authRevision, secret, users })
    return { enabled, authRevision, secret, user }
  }

  forget(group: string): void {
    this.#groups.delete(group)
  }
}
