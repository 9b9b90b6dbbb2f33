import assert from 'node:assert/strict'
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { open } from 'lmdb'
import { checkStores } from '../../../runtime/node/lmdb/check.ts'
import { StoreRefused } from '../../../runtime/node/lmdb/identity.ts'
import { openLmdbStore } from '../../../runtime/node/lmdb/store.ts'
import { StoreCorrupt } from '../../../runtime/ports/store.ts'
import { closed, commit, filledStore, identity, newStore, tempDir } from './lab.ts'

const dataFile = (dir: string): string => join(dir, 'data.mdb')

function overwrite(dir: string, at: number, bytes: Uint8Array): void {
  const file = openSync(dataFile(dir), 'r+')
  writeSync(file, bytes, 0, bytes.length, at)
  closeSync(file)
}

/** Damages that end a process on access, or pass for an empty store, when LMDB meets them unprepared. */
const killers: readonly { readonly what: string; readonly damage: (dir: string) => void; readonly reason: RegExp }[] = [
  { what: 'an empty file', damage: (dir) => writeFileSync(dataFile(dir), ''), reason: /is empty/ },
  {
    what: 'a file cut to one page',
    damage: (dir) => truncateSync(dataFile(dir), 16_384),
    reason: /too few for two pages/,
  },
  {
    what: 'garbage',
    damage: (dir) => writeFileSync(dataFile(dir), Buffer.alloc(200_000, 0xa7)),
    reason: /no magic number/,
  },
  { what: 'zeros', damage: (dir) => writeFileSync(dataFile(dir), Buffer.alloc(200_000)), reason: /no magic number/ },
  {
    what: 'a file cut in half',
    damage: (dir) => truncateSync(dataFile(dir), statSync(dataFile(dir)).size / 2),
    reason: /, page \d+: wanted .*end of the file/,
  },
  {
    what: 'garbage behind the meta pages',
    damage: (dir) => overwrite(dir, 32_768, Buffer.alloc(statSync(dataFile(dir)).size - 32_768, 0x5b)),
    reason: /, page \d+: wanted .*, but found/,
  },
  { what: 'no file', damage: (dir) => rmSync(dataFile(dir)), reason: /is missing/ },
]

test('a damaged file is named by a child process, with the reason; its neighbours are sound', async (t) => {
  const root = tempDir(t)
  await filledStore(join(root, 'sound'))
  const dirs = [join(root, 'sound')]
  for (const [i, { damage }] of killers.entries()) {
    const dir = join(root, `killer-${i}`)
    mkdirSync(dir)
    copyFileSync(dataFile(dirs[0] as string), dataFile(dir))
    damage(dir)
    dirs.push(dir)
  }
  mkdirSync(join(root, 'last'))
  copyFileSync(dataFile(dirs[0] as string), dataFile(join(root, 'last')))
  dirs.push(join(root, 'last'))

  const verdicts = await checkStores(dirs)

  assert.deepEqual(
    verdicts.map(({ dir }) => dir),
    dirs,
  )
  for (const [i, { what, reason }] of killers.entries()) {
    const verdict = verdicts[i + 1]
    assert.equal(verdict?.type, 'damaged', what)
    assert.match(verdict.type === 'damaged' ? verdict.reason : '', reason, what)
  }
  assert.equal(verdicts[0]?.type, 'sound')
  assert.equal(verdicts.at(-1)?.type, 'sound')
})

test('opening refuses what it can see to be damaged, without dying', async (t) => {
  const root = tempDir(t)
  for (const [i, { what, damage, reason }] of killers.entries()) {
    // The others are plausible from outside: finding them is the child's work.
    if (!/empty|few|magic|is missing/.test(reason.source)) continue
    const dir = join(root, String(i))
    await filledStore(dir)
    damage(dir)

    assert.throws(() => openLmdbStore({ dir, identity }), what === 'no file' ? StoreRefused : StoreCorrupt, what)
  }
})

