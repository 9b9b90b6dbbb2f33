/**
 * The token of one user of one keyspace: asked for when it is first needed, asked for again when the server no longer
 * takes it. A call that was refused for its token did nothing, so it is repeated whatever it was.
 */
import { AspenError } from './interface.ts'

/** How often in a row a refused token is replaced before the refusal is told. */
export const tokenRenewalsMax = 3

export class TokenKeeper {
  readonly #authenticate: () => Promise<string>
  #token: Promise<string | undefined> | undefined

  constructor(authenticate: () => Promise<string>) {
    this.#authenticate = authenticate
  }

  /** Undefined: the keyspace knows no users, so nobody needs a token. */
  token(): Promise<string | undefined> {
    this.#token ??= this.#fetch()
    return this.#token
  }

  /** The server did not take it. Callers that were refused together cause one new token and not one each. */
  async refuse(token: string | undefined): Promise<void> {
    const present = this.#token
    const stale = present !== undefined && (await present.catch(() => token)) === token
    if (stale && this.#token === present) this.#token = undefined
  }

  async #fetch(): Promise<string | undefined> {
    try {
      return await this.#authenticate()
    } catch (error) {
      if (error instanceof AspenError && error.code === 'authNotEnabled') return undefined
      this.#token = undefined
      throw error
    }
  }
}

/** True for a refusal that a new token may mend. */
export function isTokenRefusal(error: unknown): boolean {
  if (!(error instanceof AspenError)) return false
  return error.code === 'invalidAuthToken' || error.code === 'authOldRevision' || error.code === 'userEmpty'
}
