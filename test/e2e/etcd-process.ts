/** A real etcd, one member, for what must work with it too. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually, freePorts } from './cluster.ts'
import { plainEnvironment } from './process.ts'

/** Why tests that need `etcd` are skipped; false when they are not. */
export const noEtcd: string | false =
  spawnSync('etcd', ['--version'], { env: plainEnvironment() }).status === 0
    ? false
    : 'etcd is not installed (Debian: etcd-server)'

/** Runs `body` with an etcd, given its endpoint, and cleans up after it. */
export async function withEtcd(body: (endpoint: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'aspen-etcd-'))
  const [clientPort, peerPort] = await freePorts(2)
  const client = `http://127.0.0.1:${clientPort}`
  const peer = `http://127.0.0.1:${peerPort}`
  const flags = [`--data-dir=${dir}`, `--listen-client-urls=${client}`, `--advertise-client-urls=${client}`]
  const peers = [
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
  ]
  const child = spawn('etcd', [...flags, ...peers], { env: plainEnvironment(), stdio: 'ignore' })
  const killed = (): void => void child.kill('SIGKILL')
  process.on('exit', killed)
  try {
    await eventually('etcd to serve', async () => ((await fetch(`${client}/health`)).ok ? true : undefined), 30_000)
    await body(client)
  } finally {
    process.off('exit', killed)
    await ended(child)
    rmSync(dir, { recursive: true, force: true })
  }
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })
}
