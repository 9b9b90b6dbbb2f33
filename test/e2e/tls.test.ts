// Three nodes that speak TLS with each other and with everybody else: with real clients, and with those who must stay out.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { fromUtf8, utf8 } from '../../base/bytes.ts'
import { connectEtcd } from '../../client/etcd-grpc.ts'
import { eventually, freePorts } from './cluster.ts'
import { aspen, type CommandResult, etcdctl, noEtcdctl, run } from './commands.ts'
import { Member } from './process.ts'

const noCurl = spawnSync('curl', ['--version']).status === 0 ? false : 'curl is not installed'

const dir = mkdtempSync(join(tmpdir(), 'aspen-tls-e2e-'))
const certs = join(dir, 'certs')
const elsewhere = join(dir, 'elsewhere')
const members: Member[] = []
/** An address of each node that needs no certificate, as a scraper has it. */
const metricsUrls: string[] = []

/** The options that etcdctl, curl and our own command have in common. */
function as(name: string, house: string = certs): readonly string[] {
  return [
    '--cacert',
    join(certs, 'ca.pem'),
    '--cert',
    join(house, `${name}.pem`),
    '--key',
    join(house, `${name}-key.pem`),
  ]
}

const nameless = ['--cacert', join(certs, 'ca.pem')]
const urlOf = (member: Member): string => `https://${member.endpoint}`
const everywhere = (): string => members.map(urlOf).join(',')
const ctl = (who: readonly string[], ...words: readonly string[]): Promise<CommandResult> =>
  etcdctl(everywhere(), [...who, ...words])

async function makeCertificates(...words: readonly string[]): Promise<void> {
  const { code, stderr } = await aspen(['certs', ...words])
  assert.equal(code, 0, stderr)
}

async function isReady(at: number): Promise<void> {
  const member = members[at] as Member
  await eventually(
    `${member.name} is ready`,
    async () => {
      if (!member.running) throw new Error(member.tail())
      return (await fetch(`${metricsUrls[at]}/readyz`)).status === 200 ? true : undefined
    },
    30_000,
  )
}

/** The certificate that a node shows to who connects now. */
function shownBy(member: Member): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port: member.clientPort, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().serialNumber)
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

const serialOf = (name: string): string => new X509Certificate(readFileSync(join(certs, `${name}.pem`))).serialNumber

before(async () => {
  mkdirSync(certs)
  await makeCertificates('--dir', certs, '--hosts', 'localhost,127.0.0.1', '--clients', 'alice,mallory,gone')
  await Promise.all([
    makeCertificates('--dir', certs, '--revoke', 'gone'),
    makeCertificates('--dir', elsewhere, '--for', 'clients', '--clients', 'alice'),
  ])
  const ports = await freePorts(9)
  const names = ['n1', 'n2', 'n3']
  const peerUrl = (at: number): string => `https://127.0.0.1:${ports[at * 3 + 1]}`
  const file = (name: string): string => join(certs, name)
  for (const [at, name] of names.entries()) {
    const [clientPort, peerPort, metricsPort] = ports.slice(at * 3) as [number, number, number]
    const flags = [
      `--listen-client-urls=https://127.0.0.1:${clientPort}`,
      `--advertise-client-urls=https://127.0.0.1:${clientPort}`,
      `--listen-metrics-urls=http://127.0.0.1:${metricsPort}`,
      `--cert-file=${file('server.pem')}`,
      `--key-file=${file('server-key.pem')}`,
      '--client-cert-auth',
      `--trusted-ca-file=${file('ca.pem')}`,
      `--client-crl-file=${file('crl.pem')}`,
      `--listen-peer-urls=${peerUrl(at)}`,
      `--initial-advertise-peer-urls=${peerUrl(at)}`,
      `--initial-cluster=${names.map((one, place) => `${one}=${peerUrl(place)}`).join(',')}`,
      `--peer-cert-file=${file('peer.pem')}`,
      `--peer-key-file=${file('peer-key.pem')}`,
      '--peer-client-cert-auth',
      `--peer-trusted-ca-file=${file('ca.pem')}`,
      '--peer-cert-allowed-cn=peer',
      '--heartbeat-interval=40',
      '--election-timeout=400',
      '--log-format=text',
    ]
    members.push(new Member({ name, dir: join(dir, name), clientPort, peerPort, flags }))
    metricsUrls.push(`http://127.0.0.1:${metricsPort}`)
  }
  for (const member of members) member.start()
  await Promise.all(members.map((_, at) => isReady(at)))
})

after(async () => {
  for (const member of members) await member.kill()
  rmSync(dir, { recursive: true, force: true })
})

