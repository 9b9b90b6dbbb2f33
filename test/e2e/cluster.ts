/**
 * Real clusters for tests: each node a process of its own, on free ports, in a temporary directory. Whatever happens in
 * the test, nothing of it is left behind; when it fails, what the nodes said last is printed.
 */
import { randomInt } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectEtcd, type EtcdConnection } from '../../client/etcd-grpc.ts'
import type { CommandResult } from './commands.ts'
import { aspen, etcdctl } from './commands.ts'
import { Member } from './process.ts'

export interface ClusterOptions {
  readonly nodes: number
  /** Flags of every node, after those that the harness gives. */
  readonly flags?: readonly string[]
  /** Where a node keeps its data; a temporary directory when absent. */
  readonly dirOf?: (name: string) => string | undefined
  /** Leave the processes to the test. */
  readonly started?: boolean
}

/** Quick enough for tests, slow enough for two busy cores. */
const timing = ['--heartbeat-interval=40', '--election-timeout=400', '--log-format=text']

const live = new Set<Member>()
process.on('exit', () => {
  for (const member of live) if (member.running) process.kill(member.pid, 'SIGKILL')
})

export class Cluster {
  readonly dir: string
  readonly members: Member[] = []
  readonly #connections: EtcdConnection[] = []
  readonly #options: ClusterOptions

  private constructor(dir: string, options: ClusterOptions) {
    this.dir = dir
    this.#options = options
  }

