/**
 * Calls of a strict keyspace, whatever they are about: who calls becomes a principal, the request a command or a query of the
 * keyspace's replica on this node, and the reply an answer with a header, or an error.
 */
import { createHash } from 'node:crypto'
import type { Principal, Want } from '../actors/auth/messages.ts'
import type { PlainCommand, PlainQuery, StrictReply, StrictResponse } from '../actors/strict/messages.ts'
import { AspenError, type CallOptions, type Credentials, type Header } from '../client/interface.ts'
import type { Replicas } from './replicas.ts'

export interface StrictStoreOptions {
  readonly replicas: Replicas
  readonly clusterId: number
  readonly memberId: number
  /** The group that holds a keyspace. @throws {AspenError} There is no such keyspace. */
  readonly groupOf: (keyspace: string) => string
  /**
   * Who somebody outside is. `fresh`: not by what was known of him, which was outdated.
   *
   * @throws {AspenError} `invalidAuthToken`.
   */
  readonly principalOf: (
    group: string,
    credentials: Credentials,
    options: CallOptions | undefined,
    fresh: boolean,
  ) => Promise<Principal>
}

/** An answer, and where in the log it was true. */
export interface StrictAnswer<R = StrictResponse> {
  readonly header: Header
  readonly response: R
  readonly index: number
}

export type ResponseOf<T extends StrictResponse['type']> = Extract<StrictResponse, { readonly type: T }>

interface Judged {
  readonly reply: StrictReply
  readonly term: number
  readonly index: number
}

/** How often a caller who was known by something outdated is asked who he is. */
const triesMax = 4

export class StrictStore {
  readonly #options: StrictStoreOptions

  constructor(options: StrictStoreOptions) {
    this.#options = options
  }

  groupOf(options: Pick<CallOptions, 'keyspace'> | undefined): string {
    return this.#options.groupOf(options?.keyspace ?? 'default')
  }

  /** Who calls; undefined: the process itself. */
  async principalOf(options: CallOptions | undefined): Promise<Principal | undefined> {
    const credentials = options?.credentials
    if (credentials === undefined) return undefined
    return this.#options.principalOf(this.groupOf(options), credentials, options, false)
  }

  /** Through the log. */
  command(command: PlainCommand, options: CallOptions | undefined): Promise<StrictAnswer> {
    const group = this.groupOf(options)
    const { replicas } = this.#options
    return this.#asCaller(options, (principal) => {
      if (principal === undefined) return replicas.propose<StrictReply>(group, command, options)
      return replicas.propose<StrictReply>(group, { type: 'as', principal, command }, ownRequest(options, principal))
    })
  }

  /** From this member's state. */
  query(
    query: PlainQuery,
    consistency: 'linearizable' | 'serializable',
    options: CallOptions | undefined,
  ): Promise<StrictAnswer> {
    const group = this.groupOf(options)
    return this.#asCaller(options, async (principal) => {
      const asked = principal === undefined ? query : ({ type: 'as', principal, query } as const)
      const { answer, ...at } = await this.#options.replicas.read<StrictReply>(group, asked, consistency, options)
      return { reply: answer, ...at }
    })
  }

  /**
   * Lets a caller pass who may do all of `wants` (none: who is a user), for what is not itself a command or a query of the
   * keyspace. The process itself may do everything.
   *
   * @param lane - `control`: asked ahead of what overload brings.
   * @throws {AspenError} `permissionDenied`, `userEmpty`, `authOldRevision`, `invalidAuthToken`.
   */
  async require(
    wants: readonly Want[],
    consistency: 'linearizable' | 'serializable',
    options: CallOptions | undefined,
    lane: 'control' | 'user' = 'user',
  ): Promise<void> {
    if (options?.credentials === undefined) return
    const group = this.groupOf(options)
    await this.#asCaller(options, async (principal) => {
      const { user, authRevision: revision } = principal as Principal
      const query = { type: 'may', user, revision, wants } as const
      const { answer, ...at } = await this.#options.replicas.read<StrictReply>(group, query, consistency, options, lane)
      return { reply: answer, ...at }
    })
  }

  /** A refusal stands when the caller is still who he was taken for; otherwise he was judged by what is no longer true. */
  async #asCaller(
    options: CallOptions | undefined,
    call: (principal: Principal | undefined) => Promise<Judged>,
  ): Promise<StrictAnswer> {
    const credentials = options?.credentials
    if (credentials === undefined) return this.#answer(await call(undefined))
    const group = this.groupOf(options)
    let principal = await this.#options.principalOf(group, credentials, options, false)
    for (let tries = 1; ; tries++) {
      const judged = await call(principal)
      if (tries === triesMax || !isOutdated(judged.reply)) return this.#answer(judged)
      const now = await this.#options.principalOf(group, credentials, options, true)
      if (now.user === principal.user && now.authRevision === principal.authRevision) return this.#answer(judged)
      principal = now
    }
  }

  #answer({ reply, term: raftTerm, index }: Judged): StrictAnswer {
    if (reply.type === 'refused') throw new AspenError(reply.error)
    const { clusterId, memberId } = this.#options
    return { header: { clusterId, memberId, revision: reply.revision, raftTerm }, response: reply.response, index }
  }
}

/** Nothing happened, and it may be that the caller was taken for somebody he no longer is. */
function isOutdated(reply: StrictReply): boolean {
  return reply.type === 'refused' && (reply.error === 'authOldRevision' || reply.error === 'userEmpty')
}

/**
 * The answers that are kept for repeated requests are each caller's own: whoever thinks of another's request number must not
 * be told what came of it.
 */
function ownRequest(options: CallOptions | undefined, { user }: Principal): CallOptions | undefined {
  const request = options?.request
  if (request === undefined) return options
  const whose = createHash('sha256').update(user).digest('base64url').slice(0, 22)
  return { ...options, request: { client: `${request.client}@${whose}`, number: request.number } }
}

/** The response of a call that has only one kind. */
export function expectResponse<T extends StrictResponse['type']>(
  { header, response, index }: StrictAnswer,
  type: T,
): StrictAnswer<ResponseOf<T>> {
  if (response.type !== type) throw new AspenError('internal', `wanted an answer of type ${type}, got ${response.type}`)
  return { header, response: response as ResponseOf<T>, index }
}
