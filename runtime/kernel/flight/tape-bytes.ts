/**
 * The bytes of a recording, one value after another: numbers and bytes as they are, everything else packed. What the
 * writer writes, the reader reads in the same order; neither knows what it means.
 */
import { fromUtf8, utf8 } from '../../../base/bytes.ts'
import { hostBytes, isHostBytes, packPortable, type Relocation, unpackPortable } from './portable.ts'

/** A file that is no recording, or not a whole one, or of a format that this version does not read. */
export class RecordingRefused extends Error {
  override readonly name = 'RecordingRefused'
}

/** What was thrown instead of an answer. */
export class Thrown {
  readonly name: string
  readonly message: string

  constructor(name: string, message: string) {
    this.name = name
    this.message = message
  }
}

/** What a value begins with. */
const tags = { nothing: 0, number: 1, yes: 2, no: 3, bytes: 4, hostBytes: 5, packed: 6, rows: 7, thrown: 8 } as const

const firstBytes = 4_096

/** More is to be written than the writer may hold. */
export class TapeFull extends Error {
  override readonly name = 'TapeFull'
}

export class TapeWriter {
  readonly #bytesMax: number
  #bytes = new Uint8Array(firstBytes)
  #view = new DataView(this.#bytes.buffer)
  length = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** What was written from `from` on, as bytes of its own. */
  slice(from: number = 0): Uint8Array {
    return this.#bytes.slice(from, this.length)
  }

  /** Forgets what was written before `from`. */
  drop(from: number): void {
    this.#bytes.copyWithin(0, from, this.length)
    this.length -= from
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.length] = value
    this.length += 1
  }

  word(value: number): void {
    this.#reserve(4)
    this.#view.setUint32(this.length, value)
    this.length += 4
  }

  number(value: number): void {
    this.#reserve(8)
    this.#view.setFloat64(this.length, value)
    this.length += 8
  }

  bytes(value: Uint8Array): void {
    this.word(value.length)
    this.#reserve(value.length)
    this.#bytes.set(value, this.length)
    this.length += value.length
  }

  text(value: string): void {
    this.bytes(utf8(value))
  }

  /** @throws {Unrecordable} It holds what no file can. */
  value(value: unknown): void {
    if (value === undefined) this.byte(tags.nothing)
    else if (value === true) this.byte(tags.yes)
    else if (value === false) this.byte(tags.no)
    else if (typeof value === 'number') {
      this.byte(tags.number)
      this.number(value)
    } else if (value instanceof Uint8Array) {
      this.#tagged(value)
    } else if (value instanceof Thrown) {
      this.byte(tags.thrown)
      this.text(value.name)
      this.text(value.message)
    } else {
      this.byte(tags.packed)
      this.bytes(packPortable(value))
    }
  }

  /** Pairs of bytes, as a range of a store answers: a value of its own kind, since there may be very many. */
  rows(rows: readonly (readonly [Uint8Array, Uint8Array])[]): void {
    this.byte(tags.rows)
    this.word(rows.length)
    for (const [key, value] of rows) {
      this.#tagged(key)
      this.#tagged(value)
    }
  }

  #tagged(bytes: Uint8Array): void {
    this.byte(isHostBytes(bytes) ? tags.hostBytes : tags.bytes)
    this.bytes(bytes)
  }

  #reserve(bytes: number): void {
    const wanted = this.length + bytes
    if (wanted <= this.#bytes.length) return
    if (wanted > this.#bytesMax) throw new TapeFull(`a recording of at most ${this.#bytesMax} bytes is full`)
    const grown = new Uint8Array(Math.min(this.#bytesMax, Math.max(wanted, this.#bytes.length * 2)))
    grown.set(this.#bytes.subarray(0, this.length))
    this.#bytes = grown
    this.#view = new DataView(grown.buffer)
  }
}

export class TapeReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #relocation: Relocation | undefined
  #at = 0

  constructor(bytes: Uint8Array, relocation?: Relocation) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#relocation = relocation
  }

  get ended(): boolean {
    return this.#at >= this.#bytes.length
  }

  byte(): number {
    return this.#bytes[this.#take(1)] as number
  }

  word(): number {
    return this.#view.getUint32(this.#take(4))
  }

  number(): number {
    return this.#view.getFloat64(this.#take(8))
  }

  /** A view of the recording: not to be changed. */
  bytes(): Uint8Array {
    const length = this.word()
    const at = this.#take(length)
    return this.#bytes.subarray(at, at + length)
  }

  text(): string {
    return fromUtf8(this.bytes())
  }

  value(): unknown {
    const tag = this.byte()
    switch (tag) {
      case tags.nothing:
        return undefined
      case tags.number:
        return this.number()
      case tags.yes:
        return true
      case tags.no:
        return false
      case tags.bytes:
        return new Uint8Array(this.bytes())
      case tags.hostBytes:
        return hostBytes(this.bytes())
      case tags.packed:
        return unpackPortable(this.bytes(), this.#relocation)
      case tags.rows:
        return Array.from({ length: this.word() }, () => [this.value(), this.value()])
      case tags.thrown:
        return new Thrown(this.text(), this.text())
      default:
        throw new RecordingRefused(`recording: byte ${this.#at - 1} begins a value of kind ${tag}, which there is not`)
    }
  }

  #take(bytes: number): number {
    const at = this.#at
    if (at + bytes > this.#bytes.length) {
      throw new RecordingRefused(`recording: wanted ${bytes} bytes at ${at}, but it ends after ${this.#bytes.length}`)
    }
    this.#at = at + bytes
    return at
  }
}
