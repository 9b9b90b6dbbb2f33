/**
 * What watchers cost writers: puts a second through `Aspen.open`, with nobody watching, then with more and more watchers,
 * all in one run and on one machine, so that the ratios mean something.
 *
 *   node dist/bench/watch/main.js [--seconds 2]
 *
 *   nobody           no stream at all
 *   one              one watcher of the key that is written
 *   1000 on a key    so many watchers of it, in ten streams, all read
 *   10000 elsewhere  half of them keys, half ranges, none of them written: what watchers cost that are not told
 *   10000 + one      the same, and one that is told
 *   one slow         a watcher that nobody reads
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { WatchRange, WatchSpec } from '../../actors/watch/messages.ts'
import { Aspen } from '../../aspen/index.ts'
import type { AspenNode } from '../../aspen/node.ts'
import { utf8 } from '../../base/bytes.ts'
import type { WatchStream } from '../../client/interface.ts'

interface Phase {
  readonly name: string
  /** Watchers of each stream, and whether somebody reads it. */
  readonly streams: readonly { readonly ranges: readonly WatchRange[]; readonly read: boolean }[]
}

interface Measured {
  readonly name: string
  readonly putsPerSecond: number
  readonly eventsPerSecond: number
}

const key = utf8('bench/key')
const value = new Uint8Array(128)
/** Puts on their way at a time. */
const inFlight = 64

const phases: readonly Phase[] = [
  { name: 'nobody', streams: [] },
  { name: 'one', streams: [{ ranges: [{ key }], read: true }] },
  { name: '1000 on a key', streams: repeat(10, { ranges: repeat(100, { key }), read: true }) },
  { name: '10000 elsewhere', streams: elsewhere() },
  { name: '10000 + one', streams: [...elsewhere(), { ranges: [{ key }], read: true }] },
  { name: 'one slow', streams: [{ ranges: [{ key }], read: false }] },
]

function repeat<T>(count: number, item: T): T[] {
  return Array.from({ length: count }, () => item)
}

function elsewhere(): { readonly ranges: readonly WatchRange[]; readonly read: boolean }[] {
  return Array.from({ length: 10 }, (_, stream) => ({
    read: true,
    ranges: Array.from({ length: 1_000 }, (_each, i) => {
      const name = `other/${stream}/${i}`
      return i % 2 === 0 ? { key: utf8(name) } : { key: utf8(`${name}/`), rangeEnd: utf8(`${name}0`) }
    }),
  }))
}

await main(secondsOf(process.argv.slice(2)))

function secondsOf(words: readonly string[]): number {
  const at = words.indexOf('--seconds')
  const seconds = at < 0 ? 2 : Number(words[at + 1])
  if (!(seconds > 0 && seconds <= 600)) throw new RangeError(`--seconds: wanted above 0 to 600, not ${words[at + 1]}`)
  return seconds
}

async function main(seconds: number): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'aspen-bench-watch-'))
  const node = await Aspen.open({ dir, workers: 1 })
  try {
    await write(node, 1)
    const measured: Measured[] = []
    for (const phase of phases) measured.push(await measure(node, phase, seconds))
    // Once more without watchers: how much of a difference is the machine's.
    measured.push(await measure(node, { name: 'nobody, again', streams: [] }, seconds))
    const base = measured[0]?.putsPerSecond ?? 1
    for (const { name, putsPerSecond, eventsPerSecond } of measured) {
      const share = (putsPerSecond / base).toFixed(2)
      const text = `${putsPerSecond.toFixed(0).padStart(8)} puts/s  ${share}  ${eventsPerSecond.toFixed(0).padStart(9)} events/s`
      process.stdout.write(`${name.padEnd(16)} ${text}\n`)
    }
  } finally {
    await node.close()
    rmSync(dir, { recursive: true, force: true })
  }
}

async function measure(node: AspenNode, { name, streams }: Phase, seconds: number): Promise<Measured> {
  let events = 0
  const open: WatchStream[] = []
  for (const { ranges, read } of streams) {
    const stream = node.client.openWatch()
    open.push(stream)
    await new Promise<void>((ready) => {
      let missing = ranges.length
      const listen = async (): Promise<void> => {
        for await (const response of stream.responses) {
          if (response.type === 'events') events += response.events.length
          if (response.type === 'created' && --missing === 0) {
            ready()
            // Nobody reads on, and the stream stays open.
            if (!read) await new Promise(() => {})
          }
        }
      }
      void listen()
      for (const range of ranges) stream.create(specOf(range))
    })
  }
  const beganMs = performance.now()
  const puts = await write(node, seconds)
  const tookMs = performance.now() - beganMs
  const told = events
  for (const stream of open) stream.close()
  return { name, putsPerSecond: (puts * 1_000) / tookMs, eventsPerSecond: (told * 1_000) / tookMs }
}

function specOf(range: WatchRange): WatchSpec {
  return { ranges: [range], startRevision: 0, prevKv: false, progressNotify: false, without: [] }
}

/** Puts for so long; how many were acknowledged. */
async function write(node: AspenNode, seconds: number): Promise<number> {
  const untilMs = performance.now() + seconds * 1_000
  let puts = 0
  const writer = async (): Promise<void> => {
    while (performance.now() < untilMs) {
      await node.client.put({ key, value })
      puts += 1
    }
  }
  await Promise.all(Array.from({ length: inFlight }, writer))
  return puts
}
