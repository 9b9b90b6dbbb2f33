/**
 * Makes certificates: an authority, what it vouches for, and its list of those it no longer vouches for. For trying things,
 * tests and `--auto-tls`; who has an authority of his own needs none of this. Load it only where it is used: it is large.
 *
 * Keys are ECDSA on P-256, which every TLS library has and which is made in a millisecond.
 */
// The library below reads its own decorators with it.
import 'reflect-metadata'
import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonName,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509Certificate as ParsedCertificate,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  X509Crl,
  X509CrlGenerator,
} from '@peculiar/x509'

type KeyPair = webcrypto.CryptoKeyPair

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const dayMs = 86_400_000
/** Clocks of other machines may be behind ours. */
const backdatedMs = 300_000

/** A certificate and its key, in PEM. */
export interface Issued {
  readonly certificate: string
  readonly key: string
}

export interface CertificateWish {
  readonly commonName: string
  /** Host names and IP addresses that it is made out to. */
  readonly hosts: readonly string[]
  /** A member needs both: members connect to each other in both directions. */
  readonly usages: readonly ('server' | 'client')[]
  readonly days: number
  /** The first moment at which it counts; a little before now when absent. */
  readonly from?: Date
}

export class Authority {
  readonly #parsed: ParsedCertificate
  readonly #signingKey: webcrypto.CryptoKey
  /** In PEM. */
  readonly certificate: string
  readonly key: string

  private constructor({ certificate, key }: Issued, parsed: ParsedCertificate, signingKey: webcrypto.CryptoKey) {
    this.certificate = certificate
    this.key = key
    this.#parsed = parsed
    this.#signingKey = signingKey
  }

  static async create(commonName: string, days: number): Promise<Authority> {
    const keys = await keyPair()
    const { subject, ...parts } = partsOf({ commonName, days })
    const certificate = await X509CertificateGenerator.createSelfSigned({
      ...parts,
      name: subject,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    })
    return new Authority(await pemOf(certificate, keys), certificate, keys.privateKey)
  }

  /** One that `create` made. @throws {Error} The PEM is of something else. */
  static async load(issued: Issued): Promise<Authority> {
    const der = createPrivateKey(issued.key).export({ format: 'der', type: 'pkcs8' })
    const signingKey = await webcrypto.subtle.importKey('pkcs8', der, algorithm, true, ['sign'])
    return new Authority(issued, new ParsedCertificate(issued.certificate), signingKey)
  }

  async issue(wish: CertificateWish): Promise<Issued> {
    const keys = await keyPair()
    const certificate = await X509CertificateGenerator.create({
      ...partsOf(wish),
      issuer: this.#parsed.subject,
      signingKey: this.#signingKey,
      publicKey: keys.publicKey,
      extensions: [
        ...(await extensionsOf(wish, keys)),
        await AuthorityKeyIdentifierExtension.create(this.#parsed.publicKey),
      ],
    })
    return pemOf(certificate, keys)
  }

  /**
   * The list of those that no longer count, in PEM.
   *
   * @param certificates - In PEM; they join those of `earlier`, a list of the same authority.
   */
  async revoke(certificates: readonly string[], days: number, earlier?: string): Promise<string> {
    const { notBefore: thisUpdate, notAfter: nextUpdate } = validity(days)
    const known = earlier === undefined ? [] : new X509Crl(earlier).entries
    const revoked = new Map(known.map((entry) => [entry.serialNumber, entry.revocationDate]))
    for (const pem of certificates) {
      const serial = new X509Certificate(pem).serialNumber.toLowerCase()
      if (!revoked.has(serial)) revoked.set(serial, thisUpdate)
    }
    const list = await X509CrlGenerator.create({
      issuer: this.#parsed.subject,
      thisUpdate,
      nextUpdate,
      signingAlgorithm: algorithm,
      signingKey: this.#signingKey,
      entries: [...revoked].map(([serial, revocationDate]) => ({ serialNumber: serial, revocationDate })),
    })
    // The library's own PEM has another heading than that which OpenSSL and etcd look for.
    const lines = Buffer.from(list.rawData).toString('base64').replaceAll(/.{64}/g, '$&\n')
    return `-----BEGIN X509 CRL-----\n${lines}\n-----END X509 CRL-----\n`
  }
}

/** A certificate that nobody vouches for but itself. */
export async function issueSelfSigned(wish: CertificateWish): Promise<Issued> {
  const keys = await keyPair()
  const { subject, ...parts } = partsOf(wish)
  const extensions = await extensionsOf(wish, keys)
  return pemOf(await X509CertificateGenerator.createSelfSigned({ ...parts, name: subject, keys, extensions }), keys)
}

function keyPair(): Promise<KeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Promise<KeyPair>
}

interface Parts {
  readonly serialNumber: string
  readonly subject: JsonName
  readonly notBefore: Date
  readonly notAfter: Date
  readonly signingAlgorithm: typeof algorithm
}

function partsOf({ commonName, days, from }: Pick<CertificateWish, 'commonName' | 'days' | 'from'>): Parts {
  return {
    serialNumber: serialNumber(),
    // As data: in a text, a name with a comma would become two.
    subject: [{ CN: [commonName] }],
    ...validity(days, from),
    signingAlgorithm: algorithm,
  }
}

function validity(days: number, from?: Date): { readonly notBefore: Date; readonly notAfter: Date } {
  const notBefore = from ?? new Date(Date.now() - backdatedMs)
  return { notBefore, notAfter: new Date(notBefore.getTime() + days * dayMs) }
}

/** Positive and without leading zeros in every reading of it. */
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f)
  return bytes.toString('hex')
}

async function extensionsOf({ hosts, usages }: CertificateWish, keys: KeyPair): Promise<Extension[]> {
  const extended = usages.map((usage) =>
    usage === 'server' ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth,
  )
  const names = hosts.map((host) => ({ type: isIP(host) === 0 ? ('dns' as const) : ('ip' as const), value: host }))
  return [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension(extended),
    await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : []),
  ]
}

async function pemOf(certificate: ParsedCertificate, keys: KeyPair): Promise<Issued> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' })
  return { certificate: `${certificate.toString('pem')}\n`, key: String(key) }
}
