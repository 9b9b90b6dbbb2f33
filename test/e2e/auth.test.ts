// Users as their users meet them: etcdctl against Aspen and against etcd, tokens at every member, JWTs, our own command.
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { utf8 } from '../../base/bytes.ts'
import { AspenError } from '../../client/interface.ts'
import { Cluster } from './cluster.ts'
import { aspen, type CommandResult, etcdctl, noEtcdctl } from './commands.ts'
import { noEtcd, withEtcd } from './etcd-process.ts'

const root = ['--user', 'root:r']
const user = ['--user', 'u:p:w']

/** From nothing to users that are on, and everything that they are told after. In etcd 3.4 as in Aspen. */
const story: readonly (readonly string[])[] = [
  ['auth', 'disable'],
  ['user', 'list'],
  ['put', 'a', '1'],
  ['put', 'b', '2'],
  ['put', 'bz', '3'],
  ['put', 'd', '4'],
  ['auth', 'enable'],
  ['user', 'add', 'root:r'],
  ['user', 'add', 'root:r'],
  ['user', 'add', 'u:p:w'],
  ['user', 'add', 'cert', '--no-password'],
  ['role', 'add', 'reader'],
  ['role', 'add', 'reader'],
  ['role', 'grant-permission', 'reader', 'read', 'b', 'd'],
  ['role', 'grant-permission', 'reader', 'write', 'd'],
  ['role', 'grant-permission', 'reader', 'readwrite', 'x/', '--prefix'],
  ['role', 'grant-permission', 'nobody', 'read', 'b'],
  ['role', 'get', 'reader'],
  ['role', 'get', 'nobody'],
  ['user', 'grant-role', 'u', 'reader'],
  ['user', 'grant-role', 'u', 'nobody'],
  ['user', 'grant-role', 'nobody', 'reader'],
  ['user', 'get', 'u'],
  ['user', 'get', 'nobody'],
  ['user', 'revoke-role', 'u', 'nobody'],
  [...root, 'get', 'a'],
  ['auth', 'enable'],
  ['get', 'b'],
  ['put', 'd', '5'],
  ['user', 'list'],
  [...root, 'auth', 'enable'],
  ['--user', 'u:wrong', 'get', 'b'],
  ['--user', 'nobody:p', 'get', 'b'],
  [...root, 'get', 'a', '--print-value-only'],
  [...root, 'user', 'list'],
  [...root, 'role', 'list'],
  [...user, 'get', 'b', '--print-value-only'],
  [...user, 'get', 'b', 'd', '--keys-only'],
  [...user, 'get', 'c', 'b'],
  [...user, 'get', 'z', 'c'],
  [...user, 'get', 'b', '--from-key'],
  [...user, 'get', '', '--prefix'],
  [...user, 'get', 'd'],
  [...user, 'put', 'd', '5'],
  [...user, 'put', 'd', '6', '--prev-kv'],
  [...user, 'put', 'b', '6'],
  [...user, 'del', 'x/', '--prefix'],
  [...user, 'del', 'b'],
  [...user, 'user', 'get', 'u'],
  [...user, 'user', 'get', 'root'],
  [...user, 'user', 'list'],
  [...user, 'role', 'get', 'reader'],
  [...user, 'role', 'get', 'root'],
  [...user, 'role', 'list'],
  [...user, 'user', 'add', 'v:v'],
  [...user, 'auth', 'disable'],
  [...user, 'member', 'add', 'n9', '--peer-urls=http://127.0.0.1:9'],
  [...root, 'user', 'delete', 'root'],
  [...root, 'user', 'revoke-role', 'root', 'root'],
  [...root, 'role', 'delete', 'root'],
  [...root, 'role', 'revoke-permission', 'reader', 'b'],
  [...root, 'role', 'revoke-permission', 'reader', 'b', 'd'],
  [...user, 'get', 'b'],
  [...root, 'user', 'passwd', 'u', '--interactive=false'],
  [...user, 'put', 'd', '7'],
  ['--user', 'u:new', 'put', 'd', '7'],
  [...root, 'user', 'revoke-role', 'u', 'reader'],
  ['--user', 'u:new', 'put', 'd', '7'],
  [...root, 'role', 'delete', 'reader'],
  [...root, 'user', 'delete', 'u'],
  ['--user', 'u:new', 'put', 'd', '7'],
  [...root, 'auth', 'disable'],
  ['get', 'a', '--print-value-only'],
  ['--user', 'u:new', 'get', 'a'],
]

