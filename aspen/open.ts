/** `Aspen.open`: a node inside the calling process, without a server. */
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { AnyMachine, MachineAddress } from '../actors/raft/machines.ts'
import { readDirIdentity } from '../runtime/node/data-dir.ts'
import { parsePeerUrl } from '../runtime/node/peer/url.ts'
import type { TlsSettings } from '../runtime/node/tls/settings.ts'
import { foundingRole, type Role } from './founding.ts'
import type { AspenNode } from './node.ts'
import { openNode } from './open-node.ts'
import { foundOrReturn } from './returning.ts'

/** Several embedded nodes as one cluster; each lists the same members. */
export interface ClusterOptions {
  /** Where this node listens to the others, `http://host:port` or `https://host:port`. Its worker threads listen at ports the system gives. */
  readonly listenPeerUrl: string
  /** The founders, 1 to 64, this node among them under its `name`; names and URLs differ. */
  readonly members: readonly { readonly name: string; readonly peerUrl: string }[]
  /** Needed where peer URLs begin with `https://`. Every member must have a certificate that `caFile` vouches for. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly caFile: string }
  /** Keeps clusters apart that use the same addresses; `aspen-embedded` when absent. */
  readonly token?: string
}

export interface OpenOptions {
  /** The data directory; made when it does not exist. One process at a time may have it open. */
  readonly dir: string
  /** Worker threads, 0 to 64; one less than there are cores when absent, but at least 1. 0: all on the calling thread. */
  readonly workers?: number
  /** `default` when absent. In a cluster, the one of `cluster.members` that this node is. */
  readonly name?: string
  /** Founds a cluster with other nodes, or comes back to it; without it the node is a cluster of one. */
  readonly cluster?: ClusterOptions
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
   * Opens a node in this process: a cluster of one, or with `cluster` a member of several.
   *
   * Resolves when its first keyspace can be read and written, or 15 s after: a member whose peers are down serves what it
   * can, and more once a majority is there. What a call was told is done is on disk, in a cluster on a majority's disks.
   *
   * @throws {RangeError} An option is out of its bounds, or the directory belongs to other members than the options name.
   * @throws {TypeError} A peer URL is neither `http://host:port` nor `https://host:port`.
   * @throws {TlsFileError} A certificate or key cannot be used.
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
    return openNode({
      dir,
      name,
      ...(await roleOf(options, name)),
      workers,
      clientUrls: [],
      peer: options.cluster && {
        listen: parsePeerUrl(options.cluster.listenPeerUrl),
        urls: options.cluster.members.filter((member) => member.name === name).map(({ peerUrl }) => peerUrl),
        tls: tlsOf(options.cluster),
      },
      heartbeatIntervalMs,
      electionTimeoutMs: heartbeatIntervalMs * 10,
      snapshotCount: 10_000,
      quotaBytes: options.quotaBytes ?? 2 * 1024 ** 3,
      strictReconfigCheck: true,
      machines: options.machines ?? [],
      readyWithinMs: 15_000,
      log: options.log ?? (() => {}),
    })
  },
}

const ownToken = 'aspen-embedded'

async function roleOf({ dir, cluster }: OpenOptions, name: string): Promise<Role> {
  const identity = existsSync(dir) ? readDirIdentity(dir) : undefined
  const alone = [{ name, peerUrls: ['http://embedded.invalid:2380'] }]
  const members = cluster === undefined ? alone : clusterMembers(dir, cluster, name)
  const role = foundingRole(members, cluster?.token ?? ownToken, name)
  if (identity === undefined) return foundOrReturn(role, dir, cluster && tlsOf(cluster))
  const { memberId, clusterId } = identity
  if (clusterId === role.clusterId && memberId === role.memberId) return role
  if (cluster !== undefined) {
    throw new RangeError(
      `open ${dir}: it holds member ${memberId.toString(16)} of cluster ${clusterId.toString(16)}, but the options name ` +
        `member ${role.memberId.toString(16)} of ${role.clusterId.toString(16)}; use what it was made with, or another directory`,
    )
  }
  // A directory that a server made opens as what it is, if it is that of a cluster of one.
  return {
    memberId,
    clusterId,
    founders: [{ id: memberId, name, peerUrls: alone.flatMap(({ peerUrls }) => peerUrls) }],
    contacts: [],
  }
}

function tlsOf({ tls }: ClusterOptions): TlsSettings | undefined {
  if (tls === undefined) return undefined
  const { certFile, keyFile, caFile } = tls
  return { certFile, keyFile, trustedCaFile: caFile, clientCertAuth: true, minVersion: 'TLS1.2' }
}

function clusterMembers(
  dir: string,
  { members, listenPeerUrl, tls }: ClusterOptions,
  name: string,
): { name: string; peerUrls: string[] }[] {
  const fault = (wanted: string): RangeError => new RangeError(`open ${dir}: cluster.members ${wanted}`)
  if (members.length < 1 || members.length > membersMax)
    throw fault(`must be 1 to ${membersMax}, not ${members.length}`)
  const addresses = [listenPeerUrl, ...members.map(({ peerUrl }) => peerUrl)].map(parsePeerUrl)
  if (tls === undefined && addresses.some(({ secure }) => secure))
    throw fault('with https URLs want cluster.tls beside them')
  const names = new Set(members.map((member) => member.name))
  const urls = new Set(members.map(({ peerUrl }) => peerUrl))
  if (names.size < members.length || urls.size < members.length) throw fault('must differ in name and in peerUrl')
  if (!names.has(name)) throw fault(`must name this node, '${name}'; they are ${[...names].join(', ')}`)
  return members.map(({ name: member, peerUrl }) => ({ name: member, peerUrls: [peerUrl] }))
}

const membersMax = 64
