/**
 * Every setting of a node, as data: one row says its flag, its default, what a value must be and what it is for. Command
 * line, environment, file, `--help` and the messages of refusals all come from this table. Where a meaning is etcd's, so
 * is the name.
 */

import { type AuthTokenSetting, authToken } from './auth-settings.ts'
import { type GatewayValues, gatewaySettings } from './config-gateway.ts'
import { type TlsValues, tlsSettings } from './config-tls.ts'
import type { FoundingMember, NodeUrl } from './config-urls.ts'
import { foundingMembers, urls } from './config-urls.ts'
import type { Retention, Setting } from './config-values.ts'
import { choice, integer, retention, text, toggle } from './config-values.ts'

/** The settings as read, before those that follow from others are filled in. */
export interface SettingValues extends TlsValues, GatewayValues {
  readonly name: string
  readonly dataDir: string
  readonly listenClientUrls: readonly NodeUrl[]
  readonly advertiseClientUrls: readonly NodeUrl[]
  readonly listenMetricsUrls: readonly NodeUrl[]
  readonly listenPeerUrls: readonly NodeUrl[]
  readonly initialAdvertisePeerUrls: readonly NodeUrl[]
  readonly initialCluster: readonly FoundingMember[]
  readonly initialClusterState: 'new' | 'existing'
  readonly initialClusterToken: string
  readonly strictReconfigCheck: boolean
  readonly quotaBackendBytes: number
  readonly maxRequestBytes: number
  readonly maxTxnOps: number
  readonly autoCompactionMode: 'periodic' | 'revision'
  readonly autoCompactionRetention: Retention
  readonly heartbeatInterval: number
  readonly electionTimeout: number
  readonly snapshotCount: number
  readonly preVote: boolean
  readonly workers: number
  readonly logLevel: LogLevel
  readonly logFormat: 'json' | 'text'
  readonly metrics: 'basic' | 'extensive'
  readonly authToken: AuthTokenSetting
  /** In seconds. */
  readonly authTokenTtl: number
  readonly bcryptCost: number
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'panic' | 'fatal' | 'silent'

export const electionTimeoutMsMax = 50_000
/** etcd's rule: a follower must be able to miss several heartbeats before it stands for election. */
export const heartbeatsPerElectionMin = 5

const mebibyte = 1_048_576
const urlForm = 'comma-separated URLs of the form http://HOST:PORT or https://HOST:PORT'

export const settings: { readonly [K in keyof SettingValues]: Setting<SettingValues[K]> } = {
  name: {
    flag: 'name',
    reader: text(256),
    fallback: 'default',
    wanted: '1 to 256 characters',
    help: 'Human-readable name of this member.',
    group: 'Member',
  },
  dataDir: {
    flag: 'data-dir',
    reader: text(4_096),
    fallback: './data',
    wanted: 'a path of 1 to 4096 characters',
    help: 'Where the data is; made when it does not exist.',
    group: 'Member',
  },
  listenClientUrls: {
    flag: 'listen-client-urls',
    reader: urls('listen'),
    fallback: 'http://127.0.0.1:2379',
    wanted: urlForm,
    help: 'Where clients are served (gRPC and HTTP).',
    group: 'Member',
  },
  advertiseClientUrls: {
    flag: 'advertise-client-urls',
    reader: urls('advertise'),
    fallback: undefined,
    wanted: urlForm,
    help: 'What clients are told to connect to. Default: --listen-client-urls.',
    group: 'Member',
  },
  listenMetricsUrls: {
    flag: 'listen-metrics-urls',
    reader: urls('listen', { emptyAllowed: true }),
    fallback: '',
    wanted: `nothing or ${urlForm}`,
    help: 'More addresses for /metrics and the health checks.',
    group: 'Member',
  },
  listenPeerUrls: {
    flag: 'listen-peer-urls',
    reader: urls('listen'),
    fallback: 'http://127.0.0.1:2380',
    wanted: urlForm,
    help: 'Where the other members are served.',
    group: 'Member',
  },
  initialAdvertisePeerUrls: {
    flag: 'initial-advertise-peer-urls',
    reader: urls('advertise'),
    fallback: undefined,
    wanted: urlForm,
    help: 'What the other members are told to connect to. Default: --listen-peer-urls.',
    group: 'Cluster',
  },
  initialCluster: {
    flag: 'initial-cluster',
    reader: foundingMembers(),
    fallback: undefined,
    wanted: 'comma-separated NAME=URL of all founding members',
    help: 'The founding members. Default: this member alone, with its advertised peer URLs.',
    group: 'Cluster',
  },
  initialClusterState: {
    flag: 'initial-cluster-state',
    reader: choice('new', 'existing'),
    fallback: 'new',
    wanted: 'new or existing',
    help: 'Whether to found a cluster or to join the one that --initial-cluster names.',
    group: 'Cluster',
  },
  initialClusterToken: {
    flag: 'initial-cluster-token',
    reader: text(256),
    fallback: 'etcd-cluster',
    wanted: '1 to 256 characters',
    help: 'Keeps clusters with equal members apart: their ids are made from it.',
    group: 'Cluster',
  },
  strictReconfigCheck: {
    flag: 'strict-reconfig-check',
    reader: toggle(),
    fallback: 'true',
    wanted: 'true or false',
    help: 'Refuse changes of membership that would cost the cluster its majority.',
    group: 'Cluster',
  },
  ...gatewaySettings,
  ...tlsSettings,
  quotaBackendBytes: {
    flag: 'quota-backend-bytes',
    reader: integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
    fallback: '0',
    wanted: 'a whole number of bytes; 0 for the default of 2 GiB, below 0 for no quota',
    help: 'Writes are refused with NOSPACE once a keyspace holds this many live bytes; 0: 2 GiB, below 0: never.',
    group: 'Storage',
  },
  maxRequestBytes: {
    flag: 'max-request-bytes',
    reader: integer(1_024, 256 * mebibyte),
    fallback: '1572864',
    wanted: 'a whole number from 1024 to 268435456 (256 MiB)',
    help: 'The largest request of a client, in bytes.',
    group: 'Storage',
  },
  maxTxnOps: {
    flag: 'max-txn-ops',
    reader: integer(1, 1_000_000),
    fallback: '128',
    wanted: 'a whole number from 1 to 1000000',
    help: 'The most comparisons or operations of one transaction.',
    group: 'Storage',
  },
  autoCompactionMode: {
    flag: 'auto-compaction-mode',
    reader: choice('periodic', 'revision'),
    fallback: 'periodic',
    wanted: 'periodic or revision',
    help: 'What --auto-compaction-retention counts: time or revisions.',
    group: 'Storage',
  },
  autoCompactionRetention: {
    flag: 'auto-compaction-retention',
    reader: retention(),
    fallback: '0',
    wanted:
      '0 for off; a duration (30m, 1h) or a number of hours in periodic mode, a number of revisions in revision mode',
    help: 'How much history is kept. 0: all.',
    group: 'Storage',
  },
  snapshotCount: {
    flag: 'snapshot-count',
    reader: integer(1, 1_000_000_000),
    fallback: '10000',
    wanted: 'a whole number from 1 to 1000000000',
    help: 'Applied log entries between snapshots, after which the log is shortened.',
    group: 'Raft',
  },
  heartbeatInterval: {
    flag: 'heartbeat-interval',
    reader: integer(1, electionTimeoutMsMax / heartbeatsPerElectionMin),
    fallback: '100',
    wanted: 'a whole number of milliseconds from 1 to 10000',
    help: "A leader's heartbeat, in milliseconds.",
    group: 'Raft',
  },
  electionTimeout: {
    flag: 'election-timeout',
    reader: integer(5, electionTimeoutMsMax),
    fallback: '1000',
    wanted: 'a whole number of milliseconds from 5 to 50000, at least 5 times --heartbeat-interval',
    help: 'How long a leader may be silent before others stand for election, in milliseconds.',
    group: 'Raft',
  },
  preVote: {
    flag: 'pre-vote',
    reader: toggle(),
    fallback: 'true',
    wanted: 'true or false',
    help: 'Ask for votes without raising the term first. Always on.',
    group: 'Raft',
  },
  authToken: {
    flag: 'auth-token',
    reader: authToken(),
    fallback: 'simple',
    wanted: 'simple or jwt,sign-method=METHOD,priv-key=PATH,pub-key=PATH,ttl=DURATION',
    help: 'What users show after they have logged in.',
    group: 'Security',
  },
  authTokenTtl: {
    flag: 'auth-token-ttl',
    reader: integer(1, 31_536_000),
    fallback: '300',
    wanted: 'a whole number of seconds from 1 to 31536000 (a year)',
    help: 'How long a simple token lives unused, in seconds.',
    group: 'Security',
  },
  bcryptCost: {
    flag: 'bcrypt-cost',
    reader: integer(4, 31),
    fallback: '10',
    wanted: 'a whole number from 4 to 31',
    help: 'How much work a guess at a password is; each step doubles it.',
    group: 'Security',
  },
  workers: {
    flag: 'workers',
    reader: integer(0, 256),
    fallback: undefined,
    wanted: 'a whole number from 0 to 256',
    help: 'Worker threads. 0: everything on the main thread. Default: the number of cores less one, at least 1.',
    group: 'Runtime',
  },
  logLevel: {
    flag: 'log-level',
    reader: choice('trace', 'debug', 'info', 'warn', 'error', 'panic', 'fatal', 'silent'),
    fallback: 'info',
    wanted: 'trace, debug, info, warn, error, panic, fatal or silent',
    help: 'The least severe level that is logged.',
    group: 'Runtime',
  },
  logFormat: {
    flag: 'log-format',
    reader: choice('json', 'text'),
    fallback: undefined,
    wanted: 'json or text',
    help: 'How log lines are written to stderr. Default: text on a terminal, else json.',
    group: 'Runtime',
  },
  metrics: {
    flag: 'metrics',
    reader: choice('basic', 'extensive'),
    fallback: 'basic',
    wanted: 'basic or extensive',
    help: 'Extensive adds histograms per gRPC method.',
    group: 'Runtime',
  },
}

/** Names the file of settings; it can stand on the command line and in the environment only. */
export const configFileFlag = 'config-file'

/** Flags that take no value: `--pre-vote` alone means true. */
export const toggleFlags: ReadonlySet<string> = new Set([
  settings.strictReconfigCheck.flag,
  settings.preVote.flag,
  settings.enableGrpcGateway.flag,
  settings.clientCertAuth.flag,
  settings.autoTls.flag,
  settings.peerClientCertAuth.flag,
  settings.peerAutoTls.flag,
])

/** Flags of etcd without a meaning here whose absence harms nobody: accepted with a warning, value unread. */
export const ignoredFlags: ReadonlyMap<string, { readonly toggle: boolean }> = new Map([
  ...[
    'wal-dir',
    'max-snapshots',
    'max-wals',
    'logger',
    'log-outputs',
    'log-rotation-config-json',
    'log-package-levels',
    'backend-batch-interval',
    'backend-batch-limit',
    'backend-bbolt-freelist-type',
    'experimental-backend-bbolt-freelist-type',
    'bootstrap-defrag-threshold-megabytes',
    'experimental-bootstrap-defrag-threshold-megabytes',
    'compaction-batch-limit',
    'experimental-compaction-batch-limit',
    'compaction-sleep-interval',
    'grpc-keepalive-min-time',
    'snapshot-catchup-entries',
    'experimental-snapshot-catchup-entries',
    'warning-apply-duration',
    'experimental-warning-apply-duration',
    'warning-unary-request-duration',
    'experimental-warning-unary-request-duration',
    'watch-progress-notify-interval',
    'downgrade-check-time',
    'experimental-downgrade-check-time',
    'discovery-fallback',
    'feature-gates',
  ].map((flag): [string, { toggle: boolean }] => [flag, { toggle: false }]),
  ...[
    'enable-log-rotation',
    'debug',
    'enable-pprof',
    'enable-v2',
    'initial-election-tick-advance',
    'memory-mlock',
    'experimental-memory-mlock',
    'experimental-initial-corrupt-check',
    'experimental-txn-mode-write-with-shared-buffer',
    'experimental-stop-grpc-service-on-defrag',
    'experimental-set-member-localaddr',
    'socket-reuse-port',
    'socket-reuse-address',
    'log-rotation',
  ].map((flag): [string, { toggle: boolean }] => [flag, { toggle: true }]),
])

const noDiscovery = 'discovery is not supported, name the members with --initial-cluster'

/** Flags of etcd that somebody relies on for safety or reach: refused with the reason, never passed over. */
export const refusedFlags: ReadonlyMap<string, string> = new Map([
  ...['discovery', 'discovery-proxy', 'discovery-srv', 'discovery-srv-name', 'discovery-endpoints'].map(
    (flag): [string, string] => [flag, noDiscovery],
  ),
  ['proxy', 'proxy mode is not supported'],
  ['force-new-cluster', 'use `aspen snapshot restore` to found a cluster from the data of a lost one'],
  ['host-whitelist', 'requests are not filtered by host'],
  ['listen-client-http-urls', 'gRPC and HTTP are served on the same address, see --listen-client-urls'],
  ['unsafe-no-fsync', 'every acknowledged write is on disk'],
])
