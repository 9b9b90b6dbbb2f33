/**
 * What lasted in a run: nodes and threads that were down, nodes that stood still, links that were cut. Heard at the doors
 * of the world through which every such fault goes, whoever ordered it.
 */
import type { SimWorld } from '../world.ts'
import type { Span } from './record.ts'
import { tap } from './tap.ts'

type Begun = Omit<Span, 'toMs'>

export class Spans {
  readonly #world: SimWorld
  readonly #ended: Span[] = []
  readonly #open = new Map<string, Begun>()

  constructor(world: SimWorld) {
    this.#world = world
    tap(world, 'crash', (crash) => (node) => {
      if (world.node(node).up) this.#begin(`down ${node}`, { type: 'down', node, fromMs: world.nowMs })
      crash(node)
    })
    tap(world, 'start', (start) => (node) => {
      this.#end(`down ${node}`)
      start(node)
    })
    tap(world, 'crashThread', (crashThread) => (node, executor, afterMs) => {
      const fromMs = world.nowMs
      this.#ended.push({ type: 'down', node, executor, fromMs, toMs: fromMs + afterMs })
      crashThread(node, executor, afterMs)
    })
    tap(world, 'pause', (pause) => (node, ms) => {
      this.#ended.push({ type: 'paused', node, fromMs: world.nowMs, toMs: world.nowMs + ms })
      pause(node, ms)
    })
    tap(world.network, 'cut', (cut) => (node, to, ...rest) => {
      cut(node, to, ...rest)
      this.#lookAt(node, to)
    })
    tap(world.network, 'join', (join) => (node, to, ...rest) => {
      join(node, to, ...rest)
      this.#lookAt(node, to)
    })
    tap(world.network, 'joinAll', (joinAll) => () => {
      joinAll()
      for (const { type, node, to } of [...this.#open.values()]) if (type === 'cut') this.#lookAt(node, to as number)
    })
  }

  /** All of them, in order of their beginning; what has not ended lasts until `nowMs`. */
  until(nowMs: number): Span[] {
    const still = [...this.#open.values()].map((begun) => ({ ...begun, toMs: nowMs }))
    return [...this.#ended.map((span) => ({ ...span, toMs: Math.min(span.toMs, nowMs) })), ...still].sort(
      (a, b) => a.fromMs - b.fromMs,
    )
  }

  /** Several may have cut the same way: it is open when the last of them let go. */
  #lookAt(node: number, to: number): void {
    const key = `cut ${node} ${to}`
    if (this.#world.network.isCut(node, to)) this.#begin(key, { type: 'cut', node, to, fromMs: this.#world.nowMs })
    else this.#end(key)
  }

  #begin(key: string, begun: Begun): void {
    if (!this.#open.has(key)) this.#open.set(key, begun)
  }

  #end(key: string): void {
    const begun = this.#open.get(key)
    if (begun === undefined) return
    this.#open.delete(key)
    if (this.#world.nowMs > begun.fromMs) this.#ended.push({ ...begun, toMs: this.#world.nowMs })
  }
}
