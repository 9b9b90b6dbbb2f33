/**
 * The way to one executor of one other node: dials, says hello, sends, notices its end and dials again.
 *
 *            hello, welcome                      the end, for any reason
 *   dialling ──────────────▶ up ──────────────────────────────────────────▶ resting ── delay ──▶ dialling
 *       └─── refused, wrong node, silent: what waited is dropped ──────────────▲
 *
 *   N1  frames arrive in the order in which they were sent, while the link lives
 *   N2  what waits never exceeds `queueBytesMax`; the newest is dropped, counted and reported to the sender
 *   N3  nothing waits longer than one rest and one dial: late mail is worth less than room
 *   N4  a link is up only with the node and the executor that were wanted
 */
import type { Socket } from 'node:net'
import { draw } from '../../../base/draw.ts'
import type { PeerAddresses, Route } from './addresses.ts'
import { Connection, type PeerCounters } from './connection.ts'
import { type DialTls, dialPeer } from './dial.ts'
import { encodeFrame, headerBytes } from './frame.ts'
import {
  type ControlFrame,
  encodeControl,
  type Hello,
  handshakeBytesMax,
  judgeWelcome,
  protocolVersion,
  type Welcome,
} from './handshake.ts'

export interface LinkTuning {
  readonly queueBytesMax: number
  readonly maxFrameBytes: number
  /** Dial and handshakes together, that of TLS too. */
  readonly handshakeTimeoutMs: number
  readonly backoffBaseMs: number
  readonly backoffMaxMs: number
  readonly pingEveryMs: number
  /** A connection silent for longer is dead. */
  readonly deadAfterMs: number
}

export type PeerLog = (level: 'info' | 'warn', text: string) => void

export interface LinkOwner {
  readonly clusterId: number
  readonly nodeId: number
  readonly executor: number
  readonly seed: number
  /** Listening ports of this node's executors. */
  readonly ports: () => readonly number[]
  /** Where this node can be found. */
  readonly urls: readonly string[]
  readonly addresses: PeerAddresses
  readonly tls: DialTls | undefined
  readonly counters: PeerCounters
  readonly tuning: LinkTuning
  readonly log: PeerLog
  readonly onUp: (node: number) => void
  readonly onDown: (node: number) => void
}

/** Above this, frames wait with us and not in the socket, so that a drop still finds them in order. */
const socketBytesMax = 1024 * 1024

const ping = encodeControl({ type: 'ping' })

export class PeerLink {
  readonly node: number
  readonly executor: number
  readonly #owner: LinkOwner
  #phase: 'resting' | 'dialling' | 'up' | 'closed' = 'resting'
  #connection: Connection | undefined
  #timer: NodeJS.Timeout | undefined
  #attempt = 0
  #failures = 0
  #lastTrouble = ''
  #queue: Uint8Array[] = []
  #queueHead = 0
  #queueBytes = 0
  #onEnd: () => void = () => undefined
  /** The executor that is dialled: another than the one meant where the node has fewer. It passes on what names an actor. */
  #target: number

  constructor(owner: LinkOwner, node: number, executor: number) {
    this.#owner = owner
    this.node = node
    this.executor = executor
    this.#target = executor
    this.#dial()
  }

  get up(): boolean {
    return this.#phase === 'up'
  }

  /** Bytes accepted and not yet given to the operating system. */
  get waitingBytes(): number {
    return this.#queueBytes + (this.#phase === 'up' ? (this.#connection?.backlogBytes ?? 0) : 0)
  }

