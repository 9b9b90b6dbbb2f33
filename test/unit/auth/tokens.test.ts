import assert from 'node:assert/strict'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { SignJWT } from 'jose'
import type { JwtSetting, SignMethod } from '../../../aspen/auth-settings.ts'
import { authToken } from '../../../aspen/auth-settings.ts'
import { loadJwtTokens } from '../../../aspen/token-jwt.ts'
import { SimpleTokens } from '../../../aspen/token-simple.ts'
import type { KnownUser, LookUp } from '../../../aspen/tokens.ts'
import { AspenError } from '../../../client/interface.ts'

const secret = new Uint8Array(32).fill(3)
const alice: KnownUser = { secret, generation: 4, authRevision: 9 }

function knows(users: Readonly<Record<string, KnownUser>>): LookUp {
  return (name) => Promise.resolve(users[name])
}

describe('a simple token', () => {
  const opened = (ttlMs = 1_000): { tokens: SimpleTokens; other: SimpleTokens; pass: (ms: number) => void } => {
    let nowMs = 1_000_000
    return {
      tokens: new SimpleTokens(ttlMs, () => nowMs),
      other: new SimpleTokens(ttlMs, () => nowMs),
      pass: (ms) => (nowMs += ms),
    }
  }

  test('is text without spaces, another each time, and stands for the user as he is now known', async () => {
    const { tokens } = opened()
    const [one, two] = [await tokens.issue('alice', alice), await tokens.issue('alice', alice)]

    assert.match(one, /^[\w-]+\.[\w-]+$/)
    assert.notEqual(one, two)
    const later = { ...alice, authRevision: 12 }
    assert.deepEqual(await tokens.verify(one, knows({ alice: later })), { user: 'alice', authRevision: 12 })
  })

  test('opens at every member, made by one of them', async () => {
    const { tokens, other } = opened()
    const token = await tokens.issue('alice', alice)

    assert.deepEqual(await other.verify(token, knows({ alice })), { user: 'alice', authRevision: 9 })
  })

  test('is void with another password, another user of that name, another key, or none', async () => {
    const { tokens } = opened()
    const token = await tokens.issue('alice', alice)

    assert.equal(await tokens.verify(token, knows({ alice: { ...alice, generation: 5 } })), undefined)
    assert.equal(await tokens.verify(token, knows({ alice: { ...alice, secret: randomBytes(32) } })), undefined)
    assert.equal(await tokens.verify(token, knows({})), undefined)
  })

  test('lives for as long as it is used, at each member by itself', async () => {
    const { tokens, other, pass } = opened(1_000)
    const token = await tokens.issue('alice', alice)

    for (const ms of [900, 900, 900]) {
      pass(ms)
      assert.notEqual(await tokens.verify(token, knows({ alice })), undefined)
    }
    assert.equal(await other.verify(token, knows({ alice })), undefined)
    pass(1_000)
    assert.equal(await tokens.verify(token, knows({ alice })), undefined)
    assert.equal(await tokens.verify(token, knows({ alice })), undefined)
  })

  test('cannot be changed: neither its claims, nor its signature, nor how they are written', async () => {
    const { tokens } = opened()
    const token = await tokens.issue('alice', alice)
    const [claims = '', signature = ''] = token.split('.')
    const root = Buffer.from(JSON.stringify(['root', 4, 1_000_000, 'x'])).toString('base64url')
    const users = knows({ alice, root: alice })

    for (const forged of [
      `${root}.${signature}`,
      `${claims}.${signature.slice(1)}`,
      `${claims}.${signature.slice(0, -1)}${signature.endsWith('A') ? 'B' : 'A'}`,
      `${claims}.`,
      claims,
      `${token}.`,
      `${token}=`,
      `Bearer ${token}`,
      '',
      'a.b',
      `${Buffer.from('[1,2,3,4]').toString('base64url')}.${signature}`,
      `${Buffer.from('{"user":"root"}').toString('base64url')}.${signature}`,
      `${'a'.repeat(5_000)}.${signature}`,
    ]) {
      assert.equal(await tokens.verify(forged, users), undefined, forged.slice(0, 80))
    }
  })
})

