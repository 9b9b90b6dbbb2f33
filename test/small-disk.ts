/** Small disks that really fill up: a tmpfs of a few megabytes, where this user may mount one. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface SmallDisk {
  readonly path: string
  /** Makes it larger, as an operator would a volume. */
  resize(megabytes: number): void
  unmount(): void
}

function mount(megabytes: number): SmallDisk | string {
  const path = mkdtempSync(join(tmpdir(), 'aspen-disk-'))
  const { status, stderr, error } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path], {
    encoding: 'utf8',
  })
  const remove = (): void => rmSync(path, { recursive: true, force: true })
  if (status !== 0) {
    remove()
    return `a tmpfs cannot be mounted: ${error?.message ?? stderr.trim()}`
  }
  return {
    path,
    resize: (size) => void execFileSync('mount', ['-o', `remount,size=${size}m`, path]),
    // Lazily: after a failure a store may still have its file open.
    unmount: () => {
      spawnSync('umount', ['-l', path])
      remove()
    },
  }
}

/** Why tests that need a small disk are skipped; false when they are not. */
export const noSmallDisk: string | false = probe()

function probe(): string | false {
  const disk = mount(1)
  if (typeof disk === 'string') return disk
  disk.unmount()
  return false
}

/** @throws {Error} Not permitted here; see `noSmallDisk`. */
export function smallDisk(megabytes: number): SmallDisk {
  const disk = mount(megabytes)
  if (typeof disk === 'string') throw new Error(disk)
  return disk
}
