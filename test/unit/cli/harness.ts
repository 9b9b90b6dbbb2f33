/** The command with a node that only remembers what it was asked. */
import type { ConnectOptions, RemoteClient } from '../../../cli/context.ts'
import type { Output } from '../../../cli/output.ts'
import { outputTo } from '../../../cli/output.ts'
import { runProgram } from '../../../cli/program.ts'
import type { SnapshotTools } from '../../../cli/snapshot.ts'
import type { Header } from '../../../client/interface.ts'

export const header: Header = { clusterId: 0xc1, memberId: 0xa1, revision: 7, raftTerm: 2 }

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** Each call: its name, then its arguments. */
  readonly calls: readonly (readonly unknown[])[]
  readonly connections: readonly ConnectOptions[]
  readonly closed: number
  readonly served: readonly (readonly string[])[]
}

export interface HarnessOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
  /** What the node answers, by method; an `Error` is thrown. */
  readonly answers?: Readonly<Record<string, unknown>>
  readonly tools?: SnapshotTools
}

export class Recorder {
  text = ''
  write(chunk: string | Uint8Array): void {
    this.text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8')
  }
}

export async function run(words: readonly string[], options: HarnessOptions = {}): Promise<Ran> {
  const [stdout, stderr] = [new Recorder(), new Recorder()]
  const output: Output = outputTo(stdout, stderr)
  const calls: unknown[][] = []
  const connections: ConnectOptions[] = []
  const served: (readonly string[])[] = []
  let closed = 0
  const connect = (connection: ConnectOptions): RemoteClient => {
    connections.push(connection)
    const methods = new Proxy({} as RemoteClient, {
      get: (_target, name) => {
        if (name === 'close') {
          return () => {
            closed += 1
          }
        }
        return (...args: unknown[]) => {
          calls.push([name, ...args])
          const answer = options.answers?.[String(name)]
          const value = typeof answer === 'function' ? answer(...args, connection) : answer
          if (name === 'snapshot') return value
          return value instanceof Error ? Promise.reject(value) : Promise.resolve(value)
        }
      },
    })
    return methods
  }
  let clock = 0
  const code = await runProgram(words, {
    context: {
      output,
      env: options.env ?? {},
      readStdin: () => Promise.resolve(new TextEncoder().encode(options.stdin ?? '')),
      connect,
      now: () => clock,
      sleep: (ms) => {
        clock += ms
        return Promise.resolve()
      },
    },
    serve: (settings) => {
      served.push(settings)
      return Promise.resolve()
    },
    addCluster: () => {},
    snapshotTools: () =>
      options.tools === undefined ? Promise.reject(new Error('no tools')) : Promise.resolve(options.tools),
  })
  return { code, stdout: stdout.text, stderr: stderr.text, calls, connections, closed, served }
}
