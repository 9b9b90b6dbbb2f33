import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError, type NodeConfig, readConfig } from '../../../aspen/config.ts'

function read(argv: readonly string[]): { readonly config: NodeConfig; readonly warnings: readonly string[] } {
  return readConfig({ argv, env: {}, cores: 2, readFile: () => '' })
}

function refused(argv: readonly string[]): string {
  try {
    read(argv)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.join('\n')
    throw error
  }
  return 'accepted'
}

test('what clients may take is bounded from the start', () => {
  assert.deepEqual(read([]).config.gateway, {
    limits: {
      maxConnections: 16_384,
      maxConcurrentStreams: 16_384,
      maxConcurrentRequests: 10_000,
      maxRequestsPerSecond: 0,
      keepaliveIntervalMs: 7_200_000,
      keepaliveTimeoutMs: 20_000,
    },
    jsonGateway: true,
    cors: ['*'],
  })
})

test('every bound has its flag', () => {
  const { config, warnings } = read([
    '--max-connections=10',
    '--max-concurrent-streams=4294967295',
    '--max-concurrent-requests=0',
    '--max-requests-per-second=500',
    '--grpc-keepalive-interval=0',
    '--grpc-keepalive-timeout=1500ms',
    '--enable-grpc-gateway=false',
    '--cors=https://a.example, http://localhost:3000',
  ])

  assert.deepEqual(config.gateway, {
    limits: {
      maxConnections: 10,
      maxConcurrentStreams: 4_294_967_295,
      maxConcurrentRequests: 0,
      maxRequestsPerSecond: 500,
      keepaliveIntervalMs: 0,
      keepaliveTimeoutMs: 1_500,
    },
    jsonGateway: false,
    cors: ['https://a.example', 'http://localhost:3000'],
  })
  assert.deepEqual(warnings, [])
  assert.deepEqual(read(['--cors=']).config.gateway.cors, [])
  assert.equal(read(['--experimental-watch-progress-notify-interval=1m']).config.watchProgressMs, 60_000)
  assert.equal(read(['--enable-grpc-gateway']).config.gateway.jsonGateway, true, 'the flag alone means yes')
})

test('what is no bound is refused with what was wanted', () => {
  assert.match(
    refused(['--max-connections=0']),
    /^--max-connections: wanted a whole number from 1 to 1000000, found "0"/,
  )
  assert.match(refused(['--max-concurrent-streams=x']), /^--max-concurrent-streams: wanted /)
  assert.match(refused(['--max-requests-per-second=-1']), /^--max-requests-per-second: wanted /)
  assert.match(refused(['--grpc-keepalive-interval=25h']), /found "25h"; out of bounds$/)
  assert.match(refused(['--grpc-keepalive-timeout=0']), /found "0"; out of bounds$/)
  assert.match(refused(['--experimental-watch-progress-notify-interval=50ms']), /found "50ms"; out of bounds$/)
  assert.match(refused(['--grpc-keepalive-timeout=20']), /found "20"; no duration$/)
  for (const origin of ['a.example', 'https://a.example/', 'https://a.example/path', 'null']) {
    assert.match(refused([`--cors=${origin}`]), /is no origin$/, origin)
  }
})

test('how often clients may ping is not ours to say, and whoever sets it is told', () => {
  assert.match(read(['--grpc-keepalive-min-time=5s']).warnings.join(), /--grpc-keepalive-min-time has no meaning here/)
})
