/**
 * What every command that talks to a node shares: where it is, which keyspace, how long to wait, how to show the answer.
 */
import type { Command } from 'commander'
import { Option } from 'commander'
import { parseNodeUrl } from '../aspen/config-urls.ts'
import { parseDurationMs } from '../aspen/config-values.ts'
import type { AuthApi, NodeClient } from '../client/interface.ts'
import type { ClientTls } from '../client/tls.ts'
import { UsageError } from './failure.ts'
import type { Output } from './output.ts'
import { tlsChoice, withTlsOptions } from './tls.ts'

/** A node over the wire: all that the commands ask of it. */
export type RemoteClient = Pick<
  NodeClient,
  | 'range'
  | 'put'
  | 'deleteRange'
  | 'txn'
  | 'compact'
  | 'memberList'
  | 'memberAdd'
  | 'memberRemove'
  | 'memberUpdate'
  | 'memberPromote'
  | 'status'
  | 'hashKv'
  | 'snapshot'
  | 'keyspaceList'
  | 'keyspaceCreate'
  | 'keyspaceDrop'
  | 'actors'
  | 'record'
  | 'recentDeliveries'
> &
  AuthApi & { close(): Promise<void> | void }

export interface ConnectOptions {
  /** `host:port` or `https://host:port` each; tried in turn. */
  readonly endpoints: readonly string[]
  readonly keyspace: string
  readonly deadlineMs: number
  readonly tls?: ClientTls
  /** Who asks, where the keyspace knows users. */
  readonly auth?: { readonly name: string; readonly password: string }
}

export interface CommandContext {
  readonly output: Output
  readonly env: Readonly<Record<string, string | undefined>>
  readonly readStdin: () => Promise<Uint8Array>
  readonly connect: (options: ConnectOptions) => RemoteClient
  /** Milliseconds, for durations only. */
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<void>
}

export type Form = 'simple' | 'json' | 'table'

export interface Shared extends ConnectOptions {
  /** Addresses without a scheme are ones of TLS. */
  readonly secure: boolean
  readonly form: Form
  readonly hex: boolean
}

const endpointDefault = '127.0.0.1:2379'
/** As etcdctl has it. */
const deadlineMsDefault = 5_000

/** Adds the options that stand on the program and on every command that talks to a node. */
export function withSharedOptions(command: Command): Command {
  return withTlsOptions(command)
    .option(
      '--endpoints <list>',
      `addresses of nodes, comma-separated (ASPEN_ENDPOINTS, ETCDCTL_ENDPOINTS; ${endpointDefault})`,
    )
    .option('--user <name[:password]>', 'who asks (ASPEN_USER, ETCDCTL_USER)')
    .option('--password <password>', 'of --user, where it is not named there (ASPEN_PASSWORD, ETCDCTL_PASSWORD)')
    .option('--keyspace <name>', 'the keyspace (ASPEN_KEYSPACE; default)')
    .option('--command-timeout <duration>', 'how long to wait for an answer, such as 5s (ASPEN_COMMAND_TIMEOUT; 5s)')
    .addOption(new Option('--timeout <duration>', 'the same as --command-timeout').hideHelp())
    .option('--json', 'the answer as one JSON document; the same as -w json')
    .addOption(new Option('-w, --write-out <form>', 'how the answer is shown').choices(['simple', 'json', 'table']))
    .option('--hex', 'keys and values as hexadecimal bytes')
}

/** A command under `parent` that talks to a node. */
export function remoteCommand(parent: Command, nameAndArguments: string, summary: string): Command {
  return withSharedOptions(parent.command(nameAndArguments).summary(summary).description(summary))
}

