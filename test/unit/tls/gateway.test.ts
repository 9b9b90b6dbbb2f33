// The whole front door with TLS: gRPC and HTTP know who calls, addresses with and without TLS stand side by side.
import assert from 'node:assert/strict'
import { request } from 'node:https'
import { type TestContext, test } from 'node:test'
import type { EtcdOptions } from '../../../client/etcd-grpc.ts'
import type { ClientTls } from '../../../client/tls.ts'
import { refusalLog } from '../../../gateway/refusals.ts'
import type { Issued } from '../../../runtime/node/tls/issue.ts'
import { bytes, type Opened, openGateway, text } from '../gateway/opened.ts'
import { type House, makeHouse } from './house.ts'

interface Served {
  readonly house: House
  readonly opened: Opened
  readonly alice: Issued
  readonly secure: string
  readonly plain: string
  readonly metrics: string
  connect(tls: ClientTls | undefined, more?: Partial<EtcdOptions>): ReturnType<Opened['connect']>
}

async function serve(t: TestContext, hosts: readonly string[] = ['127.0.0.1']): Promise<Served> {
  const house = await makeHouse(t)
  await house.issue('server', { hosts })
  const alice = await house.issue('alice', { hosts: [], usages: ['client'] })
  const opened = await openGateway(t, {
    clientUrls: ['https://127.0.0.1:0', 'http://127.0.0.1:0'],
    metricsUrls: ['https://127.0.0.1:0'],
    tls: house.settings('server'),
  })
  const [secure = '', plain = '', metrics = ''] = opened.gateway.urls
  return {
    house,
    opened,
    alice,
    secure,
    plain,
    metrics,
    connect: (tls, more) =>
      opened.connect({ endpoints: [secure], deadlineMs: 3_000, ...(tls !== undefined && { tls }), ...more }),
  }
}

function get(url: string, { house, alice }: Served): Promise<{ code: number; body: string }> {
  const options = { ca: house.authority.certificate, cert: alice.certificate, key: alice.key, agent: false }
  return new Promise((resolve, reject) => {
    request(url, options, (response) => {
      response.setEncoding('utf8')
      let body = ''
      response.on('data', (chunk: string) => {
        body += chunk
      })
      response.on('end', () => resolve({ code: response.statusCode ?? 0, body }))
    })
      .on('error', reject)
      .end()
  })
}

test('who calls is known to the node: by the certificate over TLS, as nobody without', async (t) => {
  const served = await serve(t)
  const { house, alice, opened } = served
  const tls = { ca: house.authority.certificate, cert: alice.certificate, key: alice.key }

  await served.connect(tls).put({ key: bytes('a'), value: bytes('1') })
  const { kvs } = await served.connect(undefined, { endpoints: [served.plain] }).range({ key: bytes('a') })

  assert.equal(text(kvs[0]?.value), '1')
  const callers = opened.node.calls.map(({ method, options }) => [method, options?.credentials?.commonName])
  assert.deepEqual(
    callers.filter(([method]) => method === 'put' || method === 'range'),
    [
      ['put', 'alice'],
      ['range', undefined],
    ],
  )
})

test('health and metrics are served over TLS, at both kinds of address', async (t) => {
  const served = await serve(t)

  assert.equal((await get(`${served.secure}/health`, served)).code, 200)
  assert.match((await get(`${served.metrics}/metrics`, served)).body, /^etcd_server_has_leader 1$/m)
  assert.equal((await fetch(`${served.plain}/health`)).status, 200)
})

test('a caller without a certificate reaches nobody, and the log says why', async (t) => {
  const served = await serve(t)
  const { opened, house } = served

  await assert.rejects(served.connect({ ca: house.authority.certificate }).range({ key: bytes('a') }))

  const refusals = opened.logged.filter(({ message }) => message === 'refused a connection')
  assert.ok(refusals.length > 0)
  assert.equal((refusals[0]?.fields as { reason: string } | undefined)?.reason, 'it shows no certificate')
  assert.equal(opened.node.calls.length, 0)
})

test('a server with another name in its certificate is believed only when that name is asked for', async (t) => {
  const served = await serve(t, ['db.example'])
  const { house, alice } = served
  const tls = { ca: house.authority.certificate, cert: alice.certificate, key: alice.key }

  await assert.rejects(served.connect(tls).range({ key: bytes('a') }), /cannot reach https:\/\/127\.0\.0\.1/)
  await assert.rejects(served.connect({ ...tls, serverName: 'other.example' }).range({ key: bytes('a') }))
  await served.connect({ ...tls, serverName: 'db.example' }).range({ key: bytes('a') })
  await served.connect({ ...tls, ca: alice.certificate, insecureSkipVerify: true }).range({ key: bytes('a') })
})

test('refusals are told up to a bound, then counted', () => {
  const lines: string[] = []
  const warn = (fields: object): void => void lines.push(JSON.stringify(fields))
  const told = refusalLog({ info: () => undefined, warn, error: () => undefined })

  for (let n = 0; n < 1_000; n++) told(`10.0.0.1:${n}`, 'it shows no certificate')

  assert.equal(lines.length, 10)
  assert.equal(lines[0], '{"remote":"10.0.0.1:0","reason":"it shows no certificate"}')
})
