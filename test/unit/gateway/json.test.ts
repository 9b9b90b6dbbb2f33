import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { test } from 'node:test'
import { aspenServices } from '../../../client/etcd-proto.ts'
import { AspenError } from '../../../client/interface.ts'
import { allTargets } from '../../../gateway/json/paths.ts'
import { bytes, type Opened, openGateway } from './opened.ts'

interface Reply {
  readonly code: number
  readonly body: string
}

/** A POST, and what came back with who answered and when left out. */
async function post({ url }: Opened, path: string, body: string, headers: Record<string, string> = {}): Promise<Reply> {
  const answer = await fetch(`${url}${path}`, { method: 'POST', body, headers })
  const text = await answer.text()
  return {
    code: answer.status,
    body: text.replaceAll(/"cluster_id":"\d+","member_id":"\d+"/g, '"who"').replaceAll('"raft_term":"3"', '"when"'),
  }
}

const header = (revision: number): string => `"header":{"who","revision":"${revision}","when"}`

// What etcd 3.4 answered to the same requests in the same order.
test('bodies are those of etcd, letter by letter', async (t) => {
  const opened = await openGateway(t)
  const steps: readonly (readonly [path: string, body: string, answer: string])[] = [
    ['/v3/kv/put', '{"key":"Zm9v","value":"YmFy"}', `{${header(2)}}`],
    [
      '/v3/kv/put',
      '{"key":"Zm9v","value":"YmF6","prev_kv":true}',
      `{${header(3)},"prev_kv":{"key":"Zm9v","create_revision":"2","mod_revision":"2","version":"1","value":"YmFy"}}`,
    ],
    [
      '/v3/kv/put',
      '{"key":"Zm9v","value":"YmF6","prevKv":true, "lease":0}',
      `{${header(4)},"prev_kv":{"key":"Zm9v","create_revision":"2","mod_revision":"3","version":"2","value":"YmF6"}}`,
    ],
    [
      '/v3/kv/range',
      '{"key":"Zm9v"}',
      `{${header(4)},"kvs":[{"key":"Zm9v","create_revision":"2","mod_revision":"4","version":"3","value":"YmF6"}],"count":"1"}`,
    ],
    ['/v3/kv/range', '{"key":"bm9uZQ=="}', `{${header(4)}}`],
    [
      '/v3/kv/txn',
      '{"compare":[{"target":"VERSION","key":"Zm9v","version":"3"}],"success":[{"requestRange":{"key":"Zm9v"}},{"request_put":{"key":"Zm9v","value":"YQ=="}}],"failure":[]}',
      `{${header(5)},"succeeded":true,"responses":[{"response_range":{"header":{"revision":"4"},"kvs":[{"key":"Zm9v","create_revision":"2","mod_revision":"4","version":"3","value":"YmF6"}],"count":"1"}},{"response_put":{"header":{"revision":"5"}}}]}`,
    ],
    [
      '/v3/kv/txn',
      '{"compare":[{"target":"VALUE","key":"Zm9v","value":"YQ==","result":"EQUAL"}],"success":[{"request_delete_range":{"key":"Zm9v"}}]}',
      `{${header(6)},"succeeded":true,"responses":[{"response_delete_range":{"header":{"revision":"6"},"deleted":"1"}}]}`,
    ],
    ['/v3/kv/deleterange', '{"key":"Zm9v"}', `{${header(6)}}`],
    ['/v3/lease/grant', '{"TTL":"60","ID":"1234"}', `{${header(6)},"ID":"1234","TTL":"60"}`],
    ['/v3/kv/lease/timetolive', '{"ID":"99"}', `{${header(6)},"ID":"99","TTL":"-1"}`],
    ['/v3/lease/leases', '{}', `{${header(6)},"leases":[{"ID":"1234"}]}`],
    ['/v3/kv/lease/leases', '', `{${header(6)},"leases":[{"ID":"1234"}]}`],
    [
      '/v3/lease/keepalive',
      '{"ID":"1234"}{"ID":"5"}',
      `{"result":{${header(6)},"ID":"1234","TTL":"60"}}\n{"result":{${header(6)},"ID":"5"}}\n`,
    ],
    ['/v3/kv/lease/revoke', '{"ID":"1234"}', `{${header(6)}}`],
    ['/v3/auth/user/add', '{"name":"<&>\\u2028"}', `{${header(6)}}`],
    ['/v3/auth/user/list', '{}', `{${header(6)},"users":["\\u003c\\u0026\\u003e\\u2028"]}`],
    ['/v3/auth/role/add', '{"name":"r"}', `{${header(6)}}`],
    [
      '/v3/auth/role/grant',
      '{"name":"r","perm":{"permType":"READWRITE","key":"YQ==","range_end":"AA=="}}',
      `{${header(6)}}`,
    ],
    [
      '/v3/auth/role/get',
      '{"role":"r"}',
      `{${header(6)},"perm":[{"permType":"READWRITE","key":"YQ==","range_end":"AA=="}]}`,
    ],
    ['/v3/maintenance/hash', '{}', `{${header(6)},"hash":4276993775}`],
  ]

  for (const [path, body, answer] of steps) {
    assert.deepEqual(await post(opened, path, body), { code: 200, body: answer }, `${path} ${body}`)
  }
})

