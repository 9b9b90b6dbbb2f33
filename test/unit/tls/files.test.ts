// What is wrong with a certificate is said in words, before anything listens.
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { getCiphers } from 'node:tls'
import { cipherSuiteNames, opensslCiphers } from '../../../runtime/node/tls/cipher-suites.ts'
import { readTlsFiles } from '../../../runtime/node/tls/files.ts'
import { TlsFileError } from '../../../runtime/node/tls/settings.ts'
import { type House, makeHouse } from './house.ts'

function faultOf(read: () => unknown): string {
  try {
    read()
  } catch (error) {
    assert.ok(error instanceof TlsFileError, String(error))
    return error.message
  }
  return assert.fail('it was accepted')
}

describe('files', () => {
  test('that belong together make a context', async (t) => {
    const house = await makeHouse(t)
    const node = await house.issue('node')
    writeFileSync(house.path('crl.pem'), await house.authority.revoke([node.certificate], 5))

    const { options, warnings } = readTlsFiles(house.settings('node', { crlFile: house.path('crl.pem') }))

    assert.deepEqual([options.minVersion, (options.crl as string[]).length, warnings], ['TLSv1.2', 1, []])
  })

  const broken: readonly [string, (house: House) => void, RegExp][] = [
    [
      'a certificate that is not there',
      (house) => rmSync(house.path('node.pem')),
      /^the certificate file .*node\.pem cannot be read: there is no such file$/,
    ],
    [
      'a key that is not there',
      (house) => rmSync(house.path('node-key.pem')),
      /^the key file .*node-key\.pem cannot be read: there is no such file$/,
    ],
    [
      'a folder',
      (house) => {
        rmSync(house.path('node.pem'))
        mkdirSync(house.path('node.pem'))
      },
      /cannot be read: it is a directory$/,
    ],
    [
      'something else in place of a certificate',
      (house) => writeFileSync(house.path('node.pem'), 'hello'),
      /holds no certificate in PEM$/,
    ],
    [
      'a certificate cut in half',
      (house) => {
        const pem = readFileSync(house.path('node.pem'), 'utf8')
        writeFileSync(house.path('node.pem'), `${pem.slice(0, 200)}\n-----END CERTIFICATE-----\n`)
      },
      /holds a certificate that cannot be read: /,
    ],
    [
      'something else in place of a key',
      (house) => writeFileSync(house.path('node-key.pem'), 'hello'),
      /holds no private key that can be used: /,
    ],
    [
      'the key of another certificate',
      (house) => writeFileSync(house.path('node-key.pem'), house.authority.key),
      /^the key in .*node-key\.pem is not that of the certificate in .*node\.pem$/,
    ],
    [
      'an authority file without an authority',
      (house) => writeFileSync(house.caFile, '# none yet\n'),
      /^the authority file .*ca\.pem holds no certificate in PEM$/,
    ],
  ]
  for (const [what, spoil, wanted] of broken) {
    test(`${what}: refused, and said`, async (t) => {
      const house = await makeHouse(t)
      await house.issue('node')
      spoil(house)

      assert.match(
        faultOf(() => readTlsFiles(house.settings('node'))),
        wanted,
      )
    })
  }

  test('a file that may not be read is refused', {
    skip: process.getuid?.() === 0 && 'root may read everything',
  }, async (t) => {
    const house = await makeHouse(t)
    await house.issue('node')
    chmodSync(house.path('node-key.pem'), 0)

    assert.match(
      faultOf(() => readTlsFiles(house.settings('node'))),
      /permission denied$/,
    )
  })

  test('an encrypted key is refused: there is nobody to ask for the password', async (t) => {
    const house = await makeHouse(t)
    await house.issue('node')
    const block = Buffer.alloc(64, 1).toString('base64')
    writeFileSync(
      house.path('node-key.pem'),
      `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${block}\n-----END ENCRYPTED PRIVATE KEY-----\n`,
    )

    assert.match(
      faultOf(() => readTlsFiles(house.settings('node'))),
      /it is encrypted, and there is no one to ask$/,
    )
  })

  test('a list of revoked certificates may be PEM, DER, or several; nonsense is refused', async (t) => {
    const house = await makeHouse(t)
    await house.issue('node')
    const file = house.path('crl')
    const base64 = (pem: string): string => pem.replaceAll(/-----.*-----|\n/g, '')
    const settings = house.settings('node', { crlFile: file })
    const pem = await house.authority.revoke([], 5)
    const listsIn = (bytes: string | Buffer): number => {
      writeFileSync(file, bytes)
      return (readTlsFiles(settings).options.crl as string[]).length
    }

    assert.equal(listsIn(pem), 1)
    assert.equal(listsIn(Buffer.from(base64(pem), 'base64')), 1)
    assert.equal(listsIn(`${pem}\n${pem}`), 2)
    for (const nonsense of ['', 'hello', Buffer.from([0x30, 0x03, 1, 2, 3])]) {
      assert.match(
        faultOf(() => listsIn(nonsense)),
        /crl (holds no list in PEM or DER|cannot be used: )/,
      )
    }
  })

  test('certificates out of their time are a warning, with the file and the day', async (t) => {
    const house = await makeHouse(t)
    const dayMs = 86_400_000
    await house.issue('old', { from: new Date(Date.now() - 3 * dayMs), days: 2 })
    await house.issue('early', { from: new Date(Date.now() + dayMs), days: 90 })
    await house.issue('soon', { days: 3 })
    const { trustedCaFile, ...alone } = house.settings('old')
    assert.ok(trustedCaFile)
    const warningOf = (name: string): string | undefined =>
      readTlsFiles({ ...alone, certFile: house.path(`${name}.pem`), keyFile: house.path(`${name}-key.pem`) })
        .warnings[0]

    assert.match(
      warningOf('old') ?? '',
      /^the certificate of CN=old in .*old\.pem expired on .* GMT: others will refuse it$/,
    )
    assert.match(warningOf('early') ?? '', /is not valid before .* GMT: others will refuse it$/)
    assert.match(warningOf('soon') ?? '', /expires on .* GMT$/)
  })
})

describe('cipher suites', () => {
  test('every name of Go is one that this OpenSSL has', () => {
    const known = new Set(getCiphers())

    for (const name of cipherSuiteNames()) {
      const translated = opensslCiphers([name]).split(':').at(-1) ?? ''
      assert.ok(known.has(translated.toLowerCase()), `${name} became ${translated}, which OpenSSL does not have`)
    }
  })

  test('order is kept; TLS 1.3 stays whole unless one of its own is named', () => {
    assert.equal(
      opensslCiphers(['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256']),
      'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256',
    )
    assert.equal(
      opensslCiphers(['TLS_AES_256_GCM_SHA384', 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256']),
      'TLS_AES_256_GCM_SHA384:ECDHE-RSA-AES128-GCM-SHA256',
    )
  })

  test('what is no suite, or one of an object of the language, is refused', () => {
    for (const name of ['', 'TLS_RSA_WITH_RC4_128_SHA', 'ECDHE-RSA-AES128-GCM-SHA256', 'toString', '__proto__']) {
      assert.throws(() => opensslCiphers([name]), RangeError)
    }
  })
})
