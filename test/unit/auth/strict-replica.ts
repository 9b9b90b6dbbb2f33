/** One replica of a strict keyspace over a store in memory, asked by the node itself or as somebody. */
import assert from 'node:assert/strict'
import type { AuthCommand, AuthError, AuthResponse, Permission, Principal } from '../../../actors/auth/messages.ts'
import { strictKeyspace } from '../../../actors/strict/machine.ts'
import type {
  PlainCommand,
  PlainQuery,
  StrictCommand,
  StrictError,
  StrictFeedItem,
  StrictQuery,
  StrictReply,
} from '../../../actors/strict/messages.ts'
import { utf8 } from '../../../base/bytes.ts'
import { MemoryStore } from '../keyspace/memory-store.ts'
import { contextOf } from '../keyspace/replica.ts'

type State = ReturnType<typeof strictKeyspace.init>

export class StrictReplica {
  state: State = strictKeyspace.init({ ...contextOf(new MemoryStore()), heard: true }, { cacheBytesMax: 4_096 })
  readonly feed: StrictFeedItem[] = []
  #index = 0

  apply(command: StrictCommand): StrictReply {
    this.#index += 1
    const { reply, feed } = strictKeyspace.apply(this.state, command, { index: this.#index, term: 1, wallMs: 0 })
    this.feed.push(...((feed ?? []) as StrictFeedItem[]))
    return reply
  }

  query(query: StrictQuery): StrictReply {
    return strictKeyspace.query(this.state, query)
  }

  /** Said by the node itself; it must succeed. */
  auth(command: AuthCommand): AuthResponse {
    const reply = this.apply(command)
    assert.equal(reply.type, 'done', `${command.type}: ${errorOf(reply)}`)
    return (reply as { readonly response: AuthResponse }).response
  }

  /** Why a command of the node itself is refused. */
  fault(command: AuthCommand): StrictError | undefined {
    return errorOf(this.apply(command))
  }

  get authRevision(): number {
    return this.state.auth.revision
  }

  /** Somebody as he is known by the present state. */
  known(user: string): Principal {
    return { user, authRevision: this.authRevision }
  }

  /** Why a command of `who` is refused; undefined: it was carried out. */
  as(who: string | Principal, command: PlainCommand): StrictError | undefined {
    return errorOf(this.apply({ type: 'as', principal: this.#principal(who), command }))
  }

  /** Why a query of `who` is refused; undefined: it was answered. */
  asks(who: string | Principal, query: PlainQuery): StrictError | undefined {
    return errorOf(this.query({ type: 'as', principal: this.#principal(who), query }))
  }

  /** Adds root, with its role, and switches users on. */
  enable(): void {
    this.auth({ type: 'userAdd', name: 'root', hash: 'h', noPassword: false })
    this.auth({ type: 'userGrantRole', user: 'root', role: 'root' })
    this.auth({ type: 'authEnable', secret: new Uint8Array(32).fill(7) })
  }

  /** Adds a user with a role of his own name that has `permissions`. */
  addUser(name: string, ...permissions: readonly Permission[]): void {
    this.auth({ type: 'userAdd', name, hash: `hash of ${name}`, noPassword: false })
    this.auth({ type: 'roleAdd', name })
    for (const permission of permissions) this.auth({ type: 'roleGrantPermission', name, permission })
    this.auth({ type: 'userGrantRole', user: name, role: name })
  }

  #principal(who: string | Principal): Principal {
    return typeof who === 'string' ? this.known(who) : who
  }
}

export function errorOf(reply: StrictReply): StrictError | AuthError | undefined {
  return reply.type === 'refused' ? reply.error : undefined
}

/** `end` absent: one key; `\0`: all from it on. */
export function grant(type: Permission['type'], key: string, end?: string): Permission {
  return { type, key: utf8(key), ...(end !== undefined && { rangeEnd: utf8(end) }) }
}
