/**
 * The configuration of a node: read once, at the start, from a command line, an environment and a file, checked whole,
 * and never changed after. All mistakes are reported together, each with the setting, where it came from, what was wanted
 * and what was found.
 */
import type { TlsSettings } from '../runtime/node/tls/settings.ts'
import type { AuthSettings } from './auth-settings.ts'
import type { Findings, Given } from './config-flags.ts'
import { readArguments, readEnvironment, readSettingsFile, variableOf } from './config-flags.ts'
import { type GatewaySettings, gatewaySettingsOf } from './config-gateway.ts'
import type { LogLevel, SettingValues } from './config-settings.ts'
import { configFileFlag, electionTimeoutMsMax, heartbeatsPerElectionMin, settings } from './config-settings.ts'
import { clientTlsOf, peerTlsOf } from './config-tls.ts'
import type { FoundingMember, NodeUrl } from './config-urls.ts'
import { foundingMismatch, isWildcard } from './config-urls.ts'
import type { Setting } from './config-values.ts'

export type { FoundingMember, NodeUrl } from './config-urls.ts'

/** How much history a keyspace keeps by itself. */
export type AutoCompaction =
  | { readonly mode: 'off' }
  | { readonly mode: 'periodic'; readonly retentionMs: number }
  | { readonly mode: 'revision'; readonly revisions: number }

export interface NodeConfig {
  readonly name: string
  readonly dataDir: string
  readonly listenClientUrls: readonly NodeUrl[]
  readonly advertiseClientUrls: readonly NodeUrl[]
  /** Empty: metrics and health checks are on the client URLs alone. */
  readonly listenMetricsUrls: readonly NodeUrl[]
  readonly listenPeerUrls: readonly NodeUrl[]
  readonly initialAdvertisePeerUrls: readonly NodeUrl[]
  readonly initialCluster: readonly FoundingMember[]
  readonly initialClusterState: 'new' | 'existing'
  readonly initialClusterToken: string
  readonly strictReconfigCheck: boolean
  /** Undefined: no address of clients speaks TLS. */
  readonly clientTls: TlsSettings | undefined
  /** Undefined: this node neither listens to nor dials peers over TLS. */
  readonly peerTls: TlsSettings | undefined
  /** Of one keyspace, in live bytes; `Infinity` for none. */
  readonly quotaBackendBytes: number
  readonly maxRequestBytes: number
  readonly maxTxnOps: number
  readonly autoCompaction: AutoCompaction
  readonly heartbeatIntervalMs: number
  readonly electionTimeoutMs: number
  /** Applied entries between snapshots. */
  readonly snapshotCount: number
  /** 0: everything on the main thread. */
  readonly workers: number
  /** A pino level. */
  readonly logLevel: Exclude<LogLevel, 'panic'>
  readonly logFormat: 'json' | 'text'
  readonly metrics: 'basic' | 'extensive'
  readonly auth: AuthSettings
  readonly gateway: GatewaySettings
  /** After how long without an event a watcher is told how far it is, where it asked for that. */
  readonly watchProgressMs: number
}

export interface ConfigSources {
  /** What follows the name of the command. */
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** The text of a file; throws when there is none. */
  readonly readFile: (path: string) => string
  /** Of this machine: the default of `--workers` follows from it. */
  readonly cores: number
  /** Whether a person watches: the default of `--log-format` follows from it. */
  readonly interactive?: boolean
  /**
   * Whether a directory already holds the data of a member. Its founding settings are then history: they are no longer
   * compared with each other. Without this function no directory does.
   */
  readonly holdsData?: (dataDir: string) => boolean
}

/** The configuration cannot be used; each problem is one sentence without a full stop. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

/**
 * Reads and checks the configuration of a node. A flag beats the environment, the environment beats the file.
 *
 * @returns The configuration, and sentences for whoever starts the node: settings that have no effect, addresses that
 *   others cannot reach.
 * @throws {ConfigError} With all problems at once.
 */
