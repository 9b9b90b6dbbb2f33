/**
 * `aspen certs`: an authority and certificates for trying things, ready to be given to nodes and clients.
 *
 *   <dir>/ca.pem, ca-key.pem             the authority; kept and used again as long as it is there
 *   <dir>/server.pem, server-key.pem     what a node shows to its clients
 *   <dir>/peer.pem, peer-key.pem         what a node shows to other nodes
 *   <dir>/<name>.pem, <name>-key.pem     who a client is: its name is the user's, where the store knows users
 *   <dir>/crl.pem                        who no longer counts; made by --revoke
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import type { Command } from 'commander'
// Only as a type: the library behind it is large, and loaded by the command alone.
import type { Authority, Issued } from '../runtime/node/tls/issue.ts'
import type { CommandContext } from './context.ts'
import { CommandFailure, UsageError } from './failure.ts'

interface CertsOptions {
  readonly dir: string
  readonly hosts: string
  readonly clients: string
  readonly for: string
  readonly days: string
  readonly revoke?: string
  readonly force?: boolean
}

const kinds = ['server', 'peer', 'clients'] as const
const authorityDays = 3_650
const daysMax = 3_650
const reserved: ReadonlySet<string> = new Set(['ca', 'server', 'peer', 'crl'])

export function addCertsCommand(program: Command, context: CommandContext): void {
  program
    .command('certs')
    .summary('Make certificates for trying TLS')
    .description('Make an authority and certificates for trying TLS, and print the settings that use them.')
    .option('--dir <path>', 'where they are written', 'certs')
    .option(
      '--hosts <list>',
      'names and addresses that the certificates of nodes are made out to',
      'localhost,127.0.0.1,::1',
    )
    .option('--clients <list>', 'names of clients', 'client')
    .option('--for <list>', `for whom: ${kinds.join(', ')}`, kinds.join(','))
    .option('--days <number>', `how long they are valid, 1 to ${daysMax}`, '365')
    .option('--revoke <list>', 'instead: write crl.pem, by which these clients (or server, peer) no longer count')
    .option('--force', 'replace certificates that are there; never the authority')
    .action(async (options: CertsOptions) => {
      const days = daysOf(options.days)
      if (options.revoke === undefined) await makeCertificates(options, days, context)
      else await revoke(options.dir, listOf(options.revoke, '--revoke', isIssued), days, context)
    })
}

async function makeCertificates(options: CertsOptions, days: number, { output }: CommandContext): Promise<void> {
  const { dir } = options
  const hosts = listOf(options.hosts, '--hosts', isHost)
  const wanted = listOf(options.for, '--for', (word) => (kinds as readonly string[]).includes(word))
  const clients = wanted.includes('clients') ? listOf(options.clients, '--clients', isClientName) : []
  const nodes = wanted.filter((word) => word !== 'clients')
  const present = [...nodes, ...clients].flatMap((name) => files(dir, name)).filter((path) => existsSync(path))
  if (present.length > 0 && options.force !== true) {
    throw new CommandFailure(`${present.join(', ')}: there already; --force replaces them`)
  }
  mkdirSync(dir, { recursive: true })
  const authority = await authorityIn(dir)
  for (const name of nodes) {
    const usages = name === 'peer' ? (['server', 'client'] as const) : (['server'] as const)
    write(dir, name, await authority.issue({ commonName: name, hosts, usages, days }))
  }
  for (const name of clients) {
    write(dir, name, await authority.issue({ commonName: name, hosts: [], usages: ['client'], days }))
  }
  output.line(`Written to ${dir}: ${[...nodes, ...clients].map((name) => `${name}.pem`).join(', ')}; keys beside them.`)
  for (const line of nextSteps(dir, nodes, clients)) output.line(line)
}

function nextSteps(dir: string, nodes: readonly string[], clients: readonly string[]): readonly string[] {
  const at = (name: string): string => join(dir, name)
  const lines: string[] = []
  if (nodes.includes('server')) {
    lines.push('', 'A node that serves clients over TLS, and wants to see their certificates:', '')
    lines.push(`  --cert-file ${at('server.pem')} --key-file ${at('server-key.pem')} \\`)
    lines.push(`  --client-cert-auth --trusted-ca-file ${at('ca.pem')} \\`)
    lines.push('  --listen-client-urls https://127.0.0.1:2379 --advertise-client-urls https://127.0.0.1:2379')
  }
  if (nodes.includes('peer')) {
    lines.push('', 'and talks to the other nodes over TLS:', '')
    lines.push(`  --peer-cert-file ${at('peer.pem')} --peer-key-file ${at('peer-key.pem')} \\`)
    lines.push(`  --peer-client-cert-auth --peer-trusted-ca-file ${at('ca.pem')} \\`)
    lines.push('  --listen-peer-urls https://127.0.0.1:2380 --initial-advertise-peer-urls https://127.0.0.1:2380')
  }
  const [client] = clients
  if (client !== undefined) {
    lines.push('', 'A client, be it aspen or etcdctl:', '')
    lines.push(`  --cacert ${at('ca.pem')} --cert ${at(`${client}.pem`)} --key ${at(`${client}-key.pem`)} \\`)
    lines.push('  --endpoints https://127.0.0.1:2379')
  }
  return lines
}

async function revoke(dir: string, names: readonly string[], days: number, { output }: CommandContext): Promise<void> {
  const certificates = names.map((name) => readFile(join(dir, `${name}.pem`)))
  const path = join(dir, 'crl.pem')
  const authority = await loadAuthority(dir)
  const earlier = existsSync(path) ? readFile(path) : undefined
  replace(path, await authority.revoke(certificates, days, earlier), 0o644)
  output.line(`Written to ${path}: ${names.join(', ')} no longer count, for nodes that are started with`)
  output.line('')
  output.line(`  --client-crl-file ${path} --peer-crl-file ${path}`)
}

/** The authority of the folder; made when there is none. */
async function authorityIn(dir: string): Promise<Authority> {
  const [certificate, key] = files(dir, 'ca') as [string, string]
  if (existsSync(certificate) || existsSync(key)) return loadAuthority(dir)
  const { Authority } = await import('../runtime/node/tls/issue.ts')
  const authority = await Authority.create('Aspen trial authority', authorityDays)
  write(dir, 'ca', authority)
  return authority
}

