/** How a node checks who calls: the settings of passwords and tokens, written as etcd has them. */
import { z } from 'zod'
import { parseDurationMs, type ValueReader } from './config-values.ts'

export interface AuthSettings {
  readonly token: AuthTokenSetting
  /** How long a simple token lives unused. */
  readonly tokenTtlMs: number
  /** 4 to 31. */
  readonly bcryptCost: number
}

export type AuthTokenSetting = { readonly type: 'simple' } | JwtSetting

export interface JwtSetting {
  readonly type: 'jwt'
  readonly signMethod: SignMethod
  /** Paths of PEM files; of the shared key itself, with HS methods. */
  readonly publicKey?: string
  readonly privateKey?: string
  readonly ttlMs: number
}

type Bits = '256' | '384' | '512'

export type SignMethod = `${'RS' | 'PS' | 'ES' | 'HS'}${Bits}` | 'EdDSA'

const bits: readonly Bits[] = ['256', '384', '512']
const signMethods: readonly SignMethod[] = [
  ...(['RS', 'PS', 'ES', 'HS'] as const).flatMap((kind) => bits.map((size): SignMethod => `${kind}${size}`)),
  'EdDSA',
]

/** etcd's. */
export const authDefaults: AuthSettings = { token: { type: 'simple' }, tokenTtlMs: 300_000, bcryptCost: 10 }

const jwtTtlMsDefault = 300_000

/** Reads `simple`, or `jwt,sign-method=RS256,priv-key=PATH,pub-key=PATH,ttl=10m`. */
export function authToken(): ValueReader<AuthTokenSetting> {
  return z.string().transform((written, context): AuthTokenSetting => {
    const setting = parse(written)
    if (typeof setting !== 'string') return setting
    context.addIssue({ code: 'custom', message: setting })
    return z.NEVER
  })
}

/** The setting, or what is wrong with it. */
function parse(written: string): AuthTokenSetting | string {
  const [type, ...rest] = written.split(',')
  if (type === 'simple') return rest.length === 0 ? { type } : 'simple tokens have no options'
  if (type !== 'jwt') return 'no such kind of token'
  const options = new Map<string, string>()
  for (const part of rest) {
    const at = part.indexOf('=')
    const [name, value] = [part.slice(0, at), part.slice(at + 1)]
    if (at < 1 || value === '') return `${JSON.stringify(part)} is not OPTION=VALUE`
    if (!known.has(name)) return `${JSON.stringify(name)} is no option of jwt`
    if (options.has(name)) return `${name} is given twice`
    options.set(name, value)
  }
  return jwtOf(options)
}

const known: ReadonlySet<string> = new Set(['sign-method', 'pub-key', 'priv-key', 'ttl'])

function jwtOf(options: ReadonlyMap<string, string>): JwtSetting | string {
  const signMethod = signMethods.find((method) => method === options.get('sign-method'))
  if (signMethod === undefined) return `sign-method must be one of ${signMethods.join(', ')}`
  const ttl = options.get('ttl')
  const ttlMs = ttl === undefined ? jwtTtlMsDefault : parseDurationMs(ttl)
  if (ttlMs === undefined || ttlMs < 1_000) return 'ttl must be a duration of at least 1s, such as 10m'
  const [publicKey, privateKey] = [options.get('pub-key'), options.get('priv-key')]
  if (publicKey === undefined && privateKey === undefined) return 'priv-key, pub-key or both must name a file'
  return {
    type: 'jwt',
    signMethod,
    ttlMs,
    ...(publicKey !== undefined && { publicKey }),
    ...(privateKey !== undefined && { privateKey }),
  }
}
