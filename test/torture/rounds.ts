/**
 * Crash rounds: writers write while processes are killed and started again.
 *
 *   each round: write ─▶ kill -9 one, two or all ─▶ write on ─▶ start them ─▶ all ready ─▶ progress? ─▶ hashes equal?
 *   at the end: every acknowledgement is looked up
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from '../e2e/cluster.ts'
import type { Member } from '../e2e/process.ts'
import { judge } from './verdict.ts'
import { type Book, createBook, startWriters } from './writers.ts'

export interface RoundsOptions {
  readonly rounds: number
  readonly writers: number
  readonly valueBytes: number
  /** Chooses victims and moments; the schedule of the machine stays its own. */
  readonly seed: number
  readonly onRound?: (report: RoundReport) => void
}

export interface RoundReport {
  readonly round: number
  readonly killed: readonly string[]
  readonly acknowledged: number
  readonly unknown: number
  /** From the start of the last victim until all were ready. */
  readonly readyMs: number
}

export interface Outcome {
  readonly rounds: number
  readonly kills: number
  readonly acknowledged: number
  readonly unknown: number
  readonly reads: number
  readonly tookMs: number
  /** Empty when all is well. */
  readonly wrong: readonly string[]
}

const progressMsMax = 15_000

export async function crashRounds(cluster: Cluster, options: RoundsOptions): Promise<Outcome> {
  const startMs = performance.now()
  const book = createBook()
  const draw = generator(options.seed)
  const wrong: string[] = []
  let kills = 0
  const endpoints = cluster.members.map(({ endpoint }) => endpoint)
  for (let round = 1; round <= options.rounds; round++) {
    const { writers, valueBytes } = options
    const load = startWriters({ endpoints, writers, valueBytes, run: `r${round}` }, book)
    const victims = choose(cluster.members, draw)
    let readyMs = 0
    try {
      readyMs = await oneRound(cluster, victims, draw, book)
    } finally {
      await load.stop()
    }
    kills += victims.length
    wrong.push(...(await unequal(cluster, round)), ...book.violations.splice(0))
    options.onRound?.({
      round,
      killed: victims.map(({ name }) => name),
      acknowledged: acknowledgedBy(book),
      unknown: book.unknownTotal,
      readyMs,
    })
    if (wrong.length > 0) break
  }
  const client = cluster.client(cluster.member(draw(cluster.members.length)))
  wrong.push(...(await judge(client, book)))
  return {
    rounds: options.rounds,
    kills,
    acknowledged: acknowledgedBy(book),
    unknown: book.unknownTotal,
    reads: book.readsTotal,
    tookMs: performance.now() - startMs,
    wrong,
  }
}

export function summaryOf({ rounds, kills, acknowledged, unknown, reads, tookMs, wrong }: Outcome): string {
  const verdict = wrong.length === 0 ? 'nothing lost, nothing torn, hashes equal' : `${wrong.length} VIOLATIONS`
  const facts = `${rounds} rounds, ${kills} kills, ${acknowledged} writes acknowledged, ${unknown} unknown, ${reads} reads`
  return `${facts}: ${verdict} in ${(tookMs / 1_000).toFixed(1)} s`
}

async function oneRound(
  cluster: Cluster,
  victims: readonly Member[],
  draw: (below: number) => number,
  book: Book,
): Promise<number> {
  await progress(book, 'with all nodes up')
  await sleep(50 + draw(400))
  for (const victim of victims) {
    await victim.kill()
    await sleep(draw(150))
  }
  // A majority that is left must go on by itself.
  if (victims.length * 2 < cluster.members.length)
    await progress(book, `without ${victims.map(({ name }) => name).join()}`)
  await sleep(draw(300))
  const startMs = performance.now()
  await cluster.start(victims)
  const readyMs = performance.now() - startMs
  await progress(book, 'after the restart')
  return readyMs
}

/** Waits until some more writes were acknowledged. */
async function progress(book: Book, when: string): Promise<void> {
  const wanted = acknowledgedBy(book) + 5
  for (const endMs = performance.now() + progressMsMax; performance.now() < endMs; await sleep(10)) {
    if (acknowledgedBy(book) >= wanted) return
  }
  throw new Error(`no write was acknowledged for ${progressMsMax} ms ${when}`)
}

async function unequal(cluster: Cluster, round: number): Promise<readonly string[]> {
  const hashes = await cluster.hashes()
  return new Set(hashes).size === 1 ? [] : [`after round ${round} the replicas differ: ${hashes.join(', ')}`]
}

function acknowledgedBy(book: Book): number {
  let counted = 0
  for (const requests of book.counted.values()) counted += requests
  return book.acknowledged.length + counted
}

/** Mostly one, sometimes two, now and then all: what is acknowledged must stand even that. */
function choose(members: readonly Member[], draw: (below: number) => number): readonly Member[] {
  const dice = draw(10)
  const count = dice < 6 ? 1 : dice < 8 ? Math.min(2, members.length) : members.length
  const left = [...members]
  return Array.from({ length: count }, () => left.splice(draw(left.length), 1)[0] as Member)
}

/** A small generator (mulberry32): whole numbers below a bound, the same for the same seed. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}
