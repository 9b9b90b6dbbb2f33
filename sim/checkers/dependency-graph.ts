/**
 * Whether transactions on lists could have happened in one order, told from the lists alone, without revisions and without a
 * search (after Kingsbury and Alvaro's Elle). A list that is only appended to shows who wrote before whom:
 *
 *   ww   a's element stands right before b's in a list          a before b
 *   wr   b saw a list that ends with a's element                a before b
 *   rw   a saw a list that ends right before b's element        a before b
 *   rt   a had ended when b began                               a before b
 *
 * A circle is an order that no serial execution has.
 */

/** One transaction that is known to have happened. */
export interface ListTxn {
  readonly name: string
  readonly began: number
  /** Undefined: it happened, and nobody was told. */
  readonly ended: number | undefined
  readonly reads: readonly (readonly [key: string, list: readonly string[]])[]
  readonly appends: readonly (readonly [key: string, element: string])[]
}

export interface ListFault {
  readonly text: string
}

/** What no serial order explains; undefined when one does. */
export function checkLists(txns: readonly ListTxn[]): ListFault | undefined {
  const orders = new Map<string, readonly string[]>()
  for (const txn of txns) {
    const { name } = txn
    for (const [key, list] of [...txn.reads, ...leftBy(txn)]) {
      const known = orders.get(key) ?? []
      const [short, long] = known.length < list.length ? [known, list] : [list, known]
      if (short.some((element, at) => element !== long[at]))
        return {
          text: `${name} saw ${key} as ${list.join(',')}, another as ${known.join(',')}: one is no beginning of the other`,
        }
      if (new Set(long).size !== long.length)
        return { text: `${name} saw an element twice in ${key}: ${long.join(',')}` }
      orders.set(key, long)
    }
  }
  const graph = new Graph(txns)
  const writers = new Map<string, number>()
  for (const [at, { appends }] of txns.entries())
    for (const [key, element] of appends) writers.set(`${key} ${element}`, at)
  const writer = (key: string, element: string | undefined): number | undefined => writers.get(`${key} ${element}`)
  for (const [key, order] of orders) {
    for (const [at, element] of order.entries()) {
      const from = writer(key, element)
      if (from === undefined) return { text: `nobody appended ${element}, which was seen in ${key}` }
      graph.add(from, writer(key, order[at + 1]), 'ww')
    }
  }
  for (const [at, { reads }] of txns.entries()) {
    for (const [key, list] of reads) {
      const last = list[list.length - 1]
      if (last !== undefined) graph.add(writer(key, last), at, 'wr')
      graph.add(at, writer(key, orders.get(key)?.[list.length]), 'rw')
    }
  }
  return graph.circle()
}

/** The lists as a transaction left them, where it had seen them first. */
function leftBy({ reads, appends }: ListTxn): readonly (readonly [key: string, list: readonly string[]])[] {
  return appends.flatMap(([key, element]) => {
    const before = reads.find(([read]) => read === key)
    return before === undefined ? [] : [[key, [...before[1], element]] as const]
  })
}

type EdgeKind = 'ww' | 'wr' | 'rw' | 'rt'

/** Transactions, and behind them a line of moments: who ends leads into it, who begins leads out of it. */
class Graph {
  readonly #txns: readonly ListTxn[]
  readonly #edges: { readonly to: number; readonly kind: EdgeKind }[][]

  constructor(txns: readonly ListTxn[]) {
    this.#txns = txns
    const ends = txns.flatMap(({ ended }, at) => (ended === undefined ? [] : [{ ended, at }]))
    ends.sort((a, b) => a.ended - b.ended)
    this.#edges = Array.from({ length: txns.length + ends.length }, () => [])
    for (const [moment, { at }] of ends.entries()) {
      this.add(at, txns.length + moment, 'rt')
      if (moment > 0) this.add(txns.length + moment - 1, txns.length + moment, 'rt')
    }
    for (const [at, { began }] of txns.entries()) {
      let low = 0
      let high = ends.length
      while (low < high) {
        const middle = (low + high) >> 1
        if ((ends[middle] as { ended: number }).ended < began) low = middle + 1
        else high = middle
      }
      if (low > 0) this.add(txns.length + low - 1, at, 'rt')
    }
  }

  add(from: number | undefined, to: number | undefined, kind: EdgeKind): void {
    if (from === undefined || to === undefined || from === to) return
    this.#edges[from]?.push({ to, kind })
  }

  /** A circle, if there is one: depth first, without recursion, by three colours. */
  circle(): ListFault | undefined {
    const colour = new Uint8Array(this.#edges.length)
    for (let start = 0; start < this.#edges.length; start++) {
      if (colour[start] !== 0) continue
      const path = [{ node: start, next: 0 }]
      colour[start] = 1
      for (let top = path[0]; top !== undefined; top = path[path.length - 1]) {
        const edge = this.#edges[top.node]?.[top.next++]
        if (edge === undefined) {
          colour[top.node] = 2
          path.pop()
        } else if (colour[edge.to] === 1) {
          const from = path.findIndex(({ node }) => node === edge.to)
          return {
            text: this.#textOf(path.slice(from).map(({ node, next }) => [node, this.#edges[node]?.[next - 1]?.kind])),
          }
        } else if (colour[edge.to] === 0) {
          colour[edge.to] = 1
          path.push({ node: edge.to, next: 0 })
        }
      }
    }
    return undefined
  }

  #textOf(circle: readonly (readonly [node: number, kind: EdgeKind | undefined])[]): string {
    const steps = circle.map(([node, kind]) => {
      const txn = this.#txns[node]
      return txn === undefined ? '' : `${txn.name} ─${kind}▶ `
    })
    return `transactions stand in a circle: ${steps.join('')}…`
  }
}
