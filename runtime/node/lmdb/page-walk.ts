/**
 * Looks through a data file before LMDB maps it. LMDB believes every number in a page: one flipped bit can end the process
 * much later, when the page is written, or lead a look-up astray. So each page that the last commit reaches is checked
 * against the rules of `page-nodes.ts` (P3, P4), `page-tree.ts` (P1, P2, P5, P6) and
 *
 *   P7  the newer of the two meta pages is one commit ahead of the other, each lies where its commit belongs, and the
 *       main tree begins with a page that this very commit wrote; what is in use ends near the end of the file
 *   P8  no page is free and in use, or free twice
 *   P9  every value has the checksum of its place (S3), so a key is what was written, too
 *
 * Pages that nothing reaches are not looked at: LMDB writes them before it reads them.
 */
import { identityKey } from './identity.ts'
import { PageFile, refusal } from './page-file.ts'
import {
  freeTreeFlags,
  kindOf,
  type Meta,
  metaPages,
  nodeFlags,
  ownNumber,
  pageBytes,
  pageKinds,
  readMeta,
  readNumber,
  readTree,
  type Tree,
  treeBytes,
  writtenBy,
} from './page-format.ts'
import { numberBytes } from './page-nodes.ts'
import { marks, type Row, type Territory, TreeWalk } from './page-tree.ts'
import { checkSeal, type Space } from './seal.ts'

export interface WalkOptions {
  /** How many bytes of values are read for their checksums (P9). */
  readonly valueBytesMax: number
}

/** What was seen. */
export interface WalkReport {
  readonly pages: number
  readonly valueBytes: number
}

/** A gigabyte. */
const sparePages = 65_536

/** The databases that the main tree names; every store has both from the start. */
const namedSpaces = ['kv', 'log'] as const

interface Named {
  readonly tree: Tree
  readonly page: number
}

/** @throws {StoreCorrupt} One of P1 to P9 does not hold: the file, the page, what was wanted and what is there. */
export function walkPages(path: string, options: WalkOptions): WalkReport {
  const file = new PageFile(path)
  try {
    return new Walk(file, options).run()
  } finally {
    file.close()
  }
}

class Walk {
  readonly #file: PageFile
  readonly #valueBytesMax: number
  #valueBytes = 0
  #pages = metaPages

  constructor(file: PageFile, { valueBytesMax }: WalkOptions) {
    this.#file = file
    this.#valueBytesMax = valueBytesMax
  }