  static async create(options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(mkdtempSync(join(tmpdir(), 'aspen-e2e-')), options)
    const ports = await freePorts(options.nodes * 2)
    const names = Array.from({ length: options.nodes }, (_, at) => `n${at + 1}`)
    const founders = names.map((name, at) => `${name}=http://127.0.0.1:${ports[at * 2 + 1]}`).join(',')
    for (const [at, name] of names.entries()) {
      cluster.#add(name, ports[at * 2] as number, ports[at * 2 + 1] as number, [
        `--initial-cluster=${founders}`,
        '--initial-cluster-token=aspen-e2e',
      ])
    }
    return cluster
  }

  /** All endpoints, comma-separated. */
  get endpoints(): string {
    return this.members.map(({ endpoint }) => endpoint).join(',')
  }

  member(at: number): Member {
    const member = this.members[at]
    if (member === undefined) throw new RangeError(`there is no member ${at} among ${this.members.length}`)
    return member
  }

  async start(members: readonly Member[] = this.members): Promise<void> {
    for (const member of members) if (!member.running) member.start()
    await Promise.all(members.map((member) => member.ready()))
  }

  /** Describes one more node that joins; the caller has added it, or does so before starting it. */
  async joiner(name: string): Promise<Member> {
    const [clientPort, peerPort] = await freePorts(2)
    const known = this.members.map((member) => `${member.name}=${member.peerUrl}`)
    const all = [...known, `${name}=http://127.0.0.1:${peerPort}`].join(',')
    return this.#add(name, clientPort as number, peerPort as number, [
      `--initial-cluster=${all}`,
      '--initial-cluster-state=existing',
      '--initial-cluster-token=aspen-e2e',
    ])
  }

  /** A client of one node only, so that a test knows who answered. */
  client(member: Member, keyspace?: string): EtcdConnection {
    const connection = connectEtcd({
      endpoints: [member.endpoint],
      deadlineMs: 5_000,
      ...(keyspace !== undefined && { keyspace }),
    })
    this.#connections.push(connection)
    return connection
  }

  /** Who leads the default keyspace, once all of `among` say the same. */
  async leader(among: readonly Member[] = this.members.filter(({ running }) => running)): Promise<Member> {
    for (const endMs = performance.now() + 20_000; performance.now() < endMs; await sleep(50)) {
      const answers = await Promise.all(among.map((member) => this.#status(member)))
      const leaders = new Set(answers.map((answer) => answer?.leader))
      const [leader] = leaders
      const at = answers.findIndex((answer) => answer?.header.memberId === leader)
      if (leaders.size === 1 && leader !== undefined && leader !== 0 && at >= 0) return among[at] as Member
    }
    throw new Error(`no leader among ${among.map(({ name }) => name).join(', ')}`)
  }

  /** The hash of everything at the newest revision that all of `among` have, once they have it. */
  async hashes(among: readonly Member[] = this.members, keyspace?: string): Promise<readonly number[]> {
    const clients = among.map((member) => connectEtcd({ endpoints: [member.endpoint], deadlineMs: 5_000 }))
    try {
      const call = keyspace === undefined ? {} : { keyspace }
      const heads = await Promise.all(
        clients.map((client) => client.range({ key: Uint8Array.of(120), limit: 1 }, { ...call, deadlineMs: 20_000 })),
      )
      const revision = Math.max(...heads.map(({ header }) => header.revision))
      return await Promise.all(clients.map((client) => hashAt(client, revision, call)))
    } finally {
      for (const client of clients) client.close()
    }
  }

  /** `etcdctl` at all running nodes, or at those given. */
  etcdctl(words: readonly string[], options: { at?: readonly Member[]; input?: string } = {}): Promise<CommandResult> {
    return etcdctl(endpointsOf(options.at ?? this.members), words, options)
  }

  aspen(words: readonly string[], options: { at?: readonly Member[]; input?: string } = {}): Promise<CommandResult> {
    return aspen([...words, '--endpoints', endpointsOf(options.at ?? this.members)], options)
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.close()
    for (const member of this.members) {
      member.resume()
      await member.kill()
      live.delete(member)
    }
    rmSync(this.dir, { recursive: true, force: true })
  }

  #add(name: string, clientPort: number, peerPort: number, flags: readonly string[]): Member {
    const dir = this.#options.dirOf?.(name) ?? join(this.dir, name)
    mkdirSync(join(dir, '..'), { recursive: true })
    const all = [...flags, ...timing, ...(this.#options.flags ?? [])]
    const member = new Member({ name, dir, clientPort, peerPort, flags: all })
    this.members.push(member)
    live.add(member)
    return member
  }

  async #status(member: Member): Promise<Awaited<ReturnType<EtcdConnection['status']>> | undefined> {
    const client = connectEtcd({ endpoints: [member.endpoint], deadlineMs: 2_000 })
    try {
      return await client.status()
    } catch {
      return undefined
    } finally {
      client.close()
    }
  }
}

/** Runs `body` with a cluster of processes, and cleans up after it. */
export async function withCluster(options: ClusterOptions, body: (cluster: Cluster) => Promise<void>): Promise<void> {
  const cluster = await Cluster.create(options)
  try {
    if (options.started !== false) await cluster.start()
    await body(cluster)
  } catch (error) {
    for (const member of cluster.members) process.stdout.write(`── ${member.name}\n${member.tail(40)}\n`)
    throw error
  } finally {
    await cluster.close()
  }
}

/** Polls until `check` gives something. */
export async function eventually<T>(what: string, check: () => Promise<T | undefined>, withinMs = 15_000): Promise<T> {
  let last: unknown
  for (const endMs = performance.now() + withinMs; performance.now() < endMs; await sleep(50)) {
    try {
      const found = await check()
      if (found !== undefined) return found
    } catch (error) {
      last = error
    }
  }
  throw new Error(`${what}: not within ${withinMs} ms`, { cause: last })
}

/**
 * Free TCP ports below those that the system gives to outgoing connections: a node that is down for a moment must find
 * its own again.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const found: number[] = []
  while (found.length < count) {
    const port = 20_000 + randomInt(12_000)
    if (!found.includes(port) && (await isFree(port))) found.push(port)
  }
  return found
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

function endpointsOf(members: readonly Member[]): string {
  return members
    .filter(({ running }) => running)
    .map(({ endpoint }) => endpoint)
    .join(',')
}

/** A replica that lags answers "future revision" until it has it. */
function hashAt(client: EtcdConnection, revision: number, call: { readonly keyspace?: string }): Promise<number> {
  return eventually(`the hash at revision ${revision}`, async () => (await client.hashKv({ revision }, call)).hash)
}
