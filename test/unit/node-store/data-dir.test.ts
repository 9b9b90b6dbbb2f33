import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type DataDirOptions, openDataDir, readDirIdentity } from '../../../runtime/node/data-dir.ts'
import { StoreRefused } from '../../../runtime/node/lmdb/identity.ts'
import { openLmdbStore } from '../../../runtime/node/lmdb/store.ts'
import { closed, commit, tempDir } from './lab.ts'

function optionsFor(dir: string, more: Partial<DataDirOptions> = {}): DataDirOptions {
  return { dir: join(dir, 'data'), clusterId: 11, memberId: 22, name: 'n1', stores: 2, reserveBytes: 100_000, ...more }
}

const refused =
  (text: RegExp): ((error: Error) => boolean) =>
  (error) =>
    error instanceof StoreRefused && text.test(error.message)

test('a new directory holds an identity, a reserve and a store for each executor', async (t) => {
  const options = optionsFor(tempDir(t))
  assert.equal(readDirIdentity(options.dir), undefined)

  const made = await openDataDir(options)
  assert.equal(made.created, true)
  assert.deepEqual(readdirSync(options.dir).sort(), ['identity.json', 'lock', 'reserve', 'store-0', 'store-1'])
  for (const [k, slot] of made.stores.entries()) {
    assert.deepEqual(slot.identity, { clusterId: 11, memberId: 22, store: k, stores: 2, incarnation: 1 })
    await closed(openLmdbStore({ dir: slot.dir, identity: slot.identity }))
  }
  made.close()
  const again = await openDataDir({ ...options, name: 'renamed' })

  assert.deepEqual([again.created, again.unclean, again.identity.name], [false, false, 'renamed'])
  assert.deepEqual(
    (await again.check()).map(({ type }) => type),
    ['sound', 'sound'],
  )
  again.close()
  assert.equal(readDirIdentity(options.dir)?.name, 'renamed')
})

test('D1: a directory in use is refused with the pid, in this process and in another', async (t) => {
  const options = optionsFor(tempDir(t))
  const first = await openDataDir(options)
  await assert.rejects(openDataDir(options), refused(new RegExp(`this process \\(pid ${process.pid}\\) is using it`)))
  first.close()
  const child = spawnHolder(options.dir)
  t.after(() => child.kill('SIGKILL'))
  await new Promise((resolve) => child.stdout.once('data', resolve))

  await assert.rejects(openDataDir(options), refused(new RegExp(`process ${child.pid} is using it`)))
})

test('D1: what a killed process leaves behind does not lock the directory, and is reported', async (t) => {
  const options = optionsFor(tempDir(t))
  ;(await openDataDir(options)).close()
  const child = spawnHolder(options.dir)
  await new Promise((resolve) => child.stdout.once('data', resolve))
  child.kill('SIGKILL')
  await new Promise((resolve) => child.once('exit', resolve))

  const dir = await openDataDir(options)

  assert.equal(dir.unclean, true)
  assert.deepEqual(
    readdirSync(options.dir).filter((name) => name.startsWith('lock')),
    ['lock'],
  )
  dir.close()
})

test('D1: a pid that was given to another process since, an earlier boot, a torn record: none holds the lock', async (t) => {
  const options = optionsFor(tempDir(t))
  const held = await openDataDir(options)
  const own = JSON.parse(readFileSync(join(options.dir, 'lock'), 'utf8')) as Record<string, unknown>
  held.close()
  const stale = [
    { ...own, started: '1' },
    { ...own, boot: 'another' },
    { ...own, space: 'pid:[1]' },
    { ...own, pid: 2 ** 22 + 1 },
  ]

  for (const record of [...stale.map((owner) => JSON.stringify(owner)), '{"pid":']) {
    writeFileSync(join(options.dir, 'lock'), record)
    const dir = await openDataDir(options)
    assert.equal(dir.unclean, true)
    dir.close()
  }

  writeFileSync(join(options.dir, 'lock'), JSON.stringify({ ...own, space: 'pid:[1]', host: 'elsewhere' }))
  await assert.rejects(openDataDir(options), refused(/host elsewhere has locked it; if it is gone, remove/))
})

test('D2: another cluster, member, format or number of stores is refused, and the directory is free again', async (t) => {
  const options = optionsFor(tempDir(t))
  ;(await openDataDir(options)).close()

  await assert.rejects(
    openDataDir({ ...options, clusterId: 12 }),
    refused(/wanted cluster 12, but it belongs to cluster 11/),
  )
  await assert.rejects(
    openDataDir({ ...options, memberId: 23 }),
    refused(/wanted member 23, but it belongs to member 22/),
  )
  await assert.rejects(openDataDir({ ...options, stores: 3 }), refused(/wanted 3 stores, but it has 2/))
  await assert.rejects(openDataDir({ ...options, stores: 0 }), RangeError)
  const path = join(options.dir, 'identity.json')
  const text = readFileSync(path, 'utf8')
  writeFileSync(path, text.replace('"format": 1', '"format": 2'))
  await assert.rejects(openDataDir(options), refused(/wanted format 1, but it has format 2/))
  writeFileSync(path, text.slice(0, 40))
  await assert.rejects(openDataDir(options), refused(/damaged/))
  writeFileSync(path, text.replace('"clusterId": 11', '"clusterId": "eleven"'))
  await assert.rejects(openDataDir(options), refused(/clusterId/))
  writeFileSync(path, text)

  ;(await openDataDir(options)).close()
})

