/**
 * What a fault site costs where nobody simulates: `node dist/bench/fault-sites/main.js [--seconds 2 --json]`.
 *
 * Three loops that do the same small work, with a place of each kind in them, beside one without; and the same loop with ten
 * places, since the cost of one is near what can be measured. What a place costs is the difference of the times of a round,
 * each the fastest of many short samples: on a shared machine the others measure the neighbours.
 */
import Benchmark from 'benchmark'
import Table from 'cli-table3'
import { Command } from 'commander'
import { buggify, faultSite, limit, probe, sometimes } from '../../base/fault-points.ts'

interface Options {
  readonly seconds: string
  readonly json?: boolean
}

interface Cost {
  readonly name: string
  readonly places: number
  readonly nsARound: number
  /** Undefined for the loop without any. */
  readonly nsAPlace: number | undefined
}

const rounds = 100_000
const flow = faultSite('bench.place.flow', 'flow', 'a place in the flow')
const bound = faultSite('bench.place.bound', 'limit', 'a bound')
const seen = probe('bench.place.seen', 'a probe')

/** What the loops work on: read and written by each, so that none is thought away. */
let kept = 0

const command = new Command('bench:fault-sites')
  .description('What a fault site costs where nobody simulates')
  .option('--seconds <number>', 'how long each loop is measured', '2')
  .option('--json', 'figures as JSON')
  .parse()

await main(command.opts<Options>())

async function main({ seconds, json }: Options): Promise<void> {
  const atMost = Number(seconds)
  if (!(atMost > 0 && atMost <= 600)) command.error(`--seconds: wanted a number above 0 and up to 600, not ${seconds}`)
  const bareNs = await fastestNs(without, atMost)
  const costs: Cost[] = [{ name: 'no place', places: 0, nsARound: bareNs, nsAPlace: undefined }]
  for (const [name, places, loop] of loops()) {
    const nsARound = await fastestNs(loop, atMost)
    costs.push({ name, places, nsARound, nsAPlace: (nsARound - bareNs) / places })
  }
  process.stdout.write(json === true ? `${JSON.stringify(costs, undefined, 2)}\n` : `${table(costs)}\n`)
}

/** Nanoseconds a round. */
function fastestNs(loop: () => void, seconds: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const bench = new Benchmark('loop', loop, { minTime: 0.002, minSamples: 200, maxTime: seconds, async: true })
    bench.on('complete', () => resolve((Math.min(...bench.stats.sample) * 1e9) / rounds))
    bench.on('error', () => reject(new Error('a loop could not be measured')))
    bench.run({ async: true })
  })
}

function table(costs: readonly Cost[]): string {
  const rows = new Table({ head: ['loop', 'places', 'ns a round', 'ns a place'] })
  for (const { name, places, nsARound, nsAPlace } of costs)
    rows.push([name, places, nsARound.toFixed(2), nsAPlace === undefined ? '' : nsAPlace.toFixed(2)])
  return rows.toString()
}

/** A few cycles of work that cannot be done at once for many rounds: each depends on the one before. */
function work(value: number): number {
  return Math.imul(value ^ (value >>> 15), 0x2c1b3c6d)
}

function without(): void {
  let value = kept
  for (let round = 0; round < rounds; round++) value = work(value + round)
  kept = value
}

function withFlow(): void {
  let value = kept
  for (let round = 0; round < rounds; round++) {
    value = work(value + round)
    if (buggify(flow)) value = 0
  }
  kept = value
}

function withLimit(): void {
  let value = kept
  for (let round = 0; round < rounds; round++) {
    value = work(value + round)
    if (value === limit(bound, 7, 1)) value = 0
  }
  kept = value
}

function withProbe(): void {
  let value = kept
  for (let round = 0; round < rounds; round++) {
    value = work(value + round)
    sometimes(seen, value === 7)
  }
  kept = value
}

function withTen(): void {
  let value = kept
  for (let round = 0; round < rounds; round++) {
    value = work(value + round)
    if (buggify(flow) || buggify(flow) || buggify(flow) || buggify(flow) || buggify(flow)) value = 0
    if (buggify(flow) || buggify(flow) || buggify(flow) || buggify(flow) || buggify(flow)) value = 1
  }
  kept = value
}

function loops(): readonly (readonly [name: string, places: number, loop: () => void])[] {
  return [
    ['buggify', 1, withFlow],
    ['limit', 1, withLimit],
    ['sometimes', 1, withProbe],
    ['buggify, ten times', 10, withTen],
  ]
}
