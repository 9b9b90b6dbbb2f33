// What must not start, or must not be listened to: each is told so in one clear line, and who was there before lives on.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { utf8 } from '../../base/bytes.ts'
import { Cluster, freePorts, withCluster } from './cluster.ts'
import { type Exit, Member } from './process.ts'

interface Attempt extends Exit {
  /** Lines that the program itself addressed to its user. */
  readonly problems: readonly string[]
  readonly output: string
}

/** Starts a node that is expected to end by itself. */
async function attempt(
  cluster: Cluster,
  change: Partial<Member> & { readonly flags?: readonly string[] },
): Promise<Attempt> {
  const [clientPort, peerPort] = await freePorts(2)
  const flags = change.flags ?? [`--initial-cluster=other=http://127.0.0.1:${change.peerPort ?? peerPort}`]
  const member = new Member({
    name: change.name ?? 'other',
    dir: change.dir ?? join(cluster.dir, `other-${clientPort}`),
    clientPort: change.clientPort ?? (clientPort as number),
    peerPort: change.peerPort ?? (peerPort as number),
    flags: [...flags, '--log-format=text'],
  })
  member.start()
  try {
    const exit = await member.exited(20_000)
    const problems = member.output.split('\n').filter((line) => line.startsWith('aspen: '))
    return { ...exit, problems, output: member.output }
  } finally {
    await member.kill()
  }
}

function assertRefused(attempted: Attempt, code: number, problem: RegExp): void {
  assert.equal(attempted.code, code, attempted.output)
  assert.match(attempted.problems.join('\n'), problem, attempted.output)
  // A stack trace is for mistakes of ours, not for those of users.
  assert.doesNotMatch(attempted.output, /\n +at .*\.js:\d+/)
}

