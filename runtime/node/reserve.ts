/**
 * A file that only takes up room, to be given back when the disk is full: deleting and compacting need fresh pages before
 * they free any, so without it a full disk could never be made less full.
 *
 *   held ──release (a commit found no room)──▶ spent ──restore (room for three times its size)──▶ held
 */
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { syncDirectory } from './durable-file.ts'
import { freeBytesOf } from './lmdb/committer.ts'

export const reserveBytesDefault: number = 16 * 1024 * 1024
/** Restoring at the first free byte would take the room from the commits that freed it. */
const roomFactor = 3
const chunkBytes = 1024 * 1024

/** May be used from any thread: its state is the file itself. */
export class Reserve {
  readonly path: string
  readonly bytes: number

  constructor(dir: string, bytes: number = reserveBytesDefault) {
    if (!Number.isSafeInteger(bytes) || bytes < 0) {
      throw new RangeError(`reserve: wanted a whole number of bytes, not ${bytes}`)
    }
    this.path = join(dir, 'reserve')
    this.bytes = bytes
  }

  get held(): boolean {
    return existsSync(this.path) && statSync(this.path).size >= this.bytes
  }

  /** Gives the room back. True when there was any to give. */
  release(): boolean {
    if (!existsSync(this.path)) return false
    rmSync(this.path, { force: true })
    return true
  }

  /** Takes the room again, if there is plenty. True when the reserve is held afterwards. */
  restore(): boolean {
    if (this.bytes === 0 || this.held) return true
    const dir = dirname(this.path)
    if (freeBytesOf(dir) < roomFactor * this.bytes) return false
    const fresh = `${this.path}.new`
    try {
      fill(fresh, this.bytes)
    } catch (error) {
      rmSync(fresh, { force: true })
      if (isNoRoom(error)) return false
      throw error
    }
    renameSync(fresh, this.path)
    syncDirectory(dir)
    return true
  }
}

/** Really written, and not with zeros: a file system may keep those without taking room. */
function fill(path: string, bytes: number): void {
  const chunk = Buffer.alloc(Math.min(bytes, chunkBytes))
  for (let i = 0; i < chunk.length; i++) chunk[i] = (Math.imul(i + 1, 0x9e37_79b1) >>> 24) | 1
  const file = openSync(path, 'w', 0o600)
  try {
    for (let at = 0; at < bytes; ) at += writeSync(file, chunk, 0, Math.min(chunk.length, bytes - at))
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function isNoRoom(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'ENOSPC' || code === 'EDQUOT'
}