async function loadAuthority(dir: string): Promise<Authority> {
  const [certificate, key] = files(dir, 'ca') as [string, string]
  const issued = { certificate: readFile(certificate), key: readFile(key) }
  const { Authority } = await import('../runtime/node/tls/issue.ts')
  try {
    return await Authority.load(issued)
  } catch (error) {
    throw new CommandFailure(`${key}: wanted an authority that this command made, found another: ${String(error)}`)
  }
}

function files(dir: string, name: string): readonly string[] {
  return [join(dir, `${name}.pem`), join(dir, `${name}-key.pem`)]
}

/** The key first: a node that looks in between finds an old pair or none, and looks again. */
function write(dir: string, name: string, { certificate, key }: Issued): void {
  replace(join(dir, `${name}-key.pem`), key, 0o600)
  replace(join(dir, `${name}.pem`), certificate, 0o644)
}

/** By another name and moved into place: whoever reads meanwhile reads the old file or the new one. */
function replace(path: string, text: string, mode: number): void {
  try {
    // One left behind by an interrupted run may have another mode.
    rmSync(`${path}.new`, { force: true })
    writeFileSync(`${path}.new`, text, { mode })
    renameSync(`${path}.new`, path)
  } catch (error) {
    throw new CommandFailure(`${path} cannot be written: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new CommandFailure(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function daysOf(text: string): number {
  const days = Number(text)
  if (!/^\d+$/.test(text) || days < 1 || days > daysMax) {
    throw new UsageError(`--days: wanted a whole number from 1 to ${daysMax}, found ${JSON.stringify(text)}`)
  }
  return days
}

function listOf(text: string, option: string, isGood: (word: string) => boolean): readonly string[] {
  const words = text.split(',').map((word) => word.trim())
  for (const word of words) {
    if (!isGood(word)) throw new UsageError(`${option}: wanted ${wantedIn[option]}, found ${JSON.stringify(word)}`)
  }
  return [...new Set(words)]
}

const wantedIn: Readonly<Record<string, string>> = {
  '--hosts': 'host names and IP addresses, comma-separated',
  '--clients': 'names of letters, digits, dots, dashes and underscores, none of them ca, server, peer or crl',
  '--for': `some of ${kinds.join(', ')}`,
  '--revoke': 'names of certificates in the folder',
}

function isHost(word: string): boolean {
  return isIP(word) !== 0 || /^(\*\.)?([a-z0-9_]([a-z0-9_-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?$/i.test(word)
}

function isName(word: string): boolean {
  return /^[\w][\w.-]{0,63}$/.test(word)
}

function isIssued(word: string): boolean {
  return isName(word) && word !== 'ca' && word !== 'crl'
}

/** Names become files: they stay in the folder, and away from those of the nodes. */
function isClientName(word: string): boolean {
  return isName(word) && !word.endsWith('-key') && !reserved.has(word)
}
