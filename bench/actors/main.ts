/**
 * What the actor runtime does on this machine: `npm run bench:actors [-- --seconds 2 --only ask --json]`.
 *
 * Every figure stands beside its goal and, where there is one, beside the same work without us, measured in the same run:
 * the ratio says more than the rate, because it survives a slow or busy machine.
 */
import { cpus } from 'node:os'
import { SingleBar } from 'cli-progress'
import Table from 'cli-table3'
import { Command } from 'commander'
import { type Step, stepsHere } from './here.ts'
import { type Figure, reached } from './phase.ts'
import { recorderSteps } from './recorder.ts'
import { threadSteps } from './threads.ts'

interface Options {
  readonly seconds: string
  readonly only?: string
  readonly json?: boolean
}

const command = new Command('bench:actors')
  .description('Messages, asks and spawns per second, in one thread and over two')
  .option('--seconds <number>', 'how long each figure is measured', '2')
  .option('--only <text>', 'figures whose name contains it, and their ceilings')
  .option('--json', 'figures as JSON')
  .parse()

await main(command.opts<Options>())

async function main(options: Options): Promise<void> {
  const seconds = Number(options.seconds)
  if (!(seconds > 0 && seconds <= 600))
    command.error(`--seconds: wanted a number above 0 and up to 600, not ${options.seconds}`)
  const threads = await threadSteps()
  try {
    const steps = [...stepsHere, ...recorderSteps, ...threads.steps].filter(([name]) => wanted(name, options.only))
    if (steps.length === 0) command.error(`--only: no figure has '${options.only}' in its name`)
    const figures = await measure(steps, seconds)
    process.stdout.write(
      options.json === true ? `${JSON.stringify(report(figures), undefined, 2)}\n` : `${table(figures)}\n`,
    )
  } finally {
    await threads.close()
  }
}

function wanted(name: string, only: string | undefined): boolean {
  return only === undefined || name.includes(only) || name.startsWith('bare')
}

async function measure(steps: readonly Step[], seconds: number): Promise<Figure[]> {
  const figures: Figure[] = []
  const bar = new SingleBar({ format: '{bar} {value}/{total} {phase}', stream: process.stderr, clearOnComplete: true })
  bar.start(steps.length, 0, { phase: '' })
  for (const [name, run] of steps) {
    bar.update({ phase: name })
    // Without a terminal the bar is mute: a line a phase shows that the run moves.
    if (!process.stderr.isTTY) process.stderr.write(`measuring ${name}\n`)
    figures.push(await run(seconds))
    bar.increment()
  }
  bar.stop()
  return figures
}

interface Row extends Figure {
  readonly reached: boolean | undefined
  /** Of the ceiling: a rate as share of its rate, a duration as multiple of its duration. */
  readonly ratio: number | undefined
}

function report(figures: readonly Figure[]): {
  readonly machine: string
  readonly node: string
  readonly figures: readonly Row[]
} {
  const machine = `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores`
  const rows = figures.map((figure) => ({ ...figure, reached: reached(figure), ratio: ratio(figure, figures) }))
  return { machine, node: process.version, figures: rows }
}

function ratio(figure: Figure, figures: readonly Figure[]): number | undefined {
  const ceiling = figures.find(({ name }) => name === figure.ceiling)
  return ceiling === undefined ? undefined : figure.median / ceiling.median
}

function table(figures: readonly Figure[]): string {
  const { machine, node, figures: rows } = report(figures)
  const made = new Table({
    head: ['figure', 'median', 'spread', 'goal', 'reached', 'of the ceiling'],
    style: { head: [], border: [] },
  })
  for (const row of rows) {
    made.push([
      row.name,
      `${amount(row.median)} ${row.unit}`,
      `± ${(row.spread * 100).toFixed(1)} %`,
      row.goal === undefined ? '' : `${row.goal.at === 'least' ? '≥' : '≤'} ${amount(row.goal.value)}`,
      row.reached === undefined ? '' : row.reached ? 'yes' : 'no',
      row.ratio === undefined ? '' : `${row.ratio.toFixed(2)} × ${row.ceiling ?? ''}`,
    ])
  }
  return `${machine}, Node ${node}\n${made.toString()}`
}

function amount(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`
  if (value >= 1e4) return `${(value / 1e3).toFixed(0)} k`
  return value.toFixed(value < 100 ? 1 : 0)
}