describe('beside a node that runs', () => {
  let cluster: Cluster
  before(async () => {
    cluster = await Cluster.create({ nodes: 1 })
    await cluster.start()
  })
  after(() => cluster.close())

  const stillServes = async (): Promise<void> => {
    const client = cluster.client(cluster.member(0))
    await client.put({ key: utf8('still'), value: utf8('here') })
    assert.equal((await client.range({ key: utf8('still') })).count, 1)
  }

  test('a second process on the same data directory is refused, and names the first', async () => {
    const { dir, pid, peerUrl } = cluster.member(0)

    const second = await attempt(cluster, {
      dir,
      name: 'n1',
      flags: [
        `--initial-cluster=n1=${peerUrl}`,
        `--initial-advertise-peer-urls=${peerUrl}`,
        '--initial-cluster-token=aspen-e2e',
      ],
    })

    assertRefused(second, 1, new RegExp(`process ${pid} is using it`))
    await stillServes()
  })

  test('a client port in use is refused', async () => {
    const { clientPort } = cluster.member(0)

    assertRefused(
      await attempt(cluster, { clientPort }),
      1,
      /cannot listen on http:\/\/127\.0\.0\.1:\d+: the address is in use/,
    )
    await stillServes()
  })

  test('a peer port in use is refused', async () => {
    const { peerPort } = cluster.member(0)

    assertRefused(
      await attempt(cluster, { peerPort }),
      1,
      /listen for peers at 127\.0\.0\.1:\d+: the address is already in use/,
    )
    await stillServes()
  })

  test('unknown flags and bad values are all named at once, with the nearest known flag', async () => {
    const attempted = await attempt(cluster, { flags: ['--heartbeat-intervall=5', '--election-timeout=soon'] })

    assertRefused(attempted, 2, /--heartbeat-intervall is unknown; did you mean --heartbeat-interval\?/)
    assertRefused(attempted, 2, /--election-timeout: wanted .*, found "soon"/)
  })

  test('garbage on the client port and on the peer port ends its connection and nothing else', async () => {
    const { clientPort, peerPort } = cluster.member(0)
    const garbage = [
      Buffer.alloc(100_000, 0xff),
      Buffer.alloc(100_000),
      Buffer.from(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${'x'.repeat(10_000)}`),
      Buffer.from('GET /health HTTP/9.9\r\n\r\n'),
      Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
    ]

    for (const port of [clientPort, peerPort]) {
      for (const bytes of garbage) await sendAndWait(port, bytes)
    }

    await stillServes()
    assert.equal(cluster.member(0).running, true)
  })
})

/** Sends bytes; resolves when the other side has closed, or after a while. */
function sendAndWait(port: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    const done = (): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve()
    }
    const timer = setTimeout(done, 1_000)
    socket.on('error', done)
    socket.on('close', done)
    socket.resume()
    socket.write(bytes)
  })
}

describe('data directories', () => {
  test('one of another format is refused', () =>
    withCluster({ nodes: 1 }, async (cluster) => {
      const node = cluster.member(0)
      await node.stop()
      const path = join(node.dir, 'identity.json')
      writeFileSync(path, readFileSync(path, 'utf8').replace(/"format": \d+/, '"format": 99'))

      node.start()

      assert.equal((await node.exited()).code, 1)
      assert.match(node.tail(), /aspen: .*wanted format 1, but it has format 99/)
    }))

  test('one whose identity is damaged is refused', () =>
    withCluster({ nodes: 1 }, async (cluster) => {
      const node = cluster.member(0)
      await node.stop()
      writeFileSync(join(node.dir, 'identity.json'), '{"format": 1, "clus')

      node.start()

      assert.equal((await node.exited()).code, 1)
      assert.match(node.tail(), /aspen: .*identity\.json: wanted JSON, but it is damaged/)
    }))

  test('one of another cluster is refused, and nothing in it is touched', () =>
    withCluster({ nodes: 3 }, async (cluster) => {
      const [a, b] = [cluster.member(0), cluster.member(1)]
      await a.stop()
      const others = [`n1=${a.peerUrl}`, `n2=${b.peerUrl}`].join(',')

      a.start([`--initial-cluster=${others}`, '--initial-cluster-token=somebody-else'])

      assert.equal((await a.exited()).code, 1)
      assert.match(a.tail(), /aspen: .*it holds member [0-9a-f]+ of cluster [0-9a-f]+, but the flags name cluster/)
      await cluster.start([a])
    }))
})

test('a member of another cluster at a peer address is not taken for one of ours, and says so', () =>
  withCluster({ nodes: 3 }, async (cluster) => {
    const victim = cluster.member(2)
    await victim.stop()

    const stranger = new Member({
      name: 'n3',
      dir: join(cluster.dir, 'stranger'),
      clientPort: victim.clientPort,
      peerPort: victim.peerPort,
      flags: [`--initial-cluster=n3=${victim.peerUrl}`, '--initial-cluster-token=stranger', '--log-format=text'],
    })
    stranger.start()
    try {
      await stranger.ready()
      const client = cluster.client(cluster.member(0))
      await client.put({ key: utf8('ours'), value: utf8('1') })
      for (let tries = 0; tries < 100 && !/belongs to cluster/.test(stranger.output); tries++) await sleep(50)

      assert.match(stranger.output, /refused: node \d+ belongs to cluster \d+, node \d+ to cluster \d+/)
      assert.equal((await cluster.client(stranger as never).range({ key: utf8('ours') })).count, 0)
    } finally {
      await stranger.kill()
    }

    await cluster.start([victim])
    assert.equal((await cluster.client(victim).range({ key: utf8('ours') })).count, 1)
  }))

test('a port that listens but never answers does not hold up the cluster', async () => {
  const [mute] = await freePorts(1)
  const server = createServer(() => undefined)
  await new Promise<void>((resolve) => server.listen(mute, '127.0.0.1', resolve))
  try {
    await withCluster({ nodes: 2, started: false }, async (cluster) => {
      const founders = [
        ...cluster.members.map((member) => `${member.name}=${member.peerUrl}`),
        `n3=http://127.0.0.1:${mute}`,
      ]
      for (const member of cluster.members) member.start([`--initial-cluster=${founders.join(',')}`])

      await Promise.all(cluster.members.map((member) => member.ready()))

      await cluster.client(cluster.member(0)).put({ key: utf8('a'), value: utf8('1') })
      assert.equal((await cluster.client(cluster.member(1)).range({ key: utf8('a') })).count, 1)
    })
  } finally {
    server.close()
  }
})
