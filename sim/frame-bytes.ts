/** What happens to the bytes of a frame on their way. */

/** Flips one bit; `where` (0 to 1, excluded) says which. */
export function flip(bytes: Uint8Array, where: number): void {
  const bit = Math.floor(where * bytes.length * 8)
  const at = bit >> 3
  if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7))
}
