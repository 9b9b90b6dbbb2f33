/**
 * A member of a cluster from its configuration: founds one with the others, joins one, or comes back.
 *
 *   directory holds an identity ─▶ come back as that member
 *   state `new`                 ─▶ found: every founder computes the same ids from the same list; but where another of
 *                                  them says that the cluster lives and this is its member, it had a directory once, and
 *                                  comes back as one who lost it (R25)
 *   state `existing`            ─▶ ask the listed members who I am (by my peer URL), then join
 */
import { existsSync } from 'node:fs'
import type { NodeClient } from '../client/interface.ts'
import { type DirIdentity, readDirIdentity } from '../runtime/node/data-dir.ts'
import { prepareCertificates } from './certificates.ts'
import type { NodeConfig } from './config.ts'
import { isSecure } from './config-urls.ts'
import { type FounderRole, foundedBy, foundingRole, type Role } from './founding.ts'
import { openNode } from './open-node.ts'
import { askMembers, foundOrReturn } from './returning.ts'

export interface RunningNode {
  readonly client: NodeClient
  readonly memberId: number
  readonly clusterId: number
  readonly died: Promise<{ readonly reason: string }>
  close(withinMs: number): Promise<void>
}

/** As pino has it. */
export interface NodeLogger {
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
}

const joinWithinMs = 30_000
const joinAskMs = 5_000
/** Whom they were told to expect they expect at once; only a member that lags may hear of it late. */
const deniedWithinMs = 3_000
const readyWithinMs = 10_000

/**
 * @throws {TlsFileError} A certificate or key cannot be used.
 * @throws {Error} The cluster to join does not know this member, or cannot be reached; what `Aspen.open` throws.
 */
export async function startNode(config: NodeConfig, hooks: { readonly logger: NodeLogger }): Promise<RunningNode> {
  const { logger } = hooks
  await prepareCertificates(config, logger)
  const role = await roleOf(config)
  const [listen] = config.listenPeerUrls
  if (listen === undefined) throw new RangeError('start: wanted a peer URL to listen at, but listen-peer-urls is empty')
  return openNode({
    dir: config.dataDir,
    name: config.name,
    ...role,
    workers: config.workers,
    clientUrls: config.advertiseClientUrls.map(({ url }) => url),
    peer: {
      listen: { host: listen.host, port: listen.port, ...(isSecure(listen) && { secure: true }) },
      urls: config.initialAdvertisePeerUrls.map(({ url }) => url),
      tls: config.peerTls,
    },
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    electionTimeoutMs: config.electionTimeoutMs,
    snapshotCount: config.snapshotCount,
    quotaBytes: Number.isFinite(config.quotaBackendBytes) ? config.quotaBackendBytes : 0,
    autoCompaction: config.autoCompaction.mode === 'off' ? undefined : config.autoCompaction,
    strictReconfigCheck: config.strictReconfigCheck,
    auth: config.auth,
    watchProgressMs: config.watchProgressMs,
    machines: [],
    readyWithinMs,
    log: (level, fields, text) => logger[level](fields, text),
  })
}

async function roleOf(config: NodeConfig): Promise<Role> {
  const identity = existsSync(config.dataDir) ? readDirIdentity(config.dataDir) : undefined
  const found = foundingRole(config.initialCluster, config.initialClusterToken, config.name)
  if (identity !== undefined) return comeBack(config, identity, found)
  return config.initialClusterState === 'new' ? foundOrReturn(found, config.dataDir, config.peerTls) : join(config)
}

function peerUrlsOfOthers({ initialCluster, name }: NodeConfig): string[] {
  return initialCluster.filter((member) => member.name !== name).flatMap(({ peerUrls }) => peerUrls)
}

/** What the directory says counts; the flags only tell where the others were at first. */
function comeBack(config: NodeConfig, identity: DirIdentity, found: FounderRole): Role {
  const { memberId, clusterId } = identity
  const founded = foundedBy(identity, found)
  if (config.initialClusterState === 'new' && !founded && config.initialCluster.length > 1) {
    throw new RangeError(
      `start ${config.dataDir}: it holds member ${memberId.toString(16)} of cluster ${clusterId.toString(16)}, ` +
        `but the flags name cluster ${found.clusterId.toString(16)}; use the flags it was made with, or another directory`,
    )
  }
  return {
    memberId,
    clusterId,
    founders: founded ? found.founders : undefined,
    contacts: founded ? found.founders : [],
  }
}

/** Asks the members that are there who this one is: it was added by its peer URL before it starts. */
async function join(config: NodeConfig): Promise<Role> {
  const own = config.initialAdvertisePeerUrls.map(({ url }) => url)
  const others = peerUrlsOfOthers(config)
  let last = 'no other member is listed in initial-cluster'
  let endMs = performance.now() + joinWithinMs
  let denied = false
  while (performance.now() < endMs && others.length > 0) {
    for (const url of others) {
      const known = await askMembers(url, joinAskMs, config.peerTls)
      if (typeof known === 'string') {
        last = known
        continue
      }
      const { clusterId, topology } = known
      const self = topology.members.find((member) => member.peerUrls.some((peerUrl) => own.includes(peerUrl)))
      if (self !== undefined) {
        const contacts = topology.members.map(({ id, peerUrls }) => ({ id, peerUrls }))
        // It has a name once it ran.
        return { memberId: self.id, clusterId, founders: undefined, contacts, lost: self.name !== '' }
      }
      if (!denied) endMs = Math.min(endMs, performance.now() + deniedWithinMs)
      denied = true
      last = `${url}: no member of the cluster has the peer URL ${own.join(', ')}; add it first with 'aspen member add'`
    }
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  throw new Error(`join: the cluster could not be asked who this member is: ${last}`)
}
