/** Certificates of a made-up house, in files of a folder that goes away with its test. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { Authority, type CertificateWish, type Issued } from '../../../runtime/node/tls/issue.ts'
import type { TlsSettings } from '../../../runtime/node/tls/settings.ts'

export interface House {
  readonly dir: string
  readonly authority: Authority
  readonly caFile: string
  path(name: string): string
  /** Writes `<name>.pem` and `<name>-key.pem`. */
  issue(name: string, wish?: Partial<CertificateWish>): Promise<Issued>
  settings(name: string, more?: Partial<TlsSettings>): TlsSettings
}

export async function makeHouse(t: Pick<TestContext, 'after'>): Promise<House> {
  const dir = mkdtempSync(join(tmpdir(), 'aspen-tls-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const authority = await Authority.create('the house', 100)
  const path = (name: string): string => join(dir, name)
  const caFile = path('ca.pem')
  writeFileSync(caFile, authority.certificate)
  return {
    dir,
    authority,
    caFile,
    path,
    issue: async (name, wish = {}) => {
      const issued = await authority.issue({
        commonName: name,
        hosts: ['localhost', '127.0.0.1'],
        usages: ['server', 'client'],
        days: 60,
        ...wish,
      })
      writeFileSync(path(`${name}.pem`), issued.certificate)
      writeFileSync(path(`${name}-key.pem`), issued.key)
      return issued
    },
    settings: (name, more = {}) => ({
      certFile: path(`${name}.pem`),
      keyFile: path(`${name}-key.pem`),
      trustedCaFile: caFile,
      clientCertAuth: true,
      minVersion: 'TLS1.2',
      ...more,
    }),
  }
}
