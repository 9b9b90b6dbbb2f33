/**
 * One process a data directory. Node has no file locks of the kernel, so the lock is a file that names its owner in a way
 * that cannot be mistaken: process id, when that process started, and which boot and container it belongs to.
 *
 *   link(own record, lock) ──done──▶ ours
 *        └── exists ─▶ owner lives ─▶ refused, with its pid
 *                  └─▶ owner is gone ─▶ move the old lock aside, look again
 *
 * The record is complete before it gets the name (`link` fails where the name exists), so nobody reads half of one. Who
 * moved a lock aside looks at what it moved: if another was quicker, it is put back.
 */
import { linkSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { StoreRefused } from './lmdb/identity.ts'

interface Owner {
  readonly pid: number
  /** Clock ticks since boot; a later process with the same pid has another. Empty where the system does not tell. */
  readonly started: string
  readonly boot: string
  /** The namespace in which `pid` means something. */
  readonly space: string
  readonly host: string
}

const roundsMax = 16

export class DirLock {
  readonly #path: string
  readonly #record: string
  /** The last owner ended without releasing the directory: it crashed or was killed. */
  readonly unclean: boolean

  /** @throws {StoreRefused} Another process, or another part of this one, has the directory. */
  constructor(dir: string) {
    this.#path = join(dir, 'lock')
    this.#record = `${JSON.stringify(ownOwner())}\n`
    this.unclean = acquire(dir, this.#path, this.#record)
  }

  /** @throws {StoreRefused} Somebody took the directory over. */
  check(): void {
    if (read(this.#path) === this.#record) return
    throw new StoreRefused(`open ${this.#path}: wanted the lock of this process, but another process took it over`)
  }

  release(): void {
    if (read(this.#path) === this.#record) rmSync(this.#path, { force: true })
  }
}

function acquire(dir: string, path: string, record: string): boolean {
  const own = join(dir, `lock.${process.pid}.${process.hrtime.bigint()}`)
  writeFileSync(own, record, { flag: 'wx', mode: 0o600 })
  let unclean = false
  try {
    for (let round = 0; round < roundsMax; round++) {
      if (link(own, path)) return unclean
      const present = read(path)
      if (present === undefined) continue
      refuseIfAlive(dir, path, present)
      moveAside(path, `${own}.stale`, present)
      unclean = true
    }
  } finally {
    rmSync(own, { force: true })
  }
  throw new StoreRefused(`open ${dir}: wanted its lock, but others are opening it at the same time`)
}

function refuseIfAlive(dir: string, path: string, record: string): void {
  let owner: Owner
  try {
    owner = JSON.parse(record) as Owner
  } catch {
    // A record gets its name only when it is whole, so a torn one is from before a power cut.
    return
  }
  const self = ownOwner()
  // Everybody of an earlier boot is gone.
  if (owner.boot !== self.boot) return
  if (owner.space === self.space) {
    if (!isAlive(owner)) return
    const whom = owner.pid === process.pid ? `this process (pid ${owner.pid})` : `process ${owner.pid}`
    throw new StoreRefused(`open ${dir}: wanted a directory nobody uses, but ${whom} is using it`)
  }
  // Another container: its pids mean nothing here. One of the same name was this one, before it was restarted.
  if (owner.host === self.host) return
  throw new StoreRefused(
    `open ${dir}: wanted a directory nobody uses, but process ${owner.pid} of host ${owner.host} has locked it; ` +
      `if it is gone, remove ${path}`,
  )
}

function moveAside(path: string, aside: string, expected: string): void {
  try {
    renameSync(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if (read(aside) !== expected) link(aside, path)
  rmSync(aside, { force: true })
}

function link(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function isAlive({ pid, started }: Owner): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it lives, but is another user's.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  return started === '' || started === startOf(pid)
}

function ownOwner(): Owner {
  return {
    pid: process.pid,
    started: startOf(process.pid),
    boot: read('/proc/sys/kernel/random/boot_id')?.trim() ?? '',
    space: namespace(),
    host: hostname(),
  }
}

/** Field 22 of `stat`, counted behind the command's name, which may hold blanks. */
function startOf(pid: number): string {
  const stat = read(`/proc/${pid}/stat`)
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

function namespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
