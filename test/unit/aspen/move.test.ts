/** Actors go where their rows are, and take them along when they are moved. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after } from 'node:test'
import { Aspen } from '../../../aspen/open.ts'
import { ledger } from './ledger-actor.ts'

const folder = mkdtempSync(join(tmpdir(), 'aspen-move-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const supervise = { restart: 'permanent' } as const

test('H1, H2: a moved actor has all its rows at the new place, none at the old, also after a restart of the process', async () => {
  const dir = join(folder, 'a')
  const options = { name: 'books', supervise, place: { type: 'executor', executor: 1 } } as const
  let node = await Aspen.open({ dir, workers: 2 })
  const books = await node.spawn(ledger, null, options)
  for (let i = 0; i < 600; i++) books.tell.add(`item ${i}`)
  assert.deepEqual(await books.ask.read(undefined), { items: 600, executor: 1 })

  await node.move('books', { executor: 2 })
  assert.deepEqual(await books.ask.read(undefined), { items: 600, executor: 2 })
  assert.equal(await books.ask.add('one more'), 601)

  await node.close()
  node = await Aspen.open({ dir, workers: 2 })
  const again = await node.spawn(ledger, null, options)
  assert.deepEqual(await again.ask.read(undefined), { items: 601, executor: 2 })

  await node.move('books', { executor: 0 })
  await node.move('books', { executor: 1 })
  assert.deepEqual(await again.ask.read(undefined), { items: 601, executor: 1 })
  await node.close()
})

test('a moved actor is supervised as before', async () => {
  const node = await Aspen.open({ dir: join(folder, 'b'), workers: 1 })
  const books = await node.spawn(ledger, null, { name: 'books', supervise })
  await books.ask.add('x')
  await node.move('books', { executor: 0 })

  await assert.rejects(books.ask.fail(), { code: 'failed' })

  assert.deepEqual(await books.ask.read(undefined), { items: 1, executor: 0 })
  await node.close()
})

test('what cannot be moved is said to be so', async () => {
  const node = await Aspen.open({ dir: join(folder, 'c'), workers: 1 })
  await node.spawn(ledger, null, { name: 'books', supervise })

  await assert.rejects(
    node.move('nobody', { executor: 1 }),
    /RangeError: move 'nobody': this process has spawned no supervised actor/,
  )
  await assert.rejects(node.move('books', { executor: 7 }), /RangeError: move 'books': executor must be 0 to 1, not 7/)
  await node.close()
})