test('refusals are those of etcd, with its HTTP status', async (t) => {
  const opened = await openGateway(t)
  const refused = (path: string, body: string, headers?: Record<string, string>) => post(opened, path, body, headers)
  const error = (code: number, grpc: number, text: string): Reply => ({
    code,
    body: `{"error":${JSON.stringify(text)},"message":${JSON.stringify(text)},"code":${grpc}}`,
  })
  const map = 'json: cannot unmarshal $ into Go value of type map[string]json.RawMessage'
  const range = (body: string) => refused('/v3/kv/range', body)

  const cases: readonly (readonly [Promise<Reply>, Reply])[] = [
    [range('{}'), error(400, 3, 'etcdserver: key is not provided')],
    [range(''), error(400, 3, 'etcdserver: key is not provided')],
    [range('null'), error(400, 3, 'etcdserver: key is not provided')],
    [range('{"key":null}'), error(400, 3, 'etcdserver: key is not provided')],
    [range('{"nokey":5}'), error(400, 3, 'etcdserver: key is not provided')],
    [
      range('{"key":"Zm9v","revision":"100"}'),
      error(400, 11, 'etcdserver: mvcc: required revision is a future revision'),
    ],
    [range('{"key":5}'), error(400, 3, 'json: cannot unmarshal number into Go value of type []uint8')],
    [range('{"key":"!!"}'), error(400, 3, 'illegal base64 data at input byte 0')],
    [range('{"key":"Zm8"}'), error(400, 3, 'illegal base64 data at input byte 0')],
    [range('{"key":"-_8="}'), error(400, 3, 'illegal base64 data at input byte 0')],
    [
      range('{"key":"Zm9v","sort_order":"SIDEWAYS"}'),
      error(400, 3, 'unknown value "SIDEWAYS" for enum etcdserverpb.RangeRequest_SortOrder'),
    ],
    [
      range('{"key":"Zm9v","sort_order":{}}'),
      error(400, 3, 'json: cannot unmarshal object into Go value of type etcdserverpb.RangeRequest_SortOrder'),
    ],
    [
      range('{"key":"Zm9v","serializable":"true"}'),
      error(400, 3, 'json: cannot unmarshal string into Go value of type bool'),
    ],
    [range('{"key":"Zm9v"'), error(400, 3, 'unexpected EOF')],
    [range('[1]'), error(400, 3, map.replace('$', 'array'))],
    [range('"x"'), error(400, 3, map.replace('$', 'string'))],
    [refused('/v3/kv/txn', '{"success":["x"]}'), error(400, 3, map.replace('$', 'string'))],
    [
      refused('/v3/kv/txn', '{"success":{}}'),
      error(400, 3, 'json: cannot unmarshal object into Go value of type []json.RawMessage'),
    ],
    [
      range('{"key":"Zm9v","limit":1.5}'),
      error(400, 3, 'json: cannot unmarshal number 1.5 into Go value of type int64'),
    ],
    [
      range('{"key":"Zm9v","limit":1e1}'),
      error(400, 3, 'json: cannot unmarshal number 1e1 into Go value of type int64'),
    ],
    [
      range('{"key":"Zm9v","limit":99999999999999999999}'),
      error(400, 3, 'json: cannot unmarshal number 99999999999999999999 into Go value of type int64'),
    ],
    [range('{"key":"Zm9v","limit":true}'), error(400, 3, 'json: cannot unmarshal bool into Go value of type int64')],
    [
      refused('/v3/auth/user/add', '{"name":5}'),
      error(400, 3, 'json: cannot unmarshal number into Go value of type string'),
    ],
    [refused('/v3/kv/lease/revoke', '{"ID":"77"}'), error(404, 5, 'etcdserver: requested lease not found')],
    [refused('/v3/cluster/member/remove', '{"ID":"5"}'), error(404, 5, 'etcdserver: member not found')],
    [
      refused('/v3/maintenance/transfer-leadership', '{"targetID":"5"}'),
      error(412, 9, 'etcdserver: bad leader transferee'),
    ],
    [refused('/v3/auth/user/add', '{"name":""}'), error(400, 3, 'etcdserver: user name is empty')],
    [refused('/v3/kv/range', '{"key":"aw=="}', { 'grpc-timeout': 'bad' }), error(400, 3, 'invalid grpc-timeout: bad')],
  ]

  for (const [given, wanted] of cases) assert.deepEqual(await given, wanted)
})

