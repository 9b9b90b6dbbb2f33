/**
 * A new cluster from a snapshot of an old one: each founder makes its data directory from the same file and the same list of
 * members, and then starts as any founder does.
 *
 *   <data-dir>/restoring/   a whole data directory, written through an executor as a running node would
 *        └─▶ stores moved up one by one ─▶ identity.json, which makes it a member's
 *
 * Until the identity is in its place nobody takes the directory for a member's: a start finds stores without an identity
 * and refuses. The keyspace `default` begins at the snapshot's index and revision with the founders as its members; the
 * meta group begins with nothing, as in any new cluster. Alarms come along: whoever restores a full keyspace is told so.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { firstKeyspace } from '../actors/placement/topology.ts'
import { registerMachine } from '../actors/raft/machines.ts'
import type { Configuration } from '../actors/raft/messages.ts'
import { groupSeed, replicaSeed, type SeedGroup, type SeedReplica } from '../actors/raft/seed.ts'
import { strictKeyspace } from '../actors/strict/machine.ts'
import type { StrictReply } from '../actors/strict/messages.ts'
import { invariant } from '../base/assert.ts'
import { openSnapshot } from '../client/snapshot-seal.ts'
import type { ActorStore, AnyActor } from '../runtime/kernel/actor.ts'
import { edgeSpawn } from '../runtime/kernel/edge.ts'
import { type DataDir, openDataDir } from '../runtime/node/data-dir.ts'
import { DirLock } from '../runtime/node/dir-lock.ts'
import { syncDirectory } from '../runtime/node/durable-file.ts'
import { type ExecutorThread, silentNetwork, startExecutorThread } from '../runtime/node/thread/executor-thread.ts'
import { PortLinks } from '../runtime/node/thread/links.ts'
import { foundingRole } from './founding.ts'
import { AskError, askActor } from './handle.ts'
import { executorOf } from './plan.ts'
import { readSnapshotBlob, type SnapshotContents } from './snapshot-blob.ts'

export interface SnapshotStatus {
  /** As `hashKv` answers at `revision`. */
  readonly hash: number
  readonly revision: number
  /** Keys that exist at `revision`. */
  readonly totalKeys: number
  /** Of the file. */
  readonly sizeBytes: number
}

export interface RestoreOptions {
  readonly file: string
  /** Must not exist yet, or be empty. */
  readonly dataDir: string
  readonly name: string
  readonly initialCluster: readonly { readonly name: string; readonly peerUrls: readonly string[] }[]
  readonly initialClusterToken: string
  readonly initialAdvertisePeerUrls: readonly string[]
  readonly onProgress: (doneBytes: number, totalBytes: number) => void
  /** Worker threads of the node to be, 0 to 64; the server's own default when absent. */
  readonly workers?: number
}

export interface RestoreResult {
  readonly memberId: number
  readonly clusterId: number
  readonly revision: number
  readonly totalKeys: number
}

/** Nothing was made: `message` says why, in one sentence. */
export class RestoreRefused extends Error {
  override readonly name = 'RestoreRefused'
}

/** Restoring is one long turn; this is for a disk that does not answer. */
const seedMs = 3_600_000
const workName = 'restoring'
/** What may stand in an empty directory: our lock, what a restore left that did not end, a file system's own. */
const harmless: ReadonlySet<string> = new Set(['lock', workName, 'lost+found'])

/**
 * Makes the data directory of one founder of a new cluster.
 *
 * @throws {SnapshotError} The file is damaged or none. @throws {RangeError} It holds no keyspace of ours.
 * @throws {RestoreRefused} The directory is not empty; the list of members does not name this one, or names it otherwise.
 */
