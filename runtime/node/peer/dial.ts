/** Connects to a peer, by TCP or by TLS as its URL says. */
import { createConnection, Socket } from 'node:net'
import { dialTls } from '../tls/dial.ts'
import type { TlsMaterial } from '../tls/files.ts'
import type { TlsSettings } from '../tls/settings.ts'
import type { PeerAddress } from './url.ts'

/** What a dialler shows and whom it trusts; `WatchedTls` is one. */
export interface DialTls {
  readonly settings: TlsSettings
  /** Read at each dial: renewed certificates are used from the next one on. */
  readonly current: TlsMaterial
}

/**
 * Begins to connect; `onReady` is called when bytes may be written. A failure ends the socket with an error.
 *
 * @param tls - Of this node; without it an address that wants TLS cannot be dialled.
 */
export function dialPeer(target: PeerAddress, tls: DialTls | undefined, onReady: () => void): Socket {
  if (target.secure !== true) {
    const socket = createConnection({ host: target.host, port: target.port })
    socket.once('connect', onReady)
    return socket
  }
  if (tls !== undefined) return dialTls(target, tls.settings, tls.current, onReady)
  const socket = new Socket()
  const missing = `https://${target.host}:${target.port} wants TLS, and this node has no certificate for its peers`
  // Later, as any other failure comes: whoever dials has not listened for errors yet.
  process.nextTick(() => socket.destroy(new Error(missing)))
  return socket
}
