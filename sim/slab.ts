/**
 * Copies of bytes, many to a buffer: a buffer of its own for each costs more than the bytes. A slab lives as long as any copy in
 * it does, which in a simulated world is not long.
 */

const slabBytes = 65_536

export class Slab {
  #bytes = new Uint8Array(slabBytes)
  #used = 0

  /** A copy that nobody else writes; large ones have a buffer of their own. */
  copy(from: Uint8Array): Uint8Array {
    const { length } = from
    if (length > slabBytes / 8) {
      const alone = new Uint8Array(length)
      alone.set(from)
      return alone
    }
    if (this.#used + length > slabBytes) {
      this.#bytes = new Uint8Array(slabBytes)
      this.#used = 0
    }
    const start = this.#used
    this.#used += length
    const bytes = this.#bytes
    // Short ones are the rule, and a call into the engine costs more than a few bytes.
    if (length < 64) for (let i = 0; i < length; i++) bytes[start + i] = from[i] as number
    else bytes.set(from, start)
    return bytes.subarray(start, start + length)
  }
}