export async function restoreSnapshot(options: RestoreOptions): Promise<RestoreResult> {
  const { dataDir, name, workers = Math.max(1, availableParallelism() - 1) } = options
  const role = foundingRole(options.initialCluster, options.initialClusterToken, name)
  checkFounder(options, role.memberId)
  const contents = readSnapshotBlob(openSnapshot(await readFile(options.file)))
  const voters = role.founders.map(({ id }) => id).sort((a, b) => a - b)
  const configuration = { voters, votersOutgoing: [], learners: [], learnersNext: [] }
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const lock = new DirLock(dataDir)
  try {
    const present = readdirSync(dataDir).filter((entry) => !harmless.has(entry) && !entry.startsWith('lock.'))
    if (present.length > 0) {
      throw new RestoreRefused(
        `restore to ${dataDir}: wanted an empty directory, found ${present.slice(0, 5).join(', ')} in it`,
      )
    }
    const work = join(dataDir, workName)
    rmSync(work, { recursive: true, force: true })
    const { memberId, clusterId } = role
    const data = await openDataDir({ dir: work, clusterId, memberId, name, stores: workers + 1, reserveBytes: 0 })
    const status = await seedKeyspace(data, contents, configuration, options.onProgress).finally(() => data.close())
    moveUp(work, dataDir)
    return { memberId, clusterId, revision: status.revision, totalKeys: status.keys }
  } finally {
    rmSync(join(dataDir, workName), { recursive: true, force: true })
    lock.release()
  }
}

/**
 * Reads a snapshot whole, as a restore would, and tells what is in it.
 *
 * @throws {SnapshotError} The file is damaged or none. @throws {RangeError} It holds no keyspace of ours.
 */
export async function snapshotStatus(file: string): Promise<SnapshotStatus> {
  const bytes = await readFile(file)
  const contents = readSnapshotBlob(openSnapshot(bytes))
  const context = { group: firstKeyspace, node: 0, store: forgetfulStore, actor: undefined as never, heard: false }
  const state = usable(() =>
    strictKeyspace.restore(
      context,
      { cacheBytesMax: 0 },
      chunksOf(contents, () => {}),
    ),
  )
  const { revision, keys } = statusOf(strictKeyspace.query(state, { type: 'status' }))
  const hashed = strictKeyspace.query(state, { type: 'hashKv', revision: 0 })
  invariant(hashed.type === 'done' && hashed.response.type === 'hashKv', 'K13: the newest revision has a hash')
  return { hash: hashed.response.hash, revision, totalKeys: keys, sizeBytes: bytes.length }
}

function checkFounder({ name, initialCluster, initialAdvertisePeerUrls }: RestoreOptions, memberId: number): void {
  const self = initialCluster.find((member) => member.name === name)
  const sorted = (urls: readonly string[]): string => [...urls].sort().join(',')
  if (self === undefined || memberId === 0) {
    const names = initialCluster.map((member) => member.name).join(', ')
    throw new RestoreRefused(
      `restore: wanted member '${name}' in the list of founders, found ${names || 'no member at all'}`,
    )
  }
  // The id follows from the list: a member that calls itself otherwise would not be found by the others.
  if (initialAdvertisePeerUrls.length > 0 && sorted(self.peerUrls) !== sorted(initialAdvertisePeerUrls)) {
    throw new RestoreRefused(
      `restore: wanted '${name}' to be reached at ${sorted(self.peerUrls)}, as the list of founders has it, ` +
        `found ${sorted(initialAdvertisePeerUrls)}`,
    )
  }
}