  /** True when the frame was sent or waits for the link; false when it was dropped (N2). */
  send(body: Uint8Array): boolean {
    const { tuning, counters } = this.#owner
    const bytes = headerBytes + body.length
    if (
      this.#phase === 'closed' ||
      body.length > tuning.maxFrameBytes ||
      this.waitingBytes + bytes > tuning.queueBytesMax
    ) {
      counters.framesDropped += 1
      return false
    }
    const frame = encodeFrame(this.#owner.executor, this.#target, body)
    if (this.#canWrite()) {
      this.#write(frame)
    } else {
      this.#queue.push(frame)
      this.#queueBytes += frame.length
    }
    return true
  }

  /** Sends what waits, if the link is up, and closes. `done` is called when the connection has ended. */
  close(done: () => void): void {
    const connection = this.#connection
    const wasUp = this.#phase === 'up'
    clearTimeout(this.#timer)
    if (wasUp && connection !== undefined) {
      for (let frame = this.#next(); frame !== undefined; frame = this.#next()) this.#write(frame)
    }
    this.#dropQueue()
    this.#phase = 'closed'
    this.#onEnd = done
    if (connection === undefined) done()
    else if (wasUp) connection.end('this node closes the link')
    else connection.destroy('this node closes the link')
  }

  /** The node is known to be there: a link that rests after a failure dials at once. */
  nudge(): void {
    if (this.#phase !== 'resting' || this.#timer === undefined) return
    clearTimeout(this.#timer)
    this.#failures = 0
    this.#dial()
  }

  /** Ends a close that takes too long. */
  abort(): void {
    this.#connection?.destroy('the link did not drain in time')
  }

  #dial(): void {
    const { addresses, counters, tuning, tls } = this.#owner
    const route = addresses.route(this.node, this.#target, this.#attempt)
    if (route === undefined || this.#phase === 'closed') return
    this.#attempt += 1
    this.#phase = 'dialling'
    counters.dials += 1
    const socket = dialPeer(route, tls, () => {
      connection.write(encodeControl({ type: 'hello', hello: this.#hello() }))
    })
    const connection: Connection = this.#attach(socket, route)
    this.#connection = connection
    this.#timer = setTimeout(() => {
      connection.destroy(`no welcome within ${tuning.handshakeTimeoutMs} ms`)
    }, tuning.handshakeTimeoutMs)
  }

  #attach(socket: Socket, route: Route): Connection {
    const connection: Connection = new Connection(socket, handshakeBytesMax, this.#owner.counters, {
      onFrame: () => {
        this.#owner.counters.faults += 1
        connection.destroy('frames came in on a link that only sends')
      },
      onControl: (frame) => this.#onControl(connection, route, frame),
      onClosed: (reason) => this.#onClosed(connection, route, reason),
      onDrain: () => this.#pump(),
    })
    return connection
  }

  #hello(): Hello {
    const { clusterId, nodeId, executor, ports, urls } = this.#owner
    return {
      version: protocolVersion,
      clusterId,
      nodeId,
      executor,
      wantedNode: this.node,
      wantedExecutor: this.#target,
      ports: ports(),
      urls,
    }
  }

  #onControl(connection: Connection, route: Route, frame: ControlFrame): void {
    if (frame.type === 'welcome') {
      this.#onWelcome(connection, route, frame.welcome)
    } else if (frame.type === 'refusal') {
      this.#owner.counters.refusals += 1
      connection.destroy(`refused: ${frame.refusal.text}`)
    } else if (frame.type !== 'pong') {
      this.#owner.counters.faults += 1
      connection.destroy(frame.type === 'malformed' ? frame.text : `a ${frame.type} where a welcome was due`)
    }
  }

  #onWelcome(connection: Connection, route: Route, welcome: Welcome): void {
    if (this.#phase !== 'dialling') return
    const { clusterId, addresses, counters } = this.#owner
    const refusal = judgeWelcome({ clusterId, nodeId: this.node }, welcome)
    if (refusal !== undefined) {
      counters.refusals += 1
      connection.destroy(refusal.text)
      return
    }
    addresses.learn(this.node, welcome.ports, route)
    if (route.type === 'table') this.#onTable(connection, welcome)
    else this.#onUp(connection)
  }

  /** The peer URL told the ports: the executor itself is one more dial away. */
  #onTable(connection: Connection, welcome: Welcome): void {
    if (welcome.executors <= this.#target) {
      this.#target = standIn(this.executor, welcome.executors)
      // What waits is addressed to an executor that is not there. Whoever sent it repeats what matters.
      this.#dropQueue()
    }
    if (this.#target > 0 && (welcome.ports[this.#target] ?? 0) === 0) {
      const told = `node ${this.node} has ${welcome.executors} executors, and no port of executor ${this.#target} yet`
      connection.destroy(told)
      return
    }
    this.#detach()
    connection.end('the table of ports has been read')
    this.#dial()
  }

  #onUp(connection: Connection): void {
    const { tuning, log } = this.#owner
    clearTimeout(this.#timer)
    this.#phase = 'up'
    this.#failures = 0
    this.#lastTrouble = ''
    connection.limit(handshakeBytesMax)
    this.#timer = setInterval(() => this.#onPulse(connection), tuning.pingEveryMs)
    this.#timer.unref()
    log('info', `link to node ${this.node}, executor ${this.executor}: up (${connection.remote})`)
    this.#owner.onUp(this.node)
    this.#pump()
  }

  #onPulse(connection: Connection): void {
    const { deadAfterMs, pingEveryMs } = this.#owner.tuning
    // Asked always, not only at idle: frames travel one way, so without an answer to a ping nothing would ever come in.
    if (connection.pulse() * pingEveryMs >= deadAfterMs) connection.destroy(`silent for ${deadAfterMs} ms`)
    else connection.write(ping)
  }

  #onClosed(connection: Connection, route: Route, reason: string): void {
    if (connection !== this.#connection) return
    this.#detach()
    if (this.#phase === 'closed') {
      this.#onEnd()
      return
    }
    const wasUp = this.#phase === 'up'
    this.#phase = 'resting'
    // Whoever listens at a learned port may be somebody else by now: ask at the peer URL again.
    if (this.executor > 0) this.#owner.addresses.forgetPorts(this.node)
    if (wasUp) this.#owner.onDown(this.node)
    else this.#owner.counters.dialsFailed += 1
    this.#dropQueue()
    this.#complain(route, reason)
    this.#rest()
  }

  #rest(): void {
    const { tuning, seed, executor } = this.#owner
    const ceilingMs = Math.min(tuning.backoffMaxMs, tuning.backoffBaseMs * 2 ** Math.min(this.#failures, 30))
    this.#failures += 1
    const delayMs =
      ceilingMs * (0.5 + 0.5 * draw(seed, 'peer.redial', this.node, executor * 0x1_0000 + this.executor, this.#attempt))
    this.#timer = setTimeout(() => this.#dial(), delayMs)
    this.#timer.unref()
  }

  /** One line for one kind of trouble, not one for each attempt. */
  #complain(route: Route, reason: string): void {
    if (reason === this.#lastTrouble) return
    this.#lastTrouble = reason
    const where = `${route.host}:${route.port}`
    this.#owner.log('warn', `link to node ${this.node}, executor ${this.executor} (${where}): ${reason}`)
  }

  #detach(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#connection = undefined
  }

  #canWrite(): boolean {
    return this.#phase === 'up' && this.#queueBytes === 0 && (this.#connection?.backlogBytes ?? 0) < socketBytesMax
  }

  #pump(): void {
    while (this.#phase === 'up' && (this.#connection?.backlogBytes ?? 0) < socketBytesMax) {
      const frame = this.#next()
      if (frame === undefined) return
      this.#write(frame)
    }
  }

  #write(frame: Uint8Array): void {
    this.#owner.counters.framesSent += 1
    this.#connection?.write(frame)
  }

  #next(): Uint8Array | undefined {
    const frame = this.#queue[this.#queueHead]
    if (frame === undefined) {
      this.#queue = []
      this.#queueHead = 0
      return undefined
    }
    // Taking from the front of a long array would move all that follows: the head moves instead.
    this.#queueHead += 1
    this.#queueBytes -= frame.length
    if (this.#queueHead > 1_024 && this.#queueHead * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#queueHead)
      this.#queueHead = 0
    }
    return frame
  }

  #dropQueue(): void {
    this.#owner.counters.framesDropped += this.#queue.length - this.#queueHead
    this.#queue = []
    this.#queueHead = 0
    this.#queueBytes = 0
  }
}

/** Which of `executors` stands in for one that a node does not have: the host's only where it is alone. */
function standIn(executor: number, executors: number): number {
  return executors === 1 ? 0 : 1 + ((executor - 1) % (executors - 1))
}
