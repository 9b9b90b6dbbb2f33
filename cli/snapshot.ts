/**
 * `aspen snapshot`: a keyspace as a file, what is in such a file, and a new member from it.
 */
import type { Command } from 'commander'
import type { FoundingMember } from '../aspen/config.ts'
import { ConfigError, readConfig } from '../aspen/config.ts'
import type { CommandContext } from './context.ts'
import { remoteCommand, sharedOf, withClient } from './context.ts'
import { CommandFailure, UsageError } from './failure.ts'
import { framedTable, idText, sizeText } from './output.ts'
import { saveSnapshot, verifySnapshotFile } from './snapshot-file.ts'

/** What is in a snapshot. */
export interface SnapshotStatus {
  readonly hash: number
  readonly revision: number
  readonly totalKeys: number
  readonly sizeBytes: number
}

export interface RestoreOptions {
  readonly file: string
  /** Must not exist yet, or be empty. */
  readonly dataDir: string
  readonly name: string
  readonly initialCluster: readonly FoundingMember[]
  readonly initialClusterToken: string
  readonly initialAdvertisePeerUrls: readonly string[]
  readonly onProgress: (doneBytes: number, totalBytes: number) => void
}

export interface RestoreResult {
  readonly memberId: number
  readonly clusterId: number
  readonly revision: number
  readonly totalKeys: number
}

/** What is done with a snapshot needs the storage of a node, which is loaded only then. */
export interface SnapshotTools {
  readonly snapshotStatus: (file: string) => Promise<SnapshotStatus>
  readonly restoreSnapshot: (options: RestoreOptions) => Promise<RestoreResult>
}

export function addSnapshotCommands(
  program: Command,
  context: CommandContext,
  tools: () => Promise<SnapshotTools>,
): void {
  const snapshot = program
    .command('snapshot')
    .summary('Save, inspect or restore the data')
    .description('Save, inspect or restore the data.')
  addSave(snapshot, context)
  addStatus(snapshot, context, tools)
  addRestore(snapshot, context, tools)
}

function addSave(parent: Command, context: CommandContext): void {
  remoteCommand(parent, 'save', 'Save the data of a node to a file')
    .argument('<file>', 'the file to write; replaced when it exists')
    .action(async (file: string, _options: unknown, command: Command) => {
      const shared = sharedOf(command, context)
      // A node's data is its own: of several nodes, which one would it be?
      if (shared.endpoints.length !== 1)
        throw new UsageError(`snapshot save: wanted one endpoint, found ${shared.endpoints.length}`)
      const { output } = context
      const bar = output.progress('saving')
      const from = context.now()
      try {
        const sizeBytes = await withClient(context, shared, (client) =>
          saveSnapshot(client.snapshot(), file, bar.update),
        )
        bar.stop()
        const seconds = Math.round(context.now() - from) / 1_000
        if (shared.form === 'json') output.json({ file, sizeBytes, seconds })
        else output.line(`Snapshot saved at ${file} (${sizeText(sizeBytes)} in ${seconds} s)`)
      } finally {
        bar.stop()
      }
    })
}

function addStatus(parent: Command, context: CommandContext, tools: () => Promise<SnapshotTools>): void {
  remoteCommand(parent, 'status', 'What is in a snapshot')
    .argument('<file>', 'the snapshot')
    .action(async (file: string, _options: unknown, command: Command) => {
      const { form } = sharedOf(command, context, ['simple', 'json', 'table'])
      const { output } = context
      await verified(file, context)
      const { hash, revision, totalKeys, sizeBytes } = await (await tools()).snapshotStatus(file)
      const cells = [hash.toString(16).padStart(8, '0'), revision, totalKeys, sizeText(sizeBytes)]
      if (form === 'json') output.json({ hash, revision, totalKeys, sizeBytes })
      else if (form === 'table') output.line(framedTable(['HASH', 'REVISION', 'TOTAL KEYS', 'TOTAL SIZE'], [cells]))
      else output.line(cells.join(', '))
    })
}

interface RestoreFlags {
  readonly dataDir?: string
  readonly name?: string
  readonly initialCluster?: string
  readonly initialClusterToken?: string
  readonly initialAdvertisePeerUrls?: string
}

function addRestore(parent: Command, context: CommandContext, tools: () => Promise<SnapshotTools>): void {
  remoteCommand(parent, 'restore', 'Make the data directory of a member of a new cluster from a snapshot')
    .argument('<file>', 'the snapshot')
    .option('--data-dir <path>', 'the new data directory (NAME.aspen)')
    .option('--name <name>', 'the name of the member (default)')
    .option('--initial-cluster <list>', 'all members of the new cluster, NAME=URL each')
    .option('--initial-cluster-token <token>', 'keeps clusters with equal members apart')
    .option('--initial-advertise-peer-urls <list>', 'where the other members find this one')
    .action(async (file: string, flags: RestoreFlags, command: Command) => {
      const { form } = sharedOf(command, context)
      const { output } = context
      const options = restoreOptionsOf(flags)
      await verified(file, context)
      const bar = output.progress('restoring')
      let restored: RestoreResult
      try {
        restored = await (await tools()).restoreSnapshot({ ...options, file, onProgress: bar.update })
      } finally {
        bar.stop()
      }
      if (form === 'json') output.json({ ...restored, dataDir: options.dataDir })
      else {
        const { revision, totalKeys, memberId, clusterId } = restored
        output.line(`Restored ${totalKeys} keys at revision ${revision} to ${options.dataDir}`)
        output.line(`Member ${idText(memberId)} of cluster ${idText(clusterId)}`)
      }
    })
}

/** The founding settings are read and checked as the node will read and check them. */
function restoreOptionsOf(flags: RestoreFlags): Omit<RestoreOptions, 'file' | 'onProgress'> {
  const name = flags.name ?? 'default'
  const dataDir = flags.dataDir ?? `${name}.aspen`
  const given: readonly [string, string | undefined][] = [
    ['name', name],
    ['data-dir', dataDir],
    ['initial-cluster', flags.initialCluster],
    ['initial-cluster-token', flags.initialClusterToken],
    ['initial-advertise-peer-urls', flags.initialAdvertisePeerUrls],
  ]
  const argv = given.flatMap(([flag, value]) => (value === undefined ? [] : [`--${flag}=${value}`]))
  const readFile = (path: string): string => {
    throw new CommandFailure(`no file of settings is read here, found ${path}`)
  }
  try {
    const { config } = readConfig({ argv, env: {}, readFile, cores: 1 })
    const { initialCluster, initialClusterToken } = config
    return {
      name,
      dataDir,
      initialCluster,
      initialClusterToken,
      initialAdvertisePeerUrls: config.initialAdvertisePeerUrls.map((url) => url.url),
    }
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.problems.join('; '))
    throw error
  }
}

async function verified(file: string, context: CommandContext): Promise<void> {
  const bar = context.output.progress('checking')
  try {
    await verifySnapshotFile(file, bar.update)
  } finally {
    bar.stop()
  }
}
