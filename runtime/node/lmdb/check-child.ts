/**
 * Runs in a process of its own that may die: walks the pages of stores, then opens them as LMDB would and reads from them.
 * One line of JSON a step on standard output, written at once, so that the parent knows which store a sudden death belongs
 * to.
 *
 * Arguments: `quick` or `full`, then the directories.
 */
import { writeSync } from 'node:fs'
import { dataFileOf, Environment } from './environment.ts'
import { identityKey } from './identity.ts'
import { inspectFile } from './inspect.ts'
import { loadLogs } from './log.ts'
import { walkPages } from './page-walk.ts'
import type { Space } from './seal.ts'

/** What the child says; the parent adds what it concludes from a death. */
export type CheckLine =
  | { readonly type: 'begin'; readonly dir: string }
  | { readonly type: 'end'; readonly dir: string; readonly fault: string | undefined; readonly identity: string }

const spaces: readonly Space[] = ['kv', 'log']
/** Read by LMDB itself, from both ends of each database. */
const endRows = 64
/** Values whose checksums are compared: they are most of the time that it takes. All pages are walked, whatever they hold. */
const quickValueBytesMax = 1024 ** 3

async function checkStore(dir: string, depth: string): Promise<{ fault: string | undefined; identity: string }> {
  let identity = ''
  const file = inspectFile(dir)
  if (file.type === 'missing') return { fault: 'its data file is missing', identity }
  if (file.type === 'damaged') return { fault: file.reason, identity }
  try {
    walkPages(dataFileOf(dir), { valueBytesMax: depth === 'full' ? Number.POSITIVE_INFINITY : quickValueBytesMax })
    // What the walk has passed LMDB can open: its own word is still worth having.
    const env = new Environment(dir, 'readOnly')
    const record = env.get('identity', identityKey)
    identity = record === undefined ? '' : Buffer.from(record).toString()
    readEnds(env)
    await env.close()
    return { fault: undefined, identity }
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error), identity }
  }
}

function readEnds(env: Environment): void {
  for (const space of spaces) {
    for (const reverse of [false, true]) {
      env.scan(space, { from: new Uint8Array(0), to: undefined, reverse, limit: endRows }, () => true)
    }
  }
  loadLogs(env)
}

function say(line: CheckLine): void {
  writeSync(1, `${JSON.stringify(line)}\n`)
}

const [depth = 'quick', ...dirs] = process.argv.slice(2)
for (const dir of dirs) {
  say({ type: 'begin', dir })
  say({ type: 'end', dir, ...(await checkStore(dir, depth)) })
}
