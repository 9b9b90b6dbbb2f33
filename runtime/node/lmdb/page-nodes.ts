/**
 * Checks the inside of one branch or leaf page:
 *
 *   P3  the nodes of a page fill it from `upper` to its end: no gap, no overlap, one pointer each
 *   P4  keys ascend, and lie between the keys that the branch page above has around them
 *
 * Since nodes leave no gap, any other pointer, bound or length shows: the sum would not come out.
 */

import { refusal } from './page-file.ts'
import {
  even,
  headerBytes,
  lowerOf,
  nodeFlags,
  nodeHeaderBytes,
  type Page,
  placeBytes,
  readNumber,
  roomBytes,
  upperOf,
} from './page-format.ts'

/** Keys below are not less than `low` and less than `high`; undefined: the end of the tree. */
export interface Bounds {
  readonly low: Uint8Array | undefined
  readonly high: Uint8Array | undefined
}

/** The key of a tree of numbers. */
export const numberBytes = 8

export class NodeCheck {
  /** Where in the bytes of the page checked last each of its nodes begins. */
  readonly starts: Int32Array = new Int32Array(roomBytes >> 1)
  readonly #path: string
  readonly #order: 'bytes' | 'numbers'
  /** By pointer: the length of the node that begins there. All zero between two pages. */
  readonly #lengths: Uint16Array = new Uint16Array(roomBytes)

  constructor(path: string, order: 'bytes' | 'numbers') {
    this.#path = path
    this.#order = order
  }

  /**
   * @returns How many nodes there are.
   * @throws {StoreCorrupt} P3 or P4 does not hold.
   */
  check(page: Page, isLeaf: boolean, bounds: Bounds): number {
    const upper = upperOf(page)
    const lower = lowerOf(page)
    if (upper > roomBytes || upper % 2 !== 0) this.#refuse(page, 'an even upper bound up to', roomBytes, upper)
    if (lower > upper || lower % 2 !== 0) this.#refuse(page, 'an even lower bound up to', upper, lower)
    const nodes = lower >> 1
    for (let i = 0; i < nodes; i++) this.#node(page, i, upper, isLeaf)
    this.#filled(page, upper, nodes)
    this.#ordered(page, isLeaf ? 0 : 1, nodes, bounds)
    return nodes
  }

  #node(page: Page, index: number, upper: number, isLeaf: boolean): void {
    const { view, at } = page
    const pointer = view.getUint16(at + headerBytes + 2 * index, true)
    if (pointer < upper || pointer > roomBytes - nodeHeaderBytes || pointer % 2 !== 0) {
      this.#refuse(page, `pointer ${index} to be even, from ${upper} to`, roomBytes - nodeHeaderBytes, pointer)
    }
    const start = at + headerBytes + pointer
    let length = nodeHeaderBytes + view.getUint16(start + 6, true)
    if (isLeaf) {
      const isLong = (view.getUint16(start + 4, true) & nodeFlags.longValue) !== 0
      length += isLong ? placeBytes : view.getUint32(start, true)
    }
    if (pointer + even(length) > roomBytes) {
      this.#refuse(page, `node ${index} at ${pointer} to end by`, roomBytes, pointer + even(length))
    }
    if (this.#lengths[pointer] !== 0)
      this.#refuse(page, `pointer ${index} to be the only one to`, pointer, 'the second')
    this.#lengths[pointer] = even(length)
    this.starts[index] = start
  }

  #filled(page: Page, upper: number, nodes: number): void {
    let pointer = upper
    for (let seen = 0; seen < nodes; seen++) {
      const length = this.#lengths[pointer] as number
      if (length === 0) this.#refuse(page, 'nodes without a gap, the next one at', pointer, 'elsewhere')
      this.#lengths[pointer] = 0
      pointer += length
      if (pointer > roomBytes) this.#refuse(page, 'nodes without overlap up to', roomBytes, pointer)
    }
    if (pointer !== roomBytes) this.#refuse(page, 'nodes up to the end of the page,', roomBytes, pointer)
  }

  /** The first key of a branch page means nothing: its child begins where the page does. */
  #ordered(page: Page, from: number, nodes: number, { low, high }: Bounds): void {
    const { view, bytes } = page
    for (let i = from; i < nodes; i++) {
      const key = (this.starts[i] as number) + nodeHeaderBytes
      const length = view.getUint16(key - 2, true)
      if (this.#order === 'numbers' && length !== numberBytes) {
        this.#refuse(page, `the key of node ${i} to have a length of`, numberBytes, length)
      }
      if (length === 0) this.#refuse(page, `the key of node ${i} to have a length from`, 1, length)
      if (i > from) {
        const before = (this.starts[i - 1] as number) + nodeHeaderBytes
        if (!this.#less(page, before, view.getUint16(before - 2, true), bytes, key, length)) {
          this.#refuse(page, `key ${i} to come`, 'after the one before', 'out of order')
        }
      }
    }
    if (nodes <= from) return
    const first = (this.starts[from] as number) + nodeHeaderBytes
    const last = (this.starts[nodes - 1] as number) + nodeHeaderBytes
    const isBelow = low !== undefined && this.#less(page, first, view.getUint16(first - 2, true), low, 0, low.length)
    const isAbove = high !== undefined && !this.#less(page, last, view.getUint16(last - 2, true), high, 0, high.length)
    if (isBelow || isAbove) {
      this.#refuse(page, `its ${isBelow ? 'first' : 'last'} key`, 'within what leads to it', 'outside')
    }
  }

  /** Whether the key of `page` at `at` sorts before the one in `other`. */
  #less(page: Page, at: number, length: number, other: Uint8Array, otherAt: number, otherLength: number): boolean {
    const { bytes, view } = page
    if (this.#order === 'numbers') {
      return readNumber(view, at) < readNumber(new DataView(other.buffer, other.byteOffset), otherAt)
    }
    const shared = length < otherLength ? length : otherLength
    for (let i = 0; i < shared; i++) {
      const difference = (bytes[at + i] as number) - (other[otherAt + i] as number)
      if (difference !== 0) return difference < 0
    }
    return length < otherLength
  }

  #refuse(page: Page, what: string, wanted: unknown, present: unknown): never {
    throw refusal(this.#path, page.number, what, wanted, present)
  }
}
