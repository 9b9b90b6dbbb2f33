/**
 * The files of one `TlsSettings`, read again when they change, so that certificates are renewed without a restart.
 *
 *   looked at every few seconds ─▶ changed ─▶ read whole ─┬─▶ good: in force from the next handshake on, told to listeners
 *                                                         └─▶ bad: said once, the old ones stay in force, tried again
 *
 * Looked at and not listened to: events of the file system do not come for links that are switched, nor over a network,
 * and this is how secrets are mounted in containers. A certificate and its key are two files, so a look in between finds
 * them at odds; the next one finds them in order.
 */
import { stat } from 'node:fs/promises'
import { readTlsFiles, type TlsMaterial } from './files.ts'
import { TlsFileError, type TlsSettings } from './settings.ts'

export type TlsLog = (level: 'info' | 'warn', text: string) => void

export interface WatchedTlsOptions {
  /** 2 s by default. */
  readonly everyMs?: number
  readonly log?: TlsLog
}

const everyMsDefault = 2_000

export class WatchedTls {
  readonly settings: TlsSettings
  readonly #log: TlsLog
  readonly #timer: NodeJS.Timeout
  readonly #listeners = new Set<() => void>()
  #material: TlsMaterial
  #seen: string
  #complaint = ''
  #looking = false

  private constructor(settings: TlsSettings, seen: string, material: TlsMaterial, options: WatchedTlsOptions) {
    this.settings = settings
    this.#log = options.log ?? ((): void => undefined)
    this.#material = material
    this.#seen = seen
    this.#timer = setInterval(() => void this.look(), options.everyMs ?? everyMsDefault)
    this.#timer.unref()
    for (const warning of material.warnings) this.#log('warn', warning)
  }

  /** @throws {TlsFileError} A file cannot be read or used. */
  static async open(settings: TlsSettings, options: WatchedTlsOptions = {}): Promise<WatchedTls> {
    // Before the reading: a change in between is then seen by the first look.
    const seen = await marksOf(settings)
    return new WatchedTls(settings, seen, readTlsFiles(settings), options)
  }

  /** What new handshakes use. */
  get current(): TlsMaterial {
    return this.#material
  }

  /** Calls back each time there is something newer. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener)
  }

  /** Looks at the files now. Resolves when what was found is in force. */
  async look(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    try {
      const marks = await marksOf(this.settings)
      if (marks !== this.#seen) this.#readAgain(marks)
    } finally {
      this.#looking = false
    }
  }

  close(): void {
    clearInterval(this.#timer)
    this.#listeners.clear()
  }

  #readAgain(marks: string): void {
    let material: TlsMaterial
    try {
      material = readTlsFiles(this.settings)
    } catch (error) {
      if (!(error instanceof TlsFileError)) throw error
      // `#seen` stays: the files are tried again, also when only their readability has changed.
      if (error.message !== this.#complaint) {
        this.#log('warn', `new certificates cannot be used, the old ones stay in force: ${error.message}`)
      }
      this.#complaint = error.message
      return
    }
    this.#seen = marks
    this.#complaint = ''
    this.#material = material
    this.#log('info', `certificates were read again: ${this.settings.certFile}`)
    for (const warning of material.warnings) this.#log('warn', warning)
    for (const listener of this.#listeners) listener()
  }
}

/** Something that differs whenever a file was written, replaced or removed; what is behind a link counts. */
async function marksOf({ certFile, keyFile, trustedCaFile, crlFile }: TlsSettings): Promise<string> {
  const paths = [certFile, keyFile, trustedCaFile, crlFile].filter((path) => path !== undefined)
  const marks = await Promise.all(
    paths.map(async (path) => {
      try {
        const { dev, ino, size, mtimeMs, ctimeMs } = await stat(path)
        return [dev, ino, size, mtimeMs, ctimeMs].join(':')
      } catch {
        return 'none'
      }
    }),
  )
  return marks.join(' ')
}
