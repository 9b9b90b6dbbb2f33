/**
 * Walks one tree of a data file, level by level, and believes nothing that is not so. P3 and P4 are the business of
 * `page-nodes.ts`; here:
 *
 *   P1  a page carries its own number, one kind, and a commit that is not of the future
 *   P2  a page lies in the file, within what is in use, and one way leads to it
 *   P5  a tree has the depth, the pages of each kind and the rows that its record says
 *   P6  a long value lies in pages that say how many they are, and are enough
 *
 * With P1 to P6 a look-up, a walk and a write take the ways that LMDB meant, whatever the values are.
 */
import { type PageFile, refusal } from './page-file.ts'
import {
  kindOf,
  nodeFlags,
  nodeHeaderBytes,
  ownNumber,
  type Page,
  pageKinds,
  pagesFor,
  readNumber,
  runLength,
  type Tree,
  writtenBy,
} from './page-format.ts'
import { type Bounds, NodeCheck } from './page-nodes.ts'

export interface TreeRules {
  /** As sentences call it. */
  readonly name: string
  /** How its keys are compared. */
  readonly order: 'bytes' | 'numbers'
  /** Flags that a row may have. */
  readonly flags: number
  /** Is shown every row, in no order; the row is valid until it returns. */
  readonly onRow: (row: Row) => void
}

/** What the walk of a file knows about all of its pages. */
export interface Territory {
  readonly file: PageFile
  /** One mark a page, by number, up to the last one in use. */
  readonly marks: Uint8Array
  readonly commit: number
}

export const marks: Readonly<Record<'unseen' | 'used' | 'free', number>> = { unseen: 0, used: 1, free: 2 }

/** One row of a leaf page. */
export class Row {
  page: Page
  /** Where in the bytes of the page its node begins. */
  at = 0
  readonly #file: PageFile

  constructor(file: PageFile, page: Page) {
    this.#file = file
    this.page = page
  }

  get flags(): number {
    return this.page.view.getUint16(this.at + 4, true)
  }

  get isLong(): boolean {
    return (this.flags & nodeFlags.longValue) !== 0
  }

  get key(): Uint8Array {
    return this.page.bytes.subarray(this.at + nodeHeaderBytes, this.valueAt)
  }

  /** Of the value, or of the place of a long one, in the bytes of the page. */
  get valueAt(): number {
    return this.at + nodeHeaderBytes + this.page.view.getUint16(this.at + 6, true)
  }

  get valueBytes(): number {
    return this.page.view.getUint32(this.at, true)
  }

  /** Read from the file where it is long. Overwritten by the next one. */
  get value(): Uint8Array {
    const { bytes, view } = this.page
    if (this.isLong) return this.#file.behind(readNumber(view, this.valueAt), this.valueBytes)
    return bytes.subarray(this.valueAt, this.valueAt + this.valueBytes)
  }
}

interface Place extends Bounds {
  readonly page: number
  /** The page that leads to it. */
  readonly from: number
}

export class TreeWalk {
  readonly #land: Territory
  readonly #rules: TreeRules
  readonly #nodes: NodeCheck
  #branchPages = 0
  #leafPages = 0
  #overflowPages = 0
  #rows = 0

  constructor(land: Territory, rules: TreeRules) {
    this.#land = land
    this.#rules = rules
    this.#nodes = new NodeCheck(land.file.path, rules.order)
  }

  /**
   * @param where - The page that holds the record of the tree.
   * @throws {StoreCorrupt} One of P1 to P6 does not hold.
   */
  walk(tree: Tree, where: number): void {
    const { root, depth } = tree
    if ((root === undefined) !== (depth === 0)) {
      this.#refuse(where, `of tree '${this.#rules.name}' a root and a depth, or neither, not`, depth, root ?? 'no root')
    }
    let level: Place[] = root === undefined ? [] : [{ page: root, from: where, low: undefined, high: undefined }]
    for (let left = depth; left > 0 && level.length > 0; left--) level = this.#level(level, left === 1)
    this.#compare(where, 'branch pages', tree.branchPages, this.#branchPages)
    this.#compare(where, 'leaf pages', tree.leafPages, this.#leafPages)
    this.#compare(where, 'overflow pages', tree.overflowPages, this.#overflowPages)
    this.#compare(where, 'rows', tree.rows, this.#rows)
  }

