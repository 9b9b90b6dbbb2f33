/** What the disks of one node hold of a group, whether it runs or not: looked up once, read as it is now. */
import type { Index, Term } from '../../actors/raft/messages.ts'
import type { HardState } from '../../actors/raft/state.ts'
import { unpack } from '../../mailbox/codec.ts'
import { actorPrefix } from '../../runtime/kernel/cell-store.ts'
import type { SimDisk } from '../disk.ts'
import { keyText } from '../disk-medium.ts'
import type { SimNode } from '../node.ts'

export interface GroupDisk {
  /** The term of `index`; `compacted` when it was there; undefined when it is not. */
  term(index: Index): Term | 'compacted' | undefined
  hardState(): HardState | undefined
  /** The disk was lost: what this node once promised, it no longer knows. */
  readonly wiped: boolean
}

export class DiskOfGroup implements GroupDisk {
  readonly #node: SimNode
  readonly #log: string
  readonly #hardStateKey: string
  /** Which disk of the node it was found on last. */
  #at = 0

  /** @param group - By the name that its actors bear. */
  constructor(node: SimNode, group: string) {
    this.#node = node
    this.#log = `raft/${group}`
    this.#hardStateKey = `${keyText(actorPrefix(this.#log))}hardState`
  }

  get wiped(): boolean {
    const disk = this.#disk()
    return disk === undefined ? this.#node.lost.size > 0 : disk.struck || this.#node.lost.has(this.#at)
  }

  term(index: Index): Term | 'compacted' | undefined {
    const log = this.#disk()?.medium.logs.get(this.#log)
    if (log === undefined) return undefined
    if (index < log.bounds.first) return 'compacted'
    return log.cells[index - log.bounds.first]?.entry.term
  }

  hardState(): HardState | undefined {
    const cell = this.#disk()?.medium.pairs.get(this.#hardStateKey)
    return cell === undefined || cell.rotten ? undefined : (unpack(cell.value) as HardState)
  }

  /** Undefined where no disk of the node holds anything of the group. */
  #disk(): SimDisk | undefined {
    const { disks } = this.#node
    const last = disks[this.#at]
    if (last !== undefined && this.#isOn(last)) return last
    for (let at = 0; at < disks.length; at++) {
      const disk = disks[at] as SimDisk
      if (!this.#isOn(disk)) continue
      this.#at = at
      return disk
    }
    return undefined
  }

  #isOn({ medium }: SimDisk): boolean {
    return medium.logs.has(this.#log) || medium.pairs.has(this.#hardStateKey)
  }
}
