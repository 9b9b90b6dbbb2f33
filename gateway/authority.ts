/**
 * Older clients of etcd (etcdctl 3.4 among them) send the endpoint as it was typed as the `:authority` of their calls:
 * `http://127.0.0.1:2379`. That is no authority, and the HTTP/2 library under us ends such a stream before anybody can
 * see it. So the first call of a connection is read here first, and the three bytes that are too much are overwritten by
 * ones that are allowed, of the same length in every encoding; nobody reads the name that results.
 *
 *   preface ─▶ our SETTINGS ─▶ hold until the first HEADERS and the answer to our SETTINGS ─▶ put all back, hand over
 *
 * A client may wait for our SETTINGS before it calls, so an empty one is sent from here; its answer is taken out again,
 * for the library would not know what it answers. Only the first call spells the name out, the others refer to it.
 */
import type { Socket } from 'node:net'

/** A client that sends more than this before its first call is none. */
const heldBytesMax = 256 * 1024
const prefaceBytes = 24
const frameHeaderBytes = 9
const emptySettings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
const frameTypes = { headers: 1, priority: 2, settings: 4, windowUpdate: 8 } as const
const flags = { acknowledged: 1, padded: 8, priority: 32 } as const
/** Where `:authority` stands in the table that every connection begins with. */
const authorityIndex = 1

/**
 * Reads the beginning of an HTTP/2 connection from `socket`, which nobody else may read meanwhile.
 *
 * @param withinMs - How long the client may take to answer our SETTINGS.
 * @param onReady - Called once, when the bytes are back in the socket. Not called when the connection ends first.
 */
export function mendAuthority(socket: Socket, withinMs: number, onReady: () => void): void {
  let held: Buffer = Buffer.alloc(0)
  socket.write(emptySettings)
  // Who has answered may be silent for as long as it likes; who has not is no client.
  const timer = setTimeout(() => {
    if (survey(held).acknowledgement === undefined) socket.destroy()
  }, withinMs)
  socket.once('close', () => clearTimeout(timer))
  const onReadable = (): void => {
    const chunk = socket.read() as Buffer | null
    if (chunk === null) {
      if (socket.readableEnded) socket.destroy()
      return
    }
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    const mended = mendBeginning(held)
    if (mended === undefined) {
      if (held.length > heldBytesMax) socket.destroy()
      return
    }
    clearTimeout(timer)
    socket.off('readable', onReadable)
    socket.unshift(mended)
    onReady()
  }
  socket.on('readable', onReadable)
}

/**
 * The beginning of a connection as the library may see it; undefined while more of it must come.
 *
 * @param bytes - From the preface on; changed in place.
 */
export function mendBeginning(bytes: Buffer): Buffer | undefined {
  const { acknowledgement, call, done } = survey(bytes)
  if (!done || acknowledgement === undefined) return undefined
  if (call !== undefined) mendHeaders(bytes.subarray(call + frameHeaderBytes, endOf(bytes, call)), bytes[call + 4] ?? 0)
  return Buffer.concat([bytes.subarray(0, acknowledgement), bytes.subarray(acknowledgement + frameHeaderBytes)])
}

interface Survey {
  /** Where the answer to our SETTINGS begins. */
  readonly acknowledgement: number | undefined
  /** Where the first call begins. */
  readonly call: number | undefined
  /** Whether what there is to be held for is here: a whole call, or something that the library is to answer at once. */
  readonly done: boolean
}

function survey(bytes: Buffer): Survey {
  let acknowledgement: number | undefined
  let call: number | undefined
  let done = false
  for (let at = prefaceBytes; at + frameHeaderBytes <= bytes.length; at = endOf(bytes, at)) {
    const type = bytes[at + 3]
    if (type === frameTypes.settings && ((bytes[at + 4] ?? 0) & flags.acknowledged) !== 0) acknowledgement ??= at
    else if (type === frameTypes.headers && !done) {
      if (endOf(bytes, at) > bytes.length) break
      call = at
      done = true
    } else if (type !== frameTypes.settings && type !== frameTypes.windowUpdate && type !== frameTypes.priority) {
      // A ping, a farewell or nonsense.
      done = true
    }
  }
  return { acknowledgement, call, done }
}

function endOf(bytes: Buffer, at: number): number {
  return at + frameHeaderBytes + bytes.readUIntBE(at, 3)
}

function mendHeaders(payload: Buffer, flag: number): void {
  let at = 0
  let end = payload.length
  if ((flag & flags.padded) !== 0) {
    end -= payload[0] ?? 0
    at += 1
  }
  if ((flag & flags.priority) !== 0) at += 5
  const block = payload.subarray(at, Math.max(at, end))
  const value = authorityIn(block)
  if (value !== undefined) mendValue(block.subarray(value.at, value.at + value.length), value.huffman)
}

interface Text {
  readonly at: number
  readonly length: number
  readonly huffman: boolean
}

/** Walks the fields of a header block (RFC 7541 §6) to the value of `:authority`, where it is spelt out. */
function authorityIn(block: Buffer): Text | undefined {
  for (let at = 0; at < block.length; ) {
    const first = block[at] ?? 0
    if ((first & 0x80) !== 0) {
      at = numberAt(block, at, 7).next
      continue
    }
    if ((first & 0xe0) === 0x20) {
      at = numberAt(block, at, 5).next
      continue
    }
    const name = numberAt(block, at, (first & 0x40) !== 0 ? 6 : 4)
    let next = name.next
    if (name.value === 0) {
      const spelt = textAt(block, next)
      next = spelt.at + spelt.length
    }
    const value = textAt(block, next)
    if (name.value === authorityIndex) return value
    at = value.at + value.length
  }
  return undefined
}

function textAt(block: Buffer, at: number): Text {
  const length = numberAt(block, at, 7)
  return { at: length.next, length: length.value, huffman: ((block[at] ?? 0) & 0x80) !== 0 }
}

/** A number of HPACK: `bits` of the first byte, then seven a byte (RFC 7541 §5.1). */
function numberAt(block: Buffer, at: number, bits: number): { readonly value: number; readonly next: number } {
  const most = (1 << bits) - 1
  let value = (block[at] ?? 0) & most
  let next = at + 1
  if (value < most) return { value, next }
  for (let shift = 0; shift <= 21; shift += 7) {
    const byte = block[next] ?? 0
    next += 1
    value += (byte & 0x7f) * 2 ** shift
    if ((byte & 0x80) === 0) break
  }
  return { value, next }
}

const plainScheme = Buffer.from('http://')
const plainMended = Buffer.from('http---')
// The same in HPACK's Huffman code, up to the last whole byte: "://" and "B--" have as many bits, and end alike.
const huffmanScheme = Buffer.from([0x9d, 0x29, 0xae, 0xe3, 0x0c])
const huffmanMended = Buffer.from([0x9d, 0x29, 0xae, 0xea, 0xcb])

function mendValue(value: Buffer, huffman: boolean): void {
  const [scheme, mended] = huffman ? [huffmanScheme, huffmanMended] : [plainScheme, plainMended]
  if (value.subarray(0, scheme.length).equals(scheme)) value.set(mended)
}
