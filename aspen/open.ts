/** `Aspen.open`: a node inside the calling process, without a server. */
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { AnyMachine, MachineAddress } from '../actors/raft/machines.ts'
import { readDirIdentity } from '../runtime/node/data-dir.ts'
import { clusterIdOf, founderId } from './identity.ts'
import type { AspenNode } from './node.ts'
import { openNode } from './open-node.ts'

export interface OpenOptions {
  /** The data directory; made when it does not exist. One process at a time may have it open. */
  readonly dir: string
  /** Worker threads, 0 to 64; one less than there are cores when absent, but at least 1. 0: all on the calling thread. */
  readonly workers?: number
  /** For people; `default` when absent. */
  readonly name?: string
  /** State machines of one's own that groups may be made of. */
  readonly machines?: readonly (MachineAddress & Pick<AnyMachine, 'name'>)[]
  /** Live bytes of one keyspace, 0 for no limit; 2 GiB when absent. */
  readonly quotaBytes?: number
  /** 10 to 10_000; 100 when absent. An election takes ten of them. */
  readonly heartbeatIntervalMs?: number
  readonly log?: (level: 'info' | 'warn' | 'error', fields: Record<string, unknown>, text: string) => void
}

export const Aspen = {
  /**
   * Opens a node of one member in this process.
   *
   * Resolves when its first keyspace can be read and written. What a call was told is done is on disk.
   *
   * @throws {RangeError} An option is out of its bounds.
   * @throws {StoreRefused} The directory is in use, another cluster's, or of another format.
   * @throws {DataDamaged} What is in it cannot be read, and there is nobody to repair it.
   *
   * @example
   * await using node = await Aspen.open({ dir: './data' })
   * await node.client.put({ key: utf8('a'), value: utf8('1') })
   */
  async open(options: OpenOptions): Promise<AspenNode> {
    const { dir, workers = Math.max(1, availableParallelism() - 1), heartbeatIntervalMs = 100 } = options
    if (!Number.isInteger(workers) || workers < 0 || workers > 64) {
      throw new RangeError(`open ${dir}: workers must be a whole number of 0 to 64, not ${workers}`)
    }
    if (!(heartbeatIntervalMs >= 10 && heartbeatIntervalMs <= 10_000)) {
      throw new RangeError(`open ${dir}: heartbeatIntervalMs must be 10 to 10000, not ${heartbeatIntervalMs}`)
    }
    const name = options.name ?? 'default'
    const peerUrls = ['http://embedded.invalid:2380']
    const memberId = founderId(peerUrls, 'aspen-embedded')
    const identity = existsSync(dir) ? readDirIdentity(dir) : undefined
    return openNode({
      dir,
      name,
      // A directory that a server made opens as what it is, if it is that of a cluster of one.
      memberId: identity?.memberId ?? memberId,
      clusterId: identity?.clusterId ?? clusterIdOf([memberId], 'aspen-embedded'),
      workers,
      clientUrls: [],
      founders: [{ id: identity?.memberId ?? memberId, name, peerUrls }],
      contacts: [],
      peer: undefined,
      heartbeatIntervalMs,
      electionTimeoutMs: heartbeatIntervalMs * 10,
      snapshotCount: 10_000,
      quotaBytes: options.quotaBytes ?? 2 * 1024 ** 3,
      maxTxnOps: 128,
      strictReconfigCheck: true,
      machines: options.machines ?? [],
      readyWithinMs: 15_000,
      log: options.log ?? (() => {}),
    })
  },
}