export function readConfig(sources: ConfigSources): {
  readonly config: NodeConfig
  readonly warnings: readonly string[]
} {
  const findings: Findings = { given: new Map(), problems: [], warnings: [] }
  readArguments(sources.argv, findings)
  readEnvironment(sources.env, findings)
  const file = findings.given.get(configFileFlag)
  if (file !== undefined) readSettingsFile(file.value, sources.readFile, findings)

  const values = readValues(findings)
  const complete = findings.problems.length === 0 ? fillIn(values, sources) : undefined
  if (complete === undefined) throw new ConfigError(findings.problems)
  checkTogether(complete, sources, findings)
  const tls = { clientTls: clientTlsOf(complete, findings), peerTls: peerTlsOf(complete, findings) }
  if (findings.problems.length > 0) throw new ConfigError(findings.problems)
  return { config: { ...configOf(complete), ...tls }, warnings: findings.warnings }
}

/** The text of `--help`: every setting with its default. */
export function settingsHelp(): string {
  const lines: string[] = []
  const all: readonly Setting<unknown>[] = Object.values(settings)
  for (const group of new Set(all.map((setting) => setting.group))) {
    lines.push(`${group}:`)
    for (const setting of all.filter((one) => one.group === group)) {
      const fallback = setting.fallback === undefined || setting.fallback === '' ? '' : ` Default: ${setting.fallback}`
      lines.push(`  --${setting.flag} `.padEnd(34) + setting.help + fallback)
    }
    lines.push('')
  }
  lines.push(
    `Every setting is also an environment variable (${variableOf('data-dir')}, or etcd's own ETCD_DATA_DIR) and a`,
  )
  lines.push(
    `key of the YAML file named by --${configFileFlag}. A flag beats the environment, the environment the file.`,
  )
  return lines.join('\n')
}

type PartialValues = { -readonly [K in keyof SettingValues]?: SettingValues[K] }

function readValues(findings: Findings): PartialValues {
  const values: PartialValues = {}
  for (const key of Object.keys(settings) as (keyof SettingValues)[]) readOne(key, values, findings)
  return values
}

function readOne<K extends keyof SettingValues>(key: K, values: PartialValues, findings: Findings): void {
  const setting: Setting<SettingValues[K]> = settings[key]
  const given: Given | undefined = findings.given.get(setting.flag)
  const written = given?.value ?? setting.fallback
  if (written === undefined) return
  const result = setting.reader.safeParse(written)
  if (result.success) {
    values[key] = result.data as PartialValues[K]
    return
  }
  const details = result.error.issues.filter((issue) => issue.code === 'custom').map((issue) => issue.message)
  const found = [JSON.stringify(written), ...details].join('; ')
  findings.problems.push(`${given?.source ?? `--${setting.flag}`}: wanted ${setting.wanted}, found ${found}`)
}

function fillIn(values: PartialValues, sources: ConfigSources): SettingValues {
  const read = values as SettingValues
  const initialAdvertisePeerUrls = values.initialAdvertisePeerUrls ?? read.listenPeerUrls
  return {
    ...read,
    advertiseClientUrls: values.advertiseClientUrls ?? read.listenClientUrls,
    initialAdvertisePeerUrls,
    initialCluster: values.initialCluster ?? [
      { name: read.name, peerUrls: initialAdvertisePeerUrls.map((url) => url.url).sort() },
    ],
    workers: values.workers ?? Math.max(1, sources.cores - 1),
    logFormat: values.logFormat ?? (sources.interactive === true ? 'text' : 'json'),
  }
}

