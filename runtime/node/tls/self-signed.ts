/** The certificate of `--auto-tls` and `--peer-auto-tls`: made once, kept in the data directory, vouched for by nobody. */
import { existsSync, mkdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { utf8 } from '../../../base/bytes.ts'
import { replaceFile } from '../durable-file.ts'
import { issueSelfSigned } from './issue.ts'
import { TlsFileError, type TlsSettings } from './settings.ts'

const everyInterface: ReadonlySet<string> = new Set(['0.0.0.0', '::'])

/**
 * Makes the files where one of them is missing.
 *
 * @returns Whether it made them.
 * @throws {TlsFileError} They cannot be written.
 */
export async function ensureSelfSigned(
  { certFile, keyFile }: Pick<TlsSettings, 'certFile' | 'keyFile'>,
  { hosts, days }: { readonly hosts: readonly string[]; readonly days: number },
): Promise<boolean> {
  if (existsSync(certFile) && existsSync(keyFile)) return false
  const { certificate, key } = await issueSelfSigned({
    commonName: 'aspen',
    hosts: hosts.flatMap((host) => (everyInterface.has(host) ? [hostname(), 'localhost', '127.0.0.1', '::1'] : [host])),
    usages: ['server', 'client'],
    days,
  })
  try {
    for (const path of [certFile, keyFile]) mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    // The key last: with it the pair is complete, and an interrupted start begins anew.
    replaceFile(certFile, utf8(certificate))
    replaceFile(keyFile, utf8(key))
  } catch (error) {
    throw new TlsFileError(`a certificate of this node's own cannot be written to ${certFile}: ${String(error)}`, {
      cause: error,
    })
  }
  return true
}
