/**
 * One real node: `node dist/cli/main.js serve …` with its ports, its data directory and all it ever printed. It can be
 * ended in every way a machine ends a process: asked, killed, frozen.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const mainFile: string = fileURLToPath(new URL('../../cli/main.js', import.meta.url))

export interface MemberSpec {
  readonly name: string
  readonly dir: string
  readonly clientPort: number
  readonly peerPort: number
  readonly flags: readonly string[]
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Longest that a node may take to be ready on a busy machine. */
const readyMsMax = 30_000
const logCharsMax = 400_000

export class Member {
  readonly name: string
  readonly dir: string
  readonly clientPort: number
  readonly peerPort: number
  readonly endpoint: string
  readonly peerUrl: string
  readonly #flags: readonly string[]
  #child: ChildProcess | undefined
  #exited: Promise<Exit> = Promise.resolve({ code: null, signal: null })
  #output = ''

  constructor(spec: MemberSpec) {
    this.name = spec.name
    this.dir = spec.dir
    this.clientPort = spec.clientPort
    this.peerPort = spec.peerPort
    this.endpoint = `127.0.0.1:${spec.clientPort}`
    this.peerUrl = `http://127.0.0.1:${spec.peerPort}`
    this.#flags = spec.flags
  }

  /** Everything it printed, over all its lives. */
  get output(): string {
    return this.#output
  }

  get running(): boolean {
    return this.#child !== undefined
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error(`${this.name} does not run`)
    return this.#child.pid
  }

  /** Starts the process; does not wait for it. */
  start(extraFlags: readonly string[] = []): void {
    if (this.#child !== undefined) throw new Error(`${this.name} runs already`)
    const child = spawn(process.execPath, [mainFile, 'serve', ...this.#words(), ...extraFlags], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: plainEnvironment(),
    })
    this.#child = child
    const collect = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString('utf8')).slice(-logCharsMax)
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    this.#exited = new Promise((resolve) => {
      // `close`, not `exit`: what it said last has been read by then.
      child.once('close', (code, signal) => {
        this.#child = undefined
        this.#output += `\n[${this.name} ended: ${signal ?? `code ${code}`}]\n`
        resolve({ code, signal })
      })
    })
  }

  /** Resolves when it answers linearizable reads. */
  async ready(withinMs: number = readyMsMax): Promise<void> {
    const endMs = performance.now() + withinMs
    while (performance.now() < endMs) {
      if (!this.running) throw new Error(`${this.name} ended before it was ready:\n${this.tail()}`)
      if ((await this.get('/readyz', 1_000).catch(() => undefined))?.code === 200) return
      await sleep(25)
    }
    throw new Error(`${this.name} was not ready within ${withinMs} ms:\n${this.tail()}`)
  }

  /** An HTTP GET at the client address. */
  async get(path: string, withinMs: number = 5_000): Promise<{ readonly code: number; readonly body: string }> {
    const response = await fetch(`http://${this.endpoint}${path}`, { signal: AbortSignal.timeout(withinMs) })
    return { code: response.status, body: await response.text() }
  }

  /** Resolves when the process has ended. */
  async exited(withinMs: number = 15_000): Promise<Exit> {
    const late = new AbortController()
    const timeout = sleep(withinMs, undefined, { signal: late.signal }).then(() => {
      throw new Error(`${this.name} still runs after ${withinMs} ms:\n${this.tail()}`)
    })
    timeout.catch(() => undefined)
    try {
      return await Promise.race([this.#exited, timeout])
    } finally {
      late.abort()
    }
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL')
    await this.#exited
  }

  /** SIGTERM, and how it went. */
  async stop(): Promise<Exit & { readonly tookMs: number }> {
    const startMs = performance.now()
    this.#child?.kill('SIGTERM')
    const exit = await this.exited()
    return { ...exit, tookMs: performance.now() - startMs }
  }

  /** Freezes it: sockets stay open, nothing is answered. */
  pause(): void {
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    this.#child?.kill('SIGCONT')
  }

  /** For a failure's message. */
  tail(lines: number = 25): string {
    return this.#output.trimEnd().split('\n').slice(-lines).join('\n')
  }

  #words(): string[] {
    const client = `http://${this.endpoint}`
    return [
      `--name=${this.name}`,
      `--data-dir=${this.dir}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${this.peerUrl}`,
      `--initial-advertise-peer-urls=${this.peerUrl}`,
      ...this.#flags,
    ]
  }
}

/** Settings of whoever runs the tests must not reach the nodes. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([key]) => !/^(ASPEN|ETCD|ETCDCTL|NODE_TEST)_?/.test(key))
  return { ...Object.fromEntries(kept), NO_COLOR: '1' }
}
