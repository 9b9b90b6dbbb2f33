/**
 * Ranges of keys, and which of them a key lies in: a treap ordered by where ranges begin, each node with the furthest end of
 * its part of the tree. Equal ranges share a node, so a thousand watchers of one prefix are one step.
 *
 *   add, remove   O(log n)
 *   stab          O(log n + matches × log n), never a walk over all
 *
 * What a treap draws at random is a hash of the range here: the same ranges make the same tree everywhere.
 */
import { hashText } from '../../base/digest.ts'

interface Node<T> {
  readonly from: string
  /** Undefined: to the end of all keys. */
  readonly to: string | undefined
  readonly rank: number
  readonly items: Set<T>
  left: Node<T> | undefined
  right: Node<T> | undefined
  /** The furthest `to` at or below this node. */
  end: string | undefined
}

export class RangeTree<T> {
  #root: Node<T> | undefined
  #size = 0

  /** Ranges, equal ones counted once. */
  get size(): number {
    return this.#size
  }

  add(from: string, to: string | undefined, item: T): void {
    const found = this.#find(from, to)
    if (found !== undefined) {
      found.items.add(item)
      return
    }
    const rank = hashText(`${from.length} ${from}${to ?? ''}`)
    this.#root = insert(this.#root, {
      from,
      to,
      rank,
      items: new Set([item]),
      left: undefined,
      right: undefined,
      end: to,
    })
    this.#size += 1
  }

  remove(from: string, to: string | undefined, item: T): void {
    const found = this.#find(from, to)
    if (found?.items.delete(item) !== true || found.items.size > 0) return
    this.#root = erase(this.#root, from, to)
    this.#size -= 1
  }

  /** Visits the items of every range that holds `key`. */
  stab(key: string, visit: (item: T) => void): void {
    visitHolding(this.#root, key, visit)
  }

  #find(from: string, to: string | undefined): Node<T> | undefined {
    let node = this.#root
    while (node !== undefined) {
      const order = compareRanges(from, to, node)
      if (order === 0) return node
      node = order < 0 ? node.left : node.right
    }
    return undefined
  }
}

/** By beginning, then by end; what has no end comes last. */
function compareRanges(from: string, to: string | undefined, node: { from: string; to: string | undefined }): number {
  if (from !== node.from) return from < node.from ? -1 : 1
  if (to === node.to) return 0
  if (to === undefined) return 1
  return node.to === undefined || to < node.to ? -1 : 1
}

function furthest(a: string | undefined, b: string | undefined): string | undefined {
  return a === undefined || b === undefined ? undefined : a < b ? b : a
}

function renew<T>(node: Node<T>): Node<T> {
  let end = node.to
  if (node.left !== undefined) end = furthest(end, node.left.end)
  if (node.right !== undefined) end = furthest(end, node.right.end)
  node.end = end
  return node
}

function insert<T>(node: Node<T> | undefined, added: Node<T>): Node<T> {
  if (node === undefined) return added
  if (compareRanges(added.from, added.to, node) < 0) {
    node.left = insert(node.left, added)
    return node.left.rank > node.rank ? rotateRight(node, node.left) : renew(node)
  }
  node.right = insert(node.right, added)
  return node.right.rank > node.rank ? rotateLeft(node, node.right) : renew(node)
}

function erase<T>(node: Node<T> | undefined, from: string, to: string | undefined): Node<T> | undefined {
  if (node === undefined) return undefined
  const order = compareRanges(from, to, node)
  if (order === 0) return join(node.left, node.right)
  if (order < 0) node.left = erase(node.left, from, to)
  else node.right = erase(node.right, from, to)
  return renew(node)
}

/** One tree of two, every range of the first before every range of the second. */
function join<T>(left: Node<T> | undefined, right: Node<T> | undefined): Node<T> | undefined {
  if (left === undefined) return right
  if (right === undefined) return left
  if (left.rank > right.rank) {
    left.right = join(left.right, right)
    return renew(left)
  }
  right.left = join(left, right.left)
  return renew(right)
}

function rotateRight<T>(node: Node<T>, left: Node<T>): Node<T> {
  node.left = left.right
  left.right = renew(node)
  return renew(left)
}

function rotateLeft<T>(node: Node<T>, right: Node<T>): Node<T> {
  node.right = right.left
  right.left = renew(node)
  return renew(right)
}

function visitHolding<T>(node: Node<T> | undefined, key: string, visit: (item: T) => void): void {
  // Everything below ends at or before the key.
  if (node === undefined || (node.end !== undefined && node.end <= key)) return
  visitHolding(node.left, key, visit)
  // Everything to the right begins after the key.
  if (node.from > key) return
  if (node.to === undefined || key < node.to) for (const item of node.items) visit(item)
  visitHolding(node.right, key, visit)
}
