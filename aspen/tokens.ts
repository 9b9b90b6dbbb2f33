/**
 * What a user shows instead of his password: made after it was checked, checked itself with every call.
 *
 * Whom a token names is only the question; what he may do is decided where the call is carried out, by the state there. So a
 * token is checked against what this member happens to know, and never writes.
 */

/** A user as a member knows him. */
export interface KnownUser {
  /** The key of simple tokens, of this keyspace. */
  readonly secret: Uint8Array
  /** Changes with his password, and when he is made anew. */
  readonly generation: number
  /** Of the store that knows him so. */
  readonly authRevision: number
}

/** Undefined: there is no such user. */
export type LookUp = (user: string) => Promise<KnownUser | undefined>

export interface Verified {
  readonly user: string
  readonly authRevision: number
}

export interface TokenProvider {
  /** @throws {AspenError} `invalidAuthManagement`: this member can check tokens and not make them. */
  issue(user: string, known: KnownUser): Promise<string>
  /** Undefined: it is none, or void. */
  verify(token: string, lookUp: LookUp): Promise<Verified | undefined>
}
