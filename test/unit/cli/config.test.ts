import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { NodeConfig } from '../../../aspen/config.ts'
import { ConfigError, readConfig, settingsHelp } from '../../../aspen/config.ts'
import { nearestFlag } from '../../../aspen/config-flags.ts'
import { ignoredFlags, refusedFlags, settings } from '../../../aspen/config-settings.ts'
import { parseDurationMs } from '../../../aspen/config-values.ts'

interface World {
  readonly env?: Readonly<Record<string, string>>
  readonly files?: Readonly<Record<string, string>>
  readonly cores?: number
  readonly holdsData?: boolean
  readonly interactive?: boolean
}

function read(
  argv: readonly string[],
  world: World = {},
): { readonly config: NodeConfig; readonly warnings: readonly string[] } {
  const { env = {}, files = {}, cores = 4, holdsData = false, interactive = false } = world
  const readFile = (path: string): string => {
    const text = files[path]
    if (text === undefined) throw new Error(`ENOENT: no such file, open '${path}'`)
    return text
  }
  return readConfig({ argv, env, readFile, cores, interactive, holdsData: () => holdsData })
}

function problemsOf(argv: readonly string[], world: World = {}): readonly string[] {
  try {
    read(argv, world)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

describe('the defaults', () => {
  test('are those of a node that founds a cluster alone', () => {
    const { config, warnings } = read([])

    assert.deepEqual(config, {
      name: 'default',
      dataDir: './data',
      listenClientUrls: [{ host: '127.0.0.1', port: 2379, url: 'http://127.0.0.1:2379' }],
      advertiseClientUrls: [{ host: '127.0.0.1', port: 2379, url: 'http://127.0.0.1:2379' }],
      listenMetricsUrls: [],
      listenPeerUrls: [{ host: '127.0.0.1', port: 2380, url: 'http://127.0.0.1:2380' }],
      initialAdvertisePeerUrls: [{ host: '127.0.0.1', port: 2380, url: 'http://127.0.0.1:2380' }],
      initialCluster: [{ name: 'default', peerUrls: ['http://127.0.0.1:2380'] }],
      initialClusterState: 'new',
      initialClusterToken: 'etcd-cluster',
      strictReconfigCheck: true,
      clientTls: undefined,
      peerTls: undefined,
      quotaBackendBytes: 2_147_483_648,
      maxRequestBytes: 1_572_864,
      maxTxnOps: 128,
      autoCompaction: { mode: 'off' },
      heartbeatIntervalMs: 100,
      electionTimeoutMs: 1_000,
      snapshotCount: 10_000,
      workers: 3,
      logLevel: 'info',
      logFormat: 'json',
      metrics: 'basic',
      gateway: {
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
      },
      watchProgressMs: 600_000,
      auth: { token: { type: 'simple' }, tokenTtlMs: 300_000, bcryptCost: 10 },
    } satisfies NodeConfig)
    assert.deepEqual(warnings, [])
  })

  test('leave one core to the main thread, but have at least one worker', () => {
    assert.equal(read([], { cores: 1 }).config.workers, 1)
    assert.equal(read([], { cores: 8 }).config.workers, 7)
    assert.equal(read(['--workers', '0']).config.workers, 0)
  })

  test('log text for a person and JSON for a machine', () => {
    assert.equal(read([], { interactive: true }).config.logFormat, 'text')
    assert.equal(read(['--log-format=json'], { interactive: true }).config.logFormat, 'json')
  })

  test('are all values that the table itself accepts', () => {
    for (const setting of Object.values(settings)) {
      if (setting.fallback !== undefined)
        assert.equal(setting.reader.safeParse(setting.fallback).success, true, setting.flag)
    }
  })
})

describe('where a setting comes from', () => {
  const files = { '/a.yaml': 'name: file\nheartbeat-interval: 50\n' }

  test('a flag beats the environment, the environment beats the file', () => {
    const env = { ASPEN_NAME: 'env', ASPEN_CONFIG_FILE: '/a.yaml' }

    assert.equal(read(['--name', 'flag'], { env, files }).config.name, 'flag')
    assert.equal(read([], { env, files }).config.name, 'env')
    assert.equal(read(['--config-file=/a.yaml'], { files }).config.name, 'file')
    assert.equal(read([], { env, files }).config.heartbeatIntervalMs, 50)
  })

  test('ASPEN_ beats ETCD_, an empty variable is none, and a shadowed one is reported', () => {
    assert.equal(read([], { env: { ETCD_NAME: 'theirs' } }).config.name, 'theirs')
    assert.equal(read([], { env: { ETCD_NAME: 'theirs', ASPEN_NAME: '' } }).config.name, 'theirs')

    const { config, warnings } = read([], { env: { ETCD_NAME: 'theirs', ASPEN_NAME: 'ours' } })

    assert.equal(config.name, 'ours')
    assert.deepEqual(warnings, ['ETCD_NAME is set to "theirs" but ASPEN_NAME wins'])
  })

  test('a flag is written as Go programs have it', () => {
    for (const argv of [['--name', 'x'], ['--name=x'], ['-name', 'x'], ['-name=x'], ['--name', 'y', '--name', 'x']]) {
      assert.equal(read(argv).config.name, 'x', argv.join(' '))
    }
    assert.equal(read(['--quota-backend-bytes', '-1']).config.quotaBackendBytes, Number.POSITIVE_INFINITY)
    assert.equal(read(['--strict-reconfig-check', '--name', 'x']).config.name, 'x')
    assert.equal(read(['--strict-reconfig-check=false']).config.strictReconfigCheck, false)
  })

  test('every setting can be set by flag, by both variables and by file', () => {
    for (const { flag, fallback } of Object.values(settings)) {
      const value = fallback ?? (flag === 'workers' ? '2' : flag === 'log-format' ? 'text' : undefined)
      if (value === undefined || value === '') continue
      const variable = flag.toUpperCase().replaceAll('-', '_')
      assert.deepEqual(problemsOf([`--${flag}=${value}`]), [], flag)
      assert.deepEqual(problemsOf([], { env: { [`ASPEN_${variable}`]: value } }), [], flag)
      assert.deepEqual(problemsOf([], { env: { [`ETCD_${variable}`]: value } }), [], flag)
      assert.deepEqual(problemsOf(['--config-file=/c'], { files: { '/c': `${flag}: "${value}"` } }), [], flag)
      const refusal = problemsOf(['--config-file=/c'], { files: { '/c': `${flag}: {a: 1}` } })
      assert.match(refusal[0] ?? '', /wanted one value or a list/, flag)
    }
  })

  test('a file may write numbers, switches and lists as YAML has them', () => {
    const text = `
listen-client-urls: [http://127.0.0.1:1, http://127.0.0.1:2]
election-timeout: 3000
pre-vote: true
auto-compaction-retention: 5
`
    const { config } = read(['--config-file', '/c'], { files: { '/c': text } })

    assert.deepEqual(
      config.listenClientUrls.map((url) => url.port),
      [1, 2],
    )
    assert.equal(config.electionTimeoutMs, 3_000)
    assert.deepEqual(config.autoCompaction, { mode: 'periodic', retentionMs: 18_000_000 })
  })

  const badFiles: readonly [string, string, RegExp][] = [
    ['a broken file', 'a: [', /wanted a readable YAML file, found "\/c"/],
    ['a list at the top', '- a', /wanted a map of settings at the top/],
    [
      'an unknown key',
      'lisen-client-urls: x',
      /^lisen-client-urls in \/c is unknown; did you mean listen-client-urls\?$/,
    ],
    ['a file that names a file', 'config-file: /d', /wanted on the command line/],
  ]
  for (const [what, text, wanted] of badFiles) {
    test(`${what} is refused`, () => {
      const problems = problemsOf(['--config-file=/c'], { files: { '/c': text } })

      assert.equal(problems.length, 1)
      assert.match(problems[0] ?? '', wanted)
    })
  }

  test('a file that does not exist is named, an empty one is fine', () => {
    assert.match(
      problemsOf(['--config-file=/none'])[0] ?? '',
      /--config-file: wanted a readable YAML file, found "\/none": ENOENT/,
    )
    assert.deepEqual(problemsOf(['--config-file=/c'], { files: { '/c': '' } }), [])
  })
})

describe('what is refused', () => {
  test('all problems are told at once, each with its source, what was wanted and what was found', () => {
    const problems = problemsOf(['--max-txn-ops', 'many', '--lisen-peer-urls=http://127.0.0.1:1'], {
      env: { ASPEN_SNAPSHOT_COUNT: '0', ETCD_METRICS: 'all', ASPEN_CONFIG_FILE: '/c' },
      files: { '/c': 'initial-cluster-state: old' },
    })

    assert.deepEqual(problems, [
      '--lisen-peer-urls is unknown; did you mean --listen-peer-urls?',
      'initial-cluster-state in /c: wanted new or existing, found "old"',
      '--max-txn-ops: wanted a whole number from 1 to 1000000, found "many"',
      'ASPEN_SNAPSHOT_COUNT: wanted a whole number from 1 to 1000000000, found "0"',
      'ETCD_METRICS: wanted basic or extensive, found "all"',
    ])
  })

  const bounds: readonly [flag: string, accepted: readonly string[], refused: readonly string[]][] = [
    ['name', ['a', 'x'.repeat(256)], ['', 'x'.repeat(257), 'a\nb']],
    ['data-dir', ['/var/lib/aspen'], ['']],
    ['quota-backend-bytes', ['0', '-1', '8589934592'], ['', '1.5', '8GB', '9007199254740993']],
    ['max-request-bytes', ['1024', '268435456'], ['1023', '268435457', '-1']],
    ['max-txn-ops', ['1', '1000000'], ['0', '1000001']],
    ['auto-compaction-mode', ['periodic', 'revision'], ['hourly', 'Periodic']],
    ['auto-compaction-retention', ['0', '1', '1h', '30m', '1h30m'], ['-1', '1d', 'h', '1.5']],
    ['snapshot-count', ['1', '1000000000'], ['0', '1000000001']],
    ['heartbeat-interval', ['1', '200'], ['0', '10001', '1e2', '0x10']],
    ['election-timeout', ['500', '50000'], ['499', '50001']],
    ['workers', ['0', '256'], ['-1', '257']],
    [
      'auth-token',
      ['simple', 'jwt,sign-method=HS256,priv-key=k,ttl=10m'],
      ['', 'jwt', 'jwt,sign-method=none,priv-key=k'],
    ],
    ['auth-token-ttl', ['1', '31536000'], ['0', '300s']],
    ['bcrypt-cost', ['4', '31'], ['3', '32']],
    ['log-level', ['debug', 'panic'], ['verbose']],
    ['pre-vote', ['true', '1'], ['yes']],
    ['initial-cluster-token', ['t'], ['']],
    ['listen-metrics-urls', ['', 'http://127.0.0.1:9'], ['127.0.0.1:9']],
  ]
  for (const [flag, accepted, refused] of bounds) {
    test(`--${flag} keeps its bounds`, () => {
      for (const value of accepted) assert.deepEqual(problemsOf([`--${flag}=${value}`]), [], value)
      for (const value of refused) {
        const problems = problemsOf([`--${flag}=${value}`])
        assert.equal(problems.length, 1, `--${flag}=${value}`)
        assert.match(problems[0] ?? '', /: wanted .*, found /, value)
      }
    })
  }

  test('an election timeout must leave room for five heartbeats', () => {
    assert.deepEqual(problemsOf(['--heartbeat-interval=200', '--election-timeout=1000']), [])
    assert.deepEqual(problemsOf(['--heartbeat-interval=201']), [
      '--election-timeout: wanted at least 5 times --heartbeat-interval, 1005 to 50000 ms, found 1000',
    ])
  })

  test('a flag without its value says so, and does not swallow the next flag', () => {
    assert.deepEqual(problemsOf(['--name']), ['--name: wanted a value, found none'])
    assert.deepEqual(problemsOf(['--name', '--data-dir', 'x']), ['--name: wanted a value, found none'])
  })

  test('a stray word is no flag', () => {
    assert.match(problemsOf(['name'])[0] ?? '', /^"name": wanted a flag/)
    assert.match(problemsOf(['--'])[0] ?? '', /^"--": wanted a flag/)
  })
})

describe('flags that are not ours', () => {
  const nearest: readonly [string, string | undefined][] = [
    ['nmae', 'name'],
    ['listen-client-url', 'listen-client-urls'],
    ['data_dir', 'data-dir'],
    ['Election-Timeout', 'election-timeout'],
    ['quota-backend-byte', 'quota-backend-bytes'],
    ['zzzzzz', undefined],
  ]
  for (const [written, wanted] of nearest) {
    test(`the nearest to --${written} is ${wanted ?? 'none'}`, () => assert.equal(nearestFlag(written), wanted))
  }

  test("etcd's harmless flags are passed over with a warning, with or without their value", () => {
    const { config, warnings } = read(['--max-wals', '5', '--enable-pprof', '--logger=zap', '--name', 'x'])

    assert.equal(config.name, 'x')
    assert.deepEqual(warnings, [
      '--max-wals has no meaning here and is ignored',
      '--enable-pprof has no meaning here and is ignored',
      '--logger has no meaning here and is ignored',
    ])
  })

  test("etcd's flags that somebody relies on are refused with the reason, from every source", () => {
    assert.deepEqual(problemsOf(['--unsafe-no-fsync', 'true']), [
      '--unsafe-no-fsync is a setting of etcd that is refused: every acknowledged write is on disk',
    ])
    assert.match(
      problemsOf([], { env: { ETCD_PROXY: 'on' } })[0] ?? '',
      /^ETCD_PROXY is a setting of etcd that is refused/,
    )
    assert.match(
      problemsOf(['--config-file=/c'], { files: { '/c': 'discovery: x' } })[0] ?? '',
      /^discovery in \/c .* --initial-cluster/,
    )
  })

  test('no flag stands in two lists', () => {
    const known = new Set(Object.values(settings).map((setting) => setting.flag))
    for (const flag of [...ignoredFlags.keys(), ...refusedFlags.keys()]) assert.equal(known.has(flag), false, flag)
    for (const flag of ignoredFlags.keys()) assert.equal(refusedFlags.has(flag), false, flag)
  })

  test('an unknown variable is a warning only: the environment is shared', () => {
    assert.deepEqual(read([], { env: { ASPEN_NAMES: 'x', ASPEN_ENDPOINTS: 'y', ETCDCTL_API: '3' } }).warnings, [
      'ASPEN_NAMES is no setting of a node and is ignored; did you mean ASPEN_NAME?',
    ])
  })
})

describe('URLs', () => {
  const refused: readonly [string, RegExp][] = [
    ['unix:///tmp/a.sock', /unix sockets are not supported/],
    ['unixs://a', /unix sockets are not supported/],
    ['https://127.0.0.1:2379', /needs --cert-file and --key-file, or --auto-tls/],
    ['127.0.0.1:2379', /does not start with http:\/\/ or https:\/\//],
    ['http://127.0.0.1', /does not have the form/],
    ['http://127.0.0.1:2379/path', /does not have the form/],
    ['http://user@127.0.0.1:2379', /does not have the form/],
    ['http://127.0.0.1:65536', /port 65536 is above 65535/],
    ['http://:2379', /the host is missing/],
    ['http://db.example.com:2379', /not to a name/],
    ['http://127.0.0.1:1,http://127.0.0.1:1', /stands there twice/],
    ['', /an empty URL/],
  ]
  for (const [url, wanted] of refused) {
    test(`a listener at ${JSON.stringify(url)} is refused`, () => {
      const problems = problemsOf([`--listen-client-urls=${url}`])

      assert.equal(problems.length, 1)
      assert.match(problems[0] ?? '', wanted)
    })
  }

  test('an IPv6 address has brackets in the URL and none in the host', () => {
    const { config } = read(['--listen-client-urls=http://[::1]:2379/'])

    assert.deepEqual(config.listenClientUrls, [{ host: '::1', port: 2379, url: 'http://[::1]:2379' }])
    assert.match(problemsOf(['--listen-client-urls=http://[::1::2]:1'])[0] ?? '', /no valid host/)
  })

  test('names are fine where they are told to others', () => {
    const { config } = read([
      '--advertise-client-urls=http://db.example.com:2379',
      '--listen-client-urls=http://localhost:0',
    ])

    assert.equal(config.advertiseClientUrls[0]?.host, 'db.example.com')
    assert.equal(config.listenClientUrls[0]?.port, 0)
  })

  test('to advertise every interface is a warning', () => {
    const { warnings } = read(['--listen-client-urls=http://0.0.0.0:2379', '--listen-peer-urls=http://[::]:2380'])

    assert.deepEqual(warnings, [
      'http://0.0.0.0:2379 is advertised but names no host: others cannot reach it; set --advertise-client-urls',
      'http://[::]:2380 is advertised but names no host: others cannot reach it; set --initial-advertise-peer-urls',
    ])
  })

  test('a peer port must be known beforehand', () => {
    assert.match(problemsOf(['--listen-peer-urls=http://127.0.0.1:0'])[0] ?? '', /wanted a fixed port/)
  })
})

describe('--initial-cluster', () => {
  const three = 'a=http://10.0.0.1:2380,b=http://10.0.0.2:2380,b=http://10.1.0.2:2380,c=http://10.0.0.3:2380'

  test('is a list of members, each with all of its URLs', () => {
    const argv = [
      '--name=b',
      '--initial-advertise-peer-urls=http://10.1.0.2:2380,http://10.0.0.2:2380',
      `--initial-cluster=${three}`,
    ]

    assert.deepEqual(read(argv).config.initialCluster, [
      { name: 'a', peerUrls: ['http://10.0.0.1:2380'] },
      { name: 'b', peerUrls: ['http://10.0.0.2:2380', 'http://10.1.0.2:2380'] },
      { name: 'c', peerUrls: ['http://10.0.0.3:2380'] },
    ])
  })

  test('is this member alone by default, by its name and its advertised URLs', () => {
    const { config } = read(['--name=x', '--initial-advertise-peer-urls=http://10.0.0.1:2380'])

    assert.deepEqual(config.initialCluster, [{ name: 'x', peerUrls: ['http://10.0.0.1:2380'] }])
  })

  const refused: readonly [string, readonly string[], RegExp][] = [
    [
      'does not name this member',
      ['--name=z', `--initial-cluster=${three}`],
      /wanted "z" \(--name\) among its names, found a, b, c$/,
    ],
    [
      'has another URL for it',
      ['--name=a', `--initial-cluster=${three}`],
      /^--initial-cluster must include a=http:\/\/127\.0\.0\.1:2380 given --initial-advertise-peer-urls=/,
    ],
    [
      'has one URL more for it',
      ['--name=b', '--initial-advertise-peer-urls=http://10.0.0.2:2380', `--initial-cluster=${three}`],
      /^--initial-cluster has b=http:\/\/10\.1\.0\.2:2380 but missing from --initial-advertise-peer-urls=http:\/\/10\.0\.0\.2:2380$/,
    ],
    ['has a part without a name', ['--initial-cluster=http://10.0.0.1:2380'], /does not have the form NAME=URL/],
    [
      'has the same URL twice',
      ['--initial-cluster=default=http://127.0.0.1:2380,b=http://127.0.0.1:2380'],
      /stands there twice/,
    ],
  ]
  for (const [what, argv, wanted] of refused) {
    test(`is refused when it ${what}`, () => {
      const problems = problemsOf(argv)

      assert.equal(problems.length, 1)
      assert.match(problems[0] ?? '', wanted)
    })
  }

  test('is history once the member has data', () => {
    assert.deepEqual(problemsOf(['--name=z', `--initial-cluster=${three}`], { holdsData: true }), [])
  })
})

describe('auto-compaction', () => {
  const forms: readonly [mode: string, retention: string, wanted: NodeConfig['autoCompaction']][] = [
    ['periodic', '0', { mode: 'off' }],
    ['periodic', '0s', { mode: 'off' }],
    ['revision', '0', { mode: 'off' }],
    ['periodic', '2', { mode: 'periodic', retentionMs: 7_200_000 }],
    ['periodic', '1h30m', { mode: 'periodic', retentionMs: 5_400_000 }],
    ['revision', '1000', { mode: 'revision', revisions: 1_000 }],
  ]
  for (const [mode, retention, wanted] of forms) {
    test(`${mode} ${retention}`, () => {
      const { config } = read([`--auto-compaction-mode=${mode}`, `--auto-compaction-retention=${retention}`])

      assert.deepEqual(config.autoCompaction, wanted)
    })
  }

  test('revisions are not counted in hours', () => {
    assert.deepEqual(problemsOf(['--auto-compaction-mode=revision', '--auto-compaction-retention=1h']), [
      '--auto-compaction-retention: wanted a number of revisions, as --auto-compaction-mode is revision, found "1h"',
    ])
  })
})

test('durations are those of Go', () => {
  const forms: readonly [string, number | undefined][] = [
    ['0', 0],
    ['1h', 3_600_000],
    ['1h2m3s4ms', 3_723_004],
    ['1.5s', 1_500],
    ['900us', 0],
    ['10', undefined],
    ['1x', undefined],
    ['', undefined],
    ['-1s', undefined],
    ['99999999999999999h', undefined],
  ]
  for (const [text, wanted] of forms) assert.equal(parseDurationMs(text), wanted, text)
})

test('help names every setting', () => {
  const help = settingsHelp()

  for (const { flag } of Object.values(settings)) assert.ok(help.includes(`--${flag} `), flag)
})

test('pre-vote cannot be turned off, and panic is the nearest level there is', () => {
  const { config, warnings } = read(['--pre-vote=false', '--log-level=panic'])

  assert.equal(config.logLevel, 'fatal')
  assert.deepEqual(warnings, ['--pre-vote=false has no effect: pre-vote is always on'])
})
