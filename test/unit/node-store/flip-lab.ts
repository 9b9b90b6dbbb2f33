/** A small store that has every kind of page, and what it holds: for flipping its bits. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dataFileOf } from '../../../runtime/node/lmdb/environment.ts'
import { openLmdbStore } from '../../../runtime/node/lmdb/store.ts'
import type { Write } from '../../../runtime/ports/store.ts'
import { closed, commit, identity, newStore } from './lab.ts'

export const from: Uint8Array = Buffer.from('row/')
export const to: Uint8Array = Buffer.from('row0')
export const entriesMax = 12

/** The key and the value of every row: two of them take pages of their own. */
export function rowsOf(): { readonly key: Uint8Array; readonly value: Uint8Array }[] {
  return Array.from({ length: 220 }, (_, i) => ({
    key: Buffer.from(`row/${String(i * 37).padStart(4, '0')}`),
    value: Buffer.alloc(i % 110 === 7 ? 40_000 : 200 + (i % 90), i),
  }))
}

export function entryData(index: number): Uint8Array {
  return Buffer.alloc(index === 5 ? 20_000 : 100 + index, 0x60 + index)
}

/** Rows and a log, written in several commits, with some of it written again or removed so that pages are free. */
export async function smallStore(dir: string): Promise<void> {
  const store = await newStore(dir)
  const rows = rowsOf()
  for (let batch = 0; batch < 4; batch++) {
    const writes = rows.filter((_, i) => i % 4 === batch).map((row): Write => ({ type: 'put', ...row }))
    for (let i = 0; i < 12; i++) {
      writes.push({ type: 'put', key: Buffer.from(`passing/${batch}/${i}`), value: Buffer.alloc(9_000, i) })
    }
    const entries = [1, 2, 3].map((k) => ({
      index: batch * 3 + k,
      term: 1,
      type: 'normal' as const,
      data: entryData(batch * 3 + k),
    }))
    await commit(store, [...writes, { type: 'logAppend', log: 'raft', entries }])
  }
  await commit(store, [{ type: 'deleteRange', from: Buffer.from('passing/'), to: Buffer.from('passing0') }])
  await commit(store, [{ type: 'put', ...(rows[0] as { key: Uint8Array; value: Uint8Array }) }])
  await closed(store)
}

/** What a process that opens a damaged store saw; a sudden death leaves nothing. */
export interface Survival {
  readonly dir: string
  /** Something came out that is not what went in, or did not come out at all. */
  readonly wrong: string | undefined
  /** Reading or writing was refused, with a sentence. */
  readonly refused: string | undefined
}

/** Opens what lies in `dir`, compares all of it by walking and by looking up, then writes all over it and compares again. */
export async function survive(dir: string): Promise<Survival> {
  let wrong: string | undefined
  try {
    const store = openLmdbStore({ dir, identity })
    const rows = rowsOf()
    let at = 0
    for (const [key, value] of store.range({ from, to })) {
      const wanted = rows[at++]
      if (wanted === undefined || !Buffer.from(key).equals(wanted.key) || !Buffer.from(value).equals(wanted.value)) {
        wrong ??= `row ${at} of a walk is ${Buffer.from(key).toString()}`
      }
    }
    if (at !== rows.length) wrong ??= `${at} rows`
    for (const { key, value } of rows) {
      if (!Buffer.from(store.get(key) ?? []).equals(value)) wrong ??= `look-up of ${Buffer.from(key).toString()}`
    }
    const entries = store.log('raft').entries(1, entriesMax + 1, 1_000_000)
    if (
      entries.length !== entriesMax ||
      !entries.every(({ index, data }) => Buffer.from(data).equals(entryData(index)))
    ) {
      wrong ??= 'log'
    }
    const longer = Buffer.alloc(700, 0x77)
    const grow = rows.map(({ key }): Write => ({ type: 'put', key, value: longer }))
    const more = rows.map(
      ({ key }): Write => ({ type: 'put', key: Buffer.concat([key, Buffer.from('+')]), value: longer }),
    )
    const shrink = rows.slice(20).map(({ key }): Write => ({ type: 'delete', key }))
    for (const batch of [grow, more, shrink, grow]) {
      const outcome = await commit(store, batch)
      if (outcome.type !== 'durable') return { dir, wrong, refused: JSON.stringify(outcome) }
    }
    for (const { key } of rows) if (!Buffer.from(store.get(key) ?? []).equals(longer)) wrong ??= 'what it wrote'
    await closed(store)
    return { dir, wrong, refused: undefined }
  } catch (error) {
    return { dir, wrong, refused: String(error) }
  }
}

export function readStore(dir: string): Buffer {
  return readFileSync(dataFileOf(dir))
}

export function writeFlipped(path: string, sound: Uint8Array, byte: number, bit: number): string {
  const flipped = Buffer.from(sound)
  flipped[byte] = (flipped[byte] as number) ^ (1 << bit)
  const file = join(path, 'data.mdb')
  writeFileSync(file, flipped)
  return file
}