/** The shared options of `command`; what stands on the command itself beats what stands before it. */
export function sharedOf(
  command: Command,
  context: CommandContext,
  forms: readonly Form[] = ['simple', 'json'],
): Shared {
  let options: Record<string, unknown> = {}
  for (let at: Command | null = command; at !== null; at = at.parent) options = { ...at.opts(), ...options }
  const text = (name: string): string | undefined => (typeof options[name] === 'string' ? options[name] : undefined)
  const form: Form = options['json'] === true ? 'json' : ((text('writeOut') as Form | undefined) ?? 'simple')
  if (!forms.includes(form))
    throw new UsageError(`--write-out: wanted ${forms.join(' or ')} with ${command.name()}, found ${form}`)
  const { env } = context
  const { tls, secure } = tlsChoice((name) => options[name] as string | boolean | undefined, env)
  return {
    endpoints: parseEndpoints(
      text('endpoints') ?? env['ASPEN_ENDPOINTS'] ?? env['ETCDCTL_ENDPOINTS'] ?? endpointDefault,
      secure,
    ),
    ...(tls !== undefined && { tls }),
    ...authOf(text('user'), passwordIn(command), env),
    secure,
    keyspace: text('keyspace') ?? env['ASPEN_KEYSPACE'] ?? 'default',
    deadlineMs: deadlineOf(
      text('commandTimeout') ?? text('timeout') ?? env['ASPEN_COMMAND_TIMEOUT'] ?? env['ETCDCTL_COMMAND_TIMEOUT'],
    ),
    form,
    hex: options['hex'] === true,
  }
}

/** Connects, does the work and closes, whatever comes of it. */
export async function withClient<T>(
  context: CommandContext,
  options: ConnectOptions,
  work: (client: RemoteClient) => Promise<T>,
): Promise<T> {
  const { endpoints, keyspace, deadlineMs, tls, auth } = options
  const client = context.connect({
    endpoints,
    keyspace,
    deadlineMs,
    ...(tls !== undefined && { tls }),
    ...(auth !== undefined && { auth }),
  })
  try {
    return await work(client)
  } finally {
    await client.close()
  }
}

/**
 * Each endpoint as `host:port`, or `https://host:port` where TLS is spoken; a scheme in front is allowed, as etcdctl allows
 * it.
 *
 * @param secure - What an endpoint without a scheme is.
 */
export function parseEndpoints(text: string, secure: boolean): readonly string[] {
  return text.split(',').map((part) => {
    const written = part.trim()
    const scheme = secure ? 'https' : 'http'
    const parsed = parseNodeUrl(/^[a-z]+:\/\//.test(written) ? written : `${scheme}://${written}`, 'advertise')
    if (typeof parsed === 'string')
      throw new UsageError(`--endpoints: wanted HOST:PORT, found ${JSON.stringify(written)}: ${parsed}`)
    return parsed.url.replace(/^http:\/\//, '')
  })
}

/** As etcdctl has it: everything after the first colon is the password. */
function authOf(
  written: string | undefined,
  apart: string | undefined,
  env: CommandContext['env'],
): Pick<ConnectOptions, 'auth'> {
  const user = written ?? env['ASPEN_USER'] ?? env['ETCDCTL_USER'] ?? ''
  if (user === '') return {}
  const at = user.indexOf(':')
  const password = at < 0 ? (apart ?? env['ASPEN_PASSWORD'] ?? env['ETCDCTL_PASSWORD']) : user.slice(at + 1)
  if (password === undefined)
    throw new UsageError(`--user: wanted name:password, or --password with it, found ${JSON.stringify(user)} alone`)
  return { auth: { name: at < 0 ? user : user.slice(0, at), password } }
}

/** `--no-password` of a command says something else, and must not hide it. */
function passwordIn(command: Command): string | undefined {
  for (let at: Command | null = command; at !== null; at = at.parent) {
    const password: unknown = at.opts()['password']
    if (typeof password === 'string') return password
  }
  return undefined
}

function deadlineOf(text: string | undefined): number {
  if (text === undefined) return deadlineMsDefault
  const ms = parseDurationMs(text)
  if (ms === undefined || ms < 1 || ms > 86_400_000) {
    throw new UsageError(
      `--command-timeout: wanted a duration from 1ms to 24h, such as 5s, found ${JSON.stringify(text)}`,
    )
  }
  return ms
}
