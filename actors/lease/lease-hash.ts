/** What tables and lessors compare themselves by. */
import { hashText, mix32 } from '../../base/digest.ts'
import type { LeaseRecord } from './messages.ts'

/** The share of one lease in the digest of its table, which is their sum in 32 bits. */
export function hashLease({ id, granted, ttlSeconds, remainingSeconds = 0 }: LeaseRecord): number {
  const own = Math.imul(hashText(id), 0x9e3779b1) ^ mix32(granted)
  return mix32(own ^ mix32(ttlSeconds * 1_000) ^ mix32(remainingSeconds * 1_000 + 0x5bd1_e995))
}
