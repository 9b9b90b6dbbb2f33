/**
 * Keyed draws. A random choice is `H(seed, key)`, never the next number of a shared stream: a new site, an added draw or
 * a dropped message leaves every other choice of the seed as it was, so failing schedules shrink and golden seeds stay.
 */

import { hashText, mix32 } from './digest.ts'

/** A number of 0 (included) to 1 (excluded), decided by `seed`, `site` and the numbers that identify the moment. */
export function draw(seed: number, site: string, a: number, b: number = 0, c: number = 0): number {
  let hash = mix32(seed ^ hashText(site))
  hash = mix32(hash ^ Math.imul(a, 0x9e3779b1))
  hash = mix32(hash ^ Math.imul(b, 0x85ebca77))
  hash = mix32(hash ^ Math.imul(c, 0xc2b2ae3d))
  return hash / 0x1_0000_0000
}

// The powers of the language may differ in the last bit from one engine to the next; products do not.

export function squared(share: number): number {
  return share * share
}

export function cubed(share: number): number {
  return share * share * share
}

/**
 * From `least` (for a share of 0) up to `most`, every doubling as likely as every other: mostly small, and the same on every
 * engine. Both are 1 or more.
 */
export function byDoublings(least: number, most: number, share: number): number {
  let doublings = 0
  for (let reach = least; reach * 2 <= most; reach *= 2) doublings += 1
  // The last doubling is cut off by `most`.
  const place = share * (doublings + 1)
  let value = least
  for (let done = 1; done <= place; done++) value *= 2
  return Math.min(most, value * (1 + (place - Math.floor(place))))
}
