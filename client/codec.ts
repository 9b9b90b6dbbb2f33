/** How values become bytes and come back. */
import { fromUtf8, utf8 } from '../base/bytes.ts'

/** Text is taken for its UTF-8 bytes. */
export type Bytes = string | Uint8Array

/** `V` is what is read, and `W` what may be written. */
export interface Codec<V, W = V> {
  encode(value: W): Uint8Array
  /** @throws {Error} The bytes are none of this codec's. */
  decode(bytes: Uint8Array): V
}

/** As they are; text may be written too. */
export const bytesCodec: Codec<Uint8Array, Bytes> = { encode: toBytes, decode: (bytes) => bytes }

export const textCodec: Codec<string> = { encode: utf8, decode: fromUtf8 }

/** Values as JSON text. Nothing checks that what comes back is a `V`: whoever writes to these keys is trusted. */
export function jsonCodec<V>(): Codec<V> {
  return { encode: (value) => utf8(JSON.stringify(value)), decode: (bytes) => JSON.parse(fromUtf8(bytes)) as V }
}

export function toBytes(bytes: Bytes): Uint8Array {
  return typeof bytes === 'string' ? utf8(bytes) : bytes
}
