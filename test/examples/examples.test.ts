import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { houseRoot } from '../tidy/house.ts'
import { promisedLine, runProgram } from './program.ts'

const names = readdirSync(join(houseRoot, 'examples'))
  .filter((name) => name.endsWith('.ts'))
  .sort()

test('there are examples', () => {
  assert.ok(names.length > 0, 'examples/ holds no program')
})

for (const name of names) {
  test(`examples/${name} runs to its end and prints what it promises`, async () => {
    const promised = promisedLine(readFileSync(join(houseRoot, 'examples', name), 'utf8'))
    assert.ok(promised !== undefined, `examples/${name} has no line '// prints: …' that says how its output ends`)

    const result = await runProgram(join(houseRoot, 'dist', 'examples', name.replace(/\.ts$/, '.js')))

    assert.equal(result.exitCode, 0, `ended by ${result.signal ?? `exit code ${result.exitCode}`}:\n${result.output}`)
    assert.equal(result.lastLine, promised, result.output)
  })
}
