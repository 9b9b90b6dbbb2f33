/**
 * Simple tokens: opaque text that any member can check by itself, as all of them know the key it is signed with.
 *
 *   base64url(JSON [user, generation, issued at, random]) . base64url(HMAC-SHA256)
 *
 * etcd keeps its simple tokens in a table that every login writes through the log; here a login writes nothing. A token is
 * void when
 *   - the user is gone, was made anew, or has another password: his generation is another,
 *   - users were switched off and on again: the key is another,
 *   - it was not used here for the time that tokens live, and is older than that itself.
 * It stands for the user as the store knows him now, whatever was granted or taken since it was made.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { KnownUser, LookUp, TokenProvider, Verified } from './tokens.ts'

/** Of tokens in use at a member: who comes back after so many others goes by the age of his token alone. */
const usedMax = 10_000
const tokenCharactersMax = 4_096

export class SimpleTokens implements TokenProvider {
  readonly #ttlMs: number
  readonly #nowMs: () => number
  /** When a token was last used here; the one that was used longest ago is first. */
  readonly #used = new Map<string, number>()

  /** @param nowMs - The wall clock: a token is made by one member and judged by another. */
  constructor(ttlMs: number, nowMs: () => number = Date.now) {
    this.#ttlMs = ttlMs
    this.#nowMs = nowMs
  }

  issue(user: string, { secret, generation }: KnownUser): Promise<string> {
    const claims = Buffer.from(JSON.stringify([user, generation, this.#nowMs(), randomBytes(12).toString('base64url')]))
    return Promise.resolve(`${claims.toString('base64url')}.${sign(claims, secret).toString('base64url')}`)
  }

  async verify(token: string, lookUp: LookUp): Promise<Verified | undefined> {
    const parsed = parse(token)
    if (parsed === undefined) return undefined
    const { user, generation, issuedAtMs, claims, signature } = parsed
    const known = await lookUp(user)
    if (known === undefined || known.generation !== generation) return undefined
    const wanted = sign(claims, known.secret)
    if (signature.length !== wanted.length || !timingSafeEqual(signature, wanted)) return undefined
    return this.#alive(token, issuedAtMs) ? { user, authRevision: known.authRevision } : undefined
  }

  #alive(token: string, issuedAtMs: number): boolean {
    const nowMs = this.#nowMs()
    const sinceMs = nowMs - Math.max(issuedAtMs, this.#used.get(token) ?? 0)
    this.#used.delete(token)
    if (sinceMs >= this.#ttlMs) return false
    this.#used.set(token, nowMs)
    for (const oldest of this.#used.keys()) {
      if (this.#used.size <= usedMax) break
      this.#used.delete(oldest)
    }
    return true
  }
}

interface Parsed {
  readonly user: string
  readonly generation: number
  readonly issuedAtMs: number
  readonly claims: Buffer
  readonly signature: Buffer
}

/** What a token says of itself: nothing of it is believed before its signature is checked. */
function parse(token: string): Parsed | undefined {
  if (token.length > tokenCharactersMax) return undefined
  const form = /^([\w-]+)\.([\w-]+)$/.exec(token)
  if (form === null) return undefined
  const claims = Buffer.from(form[1] as string, 'base64url')
  const signature = Buffer.from(form[2] as string, 'base64url')
  // Text that differs from what its bytes are written as would be another token for the same claims.
  if (claims.toString('base64url') !== form[1] || signature.toString('base64url') !== form[2]) return undefined
  let said: unknown
  try {
    said = JSON.parse(claims.toString())
  } catch {
    return undefined
  }
  if (!Array.isArray(said) || said.length !== 4) return undefined
  const [user, generation, issuedAtMs] = said as unknown[]
  if (typeof user !== 'string' || typeof generation !== 'number' || typeof issuedAtMs !== 'number') return undefined
  return { user, generation, issuedAtMs, claims, signature }
}

function sign(claims: Uint8Array, secret: Uint8Array): Buffer {
  return createHmac('sha256', secret).update(claims).digest()
}
