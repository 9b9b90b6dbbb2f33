/**
 * The settings of TLS, for clients and for peers: names and meanings are etcd's. Here they become two `TlsSettings`, or
 * sentences about what does not fit together. Whether files can be read is found out when the node starts.
 */
import { join } from 'node:path'
import { z } from 'zod'
import { cipherSuiteNames, isCipherSuite, isTls13Suite } from '../runtime/node/tls/cipher-suites.ts'
import type { TlsSettings, TlsVersion } from '../runtime/node/tls/settings.ts'
import type { FoundingMember, NodeUrl } from './config-urls.ts'
import { isSecure } from './config-urls.ts'
import { choice, integer, type Setting, toggle, type ValueReader } from './config-values.ts'

export interface TlsValues {
  readonly certFile: string
  readonly keyFile: string
  readonly clientCertAuth: boolean
  readonly trustedCaFile: string
  readonly clientCrlFile: string
  readonly clientCertAllowedHostname: string
  readonly autoTls: boolean
  readonly peerCertFile: string
  readonly peerKeyFile: string
  readonly peerClientCertAuth: boolean
  readonly peerTrustedCaFile: string
  readonly peerCrlFile: string
  readonly peerCertAllowedCn: string
  readonly peerCertAllowedHostname: string
  readonly peerAutoTls: boolean
  readonly selfSignedCertValidity: number
  readonly cipherSuites: readonly string[]
  readonly tlsMinVersion: TlsVersion
  readonly tlsMaxVersion: TlsVersion | ''
}

function maybeText(): ValueReader<string> {
  return z
    .string()
    .max(4_096)
    .refine((written) => !/\p{Cc}/u.test(written))
}

function suites(): ValueReader<readonly string[]> {
  return z.string().transform((written, context): readonly string[] => {
    const names = written
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '')
    for (const name of names) {
      if (isCipherSuite(name)) continue
      const message = `there is no ${JSON.stringify(name)}, only ${cipherSuiteNames().join(', ')}`
      context.addIssue({ code: 'custom', message })
    }
    return names
  })
}

const path = 'a path of at most 4096 characters'
const yesOrNo = 'true or false'

function row<T>(flag: string, reader: ValueReader<T>, fallback: string, wanted: string, help: string): Setting<T> {
  return { flag, reader, fallback, wanted, help, group: 'Security' }
}

export const tlsSettings: { readonly [K in keyof TlsValues]: Setting<TlsValues[K]> } = {
  certFile: row('cert-file', maybeText(), '', path, 'PEM: the certificate shown to clients.'),
  keyFile: row('key-file', maybeText(), '', path, 'PEM: the key of --cert-file.'),
  clientCertAuth: row('client-cert-auth', toggle(), 'false', yesOrNo, 'Clients must show a certificate.'),
  trustedCaFile: row(
    'trusted-ca-file',
    maybeText(),
    '',
    path,
    'PEM: the authorities that vouch for clients; they must then show a certificate.',
  ),
  clientCrlFile: row('client-crl-file', maybeText(), '', path, 'Revoked certificates of clients, PEM or DER.'),
  clientCertAllowedHostname: row(
    'client-cert-allowed-hostname',
    maybeText(),
    '',
    'a host name or an IP address',
    'The name that certificates of clients must be made out to.',
  ),
  autoTls: row('auto-tls', toggle(), 'false', yesOrNo, 'Make a certificate for clients when none is given.'),
  peerCertFile: row('peer-cert-file', maybeText(), '', path, 'PEM: the certificate shown to other members.'),
  peerKeyFile: row('peer-key-file', maybeText(), '', path, 'PEM: the key of --peer-cert-file.'),
  peerClientCertAuth: row(
    'peer-client-cert-auth',
    toggle(),
    'false',
    yesOrNo,
    'Other members must show a certificate when they connect.',
  ),
  peerTrustedCaFile: row(
    'peer-trusted-ca-file',
    maybeText(),
    '',
    path,
    'PEM: the authorities that vouch for other members; they must then show a certificate.',
  ),
  peerCrlFile: row('peer-crl-file', maybeText(), '', path, 'Revoked certificates of members, PEM or DER.'),
  peerCertAllowedCn: row(
    'peer-cert-allowed-cn',
    maybeText(),
    '',
    'a common name',
    'The common name that certificates of other members must have.',
  ),
  peerCertAllowedHostname: row(
    'peer-cert-allowed-hostname',
    maybeText(),
    '',
    'a host name or an IP address',
    'The name that certificates of other members must be made out to.',
  ),
  peerAutoTls: row('peer-auto-tls', toggle(), 'false', yesOrNo, 'Make a certificate for peers when none is given.'),
  selfSignedCertValidity: row(
    'self-signed-cert-validity',
    integer(1, 100),
    '1',
    'a whole number of years from 1 to 100',
    'How long certificates of --auto-tls and --peer-auto-tls are valid, in years.',
  ),
  cipherSuites: row(
    'cipher-suites',
    suites(),
    '',
    "comma-separated names of cipher suites as Go's",
    'The cipher suites that are spoken, best first; empty: the usual ones.',
  ),
  tlsMinVersion: row(
    'tls-min-version',
    choice('TLS1.2', 'TLS1.3'),
    'TLS1.2',
    'TLS1.2 or TLS1.3',
    'The oldest TLS spoken.',
  ),
  tlsMaxVersion: row(
    'tls-max-version',
    choice('', 'TLS1.2', 'TLS1.3'),
    '',
    'nothing, TLS1.2 or TLS1.3',
    'The newest TLS spoken; empty: the newest there is.',
  ),
}

