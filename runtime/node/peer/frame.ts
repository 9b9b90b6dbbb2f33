/**
 * Frames on a peer connection.
 *
 *    0        4        6        8           12            16
 *    ├────────┼────────┼────────┼───────────┼─────────────┼──────────┐
 *    │ length │ source │ target │ body crc  │ header crc  │ body ... │   all big-endian
 *    └────────┴────────┴────────┴───────────┴─────────────┴──────────┘
 *
 * `source` and `target` are executors; target 0xffff is the connection itself (handshake, keepalive, requests).
 * The header has a checksum of its own, so a damaged length is found at once and never waited for.
 *
 *   F1  a frame is delivered exactly as it was encoded, or the connection ends with a reason
 *   F2  how the bytes were cut on their way changes nothing
 *   F3  memory is reserved for a body only when its header is whole, intact and within the limit
 */
import { crc32 } from 'node:zlib'
import { readUint32, writeUint32 } from '../../../base/bytes.ts'

export const headerBytes = 16
/** The target of frames that concern the connection, not an executor. */
export const controlTarget = 0xffff
export const defaultMaxFrameBytes: number = 64 * 1024 * 1024

/**
 * One frame, whole, in memory of its own: the caller may reuse `body` at once.
 *
 * @throws {RangeError} An executor is not a whole number of 0 to 65535, or the body has 4 GiB or more.
 */
export function encodeFrame(source: number, target: number, body: Uint8Array): Uint8Array {
  if (!isUint16(source) || !isUint16(target)) {
    throw new RangeError(`encode a frame: executors must be whole numbers of 0 to 65535, not ${source} and ${target}`)
  }
  if (body.length > 0xffff_ffff)
    throw new RangeError(`encode a frame: a body of ${body.length} bytes has no length field`)
  const frame = Buffer.allocUnsafe(headerBytes + body.length)
  writeUint32(frame, 0, body.length)
  frame.writeUInt16BE(source, 4)
  frame.writeUInt16BE(target, 6)
  writeUint32(frame, 8, crc32(body))
  writeUint32(frame, 12, crc32(frame.subarray(0, 12)))
  frame.set(body, headerBytes)
  return frame
}

export type DeliverFrame = (source: number, target: number, body: Uint8Array) => void

/** Finds frames in a stream of bytes. After a fault it takes nothing more: the position in the stream is lost. */
export class FrameDecoder {
  readonly #deliver: DeliverFrame
  readonly #header: Uint8Array = new Uint8Array(headerBytes)
  #maxFrameBytes: number
  #headerFilled = 0
  #body: Uint8Array | undefined
  #bodyFilled = 0
  #fault: string | undefined

  /** @param maxFrameBytes - Longest body taken. */
  constructor(maxFrameBytes: number, deliver: DeliverFrame) {
    this.#maxFrameBytes = maxFrameBytes
    this.#deliver = deliver
  }

  /** Another limit from the next header on: strangers get less room than peers. */
  limit(maxFrameBytes: number): void {
    this.#maxFrameBytes = maxFrameBytes
  }

  /**
   * Takes the next bytes and delivers every frame they complete. A delivered body is owned by the receiver.
   *
   * @returns The reason why this stream cannot be read on; undefined while all is well.
   */
  push(chunk: Uint8Array): string | undefined {
    let at = 0
    while (this.#fault === undefined && at < chunk.length) {
      at = this.#body === undefined ? this.#fillHeader(chunk, at) : this.#fillBody(chunk, at, this.#body)
    }
    return this.#fault
  }

  /** True between two frames: a connection that ends here lost nothing half-way. */
  atBoundary(): boolean {
    return this.#body === undefined && this.#headerFilled === 0
  }

  #fillHeader(chunk: Uint8Array, at: number): number {
    const taken = Math.min(headerBytes - this.#headerFilled, chunk.length - at)
    this.#header.set(chunk.subarray(at, at + taken), this.#headerFilled)
    this.#headerFilled += taken
    if (this.#headerFilled < headerBytes) return at + taken
    const length = readUint32(this.#header, 0)
    if (crc32(this.#header.subarray(0, 12)) !== readUint32(this.#header, 12)) {
      this.#fault = 'F1: the header of a frame is damaged, or these are not frames'
    } else if (length > this.#maxFrameBytes) {
      this.#fault = `F3: a frame of ${length} bytes exceeds the limit of ${this.#maxFrameBytes}`
    } else {
      this.#body = new Uint8Array(length)
      this.#bodyFilled = 0
      if (length === 0) this.#finish(this.#body)
    }
    return at + taken
  }

  #fillBody(chunk: Uint8Array, at: number, body: Uint8Array): number {
    const taken = Math.min(body.length - this.#bodyFilled, chunk.length - at)
    body.set(chunk.subarray(at, at + taken), this.#bodyFilled)
    this.#bodyFilled += taken
    if (this.#bodyFilled === body.length) this.#finish(body)
    return at + taken
  }

  #finish(body: Uint8Array): void {
    this.#body = undefined
    this.#headerFilled = 0
    if (crc32(body) !== readUint32(this.#header, 8)) {
      this.#fault = `F1: the body of a frame of ${body.length} bytes is damaged`
      return
    }
    const executors = readUint32(this.#header, 4)
    this.#deliver(executors >>> 16, executors & 0xffff, body)
  }
}

function isUint16(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xffff
}
