// A checker that never went red proves nothing: each rule is broken here on purpose, in a small house of its own.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { readHouse } from './house.ts'
import { describeFault, judgeLayers } from './layers.ts'
import { judgeManners } from './manners.ts'
import { readSource } from './source.ts'

const entries = ['aspen/index.ts']

/** Builds a house of the given files (each gets a header unless it brings one) and returns what is wrong with it. */
function faultsOf(tree: Readonly<Record<string, string>>): readonly string[] {
  const root = mkdtempSync(join(tmpdir(), 'aspen-tidy-'))
  try {
    for (const [path, text] of Object.entries(tree)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text.startsWith('//') ? text : `// Planted.\n${text}`)
    }
    const files = readHouse(root)
    return [...judgeLayers(files, entries), ...judgeManners(files)].map(describeFault)
  } finally {
    rmSync(root, { recursive: true })
  }
}

test('a small house in order has no fault', () => {
  const faults = faultsOf({
    'base/assert.ts': 'export const a = 1\n',
    'mailbox/ring.ts': "import { a } from '../base/assert.ts'\nexport const b = a\n",
    'runtime/node/clock.ts':
      "import { now } from 'node:process'\nimport { b } from '../../mailbox/ring.ts'\nexport const c = b\n",
    'aspen/index.ts': "export { c } from '../runtime/node/clock.ts'\n",
  })

  assert.deepEqual(faults, [])
})

test('T1: an import that runs up is found, in each of its forms', () => {
  for (const text of [
    "import { b } from '../mailbox/ring.ts'\n",
    "import type { B } from '../mailbox/ring.ts'\n",
    "import {\n  type B,\n  b,\n} from '../mailbox/ring.ts'\n",
    "import '../mailbox/ring.ts'\n",
    "export { b } from '../mailbox/ring.ts'\n",
    "export * from '../mailbox/ring.ts'\n",
    "const late = await import('../mailbox/ring.ts')\n",
  ]) {
    const faults = faultsOf({ 'base/assert.ts': text, 'mailbox/ring.ts': 'export const b = 1\n' })

    assert.equal(faults.length, 1, `${text}gave ${faults.join('; ')}`)
    assert.match(faults[0] ?? '', /^T1: base\/assert\.ts:2: imports mailbox\/ring\.ts/)
  }
})

test('T1: within the runtime, ports lie below the kernel and the kernel below the real world', () => {
  const faults = faultsOf({
    'runtime/ports/clock.ts': "import type { Turn } from '../kernel/turn.ts'\n",
    'runtime/kernel/turn.ts': 'export type Turn = 1\n',
  })

  assert.equal(faults.length, 1)
  assert.match(faults[0] ?? '', /^T1: runtime\/ports\/clock\.ts:2/)
})

test('T2: strangers are kept apart, in both directions', () => {
  const faults = faultsOf({
    'sim/world.ts': "import type { C } from '../runtime/node/clock.ts'\n",
    'runtime/node/clock.ts': 'export type C = 1\n',
    'runtime/node/other.ts': "import type { W } from '../../sim/world.ts'\n",
    'actors/lease/table.ts': "import type { K } from '../keyspace/messages.ts'\n",
    'actors/keyspace/messages.ts': 'export type K = 1\n',
  })

  assert.equal(faults.filter((fault) => fault.startsWith('T2: sim/world.ts:2')).length, 1)
  assert.equal(faults.filter((fault) => fault.startsWith('T2: runtime/node/other.ts:2')).length, 1)
  assert.equal(faults.filter((fault) => fault.startsWith('T2: actors/lease/table.ts:2')).length, 1)
})

test('T3: a circle is found, also one of types alone', () => {
  const faults = faultsOf({
    'base/a.ts': "import type { C } from './b.ts'\nexport type A = C\n",
    'base/b.ts': "import type { D } from './c.ts'\nexport type C = D\n",
    'base/c.ts': "import type { A } from './a.ts'\nexport type D = A\n",
  })

  assert.deepEqual(faults, ['T3: base/a.ts:1: a circle: base/a.ts → base/b.ts → base/c.ts → base/a.ts'])
})

test('T4: an index.ts that exports does not name, and an import of one that it names', () => {
  const faults = faultsOf({
    'base/index.ts': 'export const a = 1\n',
    'aspen/index.ts': 'export const b = 1\n',
    'gateway/http.ts': "import { b } from '../aspen/index.ts'\nexport const c = b\n",
    'examples/use.ts': "import { b } from '../aspen/index.ts'\nexport const d = b\n",
  })

  assert.deepEqual(
    faults.map((fault) => fault.slice(0, 22)).sort(),
    ['T4: base/index.ts:1: a', 'T4: gateway/http.ts:2:'].sort(),
  )
})