/** What the checks need of the other settings. */
export interface TlsSurroundings {
  readonly dataDir: string
  readonly listenClientUrls: readonly NodeUrl[]
  readonly listenMetricsUrls: readonly NodeUrl[]
  readonly listenPeerUrls: readonly NodeUrl[]
  readonly initialAdvertisePeerUrls: readonly NodeUrl[]
  readonly initialCluster: readonly FoundingMember[]
}

export interface TlsFindings {
  readonly problems: string[]
  readonly warnings: string[]
}

/** One of the two sides, by its own flags. */
interface Side {
  readonly cert: string
  readonly key: string
  readonly auth: boolean
  readonly ca: string
  readonly crl: string
  readonly allowedCn: string
  readonly allowedHostname: string
  readonly auto: boolean
  /** In front of the flags that both sides have. */
  readonly prefix: '' | 'peer-'
  readonly crlFlag: string
  readonly urls: readonly NodeUrl[]
  readonly urlFlag: string
  readonly folder: string
}

/** How clients are served over TLS; undefined where they are not. */
export function clientTlsOf(values: TlsValues & TlsSurroundings, findings: TlsFindings): TlsSettings | undefined {
  const { listenClientUrls, listenMetricsUrls } = values
  const side: Side = {
    cert: values.certFile,
    key: values.keyFile,
    auth: values.clientCertAuth,
    ca: values.trustedCaFile,
    crl: values.clientCrlFile,
    allowedCn: '',
    allowedHostname: values.clientCertAllowedHostname,
    auto: values.autoTls,
    prefix: '',
    crlFlag: 'client-crl-file',
    urls: [...listenClientUrls, ...listenMetricsUrls],
    urlFlag: 'listen-client-urls',
    folder: join(values.dataDir, 'fixtures', 'client'),
  }
  const plain = listenClientUrls.find((url) => !isSecure(url))
  if (plain !== undefined && listenClientUrls.some(isSecure) && asksForCertificates(side)) {
    findings.warnings.push(`${plain.url} is served without TLS: clients need no certificate there`)
  }
  return settingsOf(side, values, findings)
}

/** How the other members are spoken to over TLS; undefined where they are not. */
export function peerTlsOf(values: TlsValues & TlsSurroundings, findings: TlsFindings): TlsSettings | undefined {
  const { listenPeerUrls, initialAdvertisePeerUrls, initialCluster } = values
  const side: Side = {
    cert: values.peerCertFile,
    key: values.peerKeyFile,
    auth: values.peerClientCertAuth,
    ca: values.peerTrustedCaFile,
    crl: values.peerCrlFile,
    allowedCn: values.peerCertAllowedCn,
    allowedHostname: values.peerCertAllowedHostname,
    auto: values.peerAutoTls,
    prefix: 'peer-',
    crlFlag: 'peer-crl-file',
    urls: listenPeerUrls,
    urlFlag: 'listen-peer-urls',
    folder: join(values.dataDir, 'fixtures', 'peer'),
  }
  const listened = listenPeerUrls[0]
  const other = initialAdvertisePeerUrls.find((url) => listened !== undefined && isSecure(url) !== isSecure(listened))
  if (other !== undefined) {
    findings.problems.push(
      `--initial-advertise-peer-urls: wanted the scheme of --listen-peer-urls, ${listened?.url}, found ${other.url}: members that dial it would not be understood`,
    )
  }
  const settings = settingsOf(side, values, findings)
  const secret = initialCluster.flatMap(({ peerUrls }) => peerUrls).find((url) => url.startsWith('https:'))
  if (secret !== undefined && settings === undefined && findings.problems.length === 0) {
    findings.problems.push(
      `--initial-cluster: ${secret} wants TLS: it needs --peer-cert-file and --peer-key-file, or --peer-auto-tls`,
    )
  }
  return settings
}

function asksForCertificates({ auth, ca }: Side): boolean {
  return auth || ca !== ''
}