test('what etcd passes over is passed over: text behind the document, unknown names, unknown enum numbers', async (t) => {
  const opened = await openGateway(t)
  opened.node.leases.set('7587822882194966551', { ttlSeconds: 60 })

  const trailing = await post(
    opened,
    '/v3/kv/put',
    '{"key":"a2V5","unknown":[{"x":"}"}],"lease":7587822882194966551} trailing',
  )
  await post(opened, '/v3/kv/range', '{"key":"a2V5","limit":" 1","serializable":true}')
  const strange = await post(opened, '/v3/kv/range', '{"key":"a2V5","sort_order":77}')

  assert.equal(trailing.code, 200)
  const [put, range] = opened.node.calls.map(({ request }) => request as Record<string, unknown>)
  assert.equal(put?.['lease'], '7587822882194966551', 'a number keeps all its 63 bits')
  assert.deepEqual([range?.['limit'], range?.['serializable']], [1, true])
  // An order that nobody knows is refused over gRPC, and so it is here.
  assert.equal(strange.code, 400)
})

test('every method of etcd that is served has its path, and every path its method', async () => {
  const methods = new Set(Array.from(allTargets().values(), ({ service, method }) => `${service}.${method}`))
  const services = aspenServices()

  for (const name of ['kv', 'watch', 'lease', 'cluster', 'maintenance', 'auth', 'lock', 'election'] as const) {
    for (const method of Object.keys(services[name])) assert.ok(methods.has(`${name}.${method}`), `${name}.${method}`)
  }
  for (const [path, { service, method }] of allTargets()) assert.ok(method in services[service], path)
})

test('other methods, other paths, and those of older clients', async (t) => {
  const opened = await openGateway(t)
  const ask = async (path: string, method: string): Promise<readonly [number, string]> => {
    const answer = await fetch(`${opened.url}${path}`, { method })
    return [answer.status, await answer.text()]
  }

  for (const method of ['GET', 'PUT', 'DELETE']) {
    assert.deepEqual(await ask('/v3/kv/put', method), [405, 'Method Not Allowed\n'], method)
  }
  for (const path of ['/v3', '/v3/', '/v3/kv/nosuch', '/v3/kv/put/', '/v3//kv/put', '/v3/__proto__', '/v3beta']) {
    assert.deepEqual(await ask(path, 'POST'), [404, 'Not Found\n'], path)
  }
  assert.equal((await post(opened, '/v3beta/kv/put', '{"key":"YQ=="}')).code, 200)
  assert.deepEqual(await ask('/v3/kv/put', 'OPTIONS'), [200, ''])
  assert.deepEqual(await post(opened, '/v3/maintenance/downgrade', '{}'), {
    code: 501,
    body: '{"error":"unknown method Downgrade for service etcdserverpb.Maintenance","message":"unknown method Downgrade for service etcdserverpb.Maintenance","code":12}',
  })
})

test('web pages of the origins that were named may read, others may not', async (t) => {
  const all = await openGateway(t, { cors: ['*'] })
  const some = await openGateway(t, { cors: ['https://a.example'] })
  const none = await openGateway(t)
  const allowed = async ({ url }: Opened, origin: string, method = 'OPTIONS'): Promise<string | null> =>
    (await fetch(`${url}/v3/kv/range`, { method, headers: { origin } })).headers.get('access-control-allow-origin')

  assert.equal(await allowed(all, 'https://b.example'), '*')
  assert.equal(await allowed(all, 'https://b.example', 'POST'), '*')
  assert.equal(await allowed(some, 'https://a.example'), 'https://a.example')
  assert.equal(await allowed(some, 'https://b.example'), null)
  assert.equal(await allowed(none, 'https://a.example'), null)
})

