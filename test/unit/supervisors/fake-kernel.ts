/**
 * A kernel of a hundred lines: enough of `ActorContext` for supervisors, with a journal of what they did. Turns are
 * atomic, time is virtual, children fail, finish, hang and lose their thread when the test says so.
 */
import type {
  ActorContext,
  ActorDefinition,
  ActorRef,
  Answer,
  DownReason,
  ReplyHandle,
  SpawnOptions,
} from '../../../runtime/kernel/actor.ts'

type LocalRef = Extract<ActorRef, { readonly type: 'local' }>
// biome-ignore lint/suspicious/noExplicitAny: a kernel runs definitions of every kind.
type Definition = ActorDefinition<any, any, any>

interface Cell {
  readonly ref: LocalRef
  readonly name: string
  readonly definition: Definition
  readonly args: unknown
  readonly parent: Cell | undefined
  state: unknown
  failed: boolean
}

interface Queued {
  readonly to: Cell
  readonly message: unknown
  readonly asker?: ReplyHandle
}

export class FakeKernel {
  /** What happened to actors, e.g. `start a`, `restart a`, `stop b`. */
  readonly journal: string[] = []
  /** What the root failed with. */
  rootFailure: string | undefined
  /** Names of children that ignore an order to stop. */
  readonly hanging: Set<string> = new Set()
  nowMs = 1_000

  readonly #cells = new Map<string, Cell>()
  readonly #queue: Queued[] = []
  readonly #answers = new Map<number, Answer>()
  #timers: { readonly atMs: number; readonly to: Cell; readonly message: unknown }[] = []
  #nextId = 1
  #nextAsk = 1

  spawnRoot(definition: Definition, args: unknown, name: string): void {
    this.#spawn(definition, args, { name }, undefined, 0)
    this.run()
  }