describe('a JWT', () => {
  const pem = (key: { export(options: object): unknown }, type: 'pkcs8' | 'spki'): Buffer =>
    Buffer.from(String(key.export({ type, format: 'pem' })))
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ed = generateKeyPairSync('ed25519')
  const files: Readonly<Record<string, Uint8Array>> = {
    rsa: pem(rsa.privateKey, 'pkcs8'),
    rsaPublic: pem(rsa.publicKey, 'spki'),
    rsaOther: pem(generateKeyPairSync('rsa', { modulusLength: 2_048 }).publicKey, 'spki'),
    ec: pem(ec.privateKey, 'pkcs8'),
    ed: pem(ed.privateKey, 'pkcs8'),
    shared: randomBytes(64),
    garbage: Buffer.from('not a key'),
  }
  const readFile = (path: string): Uint8Array => {
    const file = files[path]
    if (file === undefined) throw new Error(`no such file: ${path}`)
    return file
  }
  const setting = (signMethod: SignMethod, more: Partial<JwtSetting> = {}): JwtSetting => ({
    type: 'jwt',
    signMethod,
    ttlMs: 60_000,
    ...more,
  })

  const methods: readonly [SignMethod, string][] = [
    ['RS256', 'rsa'],
    ['PS512', 'rsa'],
    ['ES256', 'ec'],
    ['EdDSA', 'ed'],
    ['HS256', 'shared'],
  ]
  for (const [method, privateKey] of methods) {
    test(`of ${method} carries user and revision, and is over in time`, async () => {
      let nowMs = 1_700_000_000_000
      const tokens = await loadJwtTokens(setting(method, { privateKey }), readFile, () => nowMs)
      const token = await tokens.issue('alice', alice)
      const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as object

      assert.deepEqual(claims, { username: 'alice', revision: 9, exp: 1_700_000_060 })
      const later = knows({ alice: { ...alice, authRevision: 12 } })
      assert.deepEqual(await tokens.verify(token, later), { user: 'alice', authRevision: 9 })

      nowMs += 61_000
      assert.equal(await tokens.verify(token, later), undefined)
      assert.equal(await tokens.verify(token, later), undefined)
    })
  }

  test('is checked where only the public key is, and not made there', async () => {
    const maker = await loadJwtTokens(setting('RS256', { privateKey: 'rsa', publicKey: 'rsaPublic' }), readFile)
    const checker = await loadJwtTokens(setting('RS256', { publicKey: 'rsaPublic' }), readFile)
    const token = await maker.issue('alice', alice)

    assert.equal((await checker.verify(token, knows({})))?.user, 'alice')
    await assert.rejects(
      checker.issue('alice', alice),
      (error) => error instanceof AspenError && error.code === 'invalidAuthManagement',
    )
  })

  test('of another method or key, without claims, or of none at all opens nothing', async () => {
    const tokens = await loadJwtTokens(setting('RS256', { privateKey: 'rsa', publicKey: 'rsaPublic' }), readFile)
    const make = (claims: Record<string, unknown>, alg: string, key: Parameters<SignJWT['sign']>[0]): Promise<string> =>
      new SignJWT(claims).setProtectedHeader({ alg }).setExpirationTime('1h').sign(key)
    const good = { username: 'root', revision: 9 }
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const forged = [
      await make(good, 'PS256', rsa.privateKey),
      await make(good, 'ES256', ec.privateKey),
      // The public key is known to all: as a shared secret it must be worth nothing.
      await make(good, 'HS256', files['rsaPublic'] as Uint8Array),
      await make({ username: 'root' }, 'RS256', rsa.privateKey),
      await make({ username: '', revision: 9 }, 'RS256', rsa.privateKey),
      await make({ username: 'root', revision: '9' }, 'RS256', rsa.privateKey),
      await make({ username: 'root', revision: 0 }, 'RS256', rsa.privateKey),
      await new SignJWT(good).setProtectedHeader({ alg: 'RS256' }).sign(rsa.privateKey),
      `${part({ alg: 'none' })}.${part({ ...good, exp: 9_999_999_999 })}.`,
      'a.b.c',
      '',
    ]

    for (const token of forged) assert.equal(await tokens.verify(token, knows({})), undefined, token.slice(0, 60))
    assert.equal((await tokens.verify(await make(good, 'RS256', rsa.privateKey), knows({})))?.user, 'root')
  })

  const broken: readonly [string, JwtSetting, RegExp][] = [
    [
      'a file that is not there',
      setting('RS256', { privateKey: 'nowhere' }),
      /wanted priv-key to be a readable file, found no such file/,
    ],
    ['a file that is no key', setting('RS256', { privateKey: 'garbage' }), /wanted priv-key to be a key in PEM/],
    ['a key of another kind', setting('RS256', { privateKey: 'ec' }), /wanted keys that fit sign-method=RS256/],
    ['two keys that are no pair', setting('RS256', { privateKey: 'rsa', publicKey: 'rsaOther' }), /to be one pair/],
    [
      'a shared key that is not given',
      setting('HS256', { publicKey: 'shared' }),
      /wanted priv-key with the shared key/,
    ],
  ]
  for (const [title, wrong, reason] of broken) {
    test(`with ${title} is found out at the start`, async () => {
      await assert.rejects(
        loadJwtTokens(wrong, readFile),
        (error) => error instanceof TypeError && reason.test(error.message),
      )
    })
  }
})

describe('the setting', () => {
  const read = (written: string): unknown => authToken().safeParse(written).data

  test('is written as etcd has it', () => {
    assert.deepEqual(read('simple'), { type: 'simple' })
    assert.deepEqual(read('jwt,pub-key=a.pem,priv-key=b.pem,sign-method=RS256,ttl=10m'), {
      type: 'jwt',
      signMethod: 'RS256',
      ttlMs: 600_000,
      publicKey: 'a.pem',
      privateKey: 'b.pem',
    })
    assert.deepEqual(read('jwt,pub-key=a=b.pem,sign-method=EdDSA'), {
      type: 'jwt',
      signMethod: 'EdDSA',
      ttlMs: 300_000,
      publicKey: 'a=b.pem',
    })
  })

  for (const wrong of [
    'simple,ttl=5m',
    'opaque',
    'jwt',
    'jwt,sign-method=RS256',
    'jwt,sign-method=none,priv-key=a',
    'jwt,sign-method=rs256,priv-key=a',
    'jwt,sign-method=RS256,priv-key=',
    'jwt,sign-method=RS256,priv-key=a,priv-key=b',
    'jwt,sign-method=RS256,priv-key=a,secret=b',
    'jwt,sign-method=RS256,priv-key=a,ttl=10',
    'jwt,sign-method=RS256,priv-key=a,ttl=10ms',
    'jwt,,sign-method=RS256,priv-key=a',
  ]) {
    test(`refuses ${wrong}`, () => assert.equal(read(wrong), undefined))
  }
})
