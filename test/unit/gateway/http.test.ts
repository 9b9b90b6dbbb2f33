import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { aspenVersion } from '../../../client/version.ts'
import { codeName } from '../../../gateway/metrics.ts'
import { bytes, openGateway } from './opened.ts'
import { rawCall } from './raw-call.ts'

test('/health tells, in etcd form, and passes on what to look at', async (t) => {
  const { url, node } = await openGateway(t)
  const asked: unknown[] = []
  node.verdict = (question) => {
    asked.push(question)
    return question.excludeAlarms.includes('NOSPACE')
      ? { healthy: true, reason: '' }
      : { healthy: false, reason: 'ALARM NOSPACE' }
  }

  const sick = await fetch(`${url}/health`)
  const well = await fetch(`${url}/health?serializable=true&exclude=NOSPACE`)

  assert.deepEqual([sick.status, await sick.text()], [503, '{"health":"false","reason":"ALARM NOSPACE"}'])
  assert.deepEqual([well.status, await well.text()], [200, '{"health":"true","reason":""}'])
  assert.deepEqual(asked, [
    { linearizable: true, excludeAlarms: [] },
    { linearizable: false, excludeAlarms: ['NOSPACE'] },
  ])
})

test('/livez and /readyz name their checks, which can be asked and left out one by one', async (t) => {
  const { url, node } = await openGateway(t)
  const get = async (path: string): Promise<[number, string]> => {
    const answer = await fetch(`${url}${path}`)
    return [answer.status, await answer.text()]
  }

  assert.deepEqual(await get('/livez'), [200, 'ok\n'])
  assert.deepEqual(await get('/livez?verbose'), [200, '[+]serializable_read ok\nok\n'])
  assert.deepEqual(await get('/readyz'), [200, 'ok\n'])
  node.verdict = ({ linearizable }) =>
    linearizable ? { healthy: false, reason: 'no leader' } : { healthy: true, reason: '' }
  const lines =
    '[+]data_corruption ok\n[+]serializable_read ok\n[-]linearizable_read failed: no leader\nreadyz check failed\n'
  assert.deepEqual(await get('/readyz'), [503, lines])
  assert.deepEqual(await get('/livez'), [200, 'ok\n'])
  assert.deepEqual(await get('/readyz/linearizable_read'), [
    503,
    '[-]linearizable_read failed: no leader\nreadyz check failed\n',
  ])
  assert.deepEqual(await get('/readyz/serializable_read'), [200, 'ok\n'])
  assert.deepEqual(await get('/readyz?exclude=linearizable_read'), [200, 'ok\n'])
  assert.deepEqual(await get('/readyz?allowlist=data_corruption'), [200, 'ok\n'])
  assert.equal((await get('/readyz/nothing'))[0], 404)
  assert.equal((await get('/livez/linearizable_read'))[0], 404)
})

test('a check that throws fails with its reason', async (t) => {
  const { url, node } = await openGateway(t)
  node.verdict = () => {
    throw new Error('the disk is gone')
  }

  const answer = await fetch(`${url}/health`)

  assert.deepEqual([answer.status, await answer.text()], [503, '{"health":"false","reason":"the disk is gone"}'])
})

test('/version tells etcd version, which Kubernetes accepts, and ours, which is the package version', async (t) => {
  const { url } = await openGateway(t)

  const answer = (await (await fetch(`${url}/version`)).json()) as Record<string, string>

  assert.deepEqual(answer, { etcdserver: '3.5.21', etcdcluster: '3.5.0', aspen: aspenVersion })
  const packageFile = JSON.parse(readFileSync('package.json', 'utf8')) as {
    version: string
  }
  assert.equal(aspenVersion, packageFile.version)
})

