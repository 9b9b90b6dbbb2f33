/** A process that may die: opens the damaged stores of its arguments, one after the other, and says what became of each. */
import { writeSync } from 'node:fs'
import { survive } from './flip-lab.ts'

for (const dir of process.argv.slice(2)) writeSync(1, `${JSON.stringify(await survive(dir))}\n`)
// LMDB's threads may still hold what a refused write left behind.
process.exit(0)