test('bits of a meta page that LMDB believes unseen are judged by the child, never by a crash of this process', async (t) => {
  const root = tempDir(t)
  await filledStore(join(root, 'sound'))
  const sound = readFileSync(dataFile(join(root, 'sound')))
  // Magic, version, page size; then roots of trees, last page and transaction number of both metas.
  const places = [24, 28, 49, 50, 24 + 16_384, ...[100, 120, 136, 144, 146, 152].flatMap((at) => [at, at + 16_384])]
  const dirs: string[] = []
  for (const at of places) {
    const dir = join(root, `meta-${at}`)
    mkdirSync(dir)
    const bytes = Buffer.from(sound)
    bytes[at] = (bytes[at] as number) ^ 0x40
    writeFileSync(dataFile(dir), bytes)
    dirs.push(dir)
  }

  const verdicts = await checkStores(dirs, { depth: 'full' })

  for (const verdict of verdicts.slice(0, 5)) assert.equal(verdict.type, 'damaged', verdict.dir)
  for (const verdict of verdicts) {
    if (verdict.type === 'damaged') continue
    // What passed must be whole: all pairs, all entries.
    const store = openLmdbStore({ dir: verdict.dir, identity })
    assert.equal(
      [...store.range({ from: Buffer.from('key'), to: Buffer.from('kez') })].length >= 1_750,
      true,
      verdict.dir,
    )
    await closed(store)
  }
})

test('S3: a flipped bit in a key, a checksum or a value is found by reading, by a full check and by scrubbing', async (t) => {
  const root = tempDir(t)
  await filledStore(join(root, 'sound'))
  const sound = readFileSync(dataFile(join(root, 'sound')))
  const at = sound.indexOf(Buffer.from('key-01000'))
  const flips = [
    { what: 'in a key', at: at + 8 },
    { what: 'in a checksum', at: at + 9 + 1 },
    { what: 'in a value', at: at + 9 + 40 },
  ]

  for (const [i, flip] of flips.entries()) {
    const dir = join(root, `flip-${i}`)
    mkdirSync(dir)
    const bytes = Buffer.from(sound)
    // Copies of the page from earlier commits may lie in the file too: all of them get the same flip.
    for (let copy = bytes.indexOf('key-01000'); copy !== -1; copy = bytes.indexOf('key-01000', copy + 1)) {
      const place = copy + flip.at - at
      bytes[place] = (bytes[place] as number) ^ 0x10
    }
    writeFileSync(dataFile(dir), bytes)

    const [verdict] = await checkStores([dir], { depth: 'full' })
    assert.equal(verdict?.type, 'damaged', flip.what)
    assert.match(verdict.type === 'damaged' ? verdict.reason : '', /S3: .*not what was written/)

    const store = openLmdbStore({ dir, identity })
    if (flip.what !== 'in a key') assert.throws(() => store.get(Buffer.from('key-01000')), StoreCorrupt, flip.what)
    assert.throws(() => [...store.range({ from: Buffer.from('key'), to: Buffer.from('kez') })], StoreCorrupt, flip.what)
    assert.throws(() => {
      while (store.scrub(100).type === 'more');
    }, StoreCorrupt)
    assert.equal(store.get(Buffer.from('key-00001'))?.length, 300)
    await closed(store)
  }
})

test('S3: a sound value under another key, or in the other database, is not served', async (t) => {
  const dir = join(tempDir(t), 'store')
  const store = await newStore(dir)
  await commit(store, [
    { type: 'put', key: Buffer.from('a'), value: Buffer.from('of a') },
    { type: 'put', key: Buffer.from('b'), value: Buffer.from('of b') },
    { type: 'logAppend', log: 'l', entries: [{ index: 1, term: 1, type: 'normal', data: Buffer.from('x') }] },
  ])
  await closed(store)
  const raw = open<Buffer, Uint8Array>({
    path: dir,
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
  })
  const kv = raw.openDB<Buffer, Uint8Array>('kv', { encoding: 'binary', keyEncoding: 'binary' })
  const log = raw.openDB<Buffer, Uint8Array>('log', { encoding: 'binary', keyEncoding: 'binary' })
  const entryKey = Buffer.from('\0\u0001l\0\0\0\0\0\0\0\u0001', 'latin1')
  void kv.put(Buffer.from('b'), kv.get(Buffer.from('a')) as Buffer)
  await kv.put(entryKey, log.get(entryKey) as Buffer)
  await raw.close()

  const again = openLmdbStore({ dir, identity })

  assert.equal(Buffer.from(again.get(Buffer.from('a')) as Uint8Array).toString(), 'of a')
  assert.throws(() => again.get(Buffer.from('b')), StoreCorrupt)
  assert.throws(() => again.get(entryKey), StoreCorrupt)
  await closed(again)
})

