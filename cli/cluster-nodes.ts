/**
 * The processes of a local cluster: one `aspen serve` each, with a directory, two ports and a log of its own. They end
 * when this process ends, however it ends: each watches the channel to its parent.
 */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { CommandFailure } from './failure.ts'

export interface NodePorts {
  readonly client: number
  readonly peer: number
}

export interface LocalNode {
  readonly name: string
  readonly endpoint: string
  readonly logFile: string
  readonly pid: number | undefined
  /** Why it is not running; empty while it is. */
  readonly reason: string
  start(): void
  /** Ends it as a power cut would. */
  kill(): void
  /** Asks it to end, and kills it when it has not after a while. */
  stop(): Promise<void>
}

const host = '127.0.0.1'
const stopMsMax = 6_000

/** Describes `ports.length` nodes under `dir`; none is started yet. */
export function localNodes(
  ports: readonly NodePorts[],
  dir: string,
  mainFile: string,
  extraFlags: readonly string[],
): readonly LocalNode[] {
  const names = ports.map((_, at) => `n${at + 1}`)
  const founders = ports.map((port, at) => `${names[at]}=http://${host}:${port.peer}`).join(',')
  return ports.map((port, at) => {
    const name = names[at] as string
    const flags = [
      `--name=${name}`,
      `--data-dir=${join(dir, name)}`,
      `--listen-client-urls=http://${host}:${port.client}`,
      `--listen-peer-urls=http://${host}:${port.peer}`,
      `--initial-cluster=${founders}`,
      '--initial-cluster-token=aspen-local',
      ...extraFlags,
    ]
    return localNode(name, `${host}:${port.client}`, join(dir, `${name}.log`), [mainFile, 'serve', ...flags])
  })
}

function localNode(name: string, endpoint: string, logFile: string, words: readonly string[]): LocalNode {
  let child: ChildProcess | undefined
  let reason = 'not started'
  return {
    name,
    endpoint,
    logFile,
    get pid() {
      return child?.pid
    },
    get reason() {
      return reason
    },
    start: () => {
      if (child !== undefined) return
      const log = openSync(logFile, 'a', 0o600)
      // Settings in this environment are meant for one node, not for each of several.
      const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^(ASPEN|ETCD)_/.test(key)))
      const started = spawn(process.execPath, [...words], { stdio: ['ignore', log, log, 'ipc'], env })
      closeSync(log)
      child = started
      reason = ''
      const ended = (why: string): void => {
        if (child !== started) return
        child = undefined
        reason = why
      }
      started.on('error', (error) => ended(error.message))
      started.on('exit', (code, signal) => ended(signal === null ? exitReason(code, logFile) : `killed by ${signal}`))
    },
    kill: () => void child?.kill('SIGKILL'),
    stop: async () => {
      const running = child
      if (running === undefined) return
      const exited = new Promise((resolve) => running.once('exit', resolve))
      running.kill('SIGTERM')
      const patience = setTimeout(() => running.kill('SIGKILL'), stopMsMax)
      await exited
      clearTimeout(patience)
    },
  }
}

/** The last complaint of a node that ended by itself says more than its exit code. */
function exitReason(code: number | null, logFile: string): string {
  const complaint = readFileSync(logFile, 'utf8')
    .split('\n')
    .findLast((line) => line.startsWith('aspen: '))
  return code === 0
    ? 'ended'
    : `exited with code ${code}${complaint === undefined ? '' : `: ${complaint.slice('aspen: '.length)}`}`
}

/**
 * Ports for `count` nodes: etcd's 2379, 22379, 32379 and so on when all of them are free, so that examples written for
 * etcd fit; otherwise whatever is free.
 */
export async function choosePorts(count: number): Promise<readonly NodePorts[]> {
  const usual = Array.from({ length: count }, (_, at): NodePorts => {
    const tenThousands = at === 0 ? 0 : (at + 1) * 10_000
    return { client: 2_379 + tenThousands, peer: 2_380 + tenThousands }
  })
  const inRange = usual.every((ports) => ports.peer <= 65_535)
  if (inRange && (await Promise.all(usual.flatMap((one) => [isFree(one.client), isFree(one.peer)]))).every(Boolean))
    return usual
  const free = await freePorts(count * 2)
  return Array.from(
    { length: count },
    (_, at): NodePorts => ({ client: free[at * 2] as number, peer: free[at * 2 + 1] as number }),
  )
}

/** Held open together while they are chosen: the system then cannot give the same one twice. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  try {
    return await Promise.all(servers.map((server) => listening(server, 0)))
  } finally {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    await listening(server, port)
  } catch {
    return false
  }
  await new Promise((resolve) => server.close(resolve))
  return true
}

function listening(server: ReturnType<typeof createServer>, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      const address = server.address()
      if (address === null || typeof address === 'string')
        reject(new CommandFailure('wanted a TCP port, found another kind of address'))
      else resolve(address.port)
    })
  })
}

/** Makes the directory of the cluster. */
export function makeClusterDirectory(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
}
