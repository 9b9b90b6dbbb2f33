/**
 * A snapshot as a file: the bytes of the store, then their SHA-256, as etcd has it. A file that carries its name is whole:
 * until the hash was checked it is called `FILE.part`.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { equalBytes } from '../base/bytes.ts'
import { CommandFailure } from './failure.ts'

const hashBytes = 32

export interface SnapshotChunk {
  readonly remainingBytes: number
  readonly blob: Uint8Array
}

export type OnProgress = (doneBytes: number, totalBytes: number) => void

/**
 * Writes a stream of chunks to `file`, checked and on disk before it gets its name.
 *
 * @returns The size of the file in bytes, its hash included.
 * @throws {CommandFailure} The stream ended early or its hash does not match; nothing is left behind.
 */
export async function saveSnapshot(
  chunks: AsyncIterable<SnapshotChunk>,
  file: string,
  onProgress: OnProgress,
): Promise<number> {
  const part = `${file}.part`
  const handle = await open(part, 'w', 0o600)
  try {
    const hasher = trailingHash()
    let size = 0
    for await (const { blob, remainingBytes } of chunks) {
      hasher.add(blob)
      size += blob.length
      await handle.appendFile(blob)
      onProgress(size, size + remainingBytes)
    }
    hasher.check(`the stream from the node, ${size} bytes`)
    await handle.sync()
    await handle.close()
    await rename(part, file)
    await syncDirectory(dirname(file))
    return size
  } catch (error) {
    await handle.close().catch(() => {})
    await rm(part, { force: true })
    throw error
  }
}

/**
 * Reads a snapshot to its end and checks its hash.
 *
 * @throws {CommandFailure} It is no snapshot, or not all of it.
 */
export async function verifySnapshotFile(file: string, onProgress: OnProgress): Promise<void> {
  const { size } = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw new CommandFailure(
      `wanted a snapshot, found ${error.code === 'ENOENT' ? 'no file' : error.message} at ${JSON.stringify(file)}`,
    )
  })
  const hasher = trailingHash()
  let done = 0
  for await (const chunk of createReadStream(file, { highWaterMark: 1_048_576 })) {
    const bytes = chunk as Uint8Array
    hasher.add(bytes)
    done += bytes.length
    onProgress(done, size)
  }
  hasher.check(`${JSON.stringify(file)}, ${size} bytes`)
}

interface TrailingHash {
  add(bytes: Uint8Array): void
  /** Throws unless the last 32 bytes are the SHA-256 of all before them. */
  check(what: string): void
}

/** Hashes all but the last 32 bytes of a stream whose end is not known beforehand. */
function trailingHash(): TrailingHash {
  const hash = createHash('sha256')
  let held: Uint8Array = new Uint8Array(0)
  return {
    add: (bytes) => {
      const joined = Buffer.concat([held, bytes])
      const settled = Math.max(0, joined.length - hashBytes)
      hash.update(joined.subarray(0, settled))
      held = joined.subarray(settled)
    },
    check: (what) => {
      if (held.length < hashBytes)
        throw new CommandFailure(`wanted a snapshot that ends in a hash of ${hashBytes} bytes, found ${what}`)
      const present = hash.digest()
      if (!equalBytes(present, held)) {
        const [wanted, found] = [held, present].map((bytes) => Buffer.from(bytes).toString('hex').slice(0, 16))
        throw new CommandFailure(
          `wanted a snapshot with the SHA-256 ${wanted}..., found ${found}... in ${what}: it is cut short or damaged`,
        )
      }
    },
  }
}

/** A name is durable only once its directory is. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