function checkTogether(values: SettingValues, sources: ConfigSources, findings: Findings): void {
  const { problems, warnings, given } = findings
  const sourceOf = (flag: string): string => given.get(flag)?.source ?? `--${flag}`
  const electionMin = heartbeatsPerElectionMin * values.heartbeatInterval
  if (values.electionTimeout < electionMin) {
    problems.push(
      `${sourceOf('election-timeout')}: wanted at least ${heartbeatsPerElectionMin} times --heartbeat-interval, ` +
        `${electionMin} to ${electionTimeoutMsMax} ms, found ${values.electionTimeout}`,
    )
  }
  if (values.autoCompactionMode === 'revision' && values.autoCompactionRetention.type === 'duration') {
    const found = given.get('auto-compaction-retention')?.value
    problems.push(
      `${sourceOf('auto-compaction-retention')}: wanted a number of revisions, as --auto-compaction-mode is revision, found ${JSON.stringify(found)}`,
    )
  }
  if (sources.holdsData?.(values.dataDir) !== true) {
    const mismatch = foundingMismatch(values.name, values.initialAdvertisePeerUrls, values.initialCluster)
    if (mismatch !== undefined) problems.push(mismatch)
  }
  if (!values.preVote) warnings.push(`${sourceOf('pre-vote')}=false has no effect: pre-vote is always on`)
  warnOfWildcards(values, warnings)
  refuseFreePeerPorts(values, problems)
}

/** To advertise "every interface" tells a client or a peer to connect to itself. */
function warnOfWildcards(values: SettingValues, warnings: string[]): void {
  const advertised: readonly [string, readonly NodeUrl[]][] = [
    [settings.advertiseClientUrls.flag, values.advertiseClientUrls],
    [settings.initialAdvertisePeerUrls.flag, values.initialAdvertisePeerUrls],
  ]
  for (const [flag, list] of advertised) {
    for (const url of list) {
      if (isWildcard(url.host))
        warnings.push(`${url.url} is advertised but names no host: others cannot reach it; set --${flag}`)
    }
  }
}

/** Port 0 lets the system choose, which is fine for a client URL but leaves founders without a name for this member. */
function refuseFreePeerPorts(values: SettingValues, problems: string[]): void {
  for (const url of values.initialAdvertisePeerUrls) {
    if (url.port === 0)
      problems.push(
        `--${settings.listenPeerUrls.flag}: wanted a fixed port, found ${url.url}: other members must be able to find it`,
      )
  }
}

function configOf(values: SettingValues): Omit<NodeConfig, 'clientTls' | 'peerTls'> {
  return {
    name: values.name,
    dataDir: values.dataDir,
    listenClientUrls: values.listenClientUrls,
    advertiseClientUrls: values.advertiseClientUrls,
    listenMetricsUrls: values.listenMetricsUrls,
    listenPeerUrls: values.listenPeerUrls,
    initialAdvertisePeerUrls: values.initialAdvertisePeerUrls,
    initialCluster: values.initialCluster,
    initialClusterState: values.initialClusterState,
    initialClusterToken: values.initialClusterToken,
    strictReconfigCheck: values.strictReconfigCheck,
    quotaBackendBytes: quotaOf(values.quotaBackendBytes),
    maxRequestBytes: values.maxRequestBytes,
    maxTxnOps: values.maxTxnOps,
    autoCompaction: autoCompactionOf(values),
    heartbeatIntervalMs: values.heartbeatInterval,
    electionTimeoutMs: values.electionTimeout,
    snapshotCount: values.snapshotCount,
    workers: values.workers,
    logLevel: values.logLevel === 'panic' ? 'fatal' : values.logLevel,
    logFormat: values.logFormat,
    metrics: values.metrics,
    gateway: gatewaySettingsOf(values),
    watchProgressMs: values.experimentalWatchProgressNotifyInterval,
    auth: { token: values.authToken, tokenTtlMs: values.authTokenTtl * 1_000, bcryptCost: values.bcryptCost },
  }
}

/** etcd's default: 2 GiB. */
const quotaBytesDefault = 2 * 1_024 ** 3

function quotaOf(bytes: number): number {
  if (bytes < 0) return Number.POSITIVE_INFINITY
  return bytes === 0 ? quotaBytesDefault : bytes
}

function autoCompactionOf({ autoCompactionMode: mode, autoCompactionRetention: kept }: SettingValues): AutoCompaction {
  const amount = kept.type === 'number' ? kept.value : kept.ms
  if (amount === 0) return { mode: 'off' }
  if (mode === 'revision') return { mode: 'revision', revisions: amount }
  return { mode: 'periodic', retentionMs: kept.type === 'number' ? kept.value * 3_600_000 : kept.ms }
}
