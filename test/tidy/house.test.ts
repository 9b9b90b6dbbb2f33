import assert from 'node:assert/strict'
import { test } from 'node:test'
import { entrySources, houseRoot, readHouse } from './house.ts'
import { describeFault, judgeLayers } from './layers.ts'
import { judgeManners } from './manners.ts'
import { pureCores } from './rooms.ts'

/** Far fewer than there are: a scanner that suddenly sees less than this sees nothing, and its silence is no praise. */
const filesMin = 350
const importsMin = 1_500

const files = readHouse(houseRoot)

test('the scanner saw the house', () => {
  const imports = files.reduce((sum, file) => sum + file.imports.length, 0)

  assert.ok(files.length >= filesMin, `only ${files.length} files were scanned, at least ${filesMin} are there`)
  assert.ok(imports >= importsMin, `only ${imports} imports were found, at least ${importsMin} are there`)
})

test('the table of pure cores names files that exist', () => {
  const paths = new Set(files.map((file) => file.path))

  assert.deepEqual(
    pureCores.filter((path) => !paths.has(path)),
    [],
  )
})

test('T1 to T7: imports respect the rooms', () => {
  assert.deepEqual(judgeLayers(files, entrySources(houseRoot)).map(describeFault), [])
})

test('T8 to T11: files keep the manners of the house', () => {
  assert.deepEqual(judgeManners(files).map(describeFault), [])
})
