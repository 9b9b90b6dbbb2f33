/**
 * The dialling side of TLS between nodes: connects with the newest certificates, and trusts an answer only from a host
 * whose certificate is made out to the address that was dialled, unless the certificates are self-signed throughout.
 */
import { isIP } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { certificateTrouble } from './door.ts'
import type { TlsMaterial } from './files.ts'
import { refusalOf } from './identity.ts'
import type { TlsSettings } from './settings.ts'

/**
 * Begins to connect. Nothing may be written before `onSecure` is called; when the other end is not who it must be, the
 * socket ends with an error that says so.
 */
export function dialTls(
  target: { readonly host: string; readonly port: number },
  settings: TlsSettings,
  material: TlsMaterial,
  onSecure: () => void,
): TLSSocket {
  const socket = connect({
    host: target.host,
    port: target.port,
    secureContext: material.context,
    // For whoever passes connections on by name; an address is none.
    ...(isIP(target.host) === 0 && { servername: target.host }),
    // Nobody can vouch for certificates that each node made for itself: the links are hidden from listeners, no more.
    rejectUnauthorized: settings.selfSigned === undefined,
  })
  socket.once('secureConnect', () => {
    const refusal = settings.selfSigned === undefined ? refusalOf(socket, settings) : undefined
    if (refusal === undefined) onSecure()
    else socket.destroy(new Error(refusal))
  })
  return socket
}

/** A failed handshake in words. */
export function dialTrouble(error: NodeJS.ErrnoException): string {
  const { code = '', message } = error
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `its certificate is made out to somebody else: ${message}`
  if (/^ERR_SSL_WRONG_VERSION_NUMBER$|^ERR_SSL_PACKET_LENGTH_TOO_LONG$/.test(code)) return 'it does not speak TLS'
  if (/^ERR_SSL_TLSV1_ALERT|^ERR_SSL_TLSV13_ALERT|^ERR_SSL_SSLV3_ALERT|^ERR_SSL_SSL\/TLS_ALERT/.test(code)) {
    return `it refuses this node's certificate or its way of TLS: ${code
      .replace(/^ERR_SSL_.*?ALERT_/, '')
      .toLowerCase()
      .replaceAll('_', ' ')}`
  }
  const trouble = certificateTrouble(code)
  return trouble === code ? message : `its certificate is refused: ${trouble}`
}