/** A transaction that is read from standard input: comparisons, then, else. */
const transactions: readonly (readonly [words: readonly string[], input: string])[] = [
  [user, 'version("b") > "0"\n\nput d 1\n\nget b\n\n'],
  [user, 'version("a") > "0"\n\nput d 1\n\n\n'],
  [user, '\nput d 1\n\nget a\n\n'],
  [user, '\nget a\n\nput d 1\n\n'],
  [root, '\nget a\n\nput b 1\n\n'],
]

/** Without what a client logs of its own, and without addresses. */
function told({ code, stdout, stderr }: CommandResult): object {
  const said = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'))
  return { code, stdout, said }
}

async function tell(endpoint: string, words: readonly string[], input: string = 'new\n'): Promise<object> {
  return told(await etcdctl(endpoint, words, { input }))
}

describe('one member', { skip: noEtcdctl }, () => {
  let cluster: Cluster
  before(async () => {
    cluster = await Cluster.create({ nodes: 1, flags: ['--bcrypt-cost=4'] })
    await cluster.start()
  })
  after(() => cluster.close())

  test('users, roles and permissions, told by etcdctl, come to what they come to in etcd', {
    skip: noEtcd,
  }, async () => {
    const { endpoint } = cluster.member(0)

    await withEtcd(async (etcd) => {
      for (const words of story) {
        assert.deepEqual(await tell(endpoint, words), await tell(etcd, words), `etcdctl ${words.join(' ')}`)
        if (words.join(' ') !== 'auth enable' || !(await isOn(endpoint))) continue
        for (const [who, input] of transactions) {
          const line = [...who, 'txn']
          assert.deepEqual(
            await tell(endpoint, line, input),
            await tell(etcd, line, input),
            `txn of ${who[1]}: ${input}`,
          )
        }
      }
    })
  })

  const isOn = async (endpoint: string): Promise<boolean> =>
    (await etcdctl(endpoint, ['user', 'list'])).stderr.includes('user name is empty')

  test('what etcd 3.4 lets anybody do, and later ones do not', async () => {
    const { endpoint } = cluster.member(0)
    for (const words of [
      ['user', 'add', 'root:r'],
      ['user', 'add', 'v:v'],
      ['role', 'add', 'v'],
      ['role', 'grant-permission', 'v', 'write', 'k'],
      ['user', 'grant-role', 'v', 'v'],
      ['auth', 'enable'],
    ])
      await etcdctl(endpoint, words)

    const empty = 'Error: etcdserver: user name is empty'
    const denied = 'Error: etcdserver: permission denied'
    const refused: readonly [readonly string[], string][] = [
      [['compact', '1'], empty],
      [['lease', 'grant', '60'], empty],
      [['lease', 'list'], empty],
      [['member', 'list'], empty],
      [['alarm', 'disarm'], empty],
      [['--user', 'v:v', 'move-leader', '1'], denied],
      [['--user', 'v:v', 'snapshot', 'save', join(cluster.dir, 'stolen')], denied],
      [['--user', 'v:v', 'endpoint', 'hashkv'], denied],
      [['--user', 'v:v', 'role', 'grant-permission', 'v', 'read', 'k'], denied],
      [
        ['--user', 'root:r', 'role', 'grant-permission', 'v', 'read', 'b', 'a'],
        'Error: etcdserver: invalid auth management',
      ],
    ]
    for (const [words, wanted] of refused) {
      const { code, stderr } = await etcdctl(endpoint, words)
      assert.notEqual(code, 0, words.join(' '))
      assert.ok(stderr.includes(wanted.replace('Error: ', '')), `${words.join(' ')}: ${stderr}`)
    }
    // etcd takes the answer of the transaction for what it shows: a put in it shows what was there before.
    const shown = await etcdctl(endpoint, ['--user', 'v:v', 'txn'], { input: '\nput k 1 --prev-kv\n\n\n' })
    assert.match(shown.stderr, /permission denied/)
    const client = cluster.client(cluster.member(0))
    const { token } = await client.authenticate({ name: 'v', password: 'v' })
    const alarm = { action: 'activate', alarm: 'nospace', member: 1 } as const
    await assert.rejects(client.alarm(alarm, { credentials: { token } }), { code: 'permissionDenied' })
    const allowed: readonly (readonly string[])[] = [
      ['--user', 'v:v', 'member', 'list'],
      ['--user', 'v:v', 'lease', 'grant', '60'],
      ['--user', 'v:v', 'alarm', 'list'],
      ['--user', 'v:v', 'endpoint', 'status'],
      ['--user', 'root:r', 'snapshot', 'save', join(cluster.dir, 'mine')],
      ['--user', 'root:r', 'endpoint', 'hashkv'],
      ['--user', 'root:r', 'alarm', 'disarm'],
      ['endpoint', 'health', '--user', 'v:v'],
    ]
    for (const words of allowed) assert.equal((await etcdctl(endpoint, words)).code, 0, words.join(' '))
  })

  test('our own command manages them, and the cluster is for root alone', async () => {
    const { endpoint } = cluster.member(0)
    const ask = async (...words: string[]): Promise<CommandResult> => aspen([...words, '--endpoints', endpoint])
    const asRoot = { ASPEN_USER: 'root', ASPEN_PASSWORD: 'r' }

    assert.match(
      (await ask('auth', 'status', '--user', 'root:r')).stdout,
      /^Authentication Status: true\nAuthRevision: \d+\n$/,
    )
    assert.match(
      (await aspen(['user', 'list', '--endpoints', endpoint], { env: asRoot })).stdout,
      /^(cert\n)?root\nv\n$/,
    )
    for (const words of [['keyspace', 'create', 'other'], ['actors'], ['user', 'list']]) {
      const one = await ask(...words, '--user', 'v:v')
      assert.equal(one.code, 1, words.join(' '))
      assert.match(one.stderr, /etcdserver: permission denied/)
      assert.match((await ask(...words)).stderr, /etcdserver: user name is empty/)
      assert.equal((await ask(...words, '--user', 'root:r')).code, 0, words.join(' '))
    }
    assert.equal((await ask('auth', 'disable', '--user', 'root:r')).stdout, 'Authentication Disabled\n')
  })
})

