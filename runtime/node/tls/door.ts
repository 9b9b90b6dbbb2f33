/**
 * The server's side of TLS: takes connections as they were accepted, gives them back when they are secured.
 *
 *   accept(raw) ─▶ handshake ─┬─▶ certificate good, name allowed ─▶ onSecure(socket)
 *                             └─▶ anything else ─▶ closed, onRefused(why)
 *
 *   S1  every connection that is accepted ends in exactly one of the two
 *   S2  a handshake uses what the files held when it began; connections that are secured go on whatever the files hold later
 */
import type { Socket } from 'node:net'
import { createServer, type PeerCertificate, type Server, type TLSSocket } from 'node:tls'
import { refusalOf } from './identity.ts'
import type { WatchedTls } from './watched.ts'

export interface TlsDoorOptions {
  /** Chooses among the protocols that a client names; undefined refuses it. A client that names none is not asked for any. */
  readonly protocolOf?: (named: readonly string[]) => string | undefined
  /** How long a handshake may take. */
  readonly handshakeTimeoutMs: number
  readonly onSecure: (socket: TLSSocket) => void
  readonly onRefused: (remote: string, reason: string) => void
}

export class TlsDoor {
  readonly #server: Server
  #handshaking = 0

  constructor(tls: WatchedTls, options: TlsDoorOptions) {
    const { protocolOf, handshakeTimeoutMs, onSecure, onRefused } = options
    // As in etcd, naming authorities is asking for certificates.
    const asked = tls.settings.clientCertAuth || tls.settings.trustedCaFile !== undefined
    this.#server = createServer({
      ...tls.current.options,
      requestCert: asked,
      rejectUnauthorized: asked,
      handshakeTimeout: handshakeTimeoutMs,
      ...(protocolOf !== undefined && {
        ALPNCallback: ({ protocols }: { protocols: string[] }) => protocolOf(protocols),
      }),
    })
    tls.onChange(() => this.#server.setSecureContext(tls.current.options))
    this.#server.on('secureConnection', (socket) => {
      this.#handshaking -= 1
      const refusal = refusalOf(socket, tls.settings)
      if (refusal === undefined) {
        settleIdentity(socket)
        onSecure(socket)
        return
      }
      const remote = remoteOf(socket)
      socket.on('error', () => undefined)
      socket.destroy()
      onRefused(remote, refusal)
    })
    this.#server.on('tlsClientError', (error, socket) => {
      this.#handshaking -= 1
      const remote = remoteOf(socket)
      // Destroyed already or about to be; a reset on its way out is nobody's news.
      socket.on('error', () => undefined)
      socket.destroy()
      onRefused(remote, handshakeTrouble(error, socket))
    })
  }

  /** Connections that are neither secured nor refused yet. */
  get handshaking(): number {
    return this.#handshaking
  }

  /** Takes a connection on which nothing was read. */
  accept(raw: Socket): void {
    this.#handshaking += 1
    // The address is gone with the connection, and a refusal should name it.
    remotes.set(raw, `${raw.remoteAddress ?? '?'}:${raw.remotePort ?? '?'}`)
    this.#server.emit('connection', raw)
  }
}

/**
 * Who is at the other end was decided in the handshake and stays so: no second one on the same connection, and the
 * certificate is taken apart once. The gRPC library asks for it with every call, and each time would cost 40 µs.
 */
function settleIdentity(socket: TLSSocket): void {
  socket.disableRenegotiation()
  const take = socket.getPeerCertificate.bind(socket) as (detailed?: boolean) => PeerCertificate
  let known: PeerCertificate | undefined
  const remembered = (detailed?: boolean): PeerCertificate => {
    if (detailed === true) return take(true)
    known ??= take()
    return known
  }
  socket.getPeerCertificate = remembered as TLSSocket['getPeerCertificate']
}

const remotes = new WeakMap<object, string>()

function remoteOf(socket: TLSSocket): string {
  // Not of the public interface, so it may be missing one day: then an address is not told, and nothing else is lost.
  const raw = (socket as { readonly _parent?: object })._parent
  return (
    (raw === undefined ? undefined : remotes.get(raw)) ?? `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? '?'}`
  )
}

function handshakeTrouble(error: NodeJS.ErrnoException, socket: TLSSocket): string {
  const unverified = socket.authorizationError as unknown
  if (unverified !== undefined && unverified !== null)
    return `its certificate is refused: ${certificateTrouble(String(unverified))}`
  switch (error.code) {
    case 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE':
      return 'it shows no certificate'
    case 'ERR_SSL_HTTP_REQUEST':
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
      return 'it does not speak TLS'
    case 'ERR_SSL_UNSUPPORTED_PROTOCOL':
    case 'ERR_SSL_NO_SHARED_CIPHER':
      return 'no version or cipher suite of TLS suits both sides'
    case 'ERR_SSL_NO_APPLICATION_PROTOCOL':
      return 'no protocol suits both sides'
    case 'ERR_TLS_HANDSHAKE_TIMEOUT':
      return 'the handshake took too long'
    case 'ECONNRESET':
      return 'the connection ended during the handshake'
    default:
      return alertText(error)
  }
}

/** A refusal by the other side comes as an alert; its name is the last part of OpenSSL's line. */
function alertText(error: NodeJS.ErrnoException): string {
  const alert = /(?:ssl\/tls|tlsv1|tlsv13|sslv3) alert ([a-z ]+?)(?::|$)/.exec(error.message)?.[1]
  return alert === undefined ? error.message : `the other side refuses: ${alert}`
}

/** Names of OpenSSL in words. */
export function certificateTrouble(code: string): string {
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return 'it has expired'
    case 'CERT_NOT_YET_VALID':
      return 'it is not valid yet'
    case 'CERT_REVOKED':
      return 'it was revoked'
    case 'CRL_HAS_EXPIRED':
      return 'the revocation list has expired, so nothing says that it was not revoked'
    case 'UNABLE_TO_GET_CRL':
      return 'there is no revocation list of its authority'
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
      return `no authority that is trusted here vouches for it (${code})`
    case 'INVALID_PURPOSE':
      return 'it is not meant for this: client certificates must allow client authentication, server certificates server authentication'
    default:
      return code
  }
}