  run(): WalkReport {
    const { meta, page } = this.#currentMeta()
    const land: Territory = { file: this.#file, marks: new Uint8Array(meta.lastPage + 1), commit: meta.commit }
    const named = new Map<string, Named>()
    new TreeWalk(land, {
      name: 'main',
      order: 'bytes',
      flags: nodeFlags.longValue | nodeFlags.tree,
      onRow: (row) => this.#onMainRow(row, named),
    }).walk(meta.main, page)
    for (const space of namedSpaces) {
      const found = named.get(space)
      if (found === undefined) throw refusal(this.#file.path, page, 'in the main tree', `tree '${space}'`, 'none')
      const onRow = (row: Row): void => this.#checkSeal(space, row)
      new TreeWalk(land, { name: space, order: 'bytes', flags: nodeFlags.longValue, onRow }).walk(
        found.tree,
        found.page,
      )
    }
    this.#walkFree(land, meta, page)
    for (const mark of land.marks) if (mark === marks.used) this.#pages += 1
    return { pages: this.#pages, valueBytes: this.#valueBytes }
  }

  /** P7 */
  #currentMeta(): { readonly meta: Meta; readonly page: number } {
    const metas: Meta[] = []
    this.#file.sweep([0, 1], (page) => {
      const { number } = page
      if (ownNumber(page) !== number) this.#refuse(number, 'its own number', number, ownNumber(page))
      if (kindOf(page) !== pageKinds.meta) this.#refuse(number, `kind 'meta',`, pageKinds.meta, kindOf(page))
      const meta = readMeta(page)
      metas.push(meta)
      if (meta.address !== 0) this.#refuse(number, 'an address of', 0, meta.address)
      if (meta.free.flags !== freeTreeFlags)
        this.#refuse(number, 'flags of the free tree', freeTreeFlags, meta.free.flags)
      if (meta.main.flags !== 0) this.#refuse(number, 'flags of the main tree', 0, meta.main.flags)
    })
    const [even, odd] = metas as [Meta, Meta]
    const page = even.commit >= odd.commit ? 0 : 1
    const meta = page === 0 ? even : odd
    const apart = Math.abs(even.commit - odd.commit)
    if (meta.commit % 2 !== page || apart !== (meta.commit === 0 ? 0 : 1)) {
      this.#refuse(
        page,
        'its commit next to the one of the other meta page,',
        (page === 0 ? odd : even).commit,
        meta.commit,
      )
    }
    for (const [number, { main, commit }] of metas.entries()) this.#rootIsOf(number, main, commit)
    this.#sizesFit(metas, page)
    return { meta, page }
  }

  /**
   * Every commit of ours changes a tree, so it writes the main one from its root; and it leaves alone what the commit
   * before can reach. Without this, a flipped bit could make one meta page pass for the other's successor.
   */
  #rootIsOf(meta: number, { root }: Tree, commit: number): void {
    if (root === undefined) return
    if (root < metaPages || root >= this.#file.pages) {
      this.#refuse(meta, 'a root of the main tree below', this.#file.pages, root)
    }
    const writer = writtenBy(this.#file.header(root))
    if (writer !== commit) this.#refuse(meta, 'its commit to be the one that wrote the main tree,', writer, commit)
  }

  #sizesFit(metas: readonly Meta[], page: number): void {
    const { lastPage } = metas[page] as Meta
    // A commit may give back pages at the end that it took, and never write them; but not as many as a flipped bit adds.
    const lastPageMax = 2 * this.#file.pages + sparePages
    if (lastPage < 1 || lastPage > lastPageMax) {
      this.#refuse(page, 'a last page from 1 to', lastPageMax, lastPage)
    }
    const mapBytesMax = 16 * lastPageMax * pageBytes
    for (const [number, { mapBytes }] of metas.entries()) {
      if (mapBytes > mapBytesMax) this.#refuse(number, 'a map of bytes up to', mapBytesMax, mapBytes)
    }
  }

  #onMainRow(row: Row, named: Map<string, Named>): void {
    const { page, key } = row
    const isTree = (row.flags & nodeFlags.tree) !== 0
    // Names end in a zero.
    const name = Buffer.from(isTree ? key.subarray(0, -1) : key).toString()
    if (isTree ? !namedSpaces.some((space) => space === name) : Buffer.compare(key, identityKey) !== 0) {
      this.#refuse(page.number, 'in the main tree', `${namedSpaces.join(', ')} and an identity`, JSON.stringify(name))
    }
    if (!isTree) {
      this.#checkSeal('identity', row)
      return
    }
    if (row.valueBytes !== treeBytes)
      this.#refuse(page.number, 'the record of a tree to have', treeBytes, row.valueBytes)
    const tree = readTree(page.view, row.valueAt)
    if (tree.flags !== 0) this.#refuse(page.number, `flags of tree '${name}'`, 0, tree.flags)
    named.set(name, { tree, page: page.number })
  }

  /** P9, as far as the budget goes. */
  #checkSeal(space: Space, row: Row): void {
    if (this.#valueBytes + row.valueBytes > this.#valueBytesMax) return
    this.#valueBytes += row.valueBytes
    checkSeal(space, row.key, row.value, `${this.#file.path}, page ${row.page.number}`)
  }

  /** P8 */
  #walkFree(land: Territory, meta: Meta, page: number): void {
    const lists: { readonly page: number; readonly list: Uint8Array }[] = []
    const onRow = (row: Row): void => {
      const { number } = row.page
      const commit = readNumber(row.page.view, row.valueAt - numberBytes)
      if (commit < 1 || commit > meta.commit) this.#refuse(number, 'pages freed by commit 1 to', meta.commit, commit)
      lists.push({ page: number, list: row.value.slice() })
    }
    new TreeWalk(land, { name: 'free', order: 'numbers', flags: nodeFlags.longValue, onRow }).walk(meta.free, page)
    // Not before the tree that holds them has claimed its own pages.
    for (const { page: where, list } of lists) this.#freeList(land, list, where)
  }

  /** A count, then so many numbers: a page; or how many in a row, negative, and the first of them; zero says nothing. */
  #freeList({ marks: land }: Territory, list: Uint8Array, where: number): void {
    const view = new DataView(list.buffer, list.byteOffset, list.length)
    const slots = Math.floor(list.length / numberBytes) - 1
    const count = slots < 0 ? 0 : readNumber(view, 0)
    if (slots < 0 || count > slots) this.#refuse(where, 'free pages to list, up to', slots, count)
    for (let i = 1; i <= count; i++) {
      let entry = view.getBigInt64(i * numberBytes, true)
      let length = 1
      if (entry === 0n) continue
      if (entry < 0n) {
        length = Number(-entry)
        i += 1
        if (i > slots) this.#refuse(where, 'a free page behind', length, 'the end of its list')
        entry = view.getBigInt64(i * numberBytes, true)
      }
      const first = Number(entry)
      if (first < 2 || first + length > land.length) {
        this.#refuse(where, 'free pages from 2 to', land.length - 1, `${first} to ${first + length - 1}`)
      }
      for (let page = first; page < first + length; page++) {
        if (land[page] === marks.used) this.#refuse(where, 'only free pages in the free tree, not', 'a used one', page)
        if (land[page] === marks.free) this.#refuse(where, 'a page to be free', 'once', `page ${page} twice`)
        land[page] = marks.free
      }
    }
  }

  #refuse(page: number, what: string, wanted: unknown, present: unknown): never {
    throw refusal(this.#file.path, page, what, wanted, present)
  }
}
