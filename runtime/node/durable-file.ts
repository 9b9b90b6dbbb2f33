/** Small files that must survive a power cut whole: the old contents or the new, never a mixture. */
import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/** Writes `bytes` beside `path` and moves them into its place. */
export function replaceFile(path: string, bytes: Uint8Array): void {
  const fresh = `${path}.new`
  const file = openSync(fresh, 'w', 0o600)
  try {
    let at = 0
    while (at < bytes.length) at += writeSync(file, bytes, at)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(fresh, path)
  syncDirectory(dirname(path))
}

/** Makes names that were added to, moved within or removed from `dir` durable. */
export function syncDirectory(dir: string): void {
  const handle = openSync(dir, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