describe('three members', () => {
  let cluster: Cluster
  before(async () => {
    cluster = await Cluster.create({ nodes: 3, flags: ['--bcrypt-cost=4'] })
    await cluster.start()
  })
  after(() => cluster.close())

  test('a token of one opens all, stays good after a restart, and is void with another password', async () => {
    const [one, two] = [cluster.member(0), cluster.member(1)]
    const client = cluster.client(one)
    await client.userAdd({ name: 'root', password: 'r' })
    await client.userGrantRole({ user: 'root', role: 'root' })
    await client.put({ key: utf8('k'), value: utf8('v') })
    await client.authEnable()
    const { token } = await client.authenticate({ name: 'root', password: 'r' })
    const credentials = { token }
    const read = async (at: number): Promise<string> =>
      cluster
        .client(cluster.member(at))
        .range({ key: utf8('k') }, { credentials })
        .then(({ kvs }) => String(kvs.length))
        .catch((error: unknown) => (error instanceof AspenError ? error.code : String(error)))

    for (const at of [0, 1, 2]) assert.equal(await read(at), '1', `member ${at}`)
    await two.kill()
    await cluster.start([two])
    assert.equal(await read(1), '1')

    await cluster.client(cluster.member(2)).userChangePassword({ name: 'root', password: 's' }, { credentials })
    for (const at of [0, 1, 2]) assert.equal(await read(at), 'invalidAuthToken', `member ${at}`)
  })
})

describe('JWTs', () => {
  let cluster: Cluster | undefined
  after(() => cluster?.close())

  test('carry a revision, and are old when users have changed', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    cluster = await Cluster.create({ nodes: 1, flags: ['--bcrypt-cost=4'] })
    const file = join(cluster.dir, 'jwt.pem')
    writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }))
    const member = cluster.member(0)
    member.start([`--auth-token=jwt,sign-method=ES256,priv-key=${file},ttl=10m`])
    await member.ready()
    const client = cluster.client(member)
    await client.userAdd({ name: 'root', password: 'r' })
    await client.userGrantRole({ user: 'root', role: 'root' })
    await client.authEnable()

    const { token } = await client.authenticate({ name: 'root', password: 'r' })
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { revision: number }
    assert.equal(claims.revision, 4)
    const credentials = { token }
    await client.put({ key: utf8('k'), value: utf8('v') }, { credentials })

    await client.roleAdd({ name: 'one' }, { credentials })
    await client.roleAdd({ name: 'two' }, { credentials })
    await assert.rejects(client.put({ key: utf8('k'), value: utf8('v') }, { credentials }), {
      code: 'authOldRevision',
      message: 'etcdserver: revision of auth store is old',
    })
  })

  test('without their key are found out before anything is opened', async () => {
    const other = await Cluster.create({ nodes: 1 })
    try {
      const member = other.member(0)
      member.start(['--auth-token=jwt,sign-method=ES256,priv-key=/nowhere'])
      assert.equal((await member.exited()).code, 1)
      assert.match(member.output, /--auth-token: wanted priv-key to be a readable file, found ENOENT/)
    } finally {
      await other.close()
    }
  })
})
