/**
 * Runs in a process of its own that may die: opens stores as LMDB would and reads from them. One line of JSON a step on
 * standard output, written at once, so that the parent knows which store a sudden death belongs to.
 *
 * Arguments: `quick` or `full`, then the directories.
 */
import { writeSync } from 'node:fs'
import { Environment, pageBytes } from './environment.ts'
import { identityKey } from './identity.ts'
import { inspectFile } from './inspect.ts'
import { loadLogs } from './log.ts'
import type { Space } from './seal.ts'

/** What the child says; the parent adds what it concludes from a death. */
export type CheckLine =
  | { readonly type: 'begin'; readonly dir: string }
  | { readonly type: 'end'; readonly dir: string; readonly fault: string | undefined; readonly identity: string }

const spaces: readonly Space[] = ['kv', 'log']
const quickRows = 64

async function checkStore(dir: string, depth: string): Promise<{ fault: string | undefined; identity: string }> {
  let identity = ''
  const file = inspectFile(dir)
  if (file.type === 'missing') return { fault: 'its data file is missing', identity }
  if (file.type === 'damaged') return { fault: file.reason, identity }
  try {
    const env = new Environment(dir, 'readOnly')
    const { lastPage } = env.stats()
    const record = env.get('identity', identityKey)
    identity = record === undefined ? '' : Buffer.from(record).toString()
    // Pages freed in the commit that took them are never written, so a short file may be whole. Reading it all tells.
    const short = file.fileBytes < (lastPage + 1) * pageBytes
    readStore(env, depth === 'full' || short ? 'full' : 'quick')
    await env.close()
    return { fault: undefined, identity }
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error), identity }
  }
}

function readStore(env: Environment, depth: 'quick' | 'full'): void {
  const all = new Uint8Array(0)
  for (const space of spaces) {
    const limit = depth === 'full' ? {} : { limit: quickRows }
    let rows = 0
    for (const reverse of depth === 'full' ? [false] : [false, true]) {
      env.scan(space, { from: all, to: undefined, reverse, ...limit }, () => {
        rows += 1
        return true
      })
    }
    if (depth === 'full' && rows !== env.count(space)) {
      throw new Error(`its ${space} database should hold ${env.count(space)} pairs, but ${rows} were found`)
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
