/**
 * Reads certificates, keys and lists of revoked certificates, and tells what is wrong with them in words: which file, and
 * what about it. What passes here makes a context that can be used; what the context itself would pass over in silence
 * (an authority file without a certificate, a key of another certificate) is a fault.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import { opensslCiphers } from './cipher-suites.ts'
import { TlsFileError, type TlsSettings, type TlsVersion } from './settings.ts'

/** What the files of one `TlsSettings` hold now. */
export interface TlsMaterial {
  /** For `tls.createServer`, `setSecureContext` and `createSecureContext`. */
  readonly options: SecureContextOptions
  readonly context: SecureContext
  /** Sentences for whoever looks after the node: certificates out of their time. */
  readonly warnings: readonly string[]
}

const versions = { 'TLS1.2': 'TLSv1.2', 'TLS1.3': 'TLSv1.3' } as const satisfies Record<TlsVersion, string>
const dayMs = 86_400_000
const expiresSoonMs = 14 * dayMs

/**
 * @param nowMs - Wall clock, to find certificates out of their time: these are no fault but a warning.
 * @throws {TlsFileError} A file cannot be read or used.
 */
export function readTlsFiles(settings: TlsSettings, nowMs: number = Date.now()): TlsMaterial {
  const { certFile, keyFile, trustedCaFile, crlFile, cipherSuites, minVersion, maxVersion } = settings
  const cert = read(certFile, 'certificate')
  const key = read(keyFile, 'key')
  const chain = certificatesIn(cert, certFile, 'certificate')
  checkPair(chain[0] as X509Certificate, privateKey(key, keyFile), settings)
  const ca = trustedCaFile === undefined ? undefined : read(trustedCaFile, 'authority')
  const authorities = ca === undefined ? [] : certificatesIn(ca, trustedCaFile as string, 'authority')
  const crl = crlFile === undefined ? undefined : revocationLists(read(crlFile, 'revocation list'), crlFile)
  const options: SecureContextOptions = {
    cert,
    key,
    minVersion: versions[minVersion],
    ...(ca !== undefined && { ca }),
    ...(crl !== undefined && { crl }),
    ...(maxVersion !== undefined && { maxVersion: versions[maxVersion] }),
    ...(cipherSuites !== undefined && { ciphers: opensslCiphers(cipherSuites), honorCipherOrder: true }),
  }
  return {
    options,
    context: contextOf(options, settings),
    warnings: [
      ...chain.flatMap((certificate) => outOfTime(certificate, certFile, nowMs)),
      ...authorities.flatMap((certificate) => outOfTime(certificate, trustedCaFile as string, nowMs)),
    ],
  }
}

function read(path: string, what: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new TlsFileError(`the ${what} file ${path} cannot be read: ${reasonOf(error)}`, { cause: error })
  }
}

const certificateBlock = /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[\s\S]*?-----END (?:TRUSTED )?CERTIFICATE-----/g

/** At least one. */
function certificatesIn(pem: Buffer, path: string, what: string): readonly X509Certificate[] {
  const blocks = pem.toString('latin1').match(certificateBlock) ?? []
  if (blocks.length === 0) throw new TlsFileError(`the ${what} file ${path} holds no certificate in PEM`)
  return blocks.map((block) => {
    try {
      return new X509Certificate(block)
    } catch (error) {
      throw new TlsFileError(`the ${what} file ${path} holds a certificate that cannot be read: ${reasonOf(error)}`, {
        cause: error,
      })
    }
  })
}

function privateKey(pem: Buffer, path: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (error) {
    const why = /ENCRYPTED/.test(pem.toString('latin1'))
      ? 'it is encrypted, and there is no one to ask'
      : reasonOf(error)
    throw new TlsFileError(`the key file ${path} holds no private key that can be used: ${why}`, { cause: error })
  }
}

function checkPair(certificate: X509Certificate, key: KeyObject, { certFile, keyFile }: TlsSettings): void {
  if (!certificate.checkPrivateKey(key)) {
    throw new TlsFileError(`the key in ${keyFile} is not that of the certificate in ${certFile}`)
  }
}

const listBlock = /-----BEGIN X509 CRL-----[\s\S]*?-----END X509 CRL-----/g

/** One entry a list: OpenSSL reads only the first of each. DER is put into PEM, as etcd takes both. */
function revocationLists(bytes: Buffer, path: string): string[] {
  const text = bytes.toString('latin1')
  const blocks = text.match(listBlock)
  if (blocks !== null) return [...blocks]
  // A sequence of ASN.1, which no PEM begins with.
  if (bytes[0] !== 0x30) throw new TlsFileError(`the revocation list file ${path} holds no list in PEM or DER`)
  return [
    `-----BEGIN X509 CRL-----\n${bytes.toString('base64').replaceAll(/.{64}/g, '$&\n')}\n-----END X509 CRL-----\n`,
  ]
}

function contextOf(options: SecureContextOptions, { certFile, crlFile }: TlsSettings): SecureContext {
  try {
    return createSecureContext(options)
  } catch (error) {
    const reason = reasonOf(error)
    const file = /CRL/.test(reason) && crlFile !== undefined ? crlFile : certFile
    throw new TlsFileError(`${file} cannot be used: ${reason}`, { cause: error })
  }
}

function outOfTime(certificate: X509Certificate, path: string, nowMs: number): readonly string[] {
  const { subject, validFrom, validTo } = certificate
  const name = `the certificate of ${subject.replaceAll('\n', ', ') || 'nobody'} in ${path}`
  if (Date.parse(validTo) <= nowMs) return [`${name} expired on ${validTo}: others will refuse it`]
  if (Date.parse(validFrom) > nowMs) return [`${name} is not valid before ${validFrom}: others will refuse it`]
  if (Date.parse(validTo) - nowMs < expiresSoonMs) return [`${name} expires on ${validTo}`]
  return []
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return 'there is no such file'
    case 'EACCES':
      return 'permission denied'
    case 'EISDIR':
      return 'it is a directory'
    default:
      return error.message
  }
}
