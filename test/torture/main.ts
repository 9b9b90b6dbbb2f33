/**
 * `npm run torture`: the crash rounds at length, on a cluster of real processes.
 *
 *   npm run torture -- --rounds 100 --nodes 3 --writers 8 --value-bytes 256 --seed 7
 *
 * A line per round on a terminal's stderr, the verdict as the last line of stdout; exit code 1 when anything was wrong.
 */
import { parseArgs } from 'node:util'
import { Cluster } from '../e2e/cluster.ts'
import { crashRounds, summaryOf } from './rounds.ts'

process.exitCode = await main(process.argv.slice(2))

async function main(words: readonly string[]): Promise<number> {
  const settings = settingsOf(words)
  if (typeof settings === 'string') {
    process.stderr.write(`torture: ${settings}\n`)
    return 2
  }
  const { rounds, nodes, writers, valueBytes, seed } = settings
  process.stderr.write(`torture: ${rounds} rounds on ${nodes} nodes with ${writers} writers, seed ${seed}\n`)
  const cluster = await Cluster.create({ nodes, flags: ['--snapshot-count=500'] })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void cluster.close().finally(() => process.exit(130)))
  }
  try {
    await cluster.start()
    const outcome = await crashRounds(cluster, {
      rounds,
      writers,
      valueBytes,
      seed,
      onRound: ({ round, killed, acknowledged, unknown, readyMs }) => {
        const counts = `${acknowledged} acknowledged, ${unknown} unknown, ready in ${Math.round(readyMs)} ms`
        process.stderr.write(`round ${round}/${rounds}: killed ${killed.join(' ')}; ${counts}\n`)
      },
    })
    for (const one of outcome.wrong.slice(0, 50)) process.stdout.write(`${one}\n`)
    process.stdout.write(`torture: ${summaryOf(outcome)}\n`)
    return outcome.wrong.length === 0 ? 0 : 1
  } catch (error) {
    for (const member of cluster.members) process.stdout.write(`── ${member.name}\n${member.tail(40)}\n`)
    process.stdout.write(`torture: FAILED: ${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  } finally {
    await cluster.close()
  }
}

interface Settings {
  readonly rounds: number
  readonly nodes: number
  readonly writers: number
  readonly valueBytes: number
  readonly seed: number
}

/** The settings, or what is wrong with the words. */
function settingsOf(words: readonly string[]): Settings | string {
  const number = { type: 'string' } as const
  try {
    const { values } = parseArgs({
      args: [...words],
      options: { rounds: number, nodes: number, writers: number, 'value-bytes': number, seed: number },
    })
    return {
      rounds: wholeNumber('--rounds', values.rounds ?? '100', 1, 1_000_000),
      nodes: wholeNumber('--nodes', values.nodes ?? '3', 1, 9),
      writers: wholeNumber('--writers', values.writers ?? '8', 1, 256),
      valueBytes: wholeNumber('--value-bytes', values['value-bytes'] ?? '256', 0, 1_000_000),
      seed: wholeNumber('--seed', values.seed ?? String(Date.now() % 1_000_000), 0, 0xffff_ffff),
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function wholeNumber(flag: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= min && value <= max))
    throw new RangeError(`${flag}: wanted a whole number from ${min} to ${max}, found "${text}"`)
  return value
}
