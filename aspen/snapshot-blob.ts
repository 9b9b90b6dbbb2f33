/**
 * A snapshot of one keyspace as bytes: what travels over gRPC and lies in a file. It is Aspen's own format, not etcd's
 * database file.
 *
 *   magic 'ASPNSNP1' ‖ frame(manifest) ‖ frame(chunk) ‖ … ‖ frame(end)
 *   frame = kind (1 byte: 1 manifest, 2 sessions, 3 machine, 4 end) ‖ length (4 bytes, big endian) ‖ body
 *
 * Integrity is the business of whoever carries it: the file is sealed with SHA-256 (`client/snapshot-seal.ts`).
 */
import type { SnapshotManifest, SnapshotPart } from '../actors/raft/replica-messages.ts'
import { concatBytes, emptyBytes, equalBytes, readUint32, utf8, writeUint32 } from '../base/bytes.ts'
import { pack, unpack } from '../mailbox/codec.ts'

const magic: Uint8Array = utf8('ASPNSNP1')
const kinds = { manifest: 1, sessions: 2, machine: 3, end: 4 } as const
const headBytes = 5

export interface SnapshotChunk {
  readonly part: SnapshotPart
  readonly bytes: Uint8Array
}

export interface SnapshotContents {
  readonly manifest: SnapshotManifest
  readonly chunks: readonly SnapshotChunk[]
}

export function snapshotHead(manifest: SnapshotManifest): Uint8Array {
  return concatBytes(magic, frame(kinds.manifest, pack(manifest)))
}

export function snapshotFrame({ part, bytes }: SnapshotChunk): Uint8Array {
  return frame(kinds[part], bytes)
}

export function snapshotEnd(): Uint8Array {
  return frame(kinds.end, emptyBytes)
}

/**
 * Reads a whole blob.
 *
 * @throws {RangeError} It is not one, or it is cut short.
 */
export function readSnapshotBlob(blob: Uint8Array): SnapshotContents {
  if (!equalBytes(blob.subarray(0, magic.length), magic)) {
    throw new RangeError(
      'read snapshot: wanted a snapshot of an Aspen keyspace, but the file is none (etcd database files cannot be read)',
    )
  }
  let manifest: SnapshotManifest | undefined
  const chunks: SnapshotChunk[] = []
  for (let at = magic.length; ; ) {
    if (at + headBytes > blob.length) throw new RangeError(`read snapshot: it is cut short at byte ${blob.length}`)
    const kind = blob[at] as number
    const end = at + headBytes + readUint32(blob, at + 1)
    if (end > blob.length)
      throw new RangeError(`read snapshot: a frame at byte ${at} ends at ${end}, the file at ${blob.length}`)
    const body = blob.subarray(at + headBytes, end)
    if (kind === kinds.end) break
    if (kind === kinds.manifest) manifest = unpack(body) as SnapshotManifest
    else if (kind === kinds.sessions || kind === kinds.machine) {
      chunks.push({ part: kind === kinds.sessions ? 'sessions' : 'machine', bytes: body })
    } else throw new RangeError(`read snapshot: a frame at byte ${at} has the unknown kind ${kind}`)
    at = end
  }
  if (manifest === undefined) throw new RangeError('read snapshot: it has no manifest')
  return { manifest, chunks }
}

function frame(kind: number, body: Uint8Array): Uint8Array {
  const head = new Uint8Array(headBytes)
  head[0] = kind
  writeUint32(head, 1, body.length)
  return concatBytes(head, body)
}
