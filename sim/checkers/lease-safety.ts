/**
 * The leases of one keyspace, watched from outside: when each was first and last there, in the true time of the world, and
 * whether its keys went with it.
 *
 *   I17  a lease that was not revoked is there until its TTL has passed, counted from the moment when the newest request was
 *        sent that its client heard a good end of; whoever asks to keep it alive after its end is told so; what was said to
 *        be left of it was left; and its keys go with it, all in one revision
 *
 * The moment of sending is the strongest there is: the client knows no later one that is surely before the TTL began. That a
 * lease ends at all is the matter of the workload, when all is calm.
 */
import type { KeyEntry } from '../../actors/keyspace/key-index.ts'
import type { LeaseMark } from '../../actors/lease/messages.ts'
import type { StrictState } from '../../actors/strict/machine.ts'
import { fromUtf8 } from '../../base/bytes.ts'
import { check } from './violation.ts'

/** One lease, from the first replica that had it to the first that had it no more. */
export interface LeaseLife extends LeaseMark {
  readonly ttlMs: number
  readonly firstMs: number
  goneMs: number | undefined
}

/** Keys that begin so belong to one lease for as long as they are there. */
export function ownPrefix(lease: string): string {
  return `leased/${lease}/`
}

/** What one replica held when it was looked at last. */
interface Look {
  readonly machine: unknown
  readonly revision: number
  readonly digest: number
  readonly leases: ReadonlyMap<string, { readonly granted: number; readonly own: readonly KeyEntry[] }>
}

const none: Look['leases'] = new Map()

export class LeaseSafety {
  readonly group: string
  readonly #lives = new Map<string, LeaseLife>()
  /** By id, where it was granted last. */
  readonly #grants = new Map<string, number>()
  readonly #looks = new Map<number, Look>()

  constructor(group: string) {
    this.group = group
  }

  get lives(): readonly LeaseLife[] {
    return [...this.#lives.values()]
  }

  /** The replica of `node` applied something. */
  stands(node: number, machine: unknown, nowMs: number): void {
    const { leases, keyspace } = machine as Partial<StrictState>
    // A machine of another kind has no leases.
    if (leases === undefined || keyspace === undefined) return
    const last = this.#looks.get(node)
    // Another machine is another life of the replica, or was installed.
    const before = last?.machine === machine ? last : undefined
    if (before !== undefined && before.revision === keyspace.revision && before.digest === leases.digest) return
    for (const { id, granted, ttlSeconds } of leases.leases.values()) {
      const name = `${id}@${granted}`
      if (this.#lives.has(name)) continue
      this.#lives.set(name, { id, granted, ttlMs: ttlSeconds * 1_000, firstMs: nowMs, goneMs: undefined })
      this.#grants.set(id, Math.max(granted, this.#grants.get(id) ?? 0))
    }
    const present = new Map<string, { readonly granted: number; readonly own: readonly KeyEntry[] }>()
    for (const { id, granted } of leases.leases.values()) {
      const own = keyspace.index.leasedBy(id).filter(({ key }) => fromUtf8(key).startsWith(ownPrefix(id)))
      present.set(id, { granted, own })
    }
    for (const [id, { granted, own }] of before?.leases ?? none) {
      if (leases.leases.get(id)?.granted === granted) continue
      const life = this.#lives.get(`${id}@${granted}`)
      if (life !== undefined) life.goneMs ??= nowMs
      // Granted anew meanwhile, its keys may have come and gone once more before we look.
      const again = this.#grants.get(id)
      if (again === granted) checkKeysGone(this.group, node, id, own)
    }
    for (const { id } of this.#lives.values()) {
      if (leases.leases.has(id)) continue
      const left = keyspace.index.leasedBy(id)
      check(
        left.length === 0,
        'I17',
        () => `${this.group}: node ${node} has ${left.length} keys of lease ${id}, which is gone`,
      )
    }
    this.#looks.set(node, { machine, revision: keyspace.revision, digest: leases.digest, leases: present })
  }
}

function checkKeysGone(group: string, node: number, lease: string, own: readonly KeyEntry[]): void {
  const revisions = new Set(own.filter(({ newest }) => newest.deleted).map(({ newest }) => newest.main))
  check(
    revisions.size <= 1,
    'I17',
    () => `${group}: on node ${node} the keys of lease ${lease} went in revisions ${[...revisions].join()}, not in one`,
  )
}