  /** P5. The record may be as wrong as the tree is. */
  #compare(where: number, what: string, recorded: number, found: number): void {
    if (recorded !== found) this.#refuse(where, `in tree '${this.#rules.name}' ${what}:`, recorded, found)
  }

  #level(level: Place[], isLeaf: boolean): Place[] {
    for (const { page, from } of level) this.#claim(page, 1, from)
    level.sort((a, b) => a.page - b.page)
    const below: Place[] = []
    const numbers = level.map(({ page }) => page)
    this.#land.file.sweep(numbers, (page, index) => {
      const place = level[index] as Place
      this.#header(page, isLeaf ? 'leaf' : 'branch')
      const nodes = this.#nodes.check(page, isLeaf, place)
      // LMDB itself lets the free tree run low while it writes it: what it frees there is written there.
      const least = (isLeaf ? 1 : 2) - (this.#rules.order === 'numbers' ? 1 : 0)
      if (nodes < least) this.#refuse(page.number, `nodes of tree '${this.#rules.name}', at least`, least, nodes)
      if (isLeaf) this.#leaf(page, nodes)
      else this.#branch(page, nodes, place, below)
    })
    return below
  }

  /** P2 */
  #claim(first: number, count: number, from: number): void {
    const { file, marks: land } = this.#land
    const last = first + count - 1
    if (first < 2 || last >= land.length) this.#refuse(from, `pages from 2 to`, land.length - 1, last)
    if (last >= file.pages) this.#refuse(from, `pages before the end of the file at`, file.pages, last)
    for (let page = first; page <= last; page++) {
      if (land[page] !== marks.unseen) this.#refuse(from, `a page of its own, but for page ${page} it is`, 'one', 'two')
      land[page] = marks.used
    }
  }

  /** P1 */
  #header(page: Page, kind: 'branch' | 'leaf' | 'overflow'): void {
    const { number } = page
    if (ownNumber(page) !== number) this.#refuse(number, 'its own number', number, ownNumber(page))
    if (kindOf(page) !== pageKinds[kind]) this.#refuse(number, `kind '${kind}',`, pageKinds[kind], kindOf(page))
    if (writtenBy(page) > this.#land.commit) this.#refuse(number, 'a commit up to', this.#land.commit, writtenBy(page))
  }

  #branch(page: Page, nodes: number, { low, high }: Bounds, below: Place[]): void {
    const { view, bytes, number } = page
    this.#branchPages += 1
    let from = low
    for (let i = 0; i < nodes; i++) {
      const child = this.#nodes.starts[i] as number
      const next = this.#nodes.starts[i + 1] as number
      const keyAt = next + nodeHeaderBytes
      const to = i === nodes - 1 ? high : bytes.slice(keyAt, keyAt + view.getUint16(next + 6, true))
      // A branch has no flags: their place belongs to the number.
      const childPage = view.getUint32(child, true) + view.getUint16(child + 4, true) * 0x1_0000_0000
      below.push({ page: childPage, from: number, low: from, high: to })
      from = to
    }
  }

  #leaf(page: Page, nodes: number): void {
    this.#leafPages += 1
    this.#rows += nodes
    const row = new Row(this.#land.file, page)
    for (let i = 0; i < nodes; i++) {
      row.at = this.#nodes.starts[i] as number
      const { flags } = row
      if ((flags & ~this.#rules.flags) !== 0 || flags === 3) {
        this.#refuse(page.number, `node ${i} to have no other flags than`, this.#rules.flags, flags)
      }
      if (row.isLong) this.#longValue(row)
      this.#rules.onRow(row)
    }
  }

  /** P6 */
  #longValue({ page, valueAt, valueBytes }: Row): void {
    const first = readNumber(page.view, valueAt)
    const pages = readNumber(page.view, valueAt + 16)
    if (pages < pagesFor(valueBytes))
      this.#refuse(page.number, 'pages for a long value, at least', pagesFor(valueBytes), pages)
    this.#claim(first, pages, page.number)
    const header = this.#land.file.header(first)
    this.#header(header, 'overflow')
    if (runLength(header) !== pages) this.#refuse(first, 'pages in a row', pages, runLength(header))
    this.#overflowPages += pages
  }

  #refuse(page: number, what: string, wanted: unknown, present: unknown): never {
    throw refusal(this.#land.file.path, page, what, wanted, present)
  }
}