  names(): string[] {
    return [...this.#cells.keys()]
  }

  refOf(name: string): LocalRef {
    return this.#cell(name).ref
  }

  ask(name: string, message: unknown): unknown {
    const correlation = this.#nextAsk++
    this.#queue.push({
      to: this.#cell(name),
      message,
      asker: { type: 'replyHandle', node: 1, executor: 0, correlation },
    })
    this.run()
    return correlation
  }

  /** The value an ask was answered with; undefined while it is open. */
  answer(correlation: unknown): unknown {
    const answer = this.#answers.get(correlation as number)
    return answer?.type === 'reply' ? answer.value : undefined
  }

  askNow(name: string, message: unknown): unknown {
    return this.answer(this.ask(name, message))
  }

  tell(name: string, message: unknown): void {
    this.#queue.push({ to: this.#cell(name), message })
    this.run()
  }

  fail(name: string, error: string = 'boom'): void {
    this.#fail(this.#cell(name), error)
    this.run()
  }

  finish(name: string): void {
    this.#end(this.#cell(name), { type: 'normal' })
    this.run()
  }

  loseThread(executor: number): void {
    const lost = [...this.#cells.values()].filter((cell) => cell.ref.executor === executor)
    // The parent hears only of children whose parent lives; whatever was on the thread is simply gone.
    for (const cell of lost) this.#cells.delete(cell.name)
    for (const cell of lost)
      this.#tellParent(cell, { type: 'childStopped', child: cell.ref, reason: { type: 'threadLost' } })
    this.run()
  }

  /** Lets a hanging child stop after all. */
  letStop(name: string): void {
    this.hanging.delete(name)
    this.#end(this.#cell(name), { type: 'normal' })
    this.run()
  }

  advance(ms: number): void {
    const untilMs = this.nowMs + ms
    for (;;) {
      const due = this.#timers.filter((timer) => timer.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (due === undefined) break
      this.#timers = this.#timers.filter((timer) => timer !== due)
      this.nowMs = Math.max(this.nowMs, due.atMs)
      if (this.#cells.get(due.to.name) === due.to) this.#queue.push({ to: due.to, message: due.message })
      this.run()
    }
    this.nowMs = untilMs
  }

  run(): void {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      if (this.#cells.get(next.to.name) === next.to && !next.to.failed) this.#turn(next)
    }
  }

  #turn({ to, message, asker }: Queued): void {
    if (typeof to.definition.receive !== 'function') return
    const receive = to.definition.receive as (state: unknown, message: unknown, ctx: ActorContext) => unknown
    this.#atomically(to, asker, (ctx) => receive(to.state, message, ctx))
  }

  #atomically(cell: Cell, asker: ReplyHandle | undefined, turn: (ctx: ActorContext) => void): void {
    const acts: (() => void)[] = []
    try {
      turn(this.#context(cell, asker, acts))
    } catch (error) {
      this.#fail(cell, (error as Error).message)
      return
    }
    for (const act of acts) act()
  }

  #context(cell: Cell, asker: ReplyHandle | undefined, acts: (() => void)[]): ActorContext {
    const context = {
      self: cell.ref,
      name: cell.name,
      node: 1,
      executor: cell.ref.executor,
      now: () => this.nowMs,
      random: () => 0.999_999,
      defer: () => asker,
      lookup: (name: string) => this.#cells.get(name)?.ref,
      replyTo: (to: ReplyHandle, value: unknown) => {
        acts.push(() => this.#answers.set(to.correlation, { type: 'reply', value }))
      },
      after: (delayMs: number, message: unknown) => {
        acts.push(() => this.#timers.push({ atMs: this.nowMs + delayMs, to: cell, message }))
        return 0
      },
      tell: (to: ActorRef, message: unknown) => {
        acts.push(() => this.#queue.push({ to: this.#cell(to.name), message }))
      },
      spawn: (definition: Definition, args: unknown, options: SpawnOptions) => {
        const id = this.#nextId++
        const executor = options.place?.type === 'executor' ? options.place.executor : cell.ref.executor
        acts.push(() => this.#spawn(definition, args, options, cell, id))
        return { type: 'local', executor, id, name: options.name ?? '' }
      },
      stop: (ref?: ActorRef) => {
        acts.push(() => this.#stop(ref === undefined ? cell : this.#cell(ref.name)))
      },
      restart: (child: ActorRef) => {
        acts.push(() => this.#restart(this.#cell(child.name)))
      },
    }
    return context as unknown as ActorContext
  }

  #spawn(definition: Definition, args: unknown, options: SpawnOptions, parent: Cell | undefined, id: number): void {
    const name = options.name ?? ''
    if (this.#cells.has(name)) throw new Error(`two actors under the name '${name}'`)
    const executor = options.place?.type === 'executor' ? options.place.executor : (parent?.ref.executor ?? 0)
    const cell: Cell = {
      ref: { type: 'local', executor, id, name },
      name,
      definition,
      args,
      parent,
      state: undefined,
      failed: false,
    }
    this.#cells.set(name, cell)
    this.journal.push(`start ${name}`)
    this.#init(cell)
  }

  #restart(cell: Cell): void {
    if (!cell.failed) throw new Error(`restart of '${cell.name}', which did not fail`)
    cell.failed = false
    this.journal.push(`restart ${cell.name}`)
    this.#init(cell)
  }

  #init(cell: Cell): void {
    this.#atomically(cell, undefined, (ctx) => {
      cell.state = cell.definition.init(ctx, cell.args)
    })
  }

  #stop(cell: Cell): void {
    this.journal.push(`stop ${cell.name}`)
    if (!this.hanging.has(cell.name)) this.#end(cell, { type: 'normal' })
  }

  #fail(cell: Cell, error: string): void {
    cell.failed = true
    this.#endChildren(cell)
    if (cell.parent === undefined) this.rootFailure = error
    this.#tellParent(cell, { type: 'childFailed', child: cell.ref, error })
  }

  #end(cell: Cell, reason: DownReason): void {
    this.#endChildren(cell)
    this.#cells.delete(cell.name)
    this.#tellParent(cell, { type: 'childStopped', child: cell.ref, reason })
  }

  #endChildren(parent: Cell): void {
    for (const cell of [...this.#cells.values()].reverse()) {
      if (cell.parent !== parent) continue
      this.#endChildren(cell)
      this.#cells.delete(cell.name)
    }
  }

  #tellParent(cell: Cell, message: unknown): void {
    const { parent } = cell
    if (parent !== undefined && this.#cells.get(parent.name) === parent) this.#queue.push({ to: parent, message })
  }

  #cell(name: string): Cell {
    const cell = this.#cells.get(name)
    if (cell === undefined) throw new Error(`no actor '${name}'`)
    return cell
  }
}
