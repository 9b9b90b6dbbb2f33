/**
 * Copies of bytes, many to a buffer: a buffer of its own for each costs more than the bytes. A slab lives as long as any copy in
 * it does, which in a simulated world is not long.
 */

const slabBytesAtFirst = 1_024
const slabBytesMax = 65_536
const nothing = new Uint8Array(0)

export class Slab {
  // Most disks of a world are little used: the first slab is made when it is needed, and each is larger than the one before.
  #bytes = nothing
  #used = 0

  /** A copy that nobody else writes; large ones have a buffer of their own. */
  copy(from: Uint8Array): Uint8Array {
    const { length } = from
    if (length > slabBytesMax / 8) {
      const alone = new Uint8Array(length)
      alone.set(from)
      return alone
    }
    if (this.#used + length > this.#bytes.length) this.#next(length)
    const start = this.#used
    this.#used += length
    const bytes = this.#bytes
    // Short ones are the rule, and a call into the engine costs more than a few bytes.
    if (length < 64) for (let i = 0; i < length; i++) bytes[start + i] = from[i] as number
    else bytes.set(from, start)
    return bytes.subarray(start, start + length)
  }

  #next(least: number): void {
    let size = Math.max(slabBytesAtFirst, Math.min(slabBytesMax, 2 * this.#bytes.length))
    while (size < least) size *= 2
    this.#bytes = new Uint8Array(size)
    this.#used = 0
  }
}
