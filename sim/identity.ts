/**
 * What tells one message from another, wherever and whenever it is sent: its kind, and the few numbers that messages of a
 * kind differ in. Two runs that differ elsewhere give the same message the same identity.
 */
import { hashText, mix32 } from '../base/digest.ts'
import { Late } from '../runtime/kernel/system.ts'

const fields = ['from', 'term', 'index', 'prevIndex', 'commit', 'round', 'to', 'id', 'epoch', 'applied'] as const

const kinds = new Map<string, number>()

/** 32 bits. */
export function identityOf(body: unknown): number {
  if (typeof body !== 'object' || body === null) return typeof body === 'number' ? mix32(body) : 1
  if (body instanceof Late) return 2
  const { type, message } = body as { readonly type?: unknown; readonly message?: unknown }
  let hash = kindHash(type)
  let told = body
  if (typeof message === 'object' && message !== null) {
    told = message
    hash = mix32(hash ^ kindHash((message as { readonly type?: unknown }).type))
  }
  for (const field of fields) {
    const value = (told as { readonly [field: string]: unknown })[field]
    if (typeof value === 'number') hash = mix32(hash ^ (value | 0))
  }
  return hash
}

function kindHash(type: unknown): number {
  if (typeof type !== 'string') return 3
  let hash = kinds.get(type)
  if (hash === undefined) {
    hash = hashText(type)
    kinds.set(type, hash)
  }
  return hash
}
