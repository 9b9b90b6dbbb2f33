/** What `npm run sim` may be asked for. */
import { Command, InvalidArgumentError } from 'commander'
import type { MixOptions } from '../../sim/mix.ts'
import { coneModes, type ExplainOptions, exportFormats } from './explain.ts'

export interface SimOptions extends ExplainOptions {
  readonly seeds: number
  readonly first: number
  /** Run until so many seconds have passed, whatever `seeds` says. */
  readonly for?: number
  readonly scenario: string
  readonly nodes?: number
  readonly budget?: 'recoverable' | 'unlimited'
  readonly scheduler?: MixOptions['scheduler']
  readonly jobs: number
  readonly shrink: boolean
  readonly out: string
  readonly coverage?: boolean
  readonly json?: boolean
}

export function parseSimOptions(words: readonly string[]): SimOptions {
  const program = new Command('sim')
    .description('Runs seeds of the simulated world.')
    .option('--seeds <n>', 'how many seeds', wholeNumber, 100)
    .option('--first <k>', 'the first of them', wholeNumber, 1)
    .option('--for <seconds>', 'as many seeds as can be run in so many seconds', wholeNumber)
    .option('--seed <k>', 'this seed alone, twice', wholeNumber)
    .option('--scenario <name>', 'what to run', 'mix')
    .option('--nodes <n>', 'nodes of a cluster, for mix', wholeNumber)
    .option(
      '--budget <kind>',
      'how much may be destroyed: recoverable or unlimited; drawn when left out',
      oneOf('recoverable', 'unlimited'),
    )
    .option(
      '--scheduler <kind>',
      'who goes next: uniform, pct or delay-bounded; drawn when left out',
      oneOf('uniform', 'pct', 'delay-bounded'),
    )
    .option('--jobs <n>', 'threads that run seeds', wholeNumber, 1)
    .option('--no-shrink', 'leave failing runs as they are')
    .option('--out <folder>', 'where the report and failing runs are written', 'sim-out')
    .option('--coverage', 'fail when a fault site or probe was never reached')
    .option('--json', 'end with one JSON document')
    .option('--replay <file>', 'play a run that was written down')
    .option('--html <file>', 'draw the run of --seed or --replay')
    .option('--export <format>', `write it to --out as ${exportFormats.join(', ')}`, oneOf(...exportFormats))
    .option('--cone [kind]', `what led to the violation: ${coneModes.join(', ')}`, oneOf(...coneModes))
    .option('--step [number]', 'walk through it, or show one step', wholeNumber)
    .option('--save <file>', 'write it down for --replay')
    .option('--hosts <kind>', 'the hosts of a ShiViz export: nodes or actors', oneOf('nodes', 'actors'), 'nodes')
    .option('--group <name>', 'the Raft group of a TLA+ export', 'default')
    .exitOverride()
  program.parse([...words], { from: 'user' })
  const options = program.opts<SimOptions>()
  // Of a whole run --out is a folder; of an export, the file, and without it the standard output.
  const named = program.getOptionValueSource('out') !== 'default'
  return { ...options, exportTo: named ? options.out : undefined }
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('wanted a whole number of at least 1')
  return value
}

function oneOf(...names: readonly string[]): (text: string) => string {
  return (text) => {
    if (names.includes(text)) return text
    throw new InvalidArgumentError(`wanted one of ${names.join(', ')}`)
  }
}
