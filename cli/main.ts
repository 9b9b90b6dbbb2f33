#!/usr/bin/env node
/**
 * The `aspen` command: connects its parts to this process. Whatever needs the storage or the threads of a node is loaded
 * only by the command that needs it, so that `aspen get` starts at once.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connectEtcd } from '../client/etcd-grpc.ts'
import { addClusterCommand } from './cluster.ts'
import type { CommandContext } from './context.ts'
import { reasonOf } from './failure.ts'
import { outputTo } from './output.ts'
import { runProgram } from './program.ts'
import type { EndSignal, ServeWorld } from './serve.ts'
import { serve } from './serve.ts'

// News for who writes this program, not for who runs it: the gRPC library asks TLS for an IP address by name.
process.noDeprecation = true

const output = outputTo(process.stdout, process.stderr)
const mainFile = fileURLToPath(import.meta.url)

const context: CommandContext = {
  output,
  env: process.env,
  readStdin,
  connect: connectEtcd,
  now: () => performance.now(),
  sleep: (ms) => sleep(ms),
}

// Whoever reads our output may have seen enough: `aspen get --prefix a | head -1` is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

process.exitCode = await runProgram(process.argv.slice(2), {
  context,
  serve: (words) => serve(serveWorld(words)),
  addCluster: (program) =>
    addClusterCommand(program, context, { mainFile, onEnd, onKey: process.stdin.isTTY ? onKey : undefined }),
  snapshotTools: () => import('../aspen/restore.ts'),
})
// A terminal that is still read would keep the process alive.
if (process.stdin.isTTY) process.stdin.setRawMode(false).pause()

function serveWorld(argv: readonly string[]): ServeWorld {
  const fatal = (error: unknown): void => {
    output.problem(`ended by a mistake of its own: ${reasonOf(error)}`)
    if (error instanceof Error) output.note(error.stack ?? '')
    process.exit(1)
  }
  process.on('uncaughtException', fatal)
  process.on('unhandledRejection', fatal)
  return {
    argv,
    env: process.env,
    cores: availableParallelism(),
    output,
    stderr: process.stderr,
    program: programName(),
    readFile: (path) => readFileSync(path, 'utf8'),
    holdsData,
    onSignal: (listener) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const satisfies readonly EndSignal[])
        process.on(signal, () => listener(signal))
      // A node of `aspen cluster` ends with its parent, even when that was killed and could not say so.
      if (process.send !== undefined) process.on('disconnect', () => listener('disconnect'))
    },
    startNode: async (config, hooks) => (await import('../aspen/start-node.ts')).startNode(config, hooks),
    startGateway: async (config, node, logger) => {
      const { startGateway } = await import('../gateway/start.ts')
      const clientUrls = config.listenClientUrls.map((url) => url.url)
      const metricsUrls = config.listenMetricsUrls.map((url) => url.url)
      const { maxRequestBytes, maxTxnOps, clientTls: tls, electionTimeoutMs } = config
      return startGateway({
        node: node.client,
        clientUrls,
        metricsUrls,
        tls,
        maxRequestBytes,
        maxTxnOps,
        electionTimeoutMs,
        ...config.gateway,
        logger,
      })
    },
    exit: (code) => process.exit(code),
    after: (ms, callback) => void setTimeout(callback, ms).unref(),
  }
}

function holdsData(dataDir: string): boolean {
  try {
    return readdirSync(dataDir).some((name) => name !== 'lost+found')
  } catch {
    return false
  }
}

/** How to call this program again, from where the user stands. */
function programName(): string {
  const called = process.argv[1] ?? mainFile
  return basename(called) === 'aspen' ? 'aspen' : `node ${relative(process.cwd(), mainFile)}`
}

async function readStdin(): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Uint8Array)
  return Buffer.concat(chunks)
}

function onEnd(listener: () => void): void {
  process.on('SIGINT', listener)
  process.on('SIGTERM', listener)
}

function onKey(listener: (key: string) => void): void {
  process.stdin.setRawMode(true)
  process.stdin.setEncoding('utf8')
  process.stdin.on('data', (keys) => {
    for (const key of String(keys)) listener(key)
  })
}
