/**
 * The hashes of the golden seeds: what each of them comes to, on this Node.js.
 *
 *   node dist/test/golden/main.js           prints them, one a line
 *   node dist/test/golden/main.js --write   writes them down as the ones to be held from now on
 */
import { writeFileSync } from 'node:fs'
import { goldenFile, runGolden } from './seeds.ts'

const hashes = runGolden()
if (process.argv.includes('--write')) writeFileSync(goldenFile, `${hashes.join('\n')}\n`)
else process.stdout.write(`${hashes.join('\n')}\n`)
