/**
 * Tries stores out in a throw-away process before this one opens them: LMDB maps its file, so damage does not throw, it
 * kills. The child first walks all pages without LMDB (`page-walk.ts`), which costs about 0.4 seconds a gigabyte from
 * memory, and 0.6 seconds a gigabyte of values; then it opens the store. One child for all stores of a node; when it dies,
 * the store it was reading is the culprit, and another child goes on with the rest.
 */

import { spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CheckLine } from './check-child.ts'
import { dataFileOf } from './environment.ts'

export type StoreVerdict =
  /** `identity` is the record within, as JSON. */
  | { readonly type: 'sound'; readonly dir: string; readonly identity: string }
  | { readonly type: 'damaged'; readonly dir: string; readonly reason: string }

export interface CheckOptions {
  /** Every page is walked. `quick`, the default, reads one gigabyte of values a store, `full` all of them. */
  readonly depth?: 'quick' | 'full'
  /** How long one child may take. Default: a minute, and a second for each ten megabytes, as from a slow disk. */
  readonly withinMs?: number
}

const withinMsLeast = 60_000
const bytesPerMs = 10_000

/** One verdict a directory, in the order given. Reading never changes a store. */
export async function checkStores(dirs: readonly string[], options: CheckOptions = {}): Promise<StoreVerdict[]> {
  const depth = options.depth ?? 'quick'
  const withinMs = options.withinMs ?? withinMsLeast + bytesOf(dirs) / bytesPerMs
  const verdicts: StoreVerdict[] = []
  // Every child settles at least one store, so this ends.
  while (verdicts.length < dirs.length) verdicts.push(...(await runChild(dirs.slice(verdicts.length), depth, withinMs)))
  return verdicts
}

/** A sound store that takes long is no damaged one. */
function bytesOf(dirs: readonly string[]): number {
  let bytes = 0
  for (const dir of dirs) bytes += statSync(dataFileOf(dir), { throwIfNoEntry: false })?.size ?? 0
  return bytes
}

interface Death {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly output: string
  readonly complaint: string
  readonly timedOut: boolean
}

async function runChild(dirs: readonly string[], depth: string, withinMs: number): Promise<StoreVerdict[]> {
  const death = await live(dirs, depth, withinMs)
  const verdicts: StoreVerdict[] = []
  let begun: string | undefined
  for (const text of death.output.split('\n')) {
    if (text === '') continue
    const line = JSON.parse(text) as CheckLine
    begun = line.type === 'begin' ? line.dir : undefined
    if (line.type === 'begin') continue
    verdicts.push(
      line.fault === undefined
        ? { type: 'sound', dir: line.dir, identity: line.identity }
        : { type: 'damaged', dir: line.dir, reason: line.fault },
    )
  }
  if (begun !== undefined) verdicts.push({ type: 'damaged', dir: begun, reason: causeOfDeath(death, withinMs) })
  if (verdicts.length === 0) {
    throw new Error(
      `check stores: the checking process did not start: ${causeOfDeath(death, withinMs)}: ${death.complaint}`,
    )
  }
  return verdicts
}

function live(dirs: readonly string[], depth: string, withinMs: number): Promise<Death> {
  // Compiled or not, the child's file ends as this one does.
  const script = fileURLToPath(new URL(`./check-child${extname(import.meta.url)}`, import.meta.url))
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...env } = process.env
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, depth, ...dirs], { stdio: ['ignore', 'pipe', 'pipe'], env })
    let output = ''
    let complaint = ''
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      child.kill('SIGKILL')
    }, withinMs)
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-2_000)
    })
    child.on('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ code, signal, output, complaint, timedOut })
    })
  })
}

function causeOfDeath({ code, signal, timedOut }: Death, withinMs: number): string {
  if (timedOut) return `reading it did not end within ${withinMs} ms`
  if (signal !== null) return `reading it kills the process with ${signal}`
  return `reading it ends the process with code ${code}`
}
