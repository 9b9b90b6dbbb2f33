import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { KeyValue } from '../../../actors/keyspace/messages.ts'
import { utf8 } from '../../../base/bytes.ts'
import { AspenError } from '../../../client/interface.ts'
import type { Ran } from './harness.ts'
import { header, run } from './harness.ts'

const zero = new Uint8Array(1)

function kv(key: string | Uint8Array, value: string | Uint8Array): KeyValue {
  const bytes = (one: string | Uint8Array): Uint8Array => (typeof one === 'string' ? utf8(one) : one)
  return { key: bytes(key), value: bytes(value), createRevision: 2, modRevision: 5, version: 3, lease: '0' }
}

const answers = {
  range: { header, kvs: [kv('a', 'one'), kv('b', 'two')], more: false, count: 2 },
  put: { header, prevKv: kv('a', 'zero') },
  deleteRange: { header, deleted: 1, prevKvs: [kv('a', 'one')] },
  txn: {
    header,
    succeeded: true,
    responses: [{ type: 'put' }, { type: 'range', kvs: [kv('a', 'one')], more: false, count: 1 }],
  },
  compact: { header },
}

const ask = (...words: readonly string[]): Promise<Ran> => run(words, { answers })

describe('get asks for', () => {
  const forms: readonly [string, object][] = [
    ['get a', { key: utf8('a') }],
    ['get a c', { key: utf8('a'), rangeEnd: utf8('c') }],
    ['get a --prefix', { key: utf8('a'), rangeEnd: utf8('b') }],
    ['get --prefix', {}],
    ['get a --from-key', { key: utf8('a'), rangeEnd: zero }],
    ['get a --limit 3 --rev=9', { key: utf8('a'), limit: 3, revision: 9 }],
    ['get a --order descend --sort-by MODIFY', { key: utf8('a'), sortOrder: 'descend', sortTarget: 'mod' }],
    ['get a --sort-by=CREATE', { key: utf8('a'), sortOrder: 'ascend', sortTarget: 'create' }],
    ['get a --keys-only', { key: utf8('a'), keysOnly: true }],
    ['get a --count-only', { key: utf8('a'), countOnly: true }],
    ['get a --consistency=s', { key: utf8('a'), serializable: true }],
    ['get a --consistency l', { key: utf8('a'), serializable: false }],
    ['get a --min-mod-rev 2 --max-mod-rev 3', { key: utf8('a'), minModRevision: 2, maxModRevision: 3 }],
    ['get -- --strange', { key: utf8('--strange') }],
  ]
  for (const [line, wanted] of forms) {
    test(`${line}`, async () => {
      const { calls, code, closed } = await ask(...line.split(' '))

      if (line === 'get --prefix') {
        // A key is wanted, even an empty one: to read everything must be said.
        assert.deepEqual([calls.length, code], [0, 2])
        return
      }
      assert.deepEqual(calls, [['range', { type: 'range', ...wanted }]])
      assert.deepEqual([code, closed], [0, 1])
    })
  }

  test('everything, when the prefix or the first key is empty', async () => {
    const prefix = await ask('get', '', '--prefix')
    const from = await ask('get', '', '--from-key')

    assert.deepEqual(prefix.calls, [['range', { type: 'range', key: zero, rangeEnd: zero }]])
    assert.deepEqual(from.calls, prefix.calls)
  })
})

describe('put and del ask for', () => {
  const forms: readonly [string, string, object][] = [
    ['put a one', 'put', { type: 'put', key: utf8('a'), value: utf8('one') }],
    ['put a one --prev-kv', 'put', { type: 'put', key: utf8('a'), value: utf8('one'), prevKv: true }],
    ['put a --ignore-value', 'put', { type: 'put', key: utf8('a'), value: new Uint8Array(0), ignoreValue: true }],
    ['put a one --lease=694d', 'put', { type: 'put', key: utf8('a'), value: utf8('one'), lease: '26957' }],
    [
      'put a one --lease 7fffffffffffffff',
      'put',
      { type: 'put', key: utf8('a'), value: utf8('one'), lease: '9223372036854775807' },
    ],
    ['put a one --ignore-lease', 'put', { type: 'put', key: utf8('a'), value: utf8('one'), ignoreLease: true }],
    ['put -- -a -1', 'put', { type: 'put', key: utf8('-a'), value: utf8('-1') }],
    ['del a', 'deleteRange', { type: 'deleteRange', key: utf8('a') }],
    ['del a c --prev-kv', 'deleteRange', { type: 'deleteRange', key: utf8('a'), rangeEnd: utf8('c'), prevKv: true }],
    ['del a --prefix', 'deleteRange', { type: 'deleteRange', key: utf8('a'), rangeEnd: utf8('b') }],
    ['del a --from-key', 'deleteRange', { type: 'deleteRange', key: utf8('a'), rangeEnd: zero }],
    ['compact 5', 'compact', { revision: 5 }],
    ['compact 5 --physical', 'compact', { revision: 5, physical: true }],
  ]
  for (const [line, method, wanted] of forms) {
    test(line, async () => {
      const { calls, code } = await ask(...line.split(' '))

      assert.deepEqual(calls, [[method, wanted]])
      assert.equal(code, 0)
    })
  }

  test('the value from stdin when none is given', async () => {
    const { calls } = await run(['put', 'a'], { answers, stdin: 'from a pipe\n' })

    assert.deepEqual(calls, [['put', { type: 'put', key: utf8('a'), value: utf8('from a pipe\n') }]])
  })
})