test('T5: Node.js in a pure room, directly and by a road', () => {
  const direct = faultsOf({ 'actors/raft/actor.ts': "import { join } from 'node:path'\n" })
  const byRoad = faultsOf({
    'sim/world.ts': "import { tree } from '../aspen/tree.ts'\nexport const w = tree\n",
    'aspen/tree.ts': "import { store } from '../runtime/node/store.ts'\nexport const tree = store\n",
    'runtime/node/store.ts': "import { join } from 'node:path'\nexport const store = join\n",
  })

  assert.deepEqual(direct, ['T5: actors/raft/actor.ts:2: a pure room imports node:path'])
  assert.deepEqual(byRoad, [
    'T5: sim/world.ts:2: a pure room reaches Node.js: aspen/tree.ts → runtime/node/store.ts → node:path',
  ])
})

test('T6: a core that takes values from a shell or a package, also by way of a neighbour', () => {
  const faults = faultsOf({
    'actors/raft/core.ts':
      "import type { Ctx } from '../../runtime/kernel/actor.ts'\nimport { log } from './log.ts'\nimport sorted from 'sorted-btree'\n",
    'actors/raft/log.ts': "import { ctx } from '../../runtime/kernel/actor.ts'\nexport const log = ctx\n",
    'runtime/kernel/actor.ts': 'export type Ctx = 1\nexport const ctx = 1\n',
  })

  assert.deepEqual(
    faults.map((fault) => fault.slice(0, fault.indexOf(','))),
    ['T6: actors/raft/core.ts:4: imports sorted-btree', 'T6: actors/raft/log.ts:2: imports runtime/kernel/actor.ts'],
  )
})

test('T3: a knot is told once, with its shortest circle', () => {
  const faults = faultsOf({
    'base/a.ts': "import './b.ts'\n",
    'base/b.ts': "import './a.ts'\nimport './c.ts'\n",
    'base/c.ts': "import './a.ts'\n",
    'base/d.ts': "import './a.ts'\n",
  })

  assert.deepEqual(faults, [
    'T3: base/a.ts:1: a circle: base/a.ts → base/b.ts → base/a.ts (in a knot of 3: base/a.ts, base/b.ts, base/c.ts)',
  ])
})

test('T7: a file in no room, and an import of nothing', () => {
  const faults = faultsOf({
    'runtime/stray.ts': 'export const a = 1\n',
    'base/a.ts': "import { b } from './gone.ts'\nexport const c = b\n",
  })

  assert.deepEqual([...faults].sort(), [
    'T7: base/a.ts:2: imports base/gone.ts, which is no file of the house',
    'T7: runtime/stray.ts:1: lies in no room of the house',
  ])
})

test('T8 to T11: manners', () => {
  const header = judgeManners([readSource('base/a.ts', 'export const a = 1\n')]).map(describeFault)
  const others = faultsOf({
    'base/later.ts': `// ${'TO' + 'DO'}: tomorrow\nexport const a = 1\n`,
    'client/loud.ts': "console.log('here')\n",
    'mailbox/clock.ts': 'export const at = (): number => Date.now()\n',
    'mailbox/dice.ts': 'export const roll = (): number => Math.random()\n',
    'supervisors/timer.ts': 'setTimeout(() => 1, 5)\n',
  })

  assert.deepEqual(
    header.map((fault) => fault.slice(0, 15)),
    ['T8: base/a.ts:1'],
  )
  assert.deepEqual(others.map((fault) => fault.slice(0, fault.indexOf(':', 5))).sort(), [
    'T10: client/loud.ts',
    'T11: mailbox/clock.ts',
    'T11: mailbox/dice.ts',
    'T11: supervisors/timer.ts',
    'T9: base/later.ts',
  ])
})

test('what stands in comments, strings, templates and regular expressions is no code', () => {
  const text = [
    "// import { a } from './a.ts'",
    "/* import { a } from './a.ts' */",
    'const b = "import { a } from \'./a.ts\'"',
    'const c = `import ${`x${"}"}`} from \'./a.ts\' console.log`',
    "const d = /import '[/']x/.test(b) ? 1 / 2 : 3 / 4",
    "export type E = 'from'",
    "import { f } from './f.ts'",
  ].join('\n')

  const file = readSource('base/a.ts', text)

  assert.deepEqual(file.imports, [{ specifier: './f.ts', typeOnly: false, line: 7 }])
  assert.doesNotMatch(file.code, /console/)
  assert.equal(file.code.length, text.length)
})

test('an import of one type among values leaves a trace, an import type does not', () => {
  const file = readSource(
    'base/a.ts',
    "import { type A } from './a.ts'\nimport type { B } from './b.ts'\nexport type { C } from './c.ts'\n",
  )

  assert.deepEqual(
    file.imports.map(({ typeOnly }) => typeOnly),
    [false, true, true],
  )
})
