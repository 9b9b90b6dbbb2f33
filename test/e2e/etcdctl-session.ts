/** Commands of `etcdctl` that go on until somebody ends them: watch, lock, elect, keep-alive, make-mirror. */
import { type ChildProcess, spawn } from 'node:child_process'
import { plainEnvironment } from './process.ts'

export class EtcdctlSession {
  static readonly #running = new Set<EtcdctlSession>()
  readonly #child: ChildProcess
  readonly #words: string
  readonly #ended: Promise<number | null>
  #output = ''
  #wake: (() => void) | undefined
  #over = false

  constructor(endpoints: string, words: readonly string[]) {
    this.#words = words.join(' ')
    this.#child = spawn('etcdctl', ['--endpoints', endpoints, ...words], {
      env: { ...plainEnvironment(), ETCDCTL_API: '3' },
    })
    const collect = (chunk: Buffer): void => {
      this.#output += chunk.toString('utf8')
      this.#wake?.()
    }
    this.#child.stdout?.on('data', collect)
    this.#child.stderr?.on('data', collect)
    this.#ended = new Promise((resolve) => {
      this.#child.once('close', (code) => {
        this.#over = true
        EtcdctlSession.#running.delete(this)
        this.#wake?.()
        resolve(code)
      })
    })
    EtcdctlSession.#running.add(this)
    process.on('exit', this.#kill)
  }

  /** What a test that failed has left behind would keep its process alive. */
  static async endAll(): Promise<void> {
    for (const session of [...EtcdctlSession.#running]) {
      session.#kill()
      await session.ended()
    }
  }

  /** Everything it has said, on both of its outputs. */
  get output(): string {
    return this.#output
  }

  /** Resolves when what it has said matches. @throws {Error} It ended first, or the time is over. */
  async says(wanted: RegExp, withinMs = 15_000): Promise<RegExpExecArray> {
    const endMs = performance.now() + withinMs
    while (true) {
      const match = wanted.exec(this.#output)
      if (match !== null) return match
      const leftMs = endMs - performance.now()
      if (this.#over || leftMs <= 0) {
        const how = this.#over ? 'ended' : `has had ${withinMs} ms`
        throw new Error(`etcdctl ${this.#words} ${how} and never said ${wanted}: ${this.#output}`)
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  type(line: string): void {
    this.#child.stdin?.write(`${line}\n`)
  }

  /** As Ctrl-C, and how it ended. */
  async interrupt(): Promise<number | null> {
    this.#child.kill('SIGINT')
    return this.ended()
  }

  async ended(): Promise<number | null> {
    const late = setTimeout(this.#kill, 15_000)
    const code = await this.#ended
    clearTimeout(late)
    process.off('exit', this.#kill)
    return code
  }

  readonly #kill = (): void => void this.#child.kill('SIGKILL')
}