test('D3: stores without an identity are refused; those of an unfinished start are made anew', async (t) => {
  const options = optionsFor(tempDir(t))
  ;(await openDataDir(options)).close()
  rmSync(join(options.dir, 'identity.json'))
  await assert.rejects(
    openDataDir(options),
    refused(/wanted an identity.json, but there is none beside store-0, store-1/),
  )

  writeFileSync(join(options.dir, 'creating'), '')
  const dir = await openDataDir(options)

  assert.equal(dir.created, true)
  assert.equal(existsSync(join(options.dir, 'creating')), false)
  dir.close()
})

test('D3: a lost or emptied store is a loss, not a fresh start', async (t) => {
  const options = optionsFor(tempDir(t))
  ;(await openDataDir(options)).close()
  rmSync(join(options.dir, 'store-0'), { recursive: true })
  truncateSync(join(options.dir, 'store-1', 'data.mdb'), 0)

  const dir = await openDataDir(options)
  const verdicts = await dir.check()

  assert.deepEqual(
    verdicts.map((verdict) => (verdict.type === 'damaged' ? verdict.reason : '')),
    ['its data file is missing', 'its data file is empty'],
  )
  for (const { dir: store, identity } of dir.stores) assert.throws(() => openLmdbStore({ dir: store, identity }))
  dir.close()
})

test('D4: quarantine keeps the damaged store, makes an empty one of a higher incarnation, and says wiped until settled', async (t) => {
  const options = optionsFor(tempDir(t))
  const first = await openDataDir(options)
  const slot = first.stores[1]
  assert.ok(slot)
  const store = openLmdbStore(slot)
  await commit(store, [{ type: 'put', key: Buffer.from('vote'), value: Buffer.from('cast') }])
  await closed(store)

  const moved = await first.quarantine(1)
  first.close()
  const second = await openDataDir(options)

  assert.equal(moved, `${slot.dir}.damaged-1`)
  assert.equal(existsSync(join(moved, 'data.mdb')), true)
  assert.deepEqual(
    second.stores.map(({ wiped, identity }) => [wiped, identity.incarnation]),
    [
      [false, 1],
      [true, 2],
    ],
  )
  assert.deepEqual(
    (await second.check()).map(({ type }) => type),
    ['sound', 'sound'],
  )
  assert.throws(() => openLmdbStore(slot), refused(/wanted incarnation 1, but it has incarnation 2/))
  const empty = openLmdbStore(second.stores[1] as typeof slot)
  assert.equal(empty.get(Buffer.from('vote')), undefined)
  await closed(empty)

  assert.equal(await second.quarantine(1), `${slot.dir}.damaged-2`)
  second.settle(1)
  second.close()
  assert.deepEqual(readDirIdentity(options.dir)?.stores[1], { incarnation: 3, wiped: false })
})

test('D4: a directory made for a member that lost the one before says wiped until each store is settled', async (t) => {
  const options = optionsFor(tempDir(t), { lost: true })

  const made = await openDataDir(options)
  assert.deepEqual(
    made.stores.map(({ wiped }) => wiped),
    [true, true],
  )
  made.settle(0)
  made.close()
  const again = await openDataDir(options)

  assert.deepEqual(
    again.stores.map(({ wiped }) => wiped),
    [false, true],
  )
  again.close()
})

test('D2: a store put back from an older copy is refused', async (t) => {
  const options = optionsFor(tempDir(t))
  const dir = await openDataDir(options)
  const moved = (await dir.quarantine(0)) as string
  rmSync(join(options.dir, 'store-0'), { recursive: true })
  mkdirSync(join(options.dir, 'store-0'))
  writeFileSync(join(options.dir, 'store-0', 'data.mdb'), readFileSync(join(moved, 'data.mdb')))

  await assert.rejects(dir.check(), refused(/wanted incarnation 2, but it has incarnation 1/))
  dir.close()
})

test('the reserve takes real room, gives it back once, and is taken again', async (t) => {
  const options = optionsFor(tempDir(t))
  const dir = await openDataDir(options)
  assert.equal(dir.reserve.held, true)
  assert.equal(
    readFileSync(join(options.dir, 'reserve')).every((byte) => byte !== 0),
    true,
  )

  assert.deepEqual([dir.reserve.release(), dir.reserve.release(), dir.reserve.held], [true, false, false])
  assert.deepEqual([dir.reserve.restore(), dir.reserve.held], [true, true])
  dir.close()
})

/** A process that opens the directory and waits for its end. */
function spawnHolder(dir: string): ReturnType<typeof spawn> & { readonly stdout: NodeJS.ReadableStream } {
  const module = fileURLToPath(new URL('../../../runtime/node/dir-lock.js', import.meta.url))
  const program = `const { DirLock } = await import(${JSON.stringify(module)})
    new DirLock(${JSON.stringify(dir)}); process.stdout.write('held'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return child as ReturnType<typeof spawn> & { readonly stdout: NodeJS.ReadableStream }
}