describe('who has a certificate is served', () => {
  test('etcdctl, at every node', { skip: noEtcdctl }, async () => {
    const put = await ctl(as('alice'), 'put', 'greeting', 'hello')
    assert.equal(put.stdout, 'OK\n', put.stderr)

    for (const member of members) {
      const got = await etcdctl(urlOf(member), [...as('alice'), 'get', 'greeting', '--print-value-only'])
      assert.equal(got.stdout, 'hello\n', got.stderr)
    }
    // Without a scheme, as etcdctl takes it too.
    assert.equal((await etcdctl(members[0]?.endpoint ?? '', [...as('alice'), 'endpoint', 'health'])).code, 0)
  })

  test('our own command, which learns the addresses of the others', async () => {
    const { code, stdout, stderr } = await aspen([
      'endpoint',
      'status',
      '--cluster',
      '--endpoints',
      members[0]?.endpoint ?? '',
      ...as('alice'),
    ])

    assert.equal(code, 0, stderr)
    assert.deepEqual(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split(', ')[0])
        .sort(),
      members.map(urlOf).sort(),
    )
  })

  test('a program, with what it has read itself', async () => {
    const [ca, cert, key] = ['ca', 'alice', 'alice-key'].map((name) => readFileSync(join(certs, `${name}.pem`)))
    const tls = { ca: ca as Buffer, cert: cert as Buffer, key: key as Buffer }
    const connection = connectEtcd({ endpoints: members.map(urlOf), tls })
    try {
      await connection.put({ key: utf8('program'), value: utf8('1') })

      assert.equal(fromUtf8((await connection.range({ key: utf8('program') })).kvs[0]?.value ?? utf8('none')), '1')
    } finally {
      connection.close()
    }
  })

  test('curl over https, and whoever asks for metrics at the address that is left open', { skip: noCurl }, async () => {
    const [url, open] = [urlOf(members[1] as Member), metricsUrls[1]]

    const health = await run('curl', ['-sS', ...as('alice'), `${url}/health`])
    const metrics = await run('curl', ['-sS', `${open}/metrics`])

    assert.match(health.stdout, /"health":"true"/, health.stderr)
    assert.match(metrics.stdout, /^etcd_server_has_leader 1$/m, metrics.stderr)
  })
})

describe('who has none, or a wrong one, is kept out', () => {
  const quick = ['--dial-timeout=1s', '--command-timeout=1s']

  test('etcdctl', { skip: noEtcdctl }, async () => {
    const attempts = [nameless, as('alice', elsewhere), as('gone')].map((who) => ctl(who, ...quick, 'get', 'greeting'))
    // Who does not know our authority trusts nobody here.
    const distrustful = ['--cacert', join(elsewhere, 'ca.pem'), ...as('alice').slice(2)]

    for (const { code, stdout } of await Promise.all([...attempts, ctl(distrustful, ...quick, 'get', 'greeting')])) {
      assert.deepEqual([code === 0, stdout], [false, ''])
    }
    const log = members.map(({ output }) => output).join('\n')
    assert.match(log, /refused a connection .*it shows no certificate/)
    assert.match(log, /its certificate is refused: no authority that is trusted here vouches for it/)
    assert.match(log, /its certificate is refused: it was revoked/)
  })

  test('our own command, with the reason', async () => {
    const { code, stderr } = await aspen(['get', 'greeting', '--endpoints', urlOf(members[0] as Member)])

    assert.equal(code, 1)
    // On a machine that is very busy the time for connecting may be over before the handshake is.
    assert.match(
      stderr,
      /cannot reach https:\/\/.*(self-signed certificate in certificate chain|no connection to .* within)/,
    )
  })

  test('plain text at an address of TLS, and TLS at a plain one', { skip: noCurl }, async () => {
    const plain = await run('curl', ['-sS', '-m', '5', `http://${members[0]?.endpoint}/health`])
    const secured = await run('curl', [
      '-sS',
      '-m',
      '5',
      ...nameless,
      `${metricsUrls[0]?.replace('http:', 'https:')}/health`,
    ])

    assert.deepEqual([plain.code === 0, plain.stdout], [false, ''])
    assert.deepEqual([secured.code === 0, secured.stdout], [false, ''])
  })
})

