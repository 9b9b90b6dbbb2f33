/**
 * JSON web tokens as etcd makes them: `username`, `revision` and `exp`, signed with a key that members, or somebody else, hold.
 *
 * A token carries the revision of the auth store at which it was made. Once users, roles or permissions have changed it no
 * longer opens keys, "revision of auth store is old", and its owner has to get a new one.
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { jwtVerify, SignJWT } from 'jose'
import { AspenError } from '../client/interface.ts'
import type { JwtSetting } from './auth-settings.ts'
import type { KnownUser, TokenProvider, Verified } from './tokens.ts'

type Key = KeyObject | Uint8Array

interface Keys {
  /** Undefined: tokens are made elsewhere. */
  readonly sign: Key | undefined
  readonly verify: Key
}

/** Verified tokens that are kept, so that a signature is checked once and not with every call. */
const keptMax = 10_000

/** @throws {TypeError} The keys cannot be read, or do not fit the method or one another. */
export async function loadJwtTokens(
  setting: JwtSetting,
  readFile: (path: string) => Uint8Array,
  nowMs: () => number = Date.now,
): Promise<TokenProvider> {
  const tokens = new JwtTokens(setting, keysOf(setting, readFile), nowMs)
  // A key that does not fit its method would else be found out by the first user who logs in.
  await tokens.tryOut().catch((cause: unknown) => {
    throw fault(`keys that fit sign-method=${setting.signMethod}`, reasonOf(cause))
  })
  return tokens
}

class JwtTokens implements TokenProvider {
  readonly #setting: JwtSetting
  readonly #keys: Keys
  readonly #nowMs: () => number
  readonly #kept = new Map<string, Verified & { readonly untilMs: number }>()

  constructor(setting: JwtSetting, keys: Keys, nowMs: () => number) {
    this.#setting = setting
    this.#keys = keys
    this.#nowMs = nowMs
  }

  async tryOut(): Promise<void> {
    if (this.#keys.sign === undefined) return
    const token = await this.#make('nobody', 1)
    await jwtVerify(token, this.#keys.verify, this.#rules())
  }

  issue(user: string, { authRevision }: KnownUser): Promise<string> {
    return this.#make(user, authRevision)
  }

  async verify(token: string): Promise<Verified | undefined> {
    const kept = this.#kept.get(token)
    if (kept !== undefined) {
      if (kept.untilMs > this.#nowMs()) return kept
      this.#kept.delete(token)
      return undefined
    }
    try {
      const { payload } = await jwtVerify(token, this.#keys.verify, this.#rules())
      const { username, revision, exp } = payload
      if (typeof username !== 'string' || username === '' || typeof exp !== 'number') return undefined
      if (typeof revision !== 'number' || !Number.isSafeInteger(revision) || revision < 1) return undefined
      this.#keep(token, { user: username, authRevision: revision, untilMs: exp * 1_000 })
      return { user: username, authRevision: revision }
    } catch {
      // Of another key, of another method, over, or no token at all: it opens nothing.
      return undefined
    }
  }

  #make(user: string, revision: number): Promise<string> {
    const { signMethod, ttlMs } = this.#setting
    const { sign } = this.#keys
    if (sign === undefined) {
      const reason = 'this member has no private key: it checks tokens, and somebody else makes them'
      return Promise.reject(new AspenError('invalidAuthManagement', reason))
    }
    return new SignJWT({ username: user, revision })
      .setProtectedHeader({ alg: signMethod, typ: 'JWT' })
      .setExpirationTime(Math.floor((this.#nowMs() + ttlMs) / 1_000))
      .sign(sign)
  }

  #rules(): { readonly algorithms: string[]; readonly requiredClaims: string[]; readonly currentDate: Date } {
    return {
      // The one method that was set, whatever the token says of itself.
      algorithms: [this.#setting.signMethod],
      requiredClaims: ['username', 'revision', 'exp'],
      currentDate: new Date(this.#nowMs()),
    }
  }

  #keep(token: string, verified: Verified & { readonly untilMs: number }): void {
    this.#kept.set(token, verified)
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= keptMax) break
      this.#kept.delete(oldest)
    }
  }
}

function keysOf({ signMethod, publicKey, privateKey }: JwtSetting, readFile: (path: string) => Uint8Array): Keys {
  const read = (option: string, path: string): Buffer => {
    try {
      return Buffer.from(readFile(path))
    } catch (cause) {
      throw fault(`${option} to be a readable file`, reasonOf(cause))
    }
  }
  if (signMethod.startsWith('HS')) {
    const key = privateKey === undefined ? undefined : read('priv-key', privateKey)
    if (key === undefined || key.length === 0) throw fault('priv-key with the shared key', 'none')
    return { sign: key, verify: key }
  }
  const secret =
    privateKey === undefined ? undefined : parse('priv-key', createPrivateKey, read('priv-key', privateKey))
  const open = publicKey === undefined ? undefined : parse('pub-key', createPublicKey, read('pub-key', publicKey))
  const own = secret === undefined ? undefined : createPublicKey(secret)
  const verify = open ?? own
  if (verify === undefined) throw fault('priv-key, or pub-key to check tokens that are made elsewhere', 'neither')
  if (own !== undefined && !own.equals(verify)) throw fault('pub-key and priv-key to be one pair', 'two that are not')
  return { sign: secret, verify }
}

function parse(option: string, read: (pem: Buffer) => KeyObject, pem: Buffer): KeyObject {
  try {
    return read(pem)
  } catch (cause) {
    throw fault(`${option} to be a key in PEM`, reasonOf(cause))
  }
}

function fault(wanted: string, found: string): TypeError {
  return new TypeError(`--auth-token: wanted ${wanted}, found ${found}`)
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
