/** What `npm run sim` may be asked for. */
import { Command, InvalidArgumentError } from 'commander'
import type { MixOptions } from '../../sim/mix.ts'

export interface SimOptions {
  readonly seeds: number
  readonly first: number
  /** Run until so many seconds have passed, whatever `seeds` says. */
  readonly for?: number
  readonly seed?: number
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
    .option('--budget <kind>', 'how much may be destroyed: recoverable or unlimited; drawn when left out', oneOf('recoverable', 'unlimited'))
    .option('--scheduler <kind>', 'who goes next: uniform, pct or delay-bounded; drawn when left out', oneOf('uniform', 'pct', 'delay-bounded'))
    .option('--jobs <n>', 'threads that run seeds', wholeNumber, 1)
    .option('--no-shrink', 'leave failing runs as they are')
    .option('--out <folder>', 'where the report and failing runs are written', 'sim-out')
    .option('--coverage', 'fail when a fault site or probe was never reached')
    .option('--json', 'end with one JSON document')
    .exitOverride()
  program.parse([...words], { from: 'user' })
  return program.opts<SimOptions>()
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