describe('asked wrongly, a command exits with 2, says why and asks no node', () => {
  const forms: readonly [string, RegExp][] = [
    ['get', /missing required argument 'key'/],
    ['get a b c', /too many arguments/],
    ['get a --limit many', /--limit: wanted a whole number .* found "many"/],
    ['get a --rev -1', /--rev: wanted a whole number .* found "-1"/],
    ['get a --order sideways', /--order: wanted ASCEND, DESCEND, found "sideways"/],
    ['get a --consistency x', /--consistency: wanted l, s, found "x"/],
    ['get a --prefix --from-key', /--prefix and --from-key cannot be together/],
    ['get a b --prefix', /a range end cannot be with --prefix/],
    ['get a --keys-only --count-only', /cannot be together/],
    ['get a --prefx', /unknown option '--prefx'/],
    ['get a -w table', /wanted simple or json with get, found table/],
    ['put a one --ignore-value', /wants no value, found one/],
    ['put a one --lease=xyz', /--lease: wanted a lease id in hexadecimal, found "xyz"/],
    ['put a one --lease=8000000000000000', /below 8000000000000000/],
    ['compact', /missing required argument 'revision'/],
    ['compact 0', /wanted a revision of 1 or more, found "0"/],
    ['get a --cert x.pem', /--cert: wanted together with --key, found it alone/],
    [
      'get a --cacert /no/such.pem',
      /--cacert: wanted a file that can be read, found "\/no\/such\.pem": there is no such file/,
    ],
    ['get a --insecure-transport=maybe', /--insecure-transport \[yes\]. argument 'maybe' is invalid/],
    ['get a --endpoints x', /--endpoints: wanted HOST:PORT, found "x"/],
    ['get a --command-timeout 5', /wanted a duration from 1ms to 24h, such as 5s, found "5"/],
    ['gte a', /unknown command 'gte'/],
  ]
  for (const [line, wanted] of forms) {
    test(line, async () => {
      const { code, stderr, stdout, calls } = await ask(...line.split(' '))

      assert.equal(code, 2)
      assert.match(stderr, wanted)
      assert.deepEqual([stdout, calls], ['', []])
    })
  }
})

describe('where a command goes', () => {
  const usual = { endpoints: ['127.0.0.1:2379'], keyspace: 'default', deadlineMs: 5_000 }
  const forms: readonly [string, Readonly<Record<string, string>>, object][] = [
    ['get a', {}, usual],
    ['get a', { ETCDCTL_ENDPOINTS: 'http://h:1' }, { ...usual, endpoints: ['h:1'] }],
    ['get a', { ETCDCTL_ENDPOINTS: 'h:1', ASPEN_ENDPOINTS: 'h:2' }, { ...usual, endpoints: ['h:2'] }],
    ['get a --endpoints h:3,h:4', { ASPEN_ENDPOINTS: 'h:2' }, { ...usual, endpoints: ['h:3', 'h:4'] }],
    ['--endpoints h:3 get a', {}, { ...usual, endpoints: ['h:3'] }],
    ['--endpoints h:3 get a --endpoints h:4', {}, { ...usual, endpoints: ['h:4'] }],
    ['get a --endpoints [::1]:5', {}, { ...usual, endpoints: ['[::1]:5'] }],
    ['get a --keyspace k --timeout 2s', { ASPEN_KEYSPACE: 'j' }, { ...usual, keyspace: 'k', deadlineMs: 2_000 }],
    ['get a', { ASPEN_KEYSPACE: 'j', ASPEN_COMMAND_TIMEOUT: '1m' }, { ...usual, keyspace: 'j', deadlineMs: 60_000 }],
  ]
  for (const [line, env, wanted] of forms) {
    test(`${line} ${JSON.stringify(env)}`, async () => {
      const { connections } = await run(line.split(' '), { answers, env })

      assert.deepEqual(connections, [wanted])
    })
  }
})

