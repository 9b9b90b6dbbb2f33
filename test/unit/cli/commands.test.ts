import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { rowsOf } from '../../../cli/actors.ts'
import type { ConnectOptions } from '../../../cli/context.ts'
import { sizeText } from '../../../cli/output.ts'
import type { ActorInfo, KeyspaceInfo, Member } from '../../../client/interface.ts'
import type { Ran } from './harness.ts'
import { header, run } from './harness.ts'

const members: readonly Member[] = [
  { id: 0xa1, name: 'n1', peerUrls: ['http://10.0.0.1:2380'], clientUrls: ['http://10.0.0.1:2379'], learner: false },
  { id: 0xa2, name: '', peerUrls: ['http://10.0.0.2:2380'], clientUrls: [], learner: true },
]
const keyspace: KeyspaceInfo = { name: 'default', id: 1, leader: 0xa1, term: 2, revision: 7, executor: 1 }
const status = {
  header,
  version: '3.5.21',
  dbSizeBytes: 20_480,
  dbSizeInUseBytes: 1,
  leader: 0xa1,
  raftIndex: 9,
  raftTerm: 2,
  raftAppliedIndex: 8,
  learner: false,
  errors: [],
}

const answers = {
  memberList: { header, members },
  memberAdd: { header, members, member: members[1] },
  memberRemove: { header, members: [members[0]] },
  memberUpdate: { header, members },
  memberPromote: { header, members },
  keyspaceList: [keyspace, { ...keyspace, name: 'other', id: 2, leader: 0 }],
  keyspaceCreate: { ...keyspace, name: 'new' },
  keyspaceDrop: undefined,
}

const ask = (...words: readonly string[]): Promise<Ran> => run(words, { answers })