test('/metrics holds the node metrics, the gateway own and the process, each family once', async (t) => {
  const { url, node, host } = await openGateway(t)
  node.metrics +=
    '# HELP process_cpu_seconds_total From inside.\n# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 9\n'
  await rawCall(host, 'kv', 'Put', { key: bytes('k'), value: bytes('v') })
  await rawCall(host, 'kv', 'Put', {})
  await fetch(`${url}/health`)

  const answer = await fetch(`${url}/metrics`)
  const page = await answer.text()

  assert.match(answer.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
  const labels = 'grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary"'
  for (const line of [
    'etcd_server_has_leader 1',
    'process_cpu_seconds_total 9',
    `grpc_server_started_total{${labels}} 2`,
    `grpc_server_handled_total{grpc_code="OK",${labels}} 1`,
    `grpc_server_handled_total{grpc_code="InvalidArgument",${labels}} 1`,
    `grpc_server_msg_sent_total{${labels}} 1`,
    'etcd_network_client_grpc_received_bytes_total 6',
    'etcd_server_health_success 1',
    'etcd_server_client_requests_total{type="unary",client_api_version="unknown"} 2',
  ]) {
    assert.ok(page.split('\n').includes(line), `${line} is missing in\n${page}`)
  }
  assert.match(page, /^nodejs_eventloop_lag_seconds /m)
  assert.match(page, /^grpc_server_handling_seconds_count\{.*\} 2$/m)
  const families = Array.from(page.matchAll(/^# TYPE (\S+)/gm), (match) => match[1])
  assert.equal(new Set(families).size, families.length)
})

test('/metrics is served when the node gives none', async (t) => {
  const { url, node } = await openGateway(t)
  node.failure = new Error('the node is\nbusy')

  const page = await (await fetch(`${url}/metrics`)).text()

  assert.match(page, /^# the node gave no metrics: the node is busy$/m)
  assert.match(page, /^grpc_server_started_total/m)
})

test('codes are spelled as gRPC monitoring has them', () => {
  const spelled = [
    status.OK,
    status.CANCELLED,
    status.INVALID_ARGUMENT,
    status.DEADLINE_EXCEEDED,
    status.UNAVAILABLE,
    99 as status,
  ]
  assert.deepEqual(spelled.map(codeName), [
    'OK',
    'Canceled',
    'InvalidArgument',
    'DeadlineExceeded',
    'Unavailable',
    'Code(99)',
  ])
})

test('what is not there is 404, what is not allowed 405, with a sentence', async (t) => {
  const { url } = await openGateway(t)
  const get = async (path: string, init?: RequestInit): Promise<[number, string, string | null]> => {
    const answer = await fetch(`${url}${path}`, init)
    return [answer.status, await answer.text(), answer.headers.get('allow')]
  }

  assert.equal((await get('/'))[0], 404)
  assert.equal((await get('//'))[0], 404)
  assert.equal((await get('/anything', { method: 'POST', body: 'x'.repeat(3_000_000) }))[0], 404)
  assert.deepEqual(await get('/health', { method: 'POST' }), [405, '/health answers GET only\n', 'GET, HEAD'])
  assert.deepEqual(await get('/health', { method: 'DELETE' }), [405, '/health answers GET only\n', 'GET, HEAD'])
  const head = await fetch(`${url}/health`, { method: 'HEAD' })
  assert.deepEqual([head.status, await head.text()], [200, ''])
})

test('an address for metrics serves them and the health checks, and no store', async (t) => {
  const { gateway } = await openGateway(t, { metricsUrls: ['http://127.0.0.1:0'] })
  const metrics = gateway.urls[1] ?? ''

  const range = await fetch(`${metrics}/v3/kv/range`, { method: 'POST', body: '{"key":"aw=="}' })

  assert.equal((await fetch(`${metrics}/metrics`)).status, 200)
  assert.equal((await fetch(`${metrics}/health`)).status, 200)
  assert.deepEqual(
    [range.status, await range.text()],
    [404, 'the JSON gateway under /v3 is not served at this address\n'],
  )
})