describe('answers as lines', () => {
  const forms: readonly [string, string][] = [
    ['get a --prefix', 'a\none\nb\ntwo\n'],
    ['get a --prefix --print-value-only', 'one\ntwo\n'],
    ['get a --prefix --keys-only', 'a\n\nb\n\n'],
    ['get a --prefix --hex', '\\x61\n\\x6f\\x6e\\x65\n\\x62\n\\x74\\x77\\x6f\n'],
    ['put a one --prev-kv', 'OK\na\nzero\n'],
    ['del a --prev-kv', '1\na\none\n'],
    ['compact 5', 'compacted revision 5\n'],
  ]
  for (const [line, wanted] of forms) {
    test(line, async () => assert.equal((await ask(...line.split(' '))).stdout, wanted))
  }

  test('a count alone', async () => {
    const { stdout } = await run(['get', 'a', '--count-only'], {
      answers: { range: { header, kvs: [], more: false, count: 4 } },
    })

    assert.equal(stdout, '4\n')
  })

  test('a transaction: its outcome, then each answer after an empty line', async () => {
    const { stdout, calls } = await run(['txn'], { answers, stdin: 'ver("a") = "0"\n\nput a one\nget a\n\n' })

    assert.equal(stdout, 'SUCCESS\n\nOK\n\na\none\n')
    assert.equal(calls.length, 1)
  })

  test('a transaction that cannot be read names its line', async () => {
    const { code, stderr, calls } = await run(['txn'], { answers, stdin: '\nput a\n' })

    assert.equal(code, 2)
    assert.match(stderr, /txn: line 2: put wants a key and a value/)
    assert.deepEqual(calls, [])
  })
})

describe('answers as JSON', () => {
  test('are one document, with bytes as base64 and text where they are text', async () => {
    const range = { header, kvs: [kv('a', new Uint8Array([0xff, 0x00]))], more: true, count: 9 }

    const { stdout } = await run(['get', 'a', '--json'], { answers: { range } })

    assert.deepEqual(JSON.parse(stdout), {
      header: { clusterId: 0xc1, memberId: 0xa1, revision: 7, raftTerm: 2 },
      kvs: [
        {
          key: 'a',
          keyBase64: 'YQ==',
          value: null,
          valueBase64: '/wA=',
          createRevision: 2,
          modRevision: 5,
          version: 3,
          lease: '0',
        },
      ],
      more: true,
      count: 9,
    })
  })

  test('-w json before the command says the same', async () => {
    const [before, after] = [await ask('-w', 'json', 'del', 'a'), await ask('del', 'a', '--json')]

    assert.equal(before.stdout, after.stdout)
    assert.equal(JSON.parse(after.stdout).deleted, 1)
  })

  test('a transaction nests its answers with their kinds', async () => {
    const { stdout } = await run(['txn', '--json'], { answers, stdin: '\nput a one\nget a\n' })
    const document = JSON.parse(stdout)

    assert.equal(document.succeeded, true)
    assert.deepEqual(
      document.responses.map((one: { type: string }) => one.type),
      ['put', 'range'],
    )
  })
})

test('a refusal of the node exits with 1, with its text and nothing on stdout', async () => {
  const { code, stdout, stderr, closed } = await run(['get', 'a', '--rev=99'], {
    answers: { range: new AspenError('futureRevision', 'etcdserver: mvcc: required revision is a future revision') },
  })

  assert.deepEqual([code, stdout, closed], [1, '', 1])
  assert.equal(stderr, 'aspen: etcdserver: mvcc: required revision is a future revision\n')
})

describe('the program', () => {
  test('gives serve its settings untouched', async () => {
    const { served, code } = await ask('serve', '--name', 'x', '--unknown', '--endpoints=y', '-h')

    assert.deepEqual(served, [['--name', 'x', '--unknown', '--endpoints=y', '-h']])
    assert.equal(code, 0)
  })

  test('shows help and version as answers', async () => {
    const [help, version, both] = [await ask('help'), await ask('--version'), await ask('version', '--json')]

    assert.deepEqual([help.code, version.code, both.code], [0, 0, 0])
    for (const command of [
      'serve',
      'get',
      'put',
      'del',
      'txn',
      'compact',
      'member',
      'endpoint',
      'keyspace',
      'snapshot',
      'actors',
    ]) {
      assert.match(help.stdout, new RegExp(`^  ${command}\\b`, 'm'), command)
    }
    assert.match(version.stdout, /^aspen \d+\.\d+\.\d+$/m)
    assert.match(JSON.parse(both.stdout).etcdApi, /^3\.5\.\d+$/)
  })

  test('without a command, or with half of one, shows help and exits with 2', async () => {
    for (const words of [[], ['member']]) {
      const { code, stderr } = await ask(...words)
      assert.equal(code, 2)
      assert.match(stderr, /Usage: aspen/)
    }
  })
})