function settingsOf(side: Side, values: TlsValues, findings: TlsFindings): TlsSettings | undefined {
  const { problems } = findings
  const { cert, key, prefix } = side
  if ((cert === '') !== (key === '')) {
    const [there, missing] = cert === '' ? ['key-file', 'cert-file'] : ['cert-file', 'key-file']
    problems.push(`--${prefix}${there}: wanted together with --${prefix}${missing}, found it alone`)
    return undefined
  }
  checkUse(side, findings)
  if (cert === '' && !side.auto) return undefined
  if (cert !== '' && side.auto) {
    findings.warnings.push(`--${prefix}auto-tls has no effect: --${prefix}cert-file is given`)
  }
  checkWords(values, problems)
  const { allowedCn, allowedHostname, ca, crl } = side
  const { cipherSuites, tlsMinVersion: minVersion, tlsMaxVersion: maxVersion } = values
  return {
    certFile: cert === '' ? join(side.folder, 'cert.pem') : cert,
    keyFile: cert === '' ? join(side.folder, 'key.pem') : key,
    clientCertAuth: side.auth,
    minVersion,
    ...(ca !== '' && { trustedCaFile: ca }),
    ...(crl !== '' && { crlFile: crl }),
    ...(allowedCn !== '' && { allowedCn }),
    ...(allowedHostname !== '' && { allowedHostname }),
    ...(cipherSuites.length > 0 && { cipherSuites }),
    ...(maxVersion !== '' && { maxVersion }),
    ...(cert === '' && {
      selfSigned: {
        hosts: [...new Set(side.urls.filter(isSecure).map(({ host }) => host))],
        days: values.selfSignedCertValidity * 365,
      },
    }),
  }
}

/** A flag that was given to keep somebody out must not stand there without effect. */
function checkUse(side: Side, { problems, warnings }: TlsFindings): void {
  const { cert, auto, prefix, urls, urlFlag, ca, auth, crl, allowedCn, allowedHostname } = side
  const certified = cert !== '' || auto
  const secure = urls.find(isSecure)
  if (secure !== undefined && !certified) {
    problems.push(
      `--${urlFlag}: ${secure.url} needs --${prefix}cert-file and --${prefix}key-file, or --${prefix}auto-tls`,
    )
  }
  if (secure === undefined && certified) {
    const given = cert === '' ? `${prefix}auto-tls` : `${prefix}cert-file`
    warnings.push(`--${given} has no effect: no URL of --${urlFlag} begins with https://`)
  }
  const guards: readonly [string, boolean][] = [
    [prefix === '' ? 'client-cert-auth' : 'peer-client-cert-auth', auth],
    [side.crlFlag, crl !== ''],
    ['peer-cert-allowed-cn', allowedCn !== ''],
    [prefix === '' ? 'client-cert-allowed-hostname' : 'peer-cert-allowed-hostname', allowedHostname !== ''],
  ]
  for (const [flag, given] of guards) {
    if (!given) continue
    if (secure === undefined)
      problems.push(`--${flag}: wanted an https URL in --${urlFlag}, found none: nobody would be kept out`)
    else if (!asksForCertificates(side)) {
      problems.push(
        `--${flag}: wanted together with --${prefix}${prefix === '' ? 'client' : 'client'}-cert-auth, as certificates are not asked for otherwise`,
      )
    }
  }
  if (allowedCn !== '' && allowedHostname !== '') {
    problems.push('--peer-cert-allowed-cn and --peer-cert-allowed-hostname: wanted one of them, found both')
  }
  if (auth && ca === '' && !auto) {
    warnings.push(
      `--${prefix}client-cert-auth without --${prefix}trusted-ca-file: certificates of every authority that this machine trusts are accepted`,
    )
  }
  if (auto && cert === '' && asksForCertificates(side)) {
    problems.push(
      `--${prefix}auto-tls: nobody vouches for such certificates, so they cannot be asked for; give --${prefix}cert-file`,
    )
  }
}

function checkWords({ tlsMinVersion, tlsMaxVersion, cipherSuites }: TlsValues, problems: string[]): void {
  const complaints: string[] = []
  if (tlsMaxVersion !== '' && tlsMinVersion > tlsMaxVersion) {
    complaints.push(`--tls-max-version: wanted at least --tls-min-version, ${tlsMinVersion}, found ${tlsMaxVersion}`)
  }
  if (tlsMinVersion === 'TLS1.3' && cipherSuites.length > 0 && !cipherSuites.every(isTls13Suite)) {
    complaints.push('--cipher-suites: wanted suites of TLS 1.3 alone, as --tls-min-version is TLS1.3')
  }
  if (tlsMaxVersion === 'TLS1.2' && cipherSuites.length > 0 && cipherSuites.every(isTls13Suite)) {
    complaints.push('--cipher-suites: wanted a suite of TLS 1.2 too, as --tls-max-version is TLS1.2')
  }
  // Both sides share these settings: said once.
  for (const complaint of complaints) if (!problems.includes(complaint)) problems.push(complaint)
}
