/**
 * Who calls, as far as the transport can tell: a token in the metadata, the name in a client certificate. Whoever comes
 * through a front door is an outside caller, with credentials or with empty ones.
 */
import type { Credentials } from '../../client/interface.ts'

/** As much of a TLS socket as tells who is at the other end. */
export interface PeerSocket {
  /** The chain was checked against the authority that this server trusts. */
  readonly authorized?: boolean
  readonly getPeerCertificate?: () => { readonly subject?: { readonly CN?: string | string[] | undefined } }
}

/**
 * @param header - A header by its name in small letters. gRPC clients send `token`, as it is; the gateway's send
 *   `authorization`, with or without the word Bearer.
 * @param commonName - Of a certificate that was checked, see `commonNameOf`.
 */
export function credentialsOf(
  header: (name: string) => string | undefined,
  commonName: string | undefined,
): Credentials {
  const token = header('token') ?? header('authorization')?.replace(/^bearer +/i, '')
  return {
    ...(token !== undefined && { token }),
    ...(commonName !== undefined && { commonName }),
  }
}

/** The name in the certificate of whoever is at the other end; undefined where there is none that was checked. */
export function commonNameOf(socket: PeerSocket | undefined): string | undefined {
  if (socket?.authorized !== true) return undefined
  const name = socket.getPeerCertificate?.().subject?.CN
  // Of several names nobody can say which is his.
  return typeof name === 'string' && name !== '' ? name : undefined
}
