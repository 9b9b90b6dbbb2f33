/** Checksums and shapes of what a snapshot transfer carries: shared by its two ends. */
import { hash32, hashText, mix32 } from '../../base/digest.ts'
import { members } from './membership.ts'
import type { Configuration } from './messages.ts'
import type { OriginMark, SnapshotManifest, SnapshotMessage, SnapshotPart } from './replica-messages.ts'

/** No receiver takes more in one chunk; machines cut theirs at about 1 MiB. */
export const chunkBytesMax: number = 16 * 1024 * 1024
export const chunksMax = 1_048_576

/** Binds the bytes of a chunk to its snapshot, its place and its part. */
export function chunkChecksum(id: string, index: number, part: SnapshotPart, bytes: Uint8Array): number {
  return hash32(bytes, mix32(hashText(id) ^ mix32(index * 2 + (part === 'machine' ? 1 : 0))))
}

/** The checksum of a sequence of chunks, continued by the next one's. Starts at 0. */
export function chainChecksum(chain: number, checksum: number): number {
  return mix32(Math.imul(chain, 0x9e3779b1) ^ checksum)
}

/** The message when it is well formed, from whoever it came; undefined otherwise. */
export function checkSnapshotMessage(message: SnapshotMessage): SnapshotMessage | undefined {
  if (!isNode(message.from) || typeof message.id !== 'string' || message.id.length > 256) return undefined
  switch (message.type) {
    case 'snapshotOffer':
      return isCount(message.term) && isManifest(message.manifest) ? message : undefined
    case 'snapshotChunk':
      return isChunk(message) ? message : undefined
    case 'snapshotAck':
      return isCount(message.next) && ['staged', 'installed', 'refused'].includes(message.status) ? message : undefined
    default:
      return undefined
  }
}

function isChunk({
  index,
  part,
  bytes,
  checksum,
  total,
}: SnapshotMessage & { readonly type: 'snapshotChunk' }): boolean {
  if (!isCount(index) || index >= chunksMax || !isCount(checksum)) return false
  if (part !== 'sessions' && part !== 'machine') return false
  if (!(bytes instanceof Uint8Array) || bytes.length > chunkBytesMax) return false
  return total === undefined || isCount(total)
}

function isManifest(value: unknown): value is SnapshotManifest {
  if (!isObject(value) || !isObject(value['meta']) || typeof value['wallMs'] !== 'number') return false
  const { index, term, configuration } = value['meta']
  const origins = value['origins']
  if (!isCount(index) || !isCount(term) || !isConfiguration(configuration) || !Array.isArray(origins)) return false
  return origins.every((mark): mark is OriginMark => Array.isArray(mark) && mark.length === 3 && mark.every(isCount))
}

function isConfiguration(value: unknown): boolean {
  if (!isObject(value)) return false
  for (const field of ['voters', 'votersOutgoing', 'learners', 'learnersNext']) {
    const nodes = value[field]
    if (!Array.isArray(nodes) || !nodes.every(isNode)) return false
  }
  return members(value as unknown as Configuration).size > 0
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isNode(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1
}
