/**
 * `aspen cluster`: several nodes on this machine, to try things: who leads, what happens when one is killed.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import type { LocalNode } from './cluster-nodes.ts'
import { choosePorts, localNodes, makeClusterDirectory } from './cluster-nodes.ts'
import type { ClusterEvent, NodeView } from './cluster-view.ts'
import { changesBetween, clusterTable, lineOf } from './cluster-view.ts'
import type { CommandContext, RemoteClient } from './context.ts'
import { reasonOf, UsageError } from './failure.ts'

/** The terminal and the process, which this command alone needs. */
export interface ClusterWorld {
  /** What is run for a node: the compiled `main`. */
  readonly mainFile: string
  readonly onEnd: (listener: () => void) => void
  /** Calls back for each key; undefined when nobody can press one. */
  readonly onKey: ((listener: (key: string) => void) => void) | undefined
}

interface ClusterOptions {
  readonly nodes: string
  readonly dir?: string
  readonly json?: boolean
}

const nodesMax = 9
const refreshMs = 500
/** Short: a node that was killed must not freeze the view of the others. */
const askMs = 1_000

export function addClusterCommand(program: Command, context: CommandContext, world: ClusterWorld): void {
  program
    .command('cluster')
    .summary('Run a local cluster and watch it')
    .description('Run a local cluster and watch it. Words after -- are settings for every node.')
    .option('--nodes <n>', `how many, 1 to ${nodesMax}`, '3')
    .option('--dir <path>', 'where data and logs go; kept. Without it: a new directory, removed at the end')
    .option('--json', 'each change as a line of JSON')
    .argument('[settings...]', 'settings of `aspen serve`')
    .action(async (settings: readonly string[], options: ClusterOptions) => {
      if (!/^[1-9]$/.test(options.nodes)) {
        throw new UsageError(
          `--nodes: wanted a whole number from 1 to ${nodesMax}, found ${JSON.stringify(options.nodes)}`,
        )
      }
      const temporary = options.dir === undefined ? mkdtempSync(join(tmpdir(), 'aspen-cluster-')) : undefined
      const dir = resolve(temporary ?? (options.dir as string))
      makeClusterDirectory(dir)
      const nodes = localNodes(await choosePorts(Number(options.nodes)), dir, world.mainFile, settings)
      try {
        for (const node of nodes) node.start()
        await watchUntilEnd(nodes, dir, options.json === true, context, world)
      } finally {
        await Promise.all(nodes.map((node) => node.stop()))
        if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true })
      }
    })
}

async function watchUntilEnd(
  nodes: readonly LocalNode[],
  dir: string,
  json: boolean,
  context: CommandContext,
  world: ClusterWorld,
): Promise<void> {
  const { output } = context
  const live = output.interactive && !json && world.onKey !== undefined
  let ended = false
  const end = new Promise<void>((resolve) => {
    const finish = (): void => {
      ended = true
      resolve()
    }
    world.onEnd(finish)
    if (live) world.onKey?.(keyHandler(nodes, finish))
  })
  const endpoints = nodes.map((node) => node.endpoint).join(',')
  if (!live) output.note(`${nodes.length} nodes in ${dir}, endpoints ${endpoints}`)
  const clients = nodes.map((node) =>
    context.connect({ endpoints: [node.endpoint], keyspace: 'default', deadlineMs: askMs }),
  )
  let before: readonly NodeView[] = []
  try {
    while (!ended) {
      const now = await Promise.all(nodes.map((node, at) => viewOf(node, clients[at] as RemoteClient, before[at])))
      if (live)
        output.redraw(
          `${clusterTable(now)}\n\nk N: kill -9 node N   s N: start it again   q: quit\nendpoints ${endpoints}\ndata and logs ${dir}`,
        )
      else for (const event of changesBetween(before, now)) report(event, json, context)
      before = now
      await Promise.race([end, context.sleep(refreshMs)])
    }
  } finally {
    for (const client of clients) await client.close()
  }
}

function report(event: ClusterEvent, json: boolean, { output }: CommandContext): void {
  if (json) output.event(event)
  else output.line(lineOf(event))
}

/** `k` or `s` and then the number of a node; `q` or ctrl-c. */
export function keyHandler(
  nodes: readonly Pick<LocalNode, 'kill' | 'start'>[],
  quit: () => void,
): (key: string) => void {
  let verb: 'kill' | 'start' | undefined
  return (key) => {
    if (key === 'q' || key === '\u0003') return quit()
    const node = /^[1-9]$/.test(key) ? nodes[Number(key) - 1] : undefined
    if (node !== undefined && verb !== undefined) node[verb]()
    // Any other key takes back a verb pressed by mistake.
    verb = key === 'k' ? 'kill' : key === 's' ? 'start' : undefined
  }
}

async function viewOf(node: LocalNode, client: RemoteClient, before: NodeView | undefined): Promise<NodeView> {
  const { name, endpoint, pid } = node
  const silent: NodeView = {
    name,
    clientUrl: `http://${endpoint}`,
    state: 'down',
    pid,
    memberId: before?.memberId ?? 0,
    version: '',
    leads: [],
    term: 0,
    revision: 0,
    dbSizeBytes: 0,
    reason: node.reason,
  }
  if (pid === undefined) return silent
  try {
    const [status, keyspaces] = await Promise.all([client.status(), client.keyspaceList()])
    const { header, version, dbSizeBytes, errors, leader } = status
    const healthy = errors.length === 0 && leader !== 0
    return {
      ...silent,
      state: healthy ? 'serving' : 'unhealthy',
      memberId: header.memberId,
      version,
      leads: keyspaces.filter((keyspace) => keyspace.leader === header.memberId).map((keyspace) => keyspace.name),
      term: header.raftTerm,
      revision: header.revision,
      dbSizeBytes,
      reason: errors.length > 0 ? errors.join('; ') : leader === 0 ? 'no leader' : '',
    }
  } catch (error) {
    const wasUp = before !== undefined && before.pid === pid && before.state !== 'starting' && before.state !== 'down'
    return { ...silent, state: wasUp ? 'unhealthy' : 'starting', reason: wasUp ? reasonOf(error) : '' }
  }
}
