// A page that lies is found before LMDB believes it: bit by bit where it matters, and at random everywhere else.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { draw } from '../../../base/draw.ts'
import { checkStores } from '../../../runtime/node/lmdb/check.ts'
import { dataFileOf } from '../../../runtime/node/lmdb/environment.ts'
import { inspectFile } from '../../../runtime/node/lmdb/inspect.ts'
import { pageBytes, pageKinds } from '../../../runtime/node/lmdb/page-format.ts'
import { walkPages } from '../../../runtime/node/lmdb/page-walk.ts'
import { openLmdbStore } from '../../../runtime/node/lmdb/store.ts'
import { StoreCorrupt } from '../../../runtime/ports/store.ts'
import { readStore, type Survival, smallStore, writeFlipped } from './flip-lab.ts'
import { closed, filledStore, identity, tempDir } from './lab.ts'

const nothing = { valueBytesMax: 0 }
const everything = { valueBytesMax: Number.POSITIVE_INFINITY }

/** What the walk says of a file; undefined: nothing. */
function complaint(path: string, options: { readonly valueBytesMax: number } = everything): string | undefined {
  try {
    walkPages(path, options)
    return undefined
  } catch (error) {
    assert.ok(error instanceof StoreCorrupt, String(error))
    return error.message
  }
}

/** Flips bits of one file, each for the time of one look, and gives it back as it was. */
function flipping(t: TestContext, path: string, sound: Buffer): (byte: number, bit: number) => string | undefined {
  const file = openSync(path, 'r+')
  t.after(() => closeSync(file))
  return (byte, bit) => {
    const was = sound[byte] as number
    writeSync(file, Buffer.of(was ^ (1 << bit)), 0, 1, byte)
    const said = complaint(path, nothing)
    writeSync(file, Buffer.of(was), 0, 1, byte)
    return said
  }
}

interface Found {
  readonly page: number
  readonly kind: string
}

/** Pages of each kind, three at most, that the last commit of a sound file uses: a flip of their kind is noticed. */
function pagesInUse(sound: Buffer, flip: (byte: number, bit: number) => string | undefined): Found[] {
  const found: Found[] = []
  for (const [kind, flag] of Object.entries(pageKinds)) {
    const enough = found.length + 3
    for (let page = 0; page < sound.length / pageBytes && found.length < enough; page++) {
      const at = page * pageBytes
      if (sound.readUInt16LE(at + 18) !== flag || sound.readUInt32LE(at) !== page) continue
      if (flip(at + 18, 7) !== undefined) found.push({ page, kind })
    }
  }
  return found
}

test('P1 to P9: a sound store is passed, with as many pages as LMDB itself counts', async (t) => {
  for (const make of [smallStore, filledStore]) {
    const dir = join(tempDir(t), 'store')
    await make(dir)

    const { pages, valueBytes } = walkPages(dataFileOf(dir), everything)

    const store = openLmdbStore({ dir, identity })
    assert.equal(pages * pageBytes, store.stats().liveBytes)
    assert.ok(valueBytes > 50_000)
    await closed(store)
  }
})

test('P1, P3, P6: each flipped bit in the header of a page is refused, but for fields that LMDB does not read', async (t) => {
  const dir = join(tempDir(t), 'store')
  await smallStore(dir)
  const path = dataFileOf(dir)
  const sound = readStore(dir)
  const flip = flipping(t, path, sound)
  const used = pagesInUse(sound, flip)
  assert.deepEqual(new Set(used.map(({ kind }) => kind)), new Set(['branch', 'leaf', 'overflow', 'meta']))

  for (const { page, kind } of used) {
    for (let byte = 0; byte < 24; byte++) {
      for (let bit = 0; bit < 8; bit++) {
        const said = flip(page * pageBytes + byte, bit)
        const where = `${kind} page ${page}, byte ${byte}, bit ${bit}`

        // A commit before the last is as good as any; the padding, and the bounds of a meta page, nobody reads.
        const isEarlier =
          byte >= 8 && byte < 16 && (kind === 'meta' || (sound[page * pageBytes + byte] as number) >> bit)
        const isUnread = byte === 16 || byte === 17 || (kind === 'meta' && byte >= 20)
        if (said === undefined) assert.ok(isEarlier || isUnread, where)
        else assert.match(said, new RegExp(`^${path}, page \\d+: wanted .+, but found .+$`), where)
      }
    }
  }
  assert.equal(complaint(path), undefined)
})