test('S3: a log entry that vanished is missed', async (t) => {
  const dir = join(tempDir(t), 'store')
  await filledStore(dir)
  const raw = open<Buffer, Uint8Array>({
    path: dir,
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
  })
  const log = raw.openDB<Buffer, Uint8Array>('log', { encoding: 'binary', keyEncoding: 'binary' })
  await log.remove(Buffer.from('\0\u0004raft\0\0\0\0\0\0\0\u0003', 'latin1'))
  await raw.close()

  const store = openLmdbStore({ dir, identity })

  assert.equal(store.log('raft').entries(1, 2, 10_000).length, 2)
  assert.throws(() => store.log('raft').entries(1, 8, 10_000), /lost entry 3/)
  assert.throws(() => store.log('raft').term(3), /lost entry 3/)
  await closed(store)
})

test('scrubbing passes over a sound store in bounded steps, also while it is written', async (t) => {
  const dir = join(tempDir(t), 'store')
  await filledStore(dir)
  const store = openLmdbStore({ dir, identity })
  let rows = 0
  let passes = 0

  for (let step = 0; passes < 2; step++) {
    const { type, rows: seen } = store.scrub(97)
    assert.ok(seen <= 97)
    rows += seen
    if (type === 'passed') passes += 1
    if (passes === 1 && step % 5 === 0)
      await commit(store, [{ type: 'put', key: Buffer.from(`new-${step}`), value: Buffer.from('x') }])
  }

  // 2000 pairs, 8 entries and a header, twice; and some of what came meanwhile.
  assert.ok(rows >= 2 * 2_009)
  await closed(store)
})

// Readers see a commit before its store hears that it is durable: a pass that straddles that moment must not compare counts.
test('S3: a sound store is never called damaged while a commit becomes visible', async (t) => {
  const dir = join(tempDir(t), 'store')
  const store = await newStore(dir)
  await commit(store, [{ type: 'put', key: Buffer.from('first'), value: Buffer.from('x') }])

  for (let round = 0; round < 150; round++) {
    let under = true
    const value = Buffer.alloc(20_000)
    const committed = commit(store, [{ type: 'put', key: Buffer.from(`new-${round}`), value }]).then(() => {
      under = false
    })
    while (under) {
      for (let step = 0; step < round % 7; step++) store.scrub(1 + (round % 3))
      await nextTurn()
    }
    await committed
  }

  await closed(store)
})

test('S6: a store is opened by the member it belongs to, or by nobody', async (t) => {
  const dir = join(tempDir(t), 'store')
  await closed(await newStore(dir))
  const others = [{ clusterId: 8 }, { memberId: 4 }, { store: 1 }, { stores: 2 }, { incarnation: 2 }]

  for (const other of others) {
    const [field, wanted] = Object.entries(other)[0] as [string, number]
    assert.throws(
      () => openLmdbStore({ dir, identity: { ...identity, ...other } }),
      (error: Error) =>
        error instanceof StoreRefused && error.message.includes(`wanted ${field} ${wanted}, but it has ${field}`),
    )
  }
  await assert.rejects(newStore(dir), /wanted no store there/)

  await closed(openLmdbStore({ dir, identity }))
})

test('S6: an LMDB file of somebody else, or of another format, is refused', async (t) => {
  const root = tempDir(t)
  const foreign = open<Buffer, Uint8Array>({
    path: join(root, 'foreign'),
    noSubdir: false,
    encoding: 'binary',
    pageSize: 16_384,
    overlappingSync: false,
  })
  await foreign.put(Buffer.from('x'), Buffer.from('y'))
  await foreign.close()

  assert.throws(() => openLmdbStore({ dir: join(root, 'foreign'), identity }), /holds no identity record/)
})
