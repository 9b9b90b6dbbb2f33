/** One key and what it holds, as a client shows it. */
import type { KeyValue } from '../actors/keyspace/messages.ts'
import { fromUtf8 } from '../base/bytes.ts'
import type { Codec } from './codec.ts'

export interface EntryData {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly createRevision: number
  readonly modRevision: number
  readonly version: number
  readonly lease: string
}

export class Entry<V> {
  readonly keyBytes: Uint8Array
  readonly valueBytes: Uint8Array
  /** The revision that made the key; and the one of its last change. */
  readonly createRevision: number
  readonly modRevision: number
  /** How often it was written since it was made, beginning with 1. */
  readonly version: number
  /** '0': none. */
  readonly lease: string
  readonly #codec: Pick<Codec<V>, 'decode'>

  constructor(data: EntryData | KeyValue, codec: Pick<Codec<V>, 'decode'>) {
    this.keyBytes = data.key
    this.valueBytes = data.value
    this.createRevision = data.createRevision
    this.modRevision = data.modRevision
    this.version = data.version
    this.lease = data.lease
    this.#codec = codec
  }

  /** As UTF-8. Keys that are other bytes are in `keyBytes`. */
  get key(): string {
    return fromUtf8(this.keyBytes)
  }

  /** @throws {Error} The codec cannot read it. */
  get value(): V {
    return this.#codec.decode(this.valueBytes)
  }

  /** The value as UTF-8, whatever the codec. */
  get text(): string {
    return fromUtf8(this.valueBytes)
  }
}
