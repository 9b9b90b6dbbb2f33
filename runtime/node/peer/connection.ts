/**
 * One TCP or TLS connection that carries frames: what dialler, listener and discovery share.
 *
 * Frames of one turn of the event loop leave in one write. The end comes exactly once, with a reason, whoever caused it.
 */
import type { Socket } from 'node:net'
import { dialTrouble } from '../tls/dial.ts'
import { controlTarget, FrameDecoder } from './frame.ts'
import { type ControlFrame, decodeControl } from './handshake.ts'

/** Counts of one executor's network. Only ever grow. */
export interface PeerCounters {
  framesSent: number
  framesReceived: number
  bytesSent: number
  bytesReceived: number
  /** Frames not sent: queue full, peer unknown, or their link never came up. */
  framesDropped: number
  dials: number
  dialsFailed: number
  /** Handshakes turned down, by us or by them. */
  refusals: number
  /** Connections ended because of what came in: damaged, oversized or misdirected frames. */
  faults: number
  /** Connections turned away because too many strangers were waiting. */
  turnedAway: number
}

export function createPeerCounters(): PeerCounters {
  return {
    framesSent: 0,
    framesReceived: 0,
    bytesSent: 0,
    bytesReceived: 0,
    framesDropped: 0,
    dials: 0,
    dialsFailed: 0,
    refusals: 0,
    faults: 0,
    turnedAway: 0,
  }
}

export interface ConnectionEvents {
  readonly onFrame: (source: number, target: number, body: Uint8Array) => void
  readonly onControl: (frame: ControlFrame) => void
  /** Once. `fault` is true where the bytes that came in were to blame. */
  readonly onClosed: (reason: string, fault: boolean) => void
  readonly onDrain?: () => void
}

export class Connection {
  readonly #socket: Socket
  readonly #events: ConnectionEvents
  readonly #counters: PeerCounters
  readonly #decoder: FrameDecoder
  #corked = false
  #closed = false
  #reason: string | undefined
  #silentPulses = 0

  constructor(socket: Socket, maxFrameBytes: number, counters: PeerCounters, events: ConnectionEvents) {
    this.#socket = socket
    this.#events = events
    this.#counters = counters
    this.#decoder = new FrameDecoder(maxFrameBytes, (source, target, body) => {
      // What follows a frame that ended the connection is nobody's any more.
      if (this.#closed) return
      if (target === controlTarget) events.onControl(decodeControl(body))
      else events.onFrame(source, target, body)
    })
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#onData(chunk))
    socket.on('drain', () => {
      this.#silentPulses = 0
      events.onDrain?.()
    })
    socket.on('error', (error) => {
      this.#reason ??= dialTrouble(error)
    })
    socket.on('close', () => this.#finish(this.#reason ?? 'the other side closed the connection', false))
  }

  /** Bytes handed over and not yet taken by the operating system. */
  get backlogBytes(): number {
    return this.#socket.writableLength
  }

  /**
   * Counts pulses of the owner's timer since anything came in or a backlog went out. Pulses and not milliseconds: when
   * this process itself stood still, one pulse is late, and the other side must not be blamed for the time.
   */
  pulse(): number {
    this.#silentPulses += 1
    return this.#silentPulses - 1
  }

  get remote(): string {
    return `${this.#socket.remoteAddress ?? '?'}:${this.#socket.remotePort ?? '?'}`
  }

  limit(maxFrameBytes: number): void {
    this.#decoder.limit(maxFrameBytes)
  }

  /** Sends one whole frame, together with all that are written before the event loop turns. */
  write(frame: Uint8Array): void {
    if (this.#closed) return
    if (!this.#corked) {
      this.#corked = true
      this.#socket.cork()
      process.nextTick(() => {
        this.#corked = false
        this.#socket.uncork()
      })
    }
    this.#counters.bytesSent += frame.length
    this.#socket.write(frame)
  }

  /** Sends what was written, then closes. */
  end(reason: string): void {
    this.#reason ??= reason
    this.#socket.end()
  }

  destroy(reason: string): void {
    this.#reason ??= reason
    this.#socket.destroy()
    this.#finish(this.#reason, false)
  }

  #onData(chunk: Uint8Array): void {
    this.#silentPulses = 0
    this.#counters.bytesReceived += chunk.length
    if (this.#closed) return
    const fault = this.#decoder.push(chunk)
    if (fault === undefined || this.#closed) return
    this.#counters.faults += 1
    this.#socket.destroy()
    this.#finish(fault, true)
  }

  #finish(reason: string, fault: boolean): void {
    if (this.#closed) return
    this.#closed = true
    this.#events.onClosed(reason, fault)
  }
}