test('certificates are renewed under load, a broken one changes nothing, and a revoked client is out', {
  skip: noEtcdctl,
}, async () => {
  const [old, serials] = [serialOf('server'), new Set<string>()]
  let writing = true
  const failures: string[] = []
  const writer = (async () => {
    for (let n = 0; writing; n++) {
      const { code, stderr } = await ctl(as('alice'), 'put', 'renewal', String(n))
      if (code !== 0) failures.push(stderr)
    }
  })()
  const allShow = (serial: string): Promise<true> =>
    eventually(`every node shows ${serial}`, async () => {
      const shown = await Promise.all(members.map(shownBy))
      for (const one of shown) serials.add(one)
      return shown.every((one) => one === serial) ? true : undefined
    })
  try {
    await makeCertificates('--dir', certs, '--for', 'server,peer', '--hosts', 'localhost,127.0.0.1', '--force')
    await allShow(serialOf('server'))
    assert.notEqual(serialOf('server'), old)

    const good = readFileSync(join(certs, 'server.pem'))
    writeFileSync(join(certs, 'server.pem'), 'not a certificate')
    for (const member of members) {
      await eventually(
        `${member.name} complains`,
        async () =>
          /new certificates cannot be used, the old ones stay in force: .*server\.pem holds no certificate/.test(
            member.output,
          ) || undefined,
      )
    }
    writeFileSync(join(certs, 'server.pem'), good)
    await allShow(serialOf('server'))

    assert.equal((await ctl(as('mallory'), 'get', 'greeting')).code, 0)
    await makeCertificates('--dir', certs, '--revoke', 'mallory')
    await eventually('mallory is out everywhere', async () => {
      const tries = await Promise.all(
        members.map((member) =>
          etcdctl(urlOf(member), [...as('mallory'), '--dial-timeout=1s', '--command-timeout=1s', 'get', 'greeting']),
        ),
      )
      return tries.every(({ code }) => code !== 0) || undefined
    })
  } finally {
    writing = false
    await writer
  }

  assert.deepEqual(failures, [])
  assert.deepEqual(
    [...serials].filter((serial) => serial !== old && serial !== serialOf('server')),
    [],
  )
})

test('a member with another name in its certificate is refused by the others, until it has the right one', async () => {
  const [victim] = members.slice(2) as [Member]
  await victim.kill()
  const marks = members.slice(0, 2).map(({ output }) => output.length)

  victim.start([`--peer-cert-file=${join(certs, 'alice.pem')}`, `--peer-key-file=${join(certs, 'alice-key.pem')}`])
  for (const [at, mark] of marks.entries()) {
    const member = members[at] as Member
    await eventually(
      `${member.name} refuses it`,
      async () =>
        /connection from .*: refused: its certificate has the common name "alice", and only "peer" is allowed/.test(
          member.output.slice(mark),
        ) || undefined,
    )
  }
  await victim.kill()

  // With renewed certificates all round, it dials and is dialled again.
  victim.start()
  await isReady(2)
  const { code, stderr } = await aspen(['put', 'after', '1', '--endpoints', urlOf(victim), ...as('alice')])
  assert.equal(code, 0, stderr)
})

test('a node whose key does not fit its certificate does not start, and says so', async () => {
  const [clientPort = 0, peerPort = 0] = await freePorts(2)
  const node = new Member({
    name: 'odd',
    dir: join(dir, 'odd'),
    clientPort,
    peerPort,
    flags: [
      `--listen-client-urls=https://127.0.0.1:${clientPort}`,
      `--cert-file=${join(certs, 'server.pem')}`,
      `--key-file=${join(certs, 'alice-key.pem')}`,
    ],
  })

  node.start()

  assert.equal((await node.exited()).code, 1)
  assert.match(node.output, /^aspen: the key in .*alice-key\.pem is not that of the certificate in .*server\.pem$/m)
})

test('a node that makes its own certificates serves who trusts them, or trusts anybody', async () => {
  const [clientPort = 0, peerPort = 0, metricsPort = 0] = await freePorts(3)
  const data = join(dir, 'own')
  const node = new Member({
    name: 'own',
    dir: data,
    clientPort,
    peerPort,
    flags: [
      `--listen-client-urls=https://127.0.0.1:${clientPort}`,
      `--advertise-client-urls=https://127.0.0.1:${clientPort}`,
      `--listen-metrics-urls=http://127.0.0.1:${metricsPort}`,
      `--listen-peer-urls=https://127.0.0.1:${peerPort}`,
      `--initial-advertise-peer-urls=https://127.0.0.1:${peerPort}`,
      '--auto-tls',
      '--peer-auto-tls',
    ],
  })
  node.start()
  try {
    await eventually(
      'it is ready',
      async () => (await fetch(`http://127.0.0.1:${metricsPort}/readyz`)).status === 200 || undefined,
      30_000,
    )
    const at = ['--endpoints', urlOf(node)]

    const trusting = await aspen(['put', 'a', '1', '--insecure-skip-tls-verify', ...at])
    const knowing = await aspen(['get', 'a', '--cacert', join(data, 'fixtures', 'client', 'cert.pem'), ...at])
    const strict = await aspen(['get', 'a', '--command-timeout', '2s', ...at])

    assert.deepEqual(
      [trusting.code, knowing.stdout, strict.code],
      [0, 'a\n1\n', 1],
      `${trusting.stderr}${knowing.stderr}`,
    )
  } finally {
    await node.kill()
  }
})