describe('member', () => {
  test('list shows ids in hexadecimal, and who has never started', async () => {
    const { stdout } = await ask('member', 'list')

    assert.equal(
      stdout,
      'a1, started, n1, http://10.0.0.1:2380, http://10.0.0.1:2379, false\na2, unstarted, , http://10.0.0.2:2380, , true\n',
    )
  })

  test('list as a table and as JSON', async () => {
    const [table, json] = [await ask('member', 'list', '-w', 'table'), await ask('member', 'list', '--json')]

    assert.match(table.stdout, /│ a1 +│ started +│ n1 +│/)
    assert.deepEqual(JSON.parse(json.stdout).members, members)
  })

  test('add asks for a voter or a learner and says how to start it', async () => {
    const { stdout, calls } = await ask('member', 'add', 'n2', '--peer-urls=http://10.0.0.2:2380', '--learner')

    assert.deepEqual(calls, [['memberAdd', { peerUrls: ['http://10.0.0.2:2380'], learner: true }]])
    assert.match(stdout, /^Member a2 added to cluster c1$/m)
    assert.match(stdout, /^ASPEN_INITIAL_CLUSTER="n1=http:\/\/10\.0\.0\.1:2380,n2=http:\/\/10\.0\.0\.2:2380"$/m)
    assert.match(stdout, /^ASPEN_INITIAL_CLUSTER_STATE="existing"$/m)
  })

  const changes: readonly [string, readonly unknown[], string][] = [
    ['member remove a2', ['memberRemove', { id: 0xa2 }], 'Member a2 removed from cluster c1\n'],
    ['member promote 0xa2', ['memberPromote', { id: 0xa2 }], 'Member a2 promoted in cluster c1\n'],
    [
      'member update a2 --peer-urls=http://10.0.0.3:2380,http://10.0.0.4:2380',
      ['memberUpdate', { id: 0xa2, peerUrls: ['http://10.0.0.3:2380', 'http://10.0.0.4:2380'] }],
      'Member a2 updated in cluster c1\n',
    ],
  ]
  for (const [line, call, wanted] of changes) {
    test(line, async () => {
      const { stdout, calls, code } = await ask(...line.split(' '))

      assert.deepEqual([calls, stdout, code], [[call], wanted, 0])
    })
  }

  const refused: readonly [string, RegExp][] = [
    ['member remove n1', /wanted a member id in hexadecimal/],
    ['member remove ffffffffffffffff', /wanted a member id in hexadecimal/],
    ['member add n2', /required option '--peer-urls <list>' not specified/],
    ['member add n2 --peer-urls=10.0.0.2:2380', /does not start with http:\/\//],
    ['member lst', /unknown command 'lst'/],
  ]
  for (const [line, wanted] of refused) {
    test(`${line} is refused`, async () => {
      const { code, stderr, calls } = await ask(...line.split(' '))

      assert.deepEqual([code, calls], [2, []])
      assert.match(stderr, wanted)
    })
  }
})

describe('endpoint', () => {
  /** Of three nodes the second is down. */
  const each =
    (answer: object) =>
    (...args: readonly unknown[]): unknown => {
      const connection = args.at(-1) as ConnectOptions
      return connection.endpoints[0] === 'h:2' ? new Error('connection refused') : answer
    }
  const three = ['--endpoints', 'h:1,h:2,h:3']

  test('status asks each node by itself, tells those that answer and fails for the one that does not', async () => {
    const { stdout, stderr, code, connections } = await run(['endpoint', 'status', ...three], {
      answers: { status: each(status) },
    })

    assert.deepEqual(
      connections.map((one) => one.endpoints),
      [['h:1'], ['h:2'], ['h:3']],
    )
    assert.equal(
      stdout,
      'h:1, a1, 3.5.21, 20 kB, true, false, 2, 9, 8, \nh:3, a1, 3.5.21, 20 kB, true, false, 2, 9, 8, \n',
    )
    assert.equal(stderr, 'h:2: connection refused\naspen: 1 of 3 endpoints without an answer\n')
    assert.equal(code, 1)
  })

  test('health says which is not', async () => {
    const range = each({ header, kvs: [], more: false, count: 0 })

    const [lines, json] = [
      await run(['endpoint', 'health', ...three], { answers: { range } }),
      await run(['endpoint', 'health', ...three, '--json'], { answers: { range } }),
    ]

    assert.match(lines.stdout, /^h:1 is healthy.*\nh:2 is unhealthy: connection refused\nh:3 is healthy/)
    assert.deepEqual(
      JSON.parse(json.stdout).map((one: { health: boolean }) => one.health),
      [true, false, true],
    )
    assert.deepEqual([lines.code, json.code], [1, 1])
  })

  test('hashkv asks for one revision', async () => {
    const hashKv = { header, hash: 99, compactRevision: 3, hashRevision: 5 }

    const { stdout, calls } = await run(['endpoint', 'hashkv', '--rev', '5', '-w', 'table'], { answers: { hashKv } })

    assert.deepEqual(calls, [['hashKv', { revision: 5 }]])
    assert.match(stdout, /│ 127\.0\.0\.1:2379 │ 99 +│ 5 +│ 3 +│/)
  })

  test('--cluster goes to what the members advertise', async () => {
    const { connections } = await run(['endpoint', 'status', '--cluster'], { answers: { ...answers, status } })

    assert.deepEqual(
      connections.map((one) => one.endpoints[0]),
      ['127.0.0.1:2379', '10.0.0.1:2379'],
    )
  })
})

describe('keyspace', () => {
  test('list, create and drop', async () => {
    assert.equal((await ask('keyspace', 'list')).stdout, 'default\nother\n')
    assert.match((await ask('keyspace', 'list', '-w', 'table')).stdout, /│ other +│ 2 +│ none +│/)
    assert.deepEqual((await ask('keyspace', 'create', 'new')).calls, [['keyspaceCreate', { name: 'new' }]])
    assert.deepEqual(JSON.parse((await ask('keyspace', 'drop', 'new', '--json')).stdout), { dropped: 'new' })
  })
})

describe('actors', () => {
  const actor: ActorInfo = {
    name: 'raft/1',
    definition: 'raft',
    executor: 1,
    mailboxDepth: 3,
    messagesTotal: 100,
    restarts: 0,
    state: 'running',
  }

  test('a rate is what was handled between two looks', () => {
    const [row] = rowsOf({ atMs: 0, actors: [actor] }, { atMs: 500, actors: [{ ...actor, messagesTotal: 150 }] })

    assert.equal(row?.messagesPerSecond, 100)
  })

  test('an actor that is new, or counts from 0 again, has no rate yet', () => {
    const rows = rowsOf(
      { atMs: 0, actors: [actor] },
      {
        atMs: 500,
        actors: [
          { ...actor, messagesTotal: 2 },
          { ...actor, name: 'new' },
        ],
      },
    )

    assert.deepEqual(
      rows.map((row) => row.messagesPerSecond),
      [undefined, undefined],
    )
  })

  test('--once takes two looks a second apart, busiest first', async () => {
    let looks = 0
    const actors = (): readonly ActorInfo[] => {
      looks += 1
      return [actor, { ...actor, name: 'busy', messagesTotal: looks * 1_000 }]
    }

    const { stdout, code } = await run(['actors', '--once', '--json'], { answers: { actors } })

    assert.equal(code, 0)
    assert.equal(looks, 2)
    const rows = JSON.parse(stdout).actors
    assert.deepEqual(
      rows.map((row: { name: string; messagesPerSecond: number }) => [row.name, row.messagesPerSecond]),
      [
        ['busy', 1_000],
        ['raft/1', 0],
      ],
    )
  })

  test('--top and --sort choose rows', async () => {
    const actors = [actor, { ...actor, name: 'deep', mailboxDepth: 9 }]

    const { stdout } = await run(['actors', '--top', '1', '--sort', 'mailbox'], { answers: { actors } })
    const refusal = await run(['actors', '--sort', 'age'], { answers: { actors } })

    assert.match(stdout, /deep/)
    assert.doesNotMatch(stdout, /raft\/1/)
    assert.equal(refusal.code, 2)
  })
})

test('sizes are told in steps of a thousand', () => {
  const forms: readonly [number, string][] = [
    [0, '0 B'],
    [999, '999 B'],
    [1_000, '1.0 kB'],
    [20_480, '20 kB'],
    [2_147_483_648, '2.1 GB'],
  ]
  for (const [bytes, wanted] of forms) assert.equal(sizeText(bytes), wanted)
})