test('headers become what metadata is: who calls, in which keyspace, by which number, and that a leader is wanted', async (t) => {
  const opened = await openGateway(t)
  const put = '{"key":"YQ=="}'

  await post(opened, '/v3/kv/put', put, { authorization: 'alice.7', 'x-keyspace': 'tenant' })
  await post(opened, '/v3/kv/put', put, {
    'grpc-metadata-token': 'bob.8',
    'grpc-metadata-x-request-client': 'c',
    'grpc-metadata-x-request-number': '3',
    'grpc-timeout': '5S',
  })
  opened.node.leader = 0
  const leaderless = await post(opened, '/v3/kv/put', put, { 'grpc-metadata-hasleader': 'true' })

  const [first, second] = opened.node.calls.map(({ options }) => options)
  assert.deepEqual([first?.credentials, first?.keyspace], [{ token: 'alice.7' }, 'tenant'])
  assert.deepEqual([second?.credentials, second?.request], [{ token: 'bob.8' }, { client: 'c', number: 3 }])
  assert.ok(second?.deadlineMs !== undefined && second.deadlineMs <= 5_000)
  assert.equal(leaderless.code, 503)
})

test('a deadline is kept, whatever the node does', async (t) => {
  const opened = await openGateway(t)
  opened.node.gate = new Promise(() => undefined)

  const { code, body } = await post(opened, '/v3/kv/put', '{"key":"YQ=="}', { 'grpc-timeout': '50m' })

  assert.deepEqual(
    [code, body],
    [504, '{"error":"context deadline exceeded","message":"context deadline exceeded","code":4}'],
  )
  assert.equal(opened.node.calls[0]?.options?.signal?.aborted, true, 'the node is told')
})

/** Lines of a stream as they come. */
async function* lines(answer: Response): AsyncGenerator<Record<string, never>> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const piece of answer.body as AsyncIterable<Uint8Array>) {
    text += decoder.decode(piece, { stream: true })
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      yield JSON.parse(text.slice(0, end)) as Record<string, never>
      text = text.slice(end + 1)
    }
  }
}

test('a watch goes on when its body has ended, line by line, until the caller leaves', async (t) => {
  const opened = await openGateway(t)
  const control = new AbortController()
  const body = '{"create_request":{"key":"Zm9v"}}{"createRequest":{"key":"Zm9v","watchId":"3","filters":["NOPUT"]}}'
  const answer = await fetch(`${opened.url}/v3/watch`, { method: 'POST', body, signal: control.signal })
  const stream = lines(answer)
  const next = async (): Promise<string> => JSON.stringify(((await stream.next()).value as { result: object }).result)

  const created = [await next(), await next()]
  await opened.node.put({ key: bytes('foo'), value: bytes('1') })
  await opened.node.deleteRange({ key: bytes('foo') })
  const events = [await next(), await next(), await next()]
  control.abort()

  const strip = (text: string): string => text.replace(/"header":\{[^}]*\}/, '"header"')
  assert.deepEqual(created.map(strip), ['{"header","created":true}', '{"header","watch_id":"3","created":true}'])
  assert.deepEqual(events.map(strip), [
    '{"header","events":[{"kv":{"key":"Zm9v","create_revision":"2","mod_revision":"2","version":"1","value":"MQ=="}}]}',
    '{"header","events":[{"type":"DELETE","kv":{"key":"Zm9v","mod_revision":"3"}}]}',
    '{"header","watch_id":"3","events":[{"type":"DELETE","kv":{"key":"Zm9v","mod_revision":"3"}}]}',
  ])
  while (opened.node.history.streams.size > 0) await new Promise((resolve) => setTimeout(resolve, 5))
})

