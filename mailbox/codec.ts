/**
 * Values as bytes. MessagePack, without records or shared structures, so that every frame stands for itself.
 *
 * `pack`/`unpack` serve threads of one process and our own files. `unpackUntrusted` is for bytes from a socket: it refuses what
 * could hurt (depth, element counts beyond the frame, extension types other than `undefined`), because a decoder that allocates
 * what a length field says is a remote control for our memory.
 *
 * Messages go through `packing.ts` and `unpacking.ts`; dates, maps, sets, big integers and the like through the library. Both
 * write the same bytes for the same value.
 */
import { Packr, Unpackr } from 'msgpackr'
import { packPlain } from './packing.ts'
import { CodecError, foreign, unpackPlain } from './unpacking.ts'

// A size up to 2^53 travels as a float64 or an int; beyond that nothing of ours goes.
const options = { useRecords: false, int64AsType: 'number', mapsAsObjects: true, moreTypes: false } as const
const packr = new Packr(options)
const unpackr = new Unpackr(options)

const depthMax = 32

/** The result is a view of a larger buffer that nobody writes again: keep it, but do not transfer its `buffer`. */
export function pack(value: unknown): Uint8Array {
  return packPlain(value) ?? packr.pack(value)
}

export function unpack(bytes: Uint8Array): unknown {
  try {
    return unpackPlain(bytes, Number.POSITIVE_INFINITY)
  } catch (error) {
    if (error !== foreign) throw error
    return unpackr.unpack(bytes)
  }
}

/** A copy of `bytes` of the host's own kind, which has methods that a plain array of bytes has not. */
export function hostBytes(bytes: Uint8Array): Uint8Array {
  return unpackr.unpack(packr.pack(bytes)) as Uint8Array
}

/**
 * Unpacks bytes that somebody else wrote.
 *
 * @throws {CodecError} The bytes are no valid frame, nest deeper than 32 or carry extension types.
 */
export function unpackUntrusted(bytes: Uint8Array): unknown {
  try {
    return unpackPlain(bytes, depthMax)
  } catch (error) {
    if (error === foreign) throw new CodecError('unpack: a value that we accept from nobody')
    throw error
  }
}
