/** The certificates of a node before it starts: made where it is to make its own, and tried out, for a node whose certificates cannot be used is not to start. */
import { readTlsFiles } from '../runtime/node/tls/files.ts'
import type { TlsSettings } from '../runtime/node/tls/settings.ts'

export interface CertificateLog {
  info(fields: object, text: string): void
}

/** @throws {TlsFileError} A file cannot be read, made or used. */
export async function prepareCertificates(
  { clientTls, peerTls }: { readonly clientTls: TlsSettings | undefined; readonly peerTls: TlsSettings | undefined },
  log: CertificateLog,
): Promise<void> {
  for (const settings of [clientTls, peerTls]) {
    if (settings === undefined) continue
    if (settings.selfSigned !== undefined) {
      // What makes certificates is large, and most nodes are given theirs.
      const { ensureSelfSigned } = await import('../runtime/node/tls/self-signed.ts')
      const made = await ensureSelfSigned(settings, settings.selfSigned)
      if (made) log.info({ certificate: settings.certFile }, 'made a certificate that nobody vouches for')
    }
    readTlsFiles(settings)
  }
}
