// The JSON gateway beside a real etcd's: the same requests in the same order, and every body letter by letter the same.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { Cluster, withCluster } from './cluster.ts'
import { run } from './commands.ts'
import { noEtcd, withEtcd } from './etcd-process.ts'

interface Reply {
  readonly code: number
  readonly body: string
}

/** A POST, and what came back; of an endless stream what came within `forMs`. */
async function post(url: string, path: string, body: string, forMs = 5_000): Promise<Reply> {
  const answer = await fetch(`${url}${path}`, { method: 'POST', body, signal: AbortSignal.timeout(forMs) })
  let text = ''
  const decoder = new TextDecoder()
  try {
    for await (const piece of answer.body as AsyncIterable<Uint8Array>) text += decoder.decode(piece, { stream: true })
  } catch (thrown) {
    if ((thrown as Error).name !== 'TimeoutError') throw thrown
  }
  return { code: answer.status, body: text }
}

/** Without who answered, and in which term. */
function plain({ code, body }: Reply): Reply {
  const text = body
    .replaceAll(/"cluster_id":"\d+","member_id":"\d+"/g, '"who"')
    .replaceAll(/"raft_term":"\d+"/g, '"when"')
  return { code, body: text }
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const key = `"key":"${base64('foo')}"`

/** Path and body, in order: later ones see what earlier ones did. */
const steps: readonly (readonly [path: string, body: string])[] = [
  ['kv/put', `{${key},"value":"${base64('bar')}"}`],
  ['kv/put', `{${key},"value":"${base64('baz')}","prev_kv":true}`],
  ['kv/put', `{${key},"value":"${base64('baz')}","prevKv":true,"lease":0}`],
  ['kv/put', `{${key},"ignore_value":true,"value":"YQ=="}`],
  ['kv/put', '{"key":"bm9uZQ==","ignore_value":true}'],
  ['kv/put', `{${key},"lease":"5"}`],
  ['kv/put', '{"key":"YQ==","value":[1,2]}'],
  ['kv/range', `{${key}}`],
  ['kv/range', '{"key":"YQ==","range_end":"eg==","limit":"1","sort_order":"DESCEND","sortTarget":3}'],
  ['kv/range', '{"key":"YQ==","range_end":"eg==","count_only":true}'],
  ['kv/range', '{"key":"YQ==","range_end":"eg==","keys_only":true}'],
  ['kv/range', '{"key":"bm9uZQ=="}'],
  ['kv/range', '{}'],
  ['kv/range', ''],
  ['kv/range', `{${key},"revision":"100"}`],
  ['kv/range', '{"key":5}'],
  ['kv/range', '{"key":"!!"}'],
  ['kv/range', '{"key":"YWJjZA=!"}'],
  ['kv/range', '{"nokey":5}'],
  ['kv/range', `{${key},"sort_order":"SIDEWAYS"}`],
  ['kv/range', `{${key},"serializable":"true"}`],
  ['kv/range', `{${key}`],
  ['kv/range', '[1]'],
  ['kv/range', 'null'],
  ['kv/range', `{${key}} trailing`],
  ['kv/range', `{${key},"limit":1.5}`],
  ['kv/range', `{${key},"limit":"1.0"}`],
  ['kv/range', `{${key},"limit":99999999999999999999}`],
  ['kv/range', `{${key},"limit":{}}`],
  [
    'kv/txn',
    `{"compare":[{"target":"VERSION",${key},"version":"3"}],"success":[{"requestRange":{${key}}},{"request_put":{${key},"value":"YQ=="}}],"failure":[]}`,
  ],
  ['kv/txn', `{"compare":[{"target":"VALUE",${key},"value":"Yg=="}],"failure":[{"request_range":{${key}}}]}`],
  [
    'kv/txn',
    `{"compare":[{"target":"LEASE","result":"NOT_EQUAL",${key},"lease":"5"}],"success":[{"request_delete_range":{${key},"prev_kv":true}}]}`,
  ],
  [
    'kv/txn',
    `{"success":[{"request_txn":{"success":[{"request_range":{${key}}},{"request_put":{${key},"value":"Yw=="}},{"request_range":{${key}}}]}},{"request_range":{${key}}}]}`,
  ],
  [
    'kv/txn',
    `{"success":[{"request_delete_range":{"key":"bm9uZQ=="}},{"request_txn":{"success":[{"request_range":{${key}}}]}},{"request_delete_range":{${key}}},{"request_range":{${key}}}]}`,
  ],
  ['kv/txn', '{"success":[{"request_delete_range":{"key":"bm9uZQ=="}},{"request_txn":{}}]}'],
  ['kv/txn', '{"success":[{}]}'],
  ['kv/txn', '{"success":["x"]}'],
  ['kv/txn', '{"success":[{"request_put":{"key":"YQ=="}},{"request_put":{"key":"YQ=="}}]}'],
  ['kv/txn', '{}'],
  ['kv/deleterange', `{${key}}`],
  ['kv/deleterange', '{"key":"YQ==","prev_kv":true}'],
  ['kv/compaction', '{"revision":"3"}'],
  ['kv/compaction', '{"revision":"3"}'],
  ['kv/compaction', '{"revision":"100"}'],
  ['kv/range', `{${key},"revision":"2"}`],
  ['lease/grant', '{"TTL":"60","ID":"1234"}'],
  ['lease/grant', '{"TTL":"60","ID":"1234"}'],
  ['lease/grant', '{"TTL":"9000000001"}'],
  ['lease/leases', '{}'],
  ['kv/lease/leases', '{}'],
  ['lease/grant', '{"TTL":5,"ID":7587822882194966551}'],
  ['kv/put', `{${key},"value":"YQ==","lease":7587822882194966551}`],
  ['kv/range', `{${key}}`],
  ['lease/timetolive', '{"ID":"99"}'],
  ['lease/keepalive', '{"ID":"1234"}{"ID":"5"}'],
  ['lease/keepalive', ''],
  ['lease/revoke', '{"ID":"1234"}'],
  ['kv/lease/revoke', '{"ID":"1234"}'],
  ['lease/revoke', '{"ID":"7587822882194966551"}'],
  ['cluster/member/remove', '{"ID":"5"}'],
  ['cluster/member/add', '{"peerURLs":["bad"]}'],
  ['maintenance/transfer-leadership', '{"targetID":"5"}'],
  ['auth/authenticate', '{"name":"a","password":"b"}'],
  ['auth/enable', '{}'],
  ['auth/user/add', '{"name":"","password":"b"}'],
  ['auth/user/add', '{"name":"alice","password":"b"}'],
  ['auth/user/add', '{"name":"alice","password":"b"}'],
  ['auth/user/add', '{"name":5}'],
  ['auth/user/get', '{"name":"bob"}'],
  ['auth/role/add', '{"name":"r"}'],
  ['auth/role/add', '{"name":"r"}'],
  ['auth/role/grant', '{"name":"r","perm":{"permType":"READWRITE","key":"YQ==","range_end":"AA=="}}'],
  ['auth/role/grant', '{"name":"r","perm":{"permType":"READ","key":"Yg=="}}'],
  ['auth/role/get', '{"role":"r"}'],
  ['auth/role/get', '{"role":"x"}'],
  ['auth/role/revoke', '{"role":"r","key":"Yw=="}'],
  ['auth/role/revoke', '{"role":"r","key":"Yg=="}'],
  ['auth/user/grant', '{"user":"alice","role":"r"}'],
  ['auth/user/grant', '{"user":"alice","role":"nobody"}'],
  ['auth/user/get', '{"name":"alice"}'],
  ['auth/user/list', '{}'],
  ['auth/role/list', '{}'],
  ['auth/user/revoke', '{"name":"alice","role":"r"}'],
  ['auth/user/revoke', '{"name":"alice","role":"r"}'],
  ['auth/user/changepw', '{"name":"alice","password":"c"}'],
  ['auth/user/changepw', '{"name":"bob","password":"c"}'],
  ['auth/role/delete', '{"role":"r"}'],
  ['auth/role/delete', '{"role":"r"}'],
  ['auth/user/delete', '{"name":"alice"}'],
  ['auth/user/delete', '{"name":"alice"}'],
  ['election/leader', '{"name":"bm8="}'],
  ['election/proclaim', '{"value":"bm8="}'],
  ['election/resign', '{}'],
  ['lock/unlock', '{"key":"bm8="}'],
  ['nosuch', '{}'],
]

/** What ends only with its caller. */
const streams: readonly (readonly [path: string, body: string])[] = [
  ['watch', '{"create_request":{"key":"dw==","start_revision":"4"}}'],
  [
    'watch',
    '{"create_request":{"key":"dw==","range_end":"eg==","start_revision":"4","prev_kv":true,"filters":["NOPUT"]}}',
  ],
  [
    'watch',
    '{"create_request":{"key":"dw==","watch_id":"3"}}{"create_request":{"key":"dw==","watch_id":"3"}}{"cancel_request":{"watch_id":"3"}}{"cancel_request":{"watch_id":"33"}}',
  ],
  ['watch', '{"create_request":{"key":"dw==","range_end":"dw=="}}'],
  ['watch', '{"create_request":{}}'],
]

test('bodies and HTTP status are those of etcd', { skip: noEtcd }, () =>
  withEtcd((etcd) =>
    withCluster({ nodes: 1 }, async (cluster) => {
      const aspen = `http://${cluster.member(0).endpoint}`
      const different: object[] = []
      const compare = async (path: string, body: string, forMs?: number): Promise<void> => {
        const [theirs, ours] = await Promise.all([etcd, aspen].map((url) => post(url, `/v3/${path}`, body, forMs)))
        if (theirs === undefined || ours === undefined || isDeepStrictEqual(plain(ours), plain(theirs))) return
        different.push({ path, body, ours: plain(ours), theirs: plain(theirs) })
      }
      for (const [path, body] of steps) await compare(path, body)
      for (const body of ['1', '2']) {
        for (const url of [etcd, aspen]) await post(url, '/v3/kv/put', `{"key":"dw==","value":"${base64(body)}"}`)
      }
      for (const url of [etcd, aspen]) await post(url, '/v3/kv/deleterange', '{"key":"dw=="}')
      for (const [path, body] of streams) await compare(path, body, 1_000)
      assert.deepEqual(different, [])
    }),
  ),
)

describe('one node over HTTP', () => {
  let cluster: Cluster
  let url: string
  before(async () => {
    cluster = await Cluster.create({ nodes: 1, flags: ['--cors=https://a.example', '--max-requests-per-second=30'] })
    await cluster.start()
    url = `http://${cluster.member(0).endpoint}`
  })
  after(() => cluster.close())

  test('curl does as the guides of etcd say', async (t) => {
    const curl = (...words: string[]) => run('curl', ['-sS', '-m', '5', ...words])
    if ((await curl('--version').catch(() => undefined))?.code !== 0) return t.skip('curl is not installed')

    const put = await curl('-L', `${url}/v3/kv/put`, '-X', 'POST', '-d', '{"key": "Zm9v", "value": "YmFy"}')
    const range = await curl('-L', `${url}/v3/kv/range`, '-X', 'POST', '-d', '{"key": "Zm9v"}')
    const watch = await curl(
      '-N',
      '-m',
      '1',
      `${url}/v3/watch`,
      '-d',
      '{"create_request": {"key":"Zm9v","start_revision":"2"}}',
    )

    assert.match(put.stdout, /^\{"header":\{.*"revision":"2"/)
    assert.match(range.stdout, /"kvs":\[\{"key":"Zm9v",.*"value":"YmFy"\}\],"count":"1"\}$/)
    assert.match(watch.stdout, /"created":true\}\}\n\{"result":.*"events":\[\{"kv":\{"key":"Zm9v"/)
  })

  test('the lock of one caller is waited for by the next', async () => {
    const lease = JSON.parse((await post(url, '/v3/lease/grant', '{"TTL":"30"}')).body) as { ID: string }
    const lock = `{"name":"${base64('door')}","lease":"${lease.ID}"}`
    const first = JSON.parse((await post(url, '/v3/lock/lock', lock)).body) as { key: string }

    const second = post(url, '/v3/lock/lock', `{"name":"${base64('door')}"}`)
    const early = await Promise.race([
      second.then(() => 'at once'),
      post(url, '/v3/kv/range', '{"key":"eA=="}').then(() => 'later'),
    ])
    await post(url, '/v3/lock/unlock', `{"key":"${first.key}"}`)

    assert.equal(early, 'later')
    assert.equal((await second).code, 200)
  })

  test('the flags of the front door are in force', async () => {
    const preflight = (origin: string) => fetch(`${url}/v3/kv/range`, { method: 'OPTIONS', headers: { origin } })
    const codes = await Promise.all(
      Array.from(
        { length: 300 },
        async () => (await post(url, '/v3/kv/range', '{"key":"eA==","serializable":true}')).code,
      ),
    )

    assert.equal((await preflight('https://a.example')).headers.get('access-control-allow-origin'), 'https://a.example')
    assert.equal((await preflight('https://b.example')).headers.get('access-control-allow-origin'), null)
    assert.deepEqual([...new Set(codes)].sort(), [200, 429])
  })
})
