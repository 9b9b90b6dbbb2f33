/**
 * One TCP port for two protocols, as etcd has it: the first bytes of a connection say which.
 *
 *   "PRI * HTTP/2.0"  a gRPC client, without TLS        ──▶ the gRPC server
 *   anything else     HTTP/1.1, or nonsense it refuses  ──▶ the HTTP server
 *
 * The bytes read for the decision are put back, so neither server knows of it. A connection that does not say enough in
 * time is closed, and so is one that begins with a TLS hello, which only the peer's configuration can mean.
 */
import { createServer, type Server as NetServer, type Socket } from 'node:net'
import { mendAuthority } from './authority.ts'

export interface ListenerOptions {
  /** Takes connections that began with the HTTP/2 preface; without it all are HTTP/1.1. */
  readonly onHttp2?: (socket: Socket) => void
  readonly onHttp1: (socket: Socket) => void
  /** How long a connection may take to show its protocol; 10 s by default. */
  readonly decideWithinMs?: number
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
const connectionsMax = 16_384
const decideMsDefault = 10_000

/**
 * @param text - `http://host:port`; port 0 takes a free one.
 * @throws {ListenError} The text is no such address, or the address is in use or not ours to take.
 */
export async function listen(text: string, options: ListenerOptions): Promise<Listener> {
  const { host, port } = listenAddress(text)
  const sockets = new Set<Socket>()
  const undecided = new Set<Socket>()
  const server = createServer({ noDelay: true, pauseOnConnect: false }, (socket) => {
    sockets.add(socket)
    undecided.add(socket)
    socket.once('close', () => {
      sockets.delete(socket)
      undecided.delete(socket)
    })
    // Resets are the callers' business; without a listener each one would end the process.
    socket.on('error', () => socket.destroy())
    route(socket, options, () => undecided.delete(socket))
  })
  server.maxConnections = connectionsMax
  await bind(server, host, port, text)
  const address = server.address()
  const boundPort = typeof address === 'object' && address !== null ? address.port : port
  const closed = new Promise<void>((resolve) => server.once('close', resolve))
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${boundPort}`,
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

function listenAddress(text: string): { readonly host: string; readonly port: number } {
  const match = /^http:\/\/(\[[0-9a-fA-F:.]+\]|[^\s/:@?#[\]]+):(\d{1,5})\/?$/.exec(text)
  const port = Number(match?.[2])
  if (match?.[1] === undefined || port > 65_535) {
    throw new ListenError(`cannot listen on ${text}: a listen address has the form http://host:port`)
  }
  return { host: match[1].replace(/^\[(.*)\]$/, '$1'), port }
}