/** Writes group and replica of the first keyspace into the store where a node will look for them. */
async function seedKeyspace(
  data: DataDir,
  contents: SnapshotContents,
  configuration: Configuration,
  onProgress: RestoreOptions['onProgress'],
): Promise<{ readonly revision: number; readonly keys: number }> {
  const { module, exportName } = strictKeyspace
  const { manifest } = contents
  registerMachine(strictKeyspace)
  const executors = data.stores.length
  const slot = data.stores[executorOf(firstKeyspace, executors)]
  invariant(slot !== undefined, 'D3: a group lies in a store of its node')
  let broken: (error: Error) => void = () => {}
  const failure = new Promise<never>((_resolve, reject) => {
    broken = reject
  })
  const thread = startExecutorThread({
    node: data.identity.memberId,
    index: 0,
    incarnation: 1,
    seed: 1,
    store: { dir: slot.dir, identity: slot.identity },
    links: new PortLinks(1),
    network: silentNetwork,
    fatal: (reason) => broken(new Error(`restore: ${reason}`)),
    failed: (error) => broken(error instanceof Error ? error : new Error(String(error))),
  })
  const noRoom = setInterval(() => {
    if (thread.executor.commits.full) broken(new RestoreRefused(`restore to ${data.dir}: the disk has no room for it`))
  }, 100)
  try {
    const seed: SeedReplica = {
      type: 'seedReplica',
      group: firstKeyspace,
      machine: { module, exportName },
      machineArgs: {},
      manifest,
      configuration,
      sessions: contents.chunks.filter(({ part }) => part === 'sessions').map(({ bytes }) => bytes),
      chunks: chunksOf(contents, onProgress),
      query: { type: 'status' },
    }
    const { index, term } = manifest.meta
    const group: SeedGroup = { type: 'seedGroup', index, term, configuration }
    const written = Promise.all([
      plant(thread, replicaSeed, `replica/${firstKeyspace}`, seed),
      plant(thread, groupSeed, `raft/${firstKeyspace}`, group),
    ])
    const [answer] = await Promise.race([written, failure])
    return statusOf(answer as StrictReply)
  } catch (error) {
    throw error instanceof AskError ? noKeyspace(error) : error
  } finally {
    clearInterval(noRoom)
    await thread.close()
  }
}

async function plant(
  thread: ExecutorThread,
  definition: AnyActor<null>,
  name: string,
  message: unknown,
): Promise<unknown> {
  return askActor(thread.executor, edgeSpawn(thread.executor, definition, null, { name }), message, seedMs, undefined)
}

function usable<S>(restore: () => S): S {
  try {
    return restore()
  } catch (error) {
    throw noKeyspace(error)
  }
}

/** Whole, for its hash is right, and yet not what a keyspace says of itself: another machine's, or another version's. */
function noKeyspace(cause: unknown): RangeError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new RangeError(`read snapshot: wanted the state of a keyspace, but it cannot be read as one: ${reason}`, {
    cause,
  })
}

function* chunksOf({ chunks }: SnapshotContents, onProgress: RestoreOptions['onProgress']): Generator<Uint8Array> {
  const machine = chunks.filter(({ part }) => part === 'machine')
  const totalBytes = machine.reduce((sum, { bytes }) => sum + bytes.length, 0)
  let doneBytes = 0
  for (const { bytes } of machine) {
    yield bytes
    doneBytes += bytes.length
    onProgress(doneBytes, totalBytes)
  }
}

/** The identity last: it is what makes the directory a member's. */
function moveUp(work: string, dataDir: string): void {
  const stores = readdirSync(work).filter((entry) => /^store-\d+$/.test(entry))
  for (const store of stores) renameSync(join(work, store), join(dataDir, store))
  syncDirectory(dataDir)
  invariant(existsSync(join(work, 'identity.json')), 'D3: a restored directory has an identity')
  renameSync(join(work, 'identity.json'), join(dataDir, 'identity.json'))
  syncDirectory(dataDir)
}

function statusOf(reply: StrictReply): { readonly revision: number; readonly keys: number } {
  invariant(reply.type === 'done' && reply.response.type === 'status', 'M3: a status query is answered with a status')
  return { revision: reply.revision, keys: reply.response.keys }
}

/** Takes everything and keeps nothing: for reading a snapshot, whose index is all that is asked afterwards. */
const forgetfulStore: ActorStore = {
  get: () => undefined,
  range: () => [],
  put: () => {},
  delete: () => {},
  deleteRange: () => {},
  getValue: () => undefined,
  putValue: () => {},
}