test('P3, P4: each flipped bit in a pointer, a flag or a length of a node is refused, or changes only a value', async (t) => {
  const dir = join(tempDir(t), 'store')
  await smallStore(dir)
  const sound = readStore(dir)
  const flip = flipping(t, dataFileOf(dir), sound)
  const trees = pagesInUse(sound, flip).filter(({ kind }) => kind === 'branch' || kind === 'leaf')

  for (const { page, kind } of trees) {
    const at = page * pageBytes
    const nodes = sound.readUInt16LE(at + 20) >> 1
    for (let i = 0; i < nodes; i += Math.ceil(nodes / 6)) {
      const node = at + 24 + sound.readUInt16LE(at + 24 + 2 * i)
      const isLong = kind === 'leaf' && (sound.readUInt16LE(node + 4) & 1) !== 0
      for (const [what, from, to] of [
        ['pointer', at + 24 + 2 * i, 2],
        ['node', node, 8],
      ] as const) {
        for (let bit = 0; bit < 8 * to; bit++) {
          if (flip(from + (bit >> 3), bit & 7) !== undefined) continue
          // Where a node is rounded up, one byte may change sides, and a long value has room behind it: the checksum sees
          // that (P9). Here it is not looked at.
          const isLength = what === 'node' && kind === 'leaf' && (bit === 0 || bit === 48 || (isLong && bit < 32))
          assert.ok(isLength, `${kind} page ${page}, ${what} ${i}, bit ${bit}`)
        }
      }
    }
  }
})

test('P5, P7: each flipped bit in the record of a tree, or in a meta page that counts, is refused', async (t) => {
  const dir = join(tempDir(t), 'store')
  await smallStore(dir)
  const sound = readStore(dir)
  const flip = flipping(t, dataFileOf(dir), sound)
  const newer = sound.readUInt32LE(152) > sound.readUInt32LE(pageBytes + 152) ? 0 : pageBytes
  const main = sound.readUInt32LE(newer + 96 + 40) * pageBytes
  const records = [newer + 48, newer + 96]
  for (let i = 0; i < sound.readUInt16LE(main + 20) >> 1; i++) {
    const node = main + 24 + sound.readUInt16LE(main + 24 + 2 * i)
    if (sound.readUInt16LE(node + 4) === 2) records.push(node + 8 + sound.readUInt16LE(node + 6))
  }
  assert.equal(records.length, 4)

  for (const record of records) {
    // The first four bytes are the page size, which is looked at elsewhere, or nothing.
    for (let bit = 8 * 4; bit < 8 * 48; bit++)
      assert.ok(flip(record + (bit >> 3), bit & 7), `record ${record}, bit ${bit}`)
  }
  for (const meta of [0, pageBytes]) {
    for (let bit = 0; bit < 64; bit++)
      assert.ok(flip(meta + 152 + (bit >> 3), bit & 7), `commit of ${meta}, bit ${bit}`)
    // A map of up to 16 terabytes, and a gigabyte of pages that are not there, LMDB takes without harm.
    for (let bit = 45; bit < 64; bit++) assert.ok(flip(meta + 40 + (bit >> 3), bit & 7), `map of ${meta}, bit ${bit}`)
    for (let bit = 17; bit < 64 && meta === newer; bit++)
      assert.ok(flip(meta + 144 + (bit >> 3), bit & 7), `end, ${bit}`)
  }
})

