// What the settings of TLS become, and which of them do not fit together: a guard that guards nothing is refused.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ConfigError, type NodeConfig, readConfig } from '../../../aspen/config.ts'

interface World {
  readonly env?: Readonly<Record<string, string>>
  readonly file?: string
}

function read(
  argv: readonly string[],
  { env = {}, file }: World = {},
): { config: NodeConfig; warnings: readonly string[] } {
  const sources = { argv: file === undefined ? argv : [...argv, '--config-file=/f'], env, cores: 2 }
  return readConfig({ ...sources, readFile: () => file ?? assert.fail('no file was named') })
}

function problemsOf(...argv: readonly string[]): readonly string[] {
  try {
    read(argv)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

const clients = ['--listen-client-urls=https://127.0.0.1:2379', '--cert-file=/c.pem', '--key-file=/k.pem']
const peers = ['--listen-peer-urls=https://127.0.0.1:2380', '--peer-cert-file=/c.pem', '--peer-key-file=/k.pem']

describe('settings', () => {
  test('of both sides stand apart', () => {
    const { config, warnings } = read([
      ...clients,
      '--client-cert-auth',
      '--trusted-ca-file=/ca.pem',
      '--client-crl-file=/crl.pem',
      '--client-cert-allowed-hostname=app',
      ...peers,
      '--peer-client-cert-auth=true',
      '--peer-trusted-ca-file=/peer-ca.pem',
      '--peer-crl-file=/peer-crl.pem',
      '--peer-cert-allowed-cn=member',
      '--cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
      '--tls-max-version=TLS1.2',
    ])

    const shared = {
      minVersion: 'TLS1.2',
      maxVersion: 'TLS1.2',
      cipherSuites: ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'],
      clientCertAuth: true,
    }
    const files = { certFile: '/c.pem', keyFile: '/k.pem' }
    assert.deepEqual(config.clientTls, {
      ...shared,
      ...files,
      trustedCaFile: '/ca.pem',
      crlFile: '/crl.pem',
      allowedHostname: 'app',
    })
    assert.deepEqual(config.peerTls, {
      ...shared,
      ...files,
      trustedCaFile: '/peer-ca.pem',
      crlFile: '/peer-crl.pem',
      allowedCn: 'member',
    })
    assert.deepEqual(warnings, [])
    assert.equal(config.listenClientUrls[0]?.url, 'https://127.0.0.1:2379')
  })

  test("come from the environment too, etcd's own included", () => {
    const { config } = read(['--listen-client-urls=https://127.0.0.1:2379'], {
      env: {
        ETCD_CERT_FILE: '/c.pem',
        ASPEN_KEY_FILE: '/k.pem',
        ETCD_CLIENT_CERT_AUTH: 'true',
        ETCD_TRUSTED_CA_FILE: '/ca.pem',
      },
    })

    assert.deepEqual(config.clientTls, {
      certFile: '/c.pem',
      keyFile: '/k.pem',
      clientCertAuth: true,
      trustedCaFile: '/ca.pem',
      minVersion: 'TLS1.2',
    })
  })

  test("come from a file as etcd's are, in its two sections", () => {
    const file = [
      'listen-client-urls: https://127.0.0.1:2379',
      'listen-peer-urls: https://127.0.0.1:2380',
      'client-transport-security:',
      '  cert-file: /c.pem',
      '  key-file: /k.pem',
      '  client-cert-auth: true',
      '  trusted-ca-file: /ca.pem',
      'peer-transport-security:',
      '  cert-file: /pc.pem',
      '  key-file: /pk.pem',
      '  client-cert-auth: true',
      '  trusted-ca-file: /pca.pem',
      '  crl-file: /crl.pem',
      '  allowed-cn: member',
    ].join('\n')
    const { config, warnings } = read([], { file })

    assert.deepEqual([config.clientTls?.keyFile, config.clientTls?.trustedCaFile], ['/k.pem', '/ca.pem'])
    assert.deepEqual(
      [config.peerTls?.certFile, config.peerTls?.crlFile, config.peerTls?.allowedCn, warnings],
      ['/pc.pem', '/crl.pem', 'member', []],
    )
  })

  test('without a certificate make the node its own, in its data directory', () => {
    const { config } = read([
      '--data-dir=/d',
      '--auto-tls',
      '--listen-client-urls=https://10.0.0.1:2379,https://localhost:2379',
      '--peer-auto-tls',
      '--listen-peer-urls=https://10.0.0.1:2380',
      '--self-signed-cert-validity=2',
    ])

    assert.deepEqual(config.clientTls, {
      certFile: '/d/fixtures/client/cert.pem',
      keyFile: '/d/fixtures/client/key.pem',
      clientCertAuth: false,
      minVersion: 'TLS1.2',
      selfSigned: { hosts: ['10.0.0.1', 'localhost'], days: 730 },
    })
    assert.equal(config.peerTls?.certFile, '/d/fixtures/peer/cert.pem')
  })

  test('plain and secured addresses stand side by side', () => {
    const { config, warnings } = read([
      ...clients.slice(1),
      '--listen-client-urls=https://10.0.0.1:2379,http://127.0.0.1:2379',
    ])

    assert.deepEqual(
      config.listenClientUrls.map(({ url }) => url),
      ['https://10.0.0.1:2379', 'http://127.0.0.1:2379'],
    )
    assert.deepEqual([config.clientTls?.certFile, warnings], ['/c.pem', []])
  })
})

describe('what does not fit together is refused', () => {
  const refused: readonly [readonly string[], RegExp][] = [
    [['--cert-file=/c.pem'], /^--cert-file: wanted together with --key-file, found it alone$/],
    [['--peer-key-file=/k.pem'], /^--peer-key-file: wanted together with --peer-cert-file, found it alone$/],
    [
      ['--listen-client-urls=https://127.0.0.1:1'],
      /^--listen-client-urls: https:\/\/127\.0\.0\.1:1 needs --cert-file and --key-file, or --auto-tls$/,
    ],
    [['--listen-metrics-urls=https://127.0.0.1:1'], /https:\/\/127\.0\.0\.1:1 needs --cert-file/],
    [
      ['--listen-peer-urls=https://127.0.0.1:1'],
      /^--listen-peer-urls: https:\/\/127\.0\.0\.1:1 needs --peer-cert-file and --peer-key-file, or --peer-auto-tls$/,
    ],
    [
      ['--client-cert-auth'],
      /^--client-cert-auth: wanted an https URL in --listen-client-urls, found none: nobody would be kept out$/,
    ],
    [['--peer-cert-allowed-cn=x'], /^--peer-cert-allowed-cn: wanted an https URL in --listen-peer-urls/],
    [[...clients, '--client-crl-file=/crl'], /^--client-crl-file: wanted together with --client-cert-auth/],
    [[...peers, '--peer-cert-allowed-cn=x'], /^--peer-cert-allowed-cn: wanted together with --peer-client-cert-auth/],
    [
      [...peers, '--peer-trusted-ca-file=/ca', '--peer-cert-allowed-cn=x', '--peer-cert-allowed-hostname=y'],
      /^--peer-cert-allowed-cn and --peer-cert-allowed-hostname: wanted one of them, found both$/,
    ],
    [
      ['--auto-tls', '--listen-client-urls=https://127.0.0.1:1', '--client-cert-auth'],
      /^--auto-tls: nobody vouches for such certificates, so they cannot be asked for/,
    ],
    [
      [...clients, '--tls-min-version=TLS1.3', '--tls-max-version=TLS1.2'],
      /^--tls-max-version: wanted at least --tls-min-version, TLS1\.3, found TLS1\.2$/,
    ],
    [[...clients, '--tls-min-version=TLS1.1'], /^--tls-min-version: wanted TLS1\.2 or TLS1\.3, found "TLS1\.1"$/],
    [
      [...clients, ...peers, '--tls-min-version=TLS1.3', '--cipher-suites=TLS_RSA_WITH_AES_128_CBC_SHA'],
      /^--cipher-suites: wanted suites of TLS 1\.3 alone/,
    ],
    [
      [...clients, '--tls-max-version=TLS1.2', '--cipher-suites=TLS_AES_128_GCM_SHA256'],
      /^--cipher-suites: wanted a suite of TLS 1\.2 too/,
    ],
    [
      [...clients, '--cipher-suites=TLS_RSA_WITH_RC4_128_SHA'],
      /^--cipher-suites: .*there is no "TLS_RSA_WITH_RC4_128_SHA", only TLS_AES_128_GCM_SHA256, /,
    ],
    [
      [...peers, '--initial-advertise-peer-urls=http://127.0.0.1:2380'],
      /^--initial-advertise-peer-urls: wanted the scheme of --listen-peer-urls, https:\/\/127\.0\.0\.1:2380, found http:\/\/127\.0\.0\.1:2380/,
    ],
    [
      ['--initial-cluster=default=http://127.0.0.1:2380,b=https://10.0.0.2:2380'],
      /^--initial-cluster: https:\/\/10\.0\.0\.2:2380 wants TLS: it needs --peer-cert-file/,
    ],
    [['--peer-auto-tls=maybe'], /^--peer-auto-tls: wanted true or false, found "maybe"$/],
  ]
  for (const [argv, wanted] of refused) {
    test(argv.join(' '), () => {
      const problems = problemsOf(...argv)

      assert.equal(problems.length, 1, problems.join('\n'))
      assert.match(problems[0] ?? '', wanted)
    })
  }
})

describe('what has no effect, or less than it seems, is a warning', () => {
  const warned: readonly [readonly string[], RegExp][] = [
    [clients.slice(1), /^--cert-file has no effect: no URL of --listen-client-urls begins with https:\/\/$/],
    [['--auto-tls'], /^--auto-tls has no effect: no URL/],
    [[...clients, '--auto-tls'], /^--auto-tls has no effect: --cert-file is given$/],
    [
      [...clients, '--client-cert-auth'],
      /^--client-cert-auth without --trusted-ca-file: certificates of every authority that this machine trusts are accepted$/,
    ],
    [
      [...clients.slice(1), '--trusted-ca-file=/ca', '--listen-client-urls=https://127.0.0.1:1,http://127.0.0.1:2'],
      /^http:\/\/127\.0\.0\.1:2 is served without TLS: clients need no certificate there$/,
    ],
  ]
  for (const [argv, wanted] of warned) {
    test(argv.join(' '), () => {
      const { warnings } = read(argv)

      assert.equal(warnings.length, 1, warnings.join('\n'))
      assert.match(warnings[0] ?? '', wanted)
    })
  }
})
