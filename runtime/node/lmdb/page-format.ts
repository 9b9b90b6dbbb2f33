/**
 * How LMDB's own code lays a data file out (data version 2, 64 bits, little-endian): the fields of a page, by name.
 *
 *   page     0 its own number · 8 the commit that wrote it · 18 its kind · 20 lower · 22 upper · 24 the rest
 *            branch and leaf: pointers to nodes upward from 24 to `lower`, nodes downward from the end to `upper`;
 *            pointers and both bounds count from 24. Overflow: at 20 how many pages this value takes, then its bytes
 *   node     0 length of the value, or in a branch the number of the child (48 bits) · 4 flags · 6 length of the key ·
 *            8 the key, then the value; rounded up to an even length. A long value is replaced by where it lies
 *   place    0 first page · 8 commit · 16 how many pages
 *   tree     4 flags · 6 depth · 8 branch pages · 16 leaf pages · 24 overflow pages · 32 rows · 40 root (all ones: none)
 *   meta     pages 0 and 1, written in turn; within: 24 magic number · 28 version · 32 address · 40 size of the map · 48 the tree of free
 *            pages · 96 the main tree, whose rows are our databases · 144 the last page in use · 152 the commit
 */

export const pageBytes = 16_384
export const headerBytes = 24
/** What a branch or leaf page has for pointers and nodes. */
export const roomBytes: number = pageBytes - headerBytes
export const nodeHeaderBytes = 8
/** What stands in a leaf for a long value. */
export const placeBytes = 24
export const treeBytes = 48
export const metaPages = 2

/** Exactly one of them is set in a page that a commit has written. */
export const pageKinds: Readonly<Record<'branch' | 'leaf' | 'overflow' | 'meta', number>> = {
  branch: 1,
  leaf: 2,
  overflow: 4,
  meta: 8,
}

export const nodeFlags: Readonly<Record<'longValue' | 'tree', number>> = { longValue: 1, tree: 2 }

/** Keys of the free tree are numbers of commits, compared as such; it is the one flag that any of our trees has. */
export const freeTreeFlags = 8

/** Some bytes of the file, and where in it they begin. */
export interface Page {
  readonly number: number
  readonly bytes: Uint8Array
  readonly view: DataView
  /** Where in `bytes` the page begins. */
  readonly at: number
}

export interface Tree {
  readonly flags: number
  readonly depth: number
  readonly branchPages: number
  readonly leafPages: number
  readonly overflowPages: number
  readonly rows: number
  /** Undefined: it is empty. */
  readonly root: number | undefined
}

export interface Meta {
  readonly address: number
  readonly mapBytes: number
  readonly free: Tree
  readonly main: Tree
  readonly lastPage: number
  readonly commit: number
}

/** Inexact from 2^53, where nothing sound lies: good for comparing. */
export function readNumber(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000
}

export function readTree(view: DataView, at: number): Tree {
  const none = view.getUint32(at + 40, true) === 0xffff_ffff && view.getUint32(at + 44, true) === 0xffff_ffff
  return {
    flags: view.getUint16(at + 4, true),
    depth: view.getUint16(at + 6, true),
    branchPages: readNumber(view, at + 8),
    leafPages: readNumber(view, at + 16),
    overflowPages: readNumber(view, at + 24),
    rows: readNumber(view, at + 32),
    root: none ? undefined : readNumber(view, at + 40),
  }
}

export function readMeta({ view, at }: Page): Meta {
  return {
    address: readNumber(view, at + 32),
    mapBytes: readNumber(view, at + 40),
    free: readTree(view, at + 48),
    main: readTree(view, at + 96),
    lastPage: readNumber(view, at + 144),
    commit: readNumber(view, at + 152),
  }
}

export function ownNumber({ view, at }: Page): number {
  return readNumber(view, at)
}

export function writtenBy({ view, at }: Page): number {
  return readNumber(view, at + 8)
}

export function kindOf({ view, at }: Page): number {
  return view.getUint16(at + 18, true)
}

export function lowerOf({ view, at }: Page): number {
  return view.getUint16(at + 20, true)
}

export function upperOf({ view, at }: Page): number {
  return view.getUint16(at + 22, true)
}

/** Of an overflow page, in the place of both bounds. */
export function runLength({ view, at }: Page): number {
  return view.getUint32(at + 20, true)
}

/** How many bytes a node takes: it always begins at an even place. */
export function even(bytes: number): number {
  // No bit operation: a damaged length may have all of its 32 bits.
  return bytes + (bytes % 2)
}

/** How many pages a value of `bytes` takes at least, when it takes pages of its own. */
export function pagesFor(bytes: number): number {
  return Math.ceil((headerBytes + bytes) / pageBytes)
}
