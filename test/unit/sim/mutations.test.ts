/** That the planted bugs are where their tables say, that the tree which holds them compiles, and that some are found. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { allMutations } from '../../mutations/all.ts'
import { faultsOfMutations, grow, sourceRoot } from '../../mutations/grow.ts'
import type { Mutation } from '../../mutations/mutation.ts'
import { plant } from '../../mutations/plant.ts'
import { race } from '../../mutations/race.ts'

const base: Mutation = { name: 'a', history: '', expects: [], file: 'f.ts', find: 'x > 1', replace: 'x > 1' }

function planted(
  text: string,
  ...mutations: readonly Partial<Mutation>[]
): { text: string; faults: readonly string[] } {
  const { texts, faults } = plant(
    mutations.map((each) => ({ ...base, ...each })),
    () => text,
  )
  return { text: texts.get('f.ts') ?? '', faults }
}

test('a mutant is a switch in the text that was found, and the rest stays', () => {
  const { text, faults } = planted('if (x > 1) return y', { replace: '(MUTANT || ORIGINAL)' })

  assert.deepEqual(faults, [])
  assert.equal(text, "if (((globalThis.aspenMutant === 'a') || x > 1)) return y")
})

test('two mutants may share a place when both keep what was there', () => {
  const { text, faults } = planted(
    'x > 1',
    { name: 'a', replace: '(MUTANT || ORIGINAL)' },
    { name: 'b', replace: '(!MUTANT && ORIGINAL)' },
  )

  assert.deepEqual(faults, [])
  assert.equal(text, "(!(globalThis.aspenMutant === 'b') && ((globalThis.aspenMutant === 'a') || x > 1))")
})

test('what does not fit is a fault that names the mutant and the text', () => {
  const good = { replace: 'MUTANT' }
  assert.match(planted('nothing', good).faults.join(), /^a: f\.ts must hold this exactly once, found 0 times: "x > 1"$/)
  assert.match(planted('x > 1, x > 1', good).faults.join(), /found 2 times/)
  assert.match(planted('x > 1', { replace: 'true' }).faults.join(), /nothing asks whether the mutant is awake/)
  assert.match(planted('x > 1', good, { ...good, name: 'b' }).faults.join(), /both must keep ORIGINAL/)
  assert.match(planted('x > 12', good, { ...good, name: 'b', find: '1 ' }).faults.join(), /found 0 times/)
  assert.match(planted('x > 12', good, { ...good, name: 'b', find: '12' }).faults.join(), /b: overlaps with another/)
  assert.match(planted('x > 1', good, good).faults.join(), /a: named twice/)
})

test('every mutant finds its place in the sources, exactly once', () => {
  assert.deepEqual(faultsOfMutations(sourceRoot()), [])
  assert.ok(allMutations.length >= 66, `${allMutations.length} mutants`)
})

// The canary: were these not found, nothing that the simulator passes would mean anything.
test('the tree with the mutants compiles, and the simulator finds some of them at once', {
  timeout: 110_000,
}, async () => {
  const canaries = ['vote-not-persisted', 'output-before-commit', 'longer-log-wins']
  const grown = await grow(sourceRoot())
  try {
    const verdicts = await race(
      grown,
      allMutations.filter(({ name }) => canaries.includes(name)),
      { seeds: 12, jobs: 1, scenario: undefined, moved: () => {}, judged: () => {} },
    )

    assert.equal(verdicts.length, canaries.length)
    for (const { name, killedBy, text } of verdicts) assert.ok(killedBy !== undefined, `${name} was not found ${text}`)
  } finally {
    grown.remove()
  }
})
