/**
 * The listening side of one executor: judges who knocks, hands over the frames of those it let in, and on executor 0
 * answers requests of nodes that are not members yet.
 *
 *   L1  nobody delivers a frame before its hello was welcomed
 *   L2  strangers are few (`pendingMax`), short-lived (`handshakeTimeoutMs`) and brief (`handshakeBytesMax`); those whose
 *       TLS handshake is under way are strangers too
 *   L3  of two connections from the same executor only the newer lives, so an old one cannot speak after it
 *   L4  a frame that is not for this executor, or not from the one that said hello, ends its connection
 */
import { createServer, type Server, type Socket } from 'node:net'
import { TlsDoor } from '../tls/door.ts'
import type { WatchedTls } from '../tls/watched.ts'
import type { PeerAddresses } from './addresses.ts'
import { Connection, type PeerCounters } from './connection.ts'
import {
  type ControlFrame,
  encodeControl,
  type Hello,
  handshakeBytesMax,
  judgeHello,
  type Refusal,
} from './handshake.ts'
import type { PeerLog } from './link.ts'
import type { PeerAddress } from './url.ts'

/** Answers a request of a node that is not a member; undefined when it knows no such `kind`. */
export type AnswerRequest = (kind: string, body: Uint8Array) => Uint8Array | undefined | Promise<Uint8Array | undefined>

export interface ListenerOptions {
  readonly clusterId: number
  readonly nodeId: number
  readonly executor: number
  readonly executors: number
  readonly ports: () => readonly number[]
  readonly addresses: PeerAddresses
  readonly counters: PeerCounters
  readonly log: PeerLog
  readonly maxFrameBytes: number
  readonly handshakeTimeoutMs: number
  readonly deadAfterMs: number
  /** Connections that have not said a good hello yet, at most. */
  readonly pendingMax: number
  readonly onFrame: (node: number, executor: number, frame: Uint8Array) => void
  /** A node of the cluster has connected. */
  readonly onHello: (node: number) => void
  readonly onRequest: AnswerRequest | undefined
  /** Needed where the address is one of TLS. */
  readonly tls: WatchedTls | undefined
}

interface Guest {
  readonly connection: Connection
  hello: Hello | undefined
  timer: NodeJS.Timeout | undefined
}

const pulsesUntilDead = 4
const pong = encodeControl({ type: 'pong' })

export class PeerListener {
  readonly #options: ListenerOptions
  readonly #server: Server
  readonly #door: TlsDoor | undefined
  /** Those in the door: a listener that closes must end them too. */
  readonly #entering = new Set<Socket>()
  readonly #guests = new Set<Guest>()
  /** Those let in, by node and executor (L3). */
  readonly #members = new Map<string, Guest>()
  readonly #watch: NodeJS.Timeout

  private constructor(options: ListenerOptions, server: Server, secure: boolean) {
    this.#options = options
    this.#server = server
    this.#door = secure && options.tls !== undefined ? this.#doorOf(options.tls) : undefined
    server.on('connection', (socket) => this.#onConnection(socket))
    this.#watch = setInterval(() => this.#endSilent(), options.deadAfterMs / pulsesUntilDead)
    this.#watch.unref()
  }

  /**
   * Listens at `address` (port 0: any free one).
   *
   * @throws {RangeError} The address is one of TLS, and there is no certificate.
   * @throws {Error} The address is in use, not of this machine, or not allowed: the text says which.
   */
  static open(address: PeerAddress, options: ListenerOptions): Promise<PeerListener> {
    const secure = address.secure === true
    if (secure && options.tls === undefined) {
      throw new RangeError(
        `listen for peers at https://${address.host}:${address.port}: wanted a certificate, got none`,
      )
    }
    return new Promise((resolve, reject) => {
      const server = createServer()
      const onError = (error: NodeJS.ErrnoException): void =>
        reject(new Error(listenTrouble(address, error), { cause: error }))
      server.once('error', onError)
      server.listen({ host: address.host, port: address.port, exclusive: true }, () => {
        server.off('error', onError)
        server.on('error', (error) => options.log('warn', `peer listener: ${error.message}`))
        resolve(new PeerListener(options, server, secure))
      })
    })
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  close(): Promise<void> {
    clearInterval(this.#watch)
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      for (const socket of this.#entering) socket.destroy()
      for (const guest of this.#guests) guest.connection.destroy('this node closes its listener')
    })
  }

  #onConnection(socket: Socket): void {
    const { counters, pendingMax } = this.#options
    const handshaking = this.#door?.handshaking ?? 0
    if (this.#guests.size - this.#members.size + handshaking >= pendingMax) {
      counters.turnedAway += 1
      socket.on('error', () => undefined)
      socket.destroy()
      return
    }
    if (this.#door === undefined) {
      this.#welcome(socket)
      return
    }
    this.#entering.add(socket)
    socket.once('close', () => this.#entering.delete(socket))
    this.#door.accept(socket)
  }

  #doorOf(tls: WatchedTls): TlsDoor {
    const { counters, handshakeTimeoutMs, log } = this.#options
    return new TlsDoor(tls, {
      handshakeTimeoutMs,
      onSecure: (socket) => this.#welcome(socket),
      onRefused: (remote, reason) => {
        counters.refusals += 1
        log('warn', `connection from ${remote}: refused: ${reason}`)
      },
    })
  }

  /** Waits for the hello of a connection that may be read. */
  #welcome(socket: Socket): void {
    const { counters, handshakeTimeoutMs } = this.#options
    const connection: Connection = new Connection(socket, handshakeBytesMax, counters, {
      onFrame: (source, target, body) => this.#onFrame(guest, source, target, body),
      onControl: (frame) => this.#onControl(guest, frame),
      onClosed: (reason, fault) => this.#onClosed(guest, reason, fault),
    })
    const guest: Guest = { connection, hello: undefined, timer: undefined }
    guest.timer = setTimeout(() => connection.destroy(`no hello within ${handshakeTimeoutMs} ms`), handshakeTimeoutMs)
    guest.timer.unref()
    this.#guests.add(guest)
  }

  #onFrame(guest: Guest, source: number, target: number, body: Uint8Array): void {
    const { hello, connection } = guest
    const { counters, executor, onFrame } = this.#options
    if (hello === undefined || target !== executor || source !== hello.executor) {
      counters.faults += 1
      const wrong = hello === undefined ? 'a frame before the hello (L1)' : `a frame from ${source} to ${target} (L4)`
      this.#complain(guest, wrong)
      connection.destroy(wrong)
      return
    }
    counters.framesReceived += 1
    onFrame(hello.nodeId, source, body)
  }

