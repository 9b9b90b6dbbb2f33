/**
 * How the commands secure their way to a node: options and variables are etcdctl's. An address says by its scheme whether
 * TLS is spoken there; one without a scheme is one of TLS where anything here was given.
 */
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { Option } from 'commander'
import type { ClientTls } from '../client/tls.ts'
import { UsageError } from './failure.ts'

/** What was given, wherever it was given. */
export interface TlsChoice {
  readonly tls: ClientTls | undefined
  /** Addresses without a scheme are ones of TLS. */
  readonly secure: boolean
}

export function withTlsOptions(command: Command): Command {
  return command
    .option('--cacert <file>', 'PEM: the authorities whose servers are trusted (ASPEN_CACERT, ETCDCTL_CACERT)')
    .option('--cert <file>', 'PEM: the certificate that is shown to servers (ASPEN_CERT, ETCDCTL_CERT)')
    .option('--key <file>', 'PEM: the key of --cert (ASPEN_KEY, ETCDCTL_KEY)')
    .option('--insecure-skip-tls-verify', 'trust whoever answers; for trying things only')
    .addOption(
      new Option('--insecure-transport [yes]', 'false: TLS also for addresses without a scheme').choices([
        'true',
        'false',
      ]),
    )
}

/**
 * @param option - The value of an option, by its name in a program; undefined when it was not given.
 * @throws {UsageError} A file cannot be read, or a certificate comes without its key.
 */
export function tlsChoice(
  option: (name: string) => string | boolean | undefined,
  env: Readonly<Record<string, string | undefined>>,
): TlsChoice {
  const text = (name: string, variable: string): string | undefined => {
    const given = option(name) ?? env[`ASPEN_${variable}`] ?? env[`ETCDCTL_${variable}`]
    return given === undefined || given === '' ? undefined : String(given)
  }
  const files = { ca: text('cacert', 'CACERT'), cert: text('cert', 'CERT'), key: text('key', 'KEY') }
  if ((files.cert === undefined) !== (files.key === undefined)) {
    const [there, missing] = files.cert === undefined ? ['key', 'cert'] : ['cert', 'key']
    throw new UsageError(`--${there}: wanted together with --${missing}, found it alone`)
  }
  const skip = /^(true|t|1)$/i.test(text('insecureSkipTlsVerify', 'INSECURE_SKIP_TLS_VERIFY') ?? '')
  const insecureTransport = text('insecureTransport', 'INSECURE_TRANSPORT')
  const tls: ClientTls = {
    ...(files.ca !== undefined && { ca: read('cacert', files.ca) }),
    ...(files.cert !== undefined && { cert: read('cert', files.cert) }),
    ...(files.key !== undefined && { key: read('key', files.key) }),
    ...(skip && { insecureSkipVerify: true }),
  }
  const given = Object.keys(tls).length > 0
  return { tls: given ? tls : undefined, secure: given || /^(false|f|0)$/i.test(insecureTransport ?? '') }
}

function read(option: string, path: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : String(error)
    throw new UsageError(`--${option}: wanted a file that can be read, found ${JSON.stringify(path)}: ${reason}`)
  }
}
