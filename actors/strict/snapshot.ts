/**
 * A strict keyspace as chunks:
 *
 *   head:      2 │ msgpack of [chunks of leases, the users]
 *   leases:    as many chunks as the head says
 *   keyspace:  its own chunks, the first of which begins with 1
 *
 * So a snapshot of a keyspace from before there were leases, which begins with 1 at once, is one without any.
 */
import { invariant } from '../../base/assert.ts'
import { concatBytes } from '../../base/bytes.ts'
import { pack, unpack } from '../../mailbox/codec.ts'
import { type AuthState, authSnapshot, openAuth, restoreAuth } from '../auth/store.ts'
import { type KeyspaceArgs, keyspace } from '../keyspace/machine.ts'
import type { KeyspaceState } from '../keyspace/state.ts'
import { type LeaseTable, leaseChunks, openLeaseTable, restoreLeases } from '../lease/table.ts'
import type { MachineContext } from '../raft/state-machine.ts'

const headMark = 2

interface Parts {
  readonly keyspace: KeyspaceState
  readonly leases: LeaseTable
  readonly auth: AuthState
}

export function takeStrict({ keyspace: keys, leases, auth }: Parts): {
  readonly chunks: Iterator<Uint8Array>
  readonly done: () => void
} {
  const { chunks, done } = keyspace.snapshot(keys)
  const rows = leaseChunks(leases)
  const head = concatBytes(new Uint8Array([headMark]), pack([rows.length, authSnapshot(auth)]))
  return { chunks: chunksOf([head, ...rows], chunks), done }
}

/** Fills an empty store, and opens it. */
export function restoreStrict(ctx: MachineContext, args: KeyspaceArgs, chunks: Iterable<Uint8Array>): Parts {
  const source = chunks[Symbol.iterator]()
  const leases = openLeaseTable(ctx.store)
  let auth = openAuth(ctx.store)
  let first = next(source)
  if (first?.[0] === headMark) {
    const [leaseCount, users] = unpack(first.subarray(1)) as [number, Uint8Array]
    auth = restoreAuth(ctx.store, users)
    for (let i = 0; i < leaseCount; i++) {
      const rows = next(source)
      invariant(rows !== undefined, () => `M2: a snapshot has ${leaseCount} chunks of leases, and ends after ${i}`)
      restoreLeases(leases, rows)
    }
    first = next(source)
  }
  return { keyspace: keyspace.restore(ctx, args, after(first, source)), leases, auth }
}

function* chunksOf(own: readonly Uint8Array[], rest: Iterator<Uint8Array>): Generator<Uint8Array, undefined> {
  yield* own
  for (let chunk = next(rest); chunk !== undefined; chunk = next(rest)) yield chunk
  return undefined
}

function* after(first: Uint8Array | undefined, rest: Iterator<Uint8Array>): Generator<Uint8Array, undefined> {
  for (let chunk = first; chunk !== undefined; chunk = next(rest)) yield chunk
  return undefined
}

function next(source: Iterator<Uint8Array>): Uint8Array | undefined {
  const step = source.next()
  return step.done === true ? undefined : step.value
}
