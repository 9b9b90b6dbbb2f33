/**
 * Who is at the other end of a TLS connection, as its certificate says. Only a certificate that an authority vouches for
 * says anything: without one, or with one that was not verified, the other end is nobody.
 */
import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { PeerCertificate, TLSSocket } from 'node:tls'
import type { TlsSettings } from './settings.ts'

/** The common name of a certificate. One that has several has none: which of them would count? */
function commonNameIn(certificate: PeerCertificate | undefined): string | undefined {
  const name: unknown = certificate?.subject?.CN
  return typeof name === 'string' && name !== '' ? name : undefined
}

/** Why the other end may not stay though its certificate is good; undefined when it may. */
export function refusalOf(
  socket: TLSSocket,
  { allowedCn, allowedHostname }: Pick<TlsSettings, 'allowedCn' | 'allowedHostname'>,
): string | undefined {
  if (allowedCn === undefined && allowedHostname === undefined) return undefined
  const certificate = socket.getPeerCertificate()
  if (!socket.authorized || certificate.raw === undefined)
    return 'it shows no certificate that an authority vouches for'
  if (allowedCn !== undefined && commonNameIn(certificate) !== allowedCn) {
    return `its certificate has the common name ${JSON.stringify(certificate.subject.CN)}, and only ${JSON.stringify(allowedCn)} is allowed`
  }
  if (allowedHostname !== undefined && !isMadeOutTo(new X509Certificate(certificate.raw), allowedHostname)) {
    return `its certificate is not made out to ${allowedHostname}, as it must be`
  }
  return undefined
}

/** Whether `host` is among the alternative names; the subject does not count, as in Go. */
function isMadeOutTo(certificate: X509Certificate, host: string): boolean {
  return isIP(host) === 0
    ? certificate.checkHost(host, { subject: 'never' }) !== undefined
    : certificate.checkIP(host) !== undefined
}
