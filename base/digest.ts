/**
 * Digests without a dependency: FNV-1a over bytes and text, and a rolling 64-bit digest kept as two 32-bit halves, so
 * that hot paths never touch bigint. Not for secrets: nothing here resists an attacker.
 */

import { utf8 } from './bytes.ts'

const fnvOffset = 0x811c9dc5
const fnvPrime = 0x01000193

/** FNV-1a of `bytes`, 32 bits, continuing from `seed`. */
export function hash32(bytes: Uint8Array, seed: number = fnvOffset): number {
  let hash = seed
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ (bytes[i] as number), fnvPrime)
  return hash >>> 0
}

/** FNV-1a of the UTF-16 code units of `text`, 32 bits. */
export function hashText(text: string, seed: number = fnvOffset): number {
  let hash = seed
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), fnvPrime)
  return hash >>> 0
}

/** Spreads every input bit over every output bit (the finaliser of MurmurHash3). */
export function mix32(value: number): number {
  let hash = value | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** A positive safe integer (1 to 2^53-1) derived from `text`: member, cluster and node ids. */
export function id53(text: string): number {
  const bytes = utf8(text)
  const high = mix32(hash32(bytes)) & 0x1f_ffff
  const low = mix32(hash32(bytes, 0x9747b28c))
  const id = high * 0x1_0000_0000 + low
  return id === 0 ? 1 : id
}

/** A rolling digest of 64 bits: the same sequence of `add` calls always gives the same `text()`. */
export class RollingDigest {
  #high = 0x9e3779b9
  #low = 0x85ebca6b

  add(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 0x9e3779b1) >>> 0
    this.#high = (mix32(this.#high ^ this.#low) + value) >>> 0
  }

  addText(text: string): void {
    this.add(hashText(text))
  }

  addBytes(bytes: Uint8Array): void {
    this.add(hash32(bytes))
  }

  /** The lower half, 32 bits. */
  get low(): number {
    return this.#low
  }

  /** 16 hexadecimal digits. */
  text(): string {
    return this.#high.toString(16).padStart(8, '0') + this.#low.toString(16).padStart(8, '0')
  }
}
