/**
 * One TCP port for two protocols, as etcd has it. With TLS client and server agree on one in the handshake; without, or
 * where a client did not say, the first bytes of a connection tell.
 *
 *   "PRI * HTTP/2.0"  a gRPC client                     ──▶ the gRPC server
 *   anything else     HTTP/1.1, or nonsense it refuses  ──▶ the HTTP server
 *
 * The bytes read for the decision are put back, so neither server knows of it. A connection that does not say enough in
 * time is closed, and so is one that begins with a TLS hello where no TLS is spoken: only the peer's configuration can
 * mean that.
 */
import { createServer, type Server as NetServer, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { TlsDoor } from '../runtime/node/tls/door.ts'
import type { WatchedTls } from '../runtime/node/tls/watched.ts'
import { mendAuthority } from './authority.ts'

export interface ListenerOptions {
  /** Takes connections that began with the HTTP/2 preface; without it all are HTTP/1.1. */
  readonly onHttp2?: (socket: Socket) => void
  readonly onHttp1: (socket: Socket) => void
  /** Whoever comes after so many is closed at once; 16_384 by default. */
  readonly connectionsMax?: number
  /** How long a connection may take to show its protocol, and before that to be secured; 10 s by default. */
  readonly decideWithinMs?: number
  /** For addresses that begin with `https://`. */
  readonly tls?: WatchedTls
  /** A connection was not secured. */
  readonly onRefused?: (remote: string, reason: string) => void
}

export interface Listener {
  /** The address in use, with the port that was given where port 0 was asked for. */
  readonly url: string
  /** Resolves when it has stopped and the last of its connections is closed. */
  readonly closed: Promise<void>
  /** Accepts no more, and closes the connections that never said anything; the others go on. */
  stop(): void
  /** Closes whatever connection is left. */
  destroy(): void
}

/** A listen address that cannot be used. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
}

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
// "PRI " is no method of HTTP/1.1, so four bytes decide.
const decidingBytes = 4
const tlsHandshake = 0x16
const connectionsMaxDefault = 16_384
const decideMsDefault = 10_000

/**
 * @param text - `http://host:port` or `https://host:port`; port 0 takes a free one.
 * @throws {ListenError} The text is no such address, or wants TLS and there are no certificates, or the address is in use
 *   or not ours to take.
 */
export async function listen(text: string, options: ListenerOptions): Promise<Listener> {
  const { scheme, host, port } = listenAddress(text)
  const { tls } = options
  if (scheme === 'https' && tls === undefined)
    throw new ListenError(`cannot listen on ${text}: there is no certificate`)
  const sockets = new Set<Socket>()
  const undecided = new Set<Socket>()
  const entering = new Map<string, Socket>()
  const door =
    scheme === 'https' && tls !== undefined
      ? doorOf(tls, options, (socket) => void undecided.delete(entering.get(remoteOf(socket)) ?? socket))
      : undefined
  const server = createServer({ noDelay: true, pauseOnConnect: false }, (socket) => {
    sockets.add(socket)
    undecided.add(socket)
    socket.once('close', () => {
      sockets.delete(socket)
      undecided.delete(socket)
    })
    // Resets are the callers' business; without a listener each one would end the process.
    socket.on('error', () => socket.destroy())
    if (door === undefined) {
      route(socket, options, () => undecided.delete(socket))
      return
    }
    // What comes out of the door is another socket over this one; the address is what they have in common.
    const remote = remoteOf(socket)
    entering.set(remote, socket)
    socket.once('close', () => entering.get(remote) === socket && entering.delete(remote))
    door.accept(socket)
  })
  server.maxConnections = options.connectionsMax ?? connectionsMaxDefault
  await bind(server, host, port, text)
  const address = server.address()
  const boundPort = typeof address === 'object' && address !== null ? address.port : port
  const closed = new Promise<void>((resolve) => server.once('close', resolve))
  return {
    url: `${scheme}://${host.includes(':') ? `[${host}]` : host}:${boundPort}`,
    closed,
    stop: () => {
      server.close()
      for (const socket of undecided) socket.destroy()
    },
    destroy: () => {
      for (const socket of sockets) socket.destroy()
    },
  }
}

function remoteOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

function doorOf(tls: WatchedTls, options: ListenerOptions, onDecided: (socket: Socket) => void): TlsDoor {
  const { onHttp2, decideWithinMs = decideMsDefault, onRefused } = options
  return new TlsDoor(tls, {
    protocolOf: (named) => protocolOf(named, onHttp2 !== undefined),
    handshakeTimeoutMs: decideWithinMs,
    onSecure: (socket) => {
      socket.on('error', () => socket.destroy())
      routeSecured(socket, options, () => onDecided(socket))
    },
    onRefused: (remote, reason) => onRefused?.(remote, reason),
  })
}

/**
 * gRPC clients name HTTP/2 alone, as it cannot do without. Who names both is a browser or curl: it is spoken to in HTTP/1.1,
 * for the gRPC server answers nothing else than gRPC.
 */
function protocolOf(named: readonly string[], withHttp2: boolean): string | undefined {
  if (named.includes('http/1.1')) return 'http/1.1'
  return withHttp2 && named.includes('h2') ? 'h2' : undefined
}

function routeSecured(socket: TLSSocket, options: ListenerOptions, onDecided: () => void): void {
  const { onHttp1, onHttp2, decideWithinMs = decideMsDefault } = options
  if (socket.alpnProtocol === 'h2' && onHttp2 !== undefined) {
    mendAuthority(socket, decideWithinMs, () => {
      onDecided()
      onHttp2(socket)
    })
  } else if (socket.alpnProtocol === 'http/1.1') {
    onDecided()
    onHttp1(socket)
  } else {
    const sniffed = { ...options, ...(onHttp2 !== undefined && { onHttp2: () => onHttp2(asHttp2(socket)) }) }
    route(socket, sniffed, onDecided)
  }
}

/** The HTTP/2 library takes no secured connection on which HTTP/2 was not agreed, though this one speaks it. */
function asHttp2(socket: TLSSocket): TLSSocket {
  socket.alpnProtocol = 'h2'
  return socket
}

function route(socket: Socket, options: ListenerOptions, onDecided: () => void): void {
  const { onHttp2 } = options
  if (onHttp2 === undefined) {
    onDecided()
    options.onHttp1(socket)
    return
  }
  const seen: Buffer[] = []
  const timer = setTimeout(() => socket.destroy(), options.decideWithinMs ?? decideMsDefault)
  const settle = (): void => {
    clearTimeout(timer)
    socket.off('readable', onReadable)
    socket.off('close', settle)
  }
  const onReadable = (): void => {
    const chunk = socket.read() as Buffer | null
    if (chunk === null) {
      if (socket.readableEnded) socket.destroy()
      return
    }
    seen.push(chunk)
    const bytes = seen.length === 1 ? chunk : Buffer.concat(seen)
    const length = Math.min(bytes.length, decidingBytes)
    const matches = bytes.subarray(0, length).equals(preface.subarray(0, length))
    if (matches && bytes.length < decidingBytes) return
    settle()
    if (bytes[0] === tlsHandshake) {
      socket.destroy()
      return
    }
    socket.unshift(bytes)
    if (matches) {
      // Until its first call it is nobody's, and is closed when the listener stops.
      mendAuthority(socket, options.decideWithinMs ?? decideMsDefault, () => {
        onDecided()
        onHttp2(socket)
      })
      return
    }
    onDecided()
    options.onHttp1(socket)
  }
  socket.on('readable', onReadable)
  socket.on('close', settle)
  socket.once('end', () => {
    // Ended before it said anything: there is nobody to answer.
    if (seen.length === 0) socket.destroy()
  })
}

function bind(server: NetServer, host: string, port: number, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (thrown: NodeJS.ErrnoException): void => {
      reject(new ListenError(`cannot listen on ${text}: ${reasonOf(thrown)}`, { cause: thrown }))
    }
    server.once('error', onError)
    server.listen({ host, port }, () => {
      server.off('error', onError)
      // Running out of file descriptors ends one accept, not the server.
      server.on('error', () => undefined)
      resolve()
    })
  })
}

function reasonOf(thrown: NodeJS.ErrnoException): string {
  switch (thrown.code) {
    case 'EADDRINUSE':
      return 'the address is in use, perhaps by another etcd or Aspen'
    case 'EADDRNOTAVAIL':
      return 'the address is not one of this machine'
    case 'EACCES':
      return 'the port may not be opened by this user'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the host name is unknown'
    default:
      return thrown.message
  }
}

interface ListenAddress {
  readonly scheme: 'http' | 'https'
  readonly host: string
  readonly port: number
}

function listenAddress(text: string): ListenAddress {
  const match = /^(https?):\/\/(\[[0-9a-fA-F:.]+\]|[^\s/:@?#[\]]+):(\d{1,5})\/?$/.exec(text)
  const [, scheme, host, portText] = match ?? []
  const port = Number(portText)
  if (scheme === undefined || host === undefined || port > 65_535) {
    throw new ListenError(
      `cannot listen on ${text}: a listen address has the form http://host:port or https://host:port`,
    )
  }
  return { scheme: scheme === 'https' ? 'https' : 'http', host: host.replace(/^\[(.*)\]$/, '$1'), port }
}
