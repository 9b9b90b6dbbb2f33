/**
 * A look at a data file that LMDB has not touched yet. LMDB maps the file and believes it: a file cut short or filled with
 * garbage ends the process with a signal, and an empty one opens as an empty store.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { dataFileOf } from './environment.ts'
import { pageBytes } from './page-format.ts'

const magic = 0xbeefc0de
const dataVersion = 2
/** Of the meta record within its page: behind the page's own header. */
const magicAt = 24
const versionAt = 28
const pageSizeAt = 48

export type FileVerdict =
  | { readonly type: 'plausible'; readonly fileBytes: number }
  | { readonly type: 'missing' }
  | { readonly type: 'damaged'; readonly reason: string }

/** Reads the two meta pages of the data file in `dir`. */
export function inspectFile(dir: string): FileVerdict {
  let file: number
  try {
    file = openSync(dataFileOf(dir), 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { type: 'missing' }
    return { type: 'damaged', reason: `its data file cannot be opened: ${String(error)}` }
  }
  try {
    const fileBytes = fstatSync(file).size
    if (fileBytes === 0) return { type: 'damaged', reason: 'its data file is empty' }
    if (fileBytes < 2 * pageBytes) {
      return { type: 'damaged', reason: `its data file has ${fileBytes} bytes, too few for two pages of ${pageBytes}` }
    }
    // A commit writes neither magic number, version nor page size again, so no crash can explain a fault here.
    const fault = metaFault(file, 0) ?? metaFault(file, 1)
    if (fault !== undefined)
      return { type: 'damaged', reason: `its data file is not one of LMDB, or was overwritten: ${fault}` }
    return { type: 'plausible', fileBytes }
  } finally {
    closeSync(file)
  }
}

function metaFault(file: number, page: number): string | undefined {
  const meta = Buffer.alloc(64)
  readSync(file, meta, 0, meta.length, page * pageBytes)
  if (meta.readUInt32LE(magicAt) !== magic) return `meta page ${page} has no magic number`
  const version = meta.readUInt16LE(versionAt)
  if (version !== dataVersion) return `meta page ${page} has data version ${version}, not ${dataVersion}`
  const size = meta.readUInt32LE(pageSizeAt)
  if (size !== pageBytes) return `meta page ${page} has page size ${size}, not ${pageBytes}`
  return undefined
}