test('P8: a used page among the free ones is refused; one that is forgotten is only lost room', async (t) => {
  const dir = join(tempDir(t), 'store')
  await smallStore(dir)
  const sound = readStore(dir)
  const flip = flipping(t, dataFileOf(dir), sound)
  const newer = sound.readUInt32LE(152) > sound.readUInt32LE(pageBytes + 152) ? 0 : pageBytes
  const free = sound.readUInt32LE(newer + 48 + 40) * pageBytes
  const said: string[] = []

  for (let i = 0; i < sound.readUInt16LE(free + 20) >> 1; i++) {
    const node = free + 24 + sound.readUInt16LE(free + 24 + 2 * i)
    const bytes = sound.readUInt32LE(node)
    for (let byte = node + 16; byte < node + 16 + bytes; byte += 3) {
      for (let bit = 0; bit < 8; bit++) said.push(flip(byte, bit) ?? 'nothing')
    }
  }

  const refused = (pattern: RegExp): number => said.filter((text) => pattern.test(text)).length
  assert.ok(refused(/wanted only free pages .* not a used one/) > 0)
  assert.ok(refused(/wanted a page to be free once/) > 0)
  assert.ok(refused(/wanted free pages from 2 to/) > 0)
  assert.ok(refused(/wanted free pages to list/) > 0)
})

/** Opens damaged stores in a process of its own, which must live to its end. */
function survivorsOf(dirs: readonly { readonly dir: string }[]): Promise<Survival[]> {
  const script = fileURLToPath(new URL('./survivor.js', import.meta.url))
  const child = spawn(process.execPath, [script, ...dirs.map(({ dir }) => dir)], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let complaints = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-500)
  })
  return new Promise((resolve, reject) => {
    child.on('close', (code, signal) => {
      const lines = output.split('\n').filter((line) => line !== '')
      const survivals = lines.map((line) => JSON.parse(line) as Survival)
      if (code === 0) resolve(survivals)
      else reject(new Error(`ended with ${signal ?? code} in ${dirs[survivals.length]?.dir}: ${complaints}`))
    })
  })
}

// What the walk passes must be as good as sound; what passes only because values were not read may be refused later,
// with a sentence, but never end the process and never give what was not written.
test('one random flipped bit, anywhere in the file: refused before opening, or read and written as if it were sound', async (t) => {
  // Not on a disk where there is memory: every survivor flushes several times.
  const root = tempDir(t, existsSync('/dev/shm') ? '/dev/shm' : tmpdir())
  await smallStore(join(root, 'sound'))
  const sound = readStore(join(root, 'sound'))
  const dirs: { readonly dir: string; readonly passed: boolean }[] = []
  let refused = 0
  for (let round = 0; round < 200; round++) {
    const dir = join(root, String(round))
    mkdirSync(dir)
    let byte = Math.floor(draw(4_711, 'byte', round) * sound.length)
    // Every other one where pages have their headers and pointers, which are few bytes among many.
    if (round % 2 === 0) byte -= Math.floor((byte % pageBytes) / 200) * 200
    const file = writeFlipped(dir, sound, byte, Math.floor(draw(4_711, 'bit', round) * 8))
    if (inspectFile(dir).type === 'plausible' && complaint(file, nothing) === undefined)
      dirs.push({ dir, passed: complaint(file) === undefined })
    else refused += 1
  }

  const half = dirs.length >> 1
  const survivals = (await Promise.all([survivorsOf(dirs.slice(0, half)), survivorsOf(dirs.slice(half))])).flat()

  assert.equal(survivals.length, dirs.length)
  for (const [i, { dir, passed }] of dirs.entries()) {
    const { wrong, refused: reason } = survivals[i] as Survival
    if (passed) assert.deepEqual([wrong, reason], [undefined, undefined], dir)
    else assert.match(reason ?? '', /S3/, dir)
  }
  assert.ok(refused > 0 && dirs.some(({ passed }) => passed) && dirs.some(({ passed }) => !passed))
})

test('the check before opening says which page is wrong, and how, without dying of it', async (t) => {
  const dir = join(tempDir(t), 'store')
  await smallStore(dir)
  const sound = readStore(dir)
  const { page } = pagesInUse(sound, flipping(t, dataFileOf(dir), sound)).find(({ kind }) => kind === 'leaf') as Found
  // `lower`, so high that LMDB would assert when it writes the page.
  const path = writeFlipped(dir, sound, page * pageBytes + 21, 6)

  const [verdict] = await checkStores([dir])

  const lower = sound.readUInt16LE(page * pageBytes + 20) ^ (1 << 14)
  assert.equal(verdict?.type, 'damaged')
  assert.match(
    verdict.type === 'damaged' ? verdict.reason : '',
    new RegExp(`^${path}, page ${page}: wanted an even lower bound up to \\d+, but found ${lower}$`),
  )
})