test('requests of a stream may come one by one, while the answers come', async (t) => {
  const opened = await openGateway(t, { slowClientMs: 200 })
  opened.node.leases.set('7', { ttlSeconds: 60 })
  const sending = httpRequest(`${opened.url}/v3/lease/keepalive`, { method: 'POST' })
  t.after(() => sending.destroy())
  const answer = new Promise<NodeJS.ReadableStream>((resolve) => sending.on('response', resolve))
  sending.write('{"ID":')
  sending.write('"7"}')
  const response = await answer
  let text = ''
  response.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  const count = async (wanted: number): Promise<void> => {
    while (text.split('\n').length <= wanted) await new Promise((resolve) => setTimeout(resolve, 5))
  }

  await count(1)
  // Longer than a single request may take.
  await new Promise((resolve) => setTimeout(resolve, 400))
  sending.write(' {"ID": 7} ')
  await count(2)
  sending.end('{"ID":true}')
  await new Promise((resolve) => response.once('end', resolve))

  assert.match(
    text,
    /"TTL":"60"\}\}\n\{"result":.*"TTL":"60"\}\}\n\{"error":\{"grpc_code":3,"http_code":400,"message":"json: cannot unmarshal bool into Go value of type int64"\}\}\n$/,
  )
})

test('a stream that is refused before it began has the status of the refusal', async (t) => {
  const opened = await openGateway(t)
  opened.node.failure = new AspenError('noLeader')

  const stream = await post(opened, '/v3/lease/keepalive', '{"ID":"7"}')
  const nonsense = await post(opened, '/v3/watch', '{"create_request":{"key":5}}')
  const nothing = await post(opened, '/v3/lease/keepalive', '')

  assert.deepEqual(stream, {
    code: 503,
    body: '{"error":"etcdserver: no leader","message":"etcdserver: no leader","code":14}',
  })
  assert.equal(nonsense.code, 503, 'the header of the stream could not be had')
  assert.deepEqual(nothing, { code: 200, body: '' })
})

test('a snapshot comes as lines too, whole', async (t) => {
  const opened = await openGateway(t)
  const answer = await fetch(`${opened.url}/v3/maintenance/snapshot`, { method: 'POST', body: '{}' })
  const blobs: Buffer[] = []

  for await (const { result } of lines(answer))
    blobs.push(Buffer.from((result as unknown as { blob?: string }).blob ?? '', 'base64'))

  const all = Buffer.concat(blobs)
  assert.deepEqual([...all.subarray(0, 3)], [1, 2, 3])
  assert.equal(all.length, 512 + 32)
})

test('bodies are bounded, in size and in time', async (t) => {
  const opened = await openGateway(t, { maxRequestBytes: 1_024, slowClientMs: 150 })
  const put = (bytesOfValue: number): Promise<Reply> =>
    post(opened, '/v3/kv/put', `{"key":"YQ==","value":"${Buffer.alloc(bytesOfValue).toString('base64')}"}`)

  const tooLarge = await put(2_000)
  const tooLargeForTransport = await put(600_000)
  // The answer may come while the body is still being sent, and then the connection is closed.
  const farTooLarge = await put(3_000_000).catch((thrown: unknown) => thrown as Error)
  const slow = httpRequest(`${opened.url}/v3/kv/put`, { method: 'POST', headers: { 'content-length': 100 } })
  slow.write('{"key":')
  const slowly = await new Promise<number | string>((resolve) => {
    slow.on('response', (response) => resolve(response.statusCode ?? 0))
    slow.on('error', (error) => resolve(error.message))
  })

  assert.deepEqual([tooLarge.code, /etcdserver: request is too large/.test(tooLarge.body)], [400, true])
  assert.equal(tooLargeForTransport.code, 429)
  assert.match(tooLargeForTransport.body, /"grpc: received message larger than max \(600007 vs\. 525312\)"/)
  if (!(farTooLarge instanceof Error)) assert.equal(farTooLarge.code, 400)
  assert.equal(slowly, 408)
  assert.deepEqual(
    opened.node.calls.filter(({ method }) => method === 'put'),
    [],
  )
})

test('calls over JSON are counted like those over gRPC', async (t) => {
  const opened = await openGateway(t)
  await post(opened, '/v3/kv/put', '{"key":"YQ=="}')
  await post(opened, '/v3/kv/range', '{}')

  const page = await (await fetch(`${opened.url}/metrics`)).text()

  const put = 'grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary"'
  assert.ok(page.includes(`grpc_server_handled_total{grpc_code="OK",${put}} 1`))
  assert.ok(page.includes(`grpc_server_msg_received_total{${put}} 1`))
  assert.ok(page.includes(`grpc_server_msg_sent_total{${put}} 1`))
  assert.ok(page.includes('grpc_server_handled_total{grpc_code="InvalidArgument",grpc_method="Range"'))
})
