/**
 * `aspen serve`: one node, from its configuration to its last breath.
 *
 *   starting ──▶ serving ──signal──▶ leadership handed over ──▶ requests drained ──▶ node closed ──▶ exit 0
 *      │            │
 *      └── refused ─┴── died ──▶ one line, exit 1
 *
 * A second signal ends the process at once; so does the clock when closing takes longer than `closeMsMax`.
 */
import type { Logger } from 'pino'
import type { NodeConfig } from '../aspen/config.ts'
import { ConfigError, readConfig, settingsHelp } from '../aspen/config.ts'
import type { NodeClient } from '../client/interface.ts'
import { bannerOf } from './banner.ts'
import { CommandFailure, exitCodes, reasonOf } from './failure.ts'
import { createLogger } from './logger.ts'
import type { Output, Sink } from './output.ts'

/** What of a running node is needed here. */
export interface ServedNode {
  readonly client: NodeClient
  readonly memberId: number
  readonly clusterId: number
  readonly died: Promise<{ readonly reason: string }>
  close(withinMs: number): Promise<void>
}

export interface ServedGateway {
  /** The addresses in use, client addresses first. */
  readonly urls: readonly string[]
  close(withinMs: number): Promise<void>
}

export type EndSignal = 'SIGINT' | 'SIGTERM' | 'disconnect'

/** The process around a node, so that a test can be one. */
export interface ServeWorld {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cores: number
  readonly output: Output
  readonly stderr: Sink & { readonly isTTY?: boolean }
  /** How the command was called, for the lines to try next. */
  readonly program: string
  readonly readFile: (path: string) => string
  readonly holdsData: (dataDir: string) => boolean
  /** Calls back for each signal that asks the node to end. */
  readonly onSignal: (listener: (signal: EndSignal) => void) => void
  readonly startNode: (config: NodeConfig, hooks: { readonly logger: Logger }) => Promise<ServedNode>
  readonly startGateway: (config: NodeConfig, node: ServedNode, logger: Logger) => Promise<ServedGateway>
  /** Ends the process; does not return. */
  readonly exit: (code: number) => never
  readonly after: (ms: number, callback: () => void) => void
}

/** SIGTERM to exit; an orchestrator kills what takes longer. */
export const closeMsMax = 5_000
/** Shares of it: what is left over is for the process itself to end. */
const handOverMsMax = 1_000
const gatewayMsMax = 1_200
const nodeMsMax = 2_200

const signalExitCodes: Readonly<Record<EndSignal, number>> = { SIGINT: 130, SIGTERM: 143, disconnect: 143 }

/** Runs a node until it is told to end; resolves with nothing, as the process ends first. */
export async function serve(world: ServeWorld): Promise<void> {
  const { output } = world
  if (world.argv.some((word) => word === '--help' || word === '-h' || word === '-help')) {
    output.line(`Usage: ${world.program} serve [--setting value ...]\n\nRun a node.\n\n${settingsHelp()}`)
    return
  }
  const config = configOrExit(world)
  const logger = createLogger(config, world.stderr)
  const signalled = endOnSignal(world)
  let node: ServedNode | undefined
  try {
    const starting = world.startNode(config, { logger })
    node = await Promise.race([starting, signalled.then(() => undefined)])
    // Nothing was promised to anyone yet, and what is on disk stands a kill: a start is not waited for.
    if (node === undefined) world.exit(exitCodes.done)
    const gateway = await world.startGateway(config, node, logger)
    output.line(bannerOf(config, node, gateway.urls, world.program))
    logger.info('serving')
    const end = await Promise.race([signalled, node.died])
    if (typeof end !== 'string') throw new CommandFailure(`the node died: ${end.reason}`)
    logger.info({ signal: end }, 'closing')
    await close(node, gateway, logger)
    logger.info('closed')
  } catch (error) {
    logger.debug({ err: error }, 'ending')
    output.problem(reasonOf(error))
    // What was started must not stay behind half open: its data would be locked until the process is gone.
    await node?.close(nodeMsMax).catch(() => {})
    world.exit(exitCodes.failed)
  }
  world.exit(exitCodes.done)
}

function configOrExit(world: ServeWorld): NodeConfig {
  const { argv, env, cores, readFile, holdsData, output } = world
  try {
    const { config, warnings } = readConfig({
      argv,
      env,
      cores,
      readFile,
      holdsData,
      interactive: world.stderr.isTTY === true,
    })
    for (const warning of warnings) output.note(`aspen: warning: ${warning}`)
    return config
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const problem of error.problems) output.problem(problem)
    output.note(`See ${world.program} serve --help`)
    return world.exit(exitCodes.usage)
  }
}

/** Resolves with the first signal; the second ends the process. */
function endOnSignal(world: ServeWorld): Promise<EndSignal> {
  let signalled = false
  return new Promise<EndSignal>((resolve) => {
    world.onSignal((name) => {
      if (signalled) world.exit(signalExitCodes[name])
      signalled = true
      world.after(closeMsMax, () => {
        world.output.problem(`not closed within ${closeMsMax} ms, giving up; the data is safe`)
        world.exit(exitCodes.failed)
      })
      resolve(name)
    })
  })
}

/** Leadership goes first, while this node still serves: clients then see no gap without a leader. */
async function close(node: ServedNode, gateway: ServedGateway, logger: Logger): Promise<void> {
  try {
    await handOverLeadership(node)
  } catch (error) {
    // The others elect a leader of their own once this one is silent.
    logger.warn({ reason: reasonOf(error) }, 'leadership was not handed over')
  }
  await gateway.close(gatewayMsMax)
  await node.close(nodeMsMax)
}

async function handOverLeadership({ client, memberId }: ServedNode): Promise<void> {
  const signal = AbortSignal.timeout(handOverMsMax)
  const deadlineMs = handOverMsMax
  const { members } = await client.memberList({ linearizable: false, signal, deadlineMs })
  const heirs = members.filter((member) => member.id !== memberId && !member.learner && member.name !== '')
  if (heirs.length === 0) return
  const led = (await client.keyspaceList({ signal, deadlineMs })).filter((keyspace) => keyspace.leader === memberId)
  await Promise.all(
    led.map(async (keyspace) => {
      let refusal: unknown
      for (const heir of heirs) {
        try {
          await client.moveLeader({ target: heir.id }, { keyspace: keyspace.name, signal, deadlineMs })
          return
        } catch (error) {
          // That one may be down or behind: the next may not.
          refusal = error
        }
      }
      throw refusal
    }),
  )
}
