/**
 * How one side of a node (its clients, or its peers) is secured, as data: paths and rules, never secrets. It travels to
 * worker threads as it is, and each thread reads the files itself.
 */

export type TlsVersion = 'TLS1.2' | 'TLS1.3'

export interface TlsSettings {
  /** PEM: the certificate of this node, and after it those between it and the authority, if any. */
  readonly certFile: string
  readonly keyFile: string
  /** PEM: the authorities that vouch for the other side; absent: those that this machine trusts. */
  readonly trustedCaFile?: string
  /** PEM or DER: certificates that no longer count, as their authority has signed it. */
  readonly crlFile?: string
  /** Who connects must show a certificate that an authority vouches for. */
  readonly clientCertAuth: boolean
  /** The only common name that the other side's certificate may have. */
  readonly allowedCn?: string
  /** A host name or IP address that the other side's certificate must be made out to. */
  readonly allowedHostname?: string
  /** Names as Go and IANA write them, best first; absent: those of Node.js. */
  readonly cipherSuites?: readonly string[]
  readonly minVersion: TlsVersion
  readonly maxVersion?: TlsVersion
  /** The certificate is made by the node itself when it is not there, and nobody can vouch for it. */
  readonly selfSigned?: { readonly hosts: readonly string[]; readonly days: number }
}

/** Certificates, keys or lists that cannot be used; the text names the file. */
export class TlsFileError extends Error {
  override readonly name = 'TlsFileError'
}