  #onControl(guest: Guest, frame: ControlFrame): void {
    switch (frame.type) {
      case 'ping':
        // A stranger's ping is no hello: it buys no time.
        if (guest.hello !== undefined) guest.connection.write(pong)
        break
      case 'hello':
        this.#onHello(guest, frame.hello)
        break
      case 'request':
        this.#onRequest(guest, frame.kind, frame.body)
        break
      case 'malformed':
        this.#refuse(guest, { reason: 'malformed', text: frame.text })
        break
      default:
        this.#refuse(guest, { reason: 'malformed', text: `a ${frame.type} is not for a listener` })
    }
  }

  #onHello(guest: Guest, hello: Hello): void {
    const { clusterId, nodeId, executor, executors, ports, addresses, maxFrameBytes } = this.#options
    if (guest.hello !== undefined) {
      this.#refuse(guest, { reason: 'malformed', text: 'a second hello' })
      return
    }
    const refusal = judgeHello({ clusterId, nodeId, executor }, hello)
    if (refusal !== undefined) {
      this.#refuse(guest, refusal)
      return
    }
    guest.connection.write(
      encodeControl({ type: 'welcome', welcome: { clusterId, nodeId, executors, ports: ports() } }),
    )
    // Who came for the table of ports reads it and leaves; it stays a stranger, with a stranger's patience.
    if (hello.wantedExecutor !== executor) return
    clearTimeout(guest.timer)
    addresses.meet(hello.nodeId, hello.urls)
    addresses.learn(hello.nodeId, hello.ports)
    this.#options.onHello(hello.nodeId)
    guest.hello = hello
    guest.connection.limit(maxFrameBytes)
    const key = memberKey(hello)
    const older = this.#members.get(key)
    this.#members.set(key, guest)
    older?.connection.destroy('a newer connection of the same executor took its place (L3)')
  }

  #onRequest(guest: Guest, kind: string, body: Uint8Array): void {
    const { executor, onRequest } = this.#options
    if (guest.hello !== undefined || executor !== 0 || onRequest === undefined) {
      this.#refuse(guest, { reason: 'unknownRequest', text: `no requests are answered here, '${kind}' neither` })
      return
    }
    // The hook is another room's code; whatever it does, this connection gets one answer and ends.
    Promise.resolve()
      .then(() => onRequest(kind, body))
      .then(
        (reply) => {
          if (reply === undefined) {
            this.#refuse(guest, { reason: 'unknownRequest', text: `no request is called '${kind}'` })
            return
          }
          guest.connection.write(encodeControl({ type: 'response', body: reply }))
          guest.connection.end('the request was answered')
        },
        (error: unknown) =>
          this.#refuse(guest, { reason: 'busy', text: `'${kind}' failed: ${String(error)}`.slice(0, 1_024) }),
      )
  }

  #refuse(guest: Guest, refusal: Refusal): void {
    this.#options.counters.refusals += 1
    this.#complain(guest, `refused: ${refusal.text}`)
    guest.connection.write(encodeControl({ type: 'refusal', refusal }))
    guest.connection.end(`refused: ${refusal.text}`)
  }

  #onClosed(guest: Guest, reason: string, fault: boolean): void {
    clearTimeout(guest.timer)
    this.#guests.delete(guest)
    if (fault) this.#complain(guest, reason)
    if (guest.hello === undefined) return
    const key = memberKey(guest.hello)
    if (this.#members.get(key) === guest) this.#members.delete(key)
  }

  #complain(guest: Guest, text: string): void {
    this.#options.log('warn', `connection from ${guest.connection.remote}: ${text}`)
  }

  #endSilent(): void {
    const { deadAfterMs } = this.#options
    for (const { connection } of this.#members.values()) {
      if (connection.pulse() >= pulsesUntilDead) connection.destroy(`silent for ${deadAfterMs} ms`)
    }
  }
}

function memberKey(hello: Hello): string {
  return `${hello.nodeId}/${hello.executor}`
}

function listenTrouble({ host, port }: PeerAddress, error: NodeJS.ErrnoException): string {
  const where = `listen for peers at ${host}:${port}`
  switch (error.code) {
    case 'EADDRINUSE':
      return `${where}: the address is already in use; end what uses it, or choose another peer URL`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${where}: this machine has no such address; choose a peer URL of its own`
    case 'EACCES':
      return `${where}: not permitted; choose a port above 1023 or give the process the right`
    default:
      return `${where}: ${error.message}`
  }
}
