/** Commands as a person at a terminal runs them: Debian's `etcdctl`, and our own. */
import { spawn, spawnSync } from 'node:child_process'
import { mainFile, plainEnvironment } from './process.ts'

export interface CommandResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  /** What stands on its standard input. */
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
}

/** Why tests that need `etcdctl` are skipped; false when they are not. */
export const noEtcdctl: string | false =
  spawnSync('etcdctl', ['version'], { env: { ...process.env, ETCDCTL_API: '3' } }).status === 0
    ? false
    : 'etcdctl is not installed (Debian: etcd-client)'

/** Runs a command to its end. */
export function run(
  command: string,
  words: readonly string[],
  { input = '', env = {}, timeoutMs = 30_000 }: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...words], { env: { ...plainEnvironment(), ...env }, timeout: timeoutMs })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString('utf8')
    })
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString('utf8')
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
    // A command that ends before it has read all it was given is no failure of ours.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })
}

export function etcdctl(
  endpoints: string,
  words: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return run('etcdctl', ['--endpoints', endpoints, ...words], {
    ...options,
    env: { ETCDCTL_API: '3', ...options.env },
  })
}

/** Our own command line. */
export function aspen(words: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return run(process.execPath, [mainFile, ...words], options)
}
