// Every command that etcd's own `etcdctl` lists, against one node of ours; and a store that moves over from a real etcd.
import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Cluster, eventually, withCluster } from './cluster.ts'
import { type CommandOptions, etcdctl, noEtcdctl } from './commands.ts'
import { noEtcd, withEtcd } from './etcd-process.ts'
import { EtcdctlSession } from './etcdctl-session.ts'

/** Commands that were run, as `etcdctl help` names them. */
const seen = new Set<string>()
/** Moves keys between two formats of etcd's own files, and asks no server. */
const notAsked = ['migrate']
const long = process.env['ASPEN_LONG_TESTS'] === '1' ? false : 'takes up to a minute: set ASPEN_LONG_TESTS=1'

function note(words: readonly string[]): void {
  const plain = words.filter((word) => !word.startsWith('-'))
  for (const name of [plain[0], plain.slice(0, 2).join(' ')]) if (name !== undefined) seen.add(name)
}

describe('etcdctl against one node', { skip: noEtcdctl }, () => {
  let cluster: Cluster
  before(async () => {
    cluster = await Cluster.create({ nodes: 1 })
    await cluster.start()
  })
  after(async () => {
    await EtcdctlSession.endAll()
    await cluster.close()
  })

  const endpoint = (): string => cluster.member(0).endpoint
  const ctl = async (words: readonly string[], options: CommandOptions = {}): Promise<string> => {
    note(words)
    const { code, stdout, stderr } = await etcdctl(endpoint(), words, options)
    assert.equal(code, 0, `etcdctl ${words.join(' ')}: ${stderr}`)
    return stdout
  }
  const refused = async (words: readonly string[], options: CommandOptions = {}): Promise<string> => {
    note(words)
    const { code, stderr, stdout } = await etcdctl(endpoint(), words, options)
    assert.notEqual(code, 0, `etcdctl ${words.join(' ')} was not refused: ${stdout}`)
    return stderr
  }
  const session = (...words: string[]): EtcdctlSession => {
    note(words)
    return new EtcdctlSession(endpoint(), words)
  }

  test('put, get, del, txn, compaction', async () => {
    assert.equal(await ctl(['put', 'a', '1']), 'OK\n')
    assert.equal(await ctl(['put', 'a', '2', '--prev-kv']), 'OK\na\n1\n')
    assert.equal(await ctl(['put', 'b'], { input: 'from stdin' }), 'OK\n')
    assert.equal(await ctl(['get', '', '--prefix']), 'a\n2\nb\nfrom stdin\n')
    const txn = await ctl(['txn'], { input: 'mod("a") > "0"\n\nput a 3\nget b\n\ndel b\n\n' })
    assert.match(txn, /^SUCCESS\n\nOK\n\nb\nfrom stdin\n/)
    assert.equal(
      await ctl(['txn', '--interactive'], { input: 'value("a") = "0"\n\nput a x\n\nget a\n\n' }).then((said) =>
        /FAILURE\n\na\n3\n/.test(said),
      ),
      true,
    )
    assert.equal(await ctl(['del', 'b', '--prev-kv']), '1\nb\nfrom stdin\n')
    assert.equal(await ctl(['compaction', '3']), 'compacted revision 3\n')
    assert.match(await refused(['get', 'a', '--rev=2']), /required revision has been compacted/)
    assert.equal(await ctl(['get', 'a', '-w', 'json', '--hex']).then((json) => JSON.parse(json).kvs[0].mod_revision), 5)
  })

  test('watch: keys, prefixes, the past, previous values, and a command for each event', async () => {
    const first = JSON.parse(await ctl(['put', 'w/a', '1', '-w', 'json'])) as { header: { revision: number } }
    const prefix = session('watch', '--prefix', 'w/', '--prev-kv', `--rev=${first.header.revision}`)
    const one = session('watch', 'w/b')
    const command = session(
      'watch',
      'w/b',
      '--',
      'sh',
      '-c',
      'echo "got $ETCD_WATCH_EVENT_TYPE $ETCD_WATCH_KEY $ETCD_WATCH_VALUE"',
    )
    await prefix.says(/PUT\n/)

    // A watch that is not yet there would never say anything: write until it does.
    await eventually('both watches', async () => {
      await ctl(['put', 'w/b', 'x'])
      return /w\/b\nx\n/.test(one.output) && /got/.test(command.output) ? true : undefined
    })
    await ctl(['put', 'w/a', '2'])
    await ctl(['del', 'w/a'])

    await prefix.says(/PUT\nw\/a\n1\n[\s\S]*PUT\nw\/a\n1\nw\/a\n2\nDELETE\nw\/a\n2\nw\/a\n/)
    await command.says(/got "?PUT"? "?w\/b"? "?x"?/)
    assert.doesNotMatch(one.output, /w\/a/)
    for (const watch of [prefix, one, command]) await watch.interrupt()
  })

  test('watch, interactively: several at once, progress, and cancelling', async () => {
    const watch = session('watch', '-i')
    watch.type('watch i/a')
    watch.type('watch --prefix i/')
    watch.type('progress')
    // Both are there once one write is told twice.
    await eventually('both watches', async () => {
      await ctl(['put', 'i/a', 'v'])
      return (watch.output.match(/i\/a\nv\n/g) ?? []).length >= 2 ? true : undefined
    })
    watch.type('progress')

    assert.match((await watch.says(/progress notify: (\d+)/))[1] ?? '', /^\d+$/)
    await watch.interrupt()
  })

  test('lease: grant, timetolive, keep-alive, list, revoke, and expiry', async () => {
    const id = /lease (\w+) granted with TTL\(60s\)/.exec(await ctl(['lease', 'grant', '60']))?.[1] ?? ''
    await ctl(['put', 'l/a', '1', `--lease=${id}`])

    assert.match(
      await ctl(['lease', 'timetolive', id, '--keys']),
      new RegExp(`^lease ${id} granted with TTL\\(60s\\), remaining\\((59|60)s\\), attached keys\\(\\[l/a\\]\\)`),
    )
    assert.match(await ctl(['lease', 'list']), new RegExp(`found 1 leases\n${id}`))
    assert.equal(await ctl(['lease', 'keep-alive', '--once', id]), `lease ${id} keepalived with TTL(60)\n`)
    const keeping = session('lease', 'keep-alive', id)
    await keeping.says(/keepalived with TTL\(60\)/)
    assert.equal(await ctl(['lease', 'revoke', id]), `lease ${id} revoked\n`)
    assert.equal(await ctl(['get', 'l/a']), '')
    await keeping.interrupt()
    assert.match(await refused(['lease', 'revoke', id]), /requested lease not found/)
    assert.match(await ctl(['lease', 'timetolive', id]), /already expired/)
    const brief = /lease (\w+) granted/.exec(await ctl(['lease', 'grant', '1']))?.[1] ?? ''
    await ctl(['put', 'l/b', '1', `--lease=${brief}`])
    await eventually('the end of the lease', async () => ((await ctl(['get', 'l/b'])) === '' ? true : undefined))
  })

  test('lock: held, waited for, passed on; and around a command', async () => {
    const holder = session('lock', 'door')
    const key = (await holder.says(/(door\/[0-9a-f]+)\n/))[1]
    assert.match(await ctl(['get', '--prefix', 'door/', '--keys-only']), new RegExp(`^${key}\n`))
    const next = session('lock', 'door')
    await eventually('the second in line', async () => {
      const keys = await ctl(['get', '--prefix', 'door/', '--keys-only'])
      return keys.match(/door\//g)?.length === 2 ? true : undefined
    })
    assert.equal(next.output, '')

    await holder.interrupt()

    await next.says(/door\/[0-9a-f]+\n/)
    await next.interrupt()
    assert.equal(await ctl(['lock', 'door', 'echo', 'inside']), 'inside\n')
    assert.match(await refused(['lock', 'door', 'false']), /exit status 1/)
  })

  test('elect: a leader, the one who waits, and who only looks on', async () => {
    const first = session('elect', 'boss', 'alice')
    await first.says(/boss\/[0-9a-f]+\nalice\n/)
    const second = session('elect', 'boss', 'bob')
    const observer = session('elect', '-l', 'boss')
    await observer.says(/alice/)

    await first.interrupt()

    await second.says(/bob/)
    await observer.says(/bob/)
    for (const one of [second, observer]) await one.interrupt()
  })

  test('endpoint health, status, hashkv; defrag; move-leader; version; help; completion', async () => {
    const health = await etcdctl(endpoint(), ['endpoint', 'health'])
    note(['endpoint', 'health'])
    assert.match(health.stdout + health.stderr, /is healthy: successfully committed proposal/)
    assert.match(await ctl(['endpoint', 'status', '-w', 'table']), new RegExp(`\\| +${endpoint()} \\|`))
    assert.match(await ctl(['endpoint', 'hashkv', '--cluster']), /, \d+\n/)
    assert.match(await ctl(['defrag']), /Finished defragmenting/)
    assert.match(await refused(['move-leader', '1']), /bad leader transferee/)
    assert.match(await ctl(['version']), /etcdctl version: 3\./)
    assert.match(await ctl(['help']), /COMMANDS:/)
    for (const shell of ['bash', 'fish', 'powershell', 'zsh']) assert.match(await ctl(['completion', shell]), /etcdctl/)
  })

  test('alarm list and disarm: without space there are no writes until it is disarmed', async () => {
    const client = cluster.client(cluster.member(0))
    const { header } = await client.status()
    await client.alarm({ action: 'activate', member: header.memberId, alarm: 'nospace' })

    assert.match(await ctl(['alarm', 'list']), /^memberID:\d+ alarm:NOSPACE/)
    assert.match(await refused(['put', 'full', '1']), /mvcc: database space exceeded/)
    assert.match(await ctl(['alarm', 'disarm']), /alarm:NOSPACE/)
    assert.equal(await ctl(['put', 'full', '1']), 'OK\n')
    assert.equal(await ctl(['alarm', 'list']), '')
  })

  test('snapshot save; status and restore are for files of etcd, and ours are read by our own command', async () => {
    const file = join(cluster.dir, 'backup.db')
    await ctl(['put', 'kept', 'yes'])
    await ctl(['snapshot', 'save', file])

    assert.ok(statSync(file).size > 512)
    assert.match(await refused(['snapshot', 'status', file]), /invalid database/)
    assert.match(
      await refused(['snapshot', 'restore', file, '--data-dir', join(cluster.dir, 'theirs')]),
      /invalid database/,
    )
    const status = await cluster.aspen(['snapshot', 'status', file])
    assert.equal(status.code, 0, status.stderr)
  })

  test('check datascale', { skip: long, timeout: 180_000 }, async () => {
    assert.match(
      await ctl(['check', 'datascale', '--load=s'], { timeoutMs: 170_000 }),
      /PASS: Approximate system memory/,
    )
  })

  test('check perf', { skip: long, timeout: 180_000 }, async () => {
    // What it measures depends on the machine; that it comes to an end with a verdict does not.
    note(['check', 'perf'])
    const { stdout } = await etcdctl(endpoint(), ['check', 'perf', '--load=s'], { timeoutMs: 170_000 })
    assert.match(stdout, /Throughput is \d+ writes\/s[\s\S]*(PASS|FAIL)/)
  })

  test('user, role and auth: who may do what, and nobody anything once it is enabled', async () => {
    for (const name of ['root', 'alice'])
      assert.equal(await ctl(['user', 'add', `${name}:pw-${name}`]), `User ${name} created\n`)
    assert.equal(await ctl(['user', 'add', 'cert', '--no-password']), 'User cert created\n')
    assert.equal(await ctl(['role', 'add', 'root']), 'Role root created\n')
    assert.equal(await ctl(['role', 'add', 'reader']), 'Role reader created\n')
    assert.match(await ctl(['role', 'grant-permission', 'reader', 'read', '--prefix', 'r/']), /updated/)
    assert.match(await ctl(['role', 'grant-permission', 'reader', 'readwrite', 'own']), /updated/)
    assert.equal(
      await ctl(['role', 'get', 'reader']),
      'Role reader\nKV Read:\n\town\n\t[r/, r0) (prefix r/)\nKV Write:\n\town\n',
    )
    assert.match(await ctl(['user', 'grant-role', 'root', 'root']), /Role root is granted to user root/)
    assert.match(await ctl(['user', 'grant-role', 'alice', 'reader']), /granted/)
    assert.equal(await ctl(['user', 'get', 'alice']), 'User: alice\nRoles: reader\n')
    assert.equal(await ctl(['user', 'list']), 'alice\ncert\nroot\n')
    assert.equal(await ctl(['role', 'list']), 'reader\nroot\n')
    await ctl(['put', 'r/1', 'v'])

    assert.equal(await ctl(['auth', 'enable']), 'Authentication Enabled\n')
    const root = '--user=root:pw-root'
    const alice = '--user=alice:pw-alice'
    assert.match(await refused(['get', 'r/1']), /user name is empty/)
    assert.equal(await ctl(['get', 'r/1', '--print-value-only', alice]), 'v\n')
    assert.match(await refused(['put', 'r/1', 'x', alice]), /permission denied/)
    assert.equal(await ctl(['put', 'own', 'x', alice]), 'OK\n')
    assert.match(
      await refused(['get', 'r/1', '--user=alice:wrong']),
      /authentication failed, invalid user ID or password/,
    )
    assert.match(await refused(['watch', 'other', alice]), /permission denied/)
    assert.match(await refused(['user', 'list', alice]), /permission denied/)

    assert.match(
      await ctl(['user', 'passwd', 'alice', '--interactive=false', root], { input: 'new\n' }),
      /Password updated/,
    )
    assert.match(await refused(['get', 'r/1', alice]), /authentication failed/)
    assert.match(await ctl(['role', 'revoke-permission', 'reader', 'own', root]), /revoked/)
    assert.match(await refused(['put', 'own', 'x', '--user=alice:new']), /permission denied/)
    assert.match(await ctl(['user', 'revoke-role', 'alice', 'reader', root]), /revoked/)
    assert.match(await refused(['get', 'r/1', '--user=alice:new']), /permission denied/)
    assert.match(await ctl(['role', 'delete', 'reader', root]), /deleted/)
    assert.match(await ctl(['user', 'delete', 'alice', root]), /deleted/)
    assert.equal(await ctl(['auth', 'disable', root]), 'Authentication Disabled\n')
    assert.equal(await ctl(['get', 'r/1', '--print-value-only']), 'v\n')
  })

  test('member list, add, update, promote, remove', async () => {
    const joiner = await cluster.joiner('n2')
    const member = cluster.members[1]
    assert.ok(member !== undefined)

    const added = await ctl(['member', 'add', 'n2', '--learner', `--peer-urls=${joiner.peerUrl}`])
    const id = /Member +([0-9a-f]+) added to cluster/.exec(added)?.[1] ?? ''
    assert.match(await ctl(['member', 'list']), new RegExp(`${id}, unstarted, , ${joiner.peerUrl}, , true`))
    joiner.start()
    await eventually(
      'the promotion',
      async () => {
        note(['member', 'promote'])
        const promoted = await etcdctl(endpoint(), ['member', 'promote', id])
        return promoted.code === 0 ? true : undefined
      },
      30_000,
    )
    await joiner.ready()
    assert.match(
      await ctl(['member', 'update', id, `--peer-urls=${joiner.peerUrl}`]),
      new RegExp(`Member +${id} updated`),
    )
    // A member says its name itself, when it has learned that it is one.
    const started = new RegExp(`${id}, started, n2, ${joiner.peerUrl}, .*, false`)
    await eventually('the name of the member', async () =>
      started.test(await ctl(['member', 'list'])) ? true : undefined,
    )
    assert.match(await ctl(['member', 'remove', id]), new RegExp(`Member +${id} removed`))
    assert.match(await refused(['member', 'remove', '5']), /member not found/)
    await joiner.exited()
  })

  test('there is no command of etcdctl that nobody ran', async () => {
    const help = await ctl(['help'])
    const commands = [...(/COMMANDS:\n([\s\S]*?)\n\n/.exec(help)?.[1] ?? '').matchAll(/^\t(.+?)\t/gm)].map((match) =>
      (match[1] ?? '').trim(),
    )
    assert.ok(commands.length > 40, `only ${commands.length} commands found`)
    // These are run below, and by who has the time.
    for (const name of ['make-mirror', 'check perf', 'check datascale']) seen.add(name)

    assert.deepEqual(
      commands.filter((name) => !seen.has(name) && !notAsked.includes(name)),
      [],
    )
  })
})

after(() => EtcdctlSession.endAll())

test('make-mirror from a real etcd: what was there, and what comes', { skip: noEtcdctl || noEtcd }, () =>
  withEtcd((etcd) =>
    withCluster({ nodes: 1 }, async (cluster) => {
      const here = cluster.member(0).endpoint
      const there = etcd.replace('http://', '')
      const lines = Array.from({ length: 200 }, (_, at) => `put app/${String(at).padStart(3, '0')} v${at}`)
      for (let at = 0; at < lines.length; at += 100) {
        const { code, stderr } = await etcdctl(there, ['txn'], {
          input: `\n${lines.slice(at, at + 100).join('\n')}\n\n\n`,
        })
        assert.equal(code, 0, stderr)
      }
      const mirror = new EtcdctlSession(there, ['make-mirror', here])
      const read = async (...words: string[]): Promise<string> => (await etcdctl(here, ['get', ...words])).stdout

      await eventually('what was there', async () =>
        (await read('--prefix', 'app/', '--keys-only')).split('\n\n').length > 200 ? true : undefined,
      )
      await etcdctl(there, ['put', 'app/new', 'later'])
      await etcdctl(there, ['del', 'app/000'])

      await eventually('what came later', async () =>
        (await read('app/new', '--print-value-only')) === 'later\n' && (await read('app/000')) === ''
          ? true
          : undefined,
      )
      await mirror.interrupt()
      const all = ['get', '--prefix', 'app/']
      assert.equal((await etcdctl(here, all)).stdout, (await etcdctl(there, all)).stdout)

      // And back: nobody is locked in.
      const back = new EtcdctlSession(here, ['make-mirror', there, '--prefix=app/', '--dest-prefix=back/'])
      await etcdctl(here, ['put', 'app/last', 'word'])
      await eventually('what went back', async () =>
        (await etcdctl(there, ['get', 'back/last', '--print-value-only'])).stdout === 'word\n' ? true : undefined,
      )
      await back.interrupt()
      const counted = async (prefix: string): Promise<number> =>
        (await etcdctl(there, ['get', '--prefix', prefix, '--keys-only'])).stdout.split('\n\n').length
      assert.equal(await counted('back/'), (await counted('app/')) + 1)
    }),
  ),
)
