/**
 * Birth of actors, here or on another thread.
 *
 *   prepare: name checked, id and place chosen ─▶ (the spawner's turn ends) ─▶ act: it lives
 *     here      cell, name announced, adopted by its parent, first turn
 *     elsewhere adopted, then `spawn` by message: that thread loads the module by its address
 */
import { hashText } from '../../base/digest.ts'
import { buggify } from '../../base/fault-points.ts'
import type { Envelope } from '../../mailbox/envelope.ts'
import type { ActorRef, Placement, SpawnOptions } from './actor.ts'
import { type AnyDefinition, Cell, extrasOf } from './cell.ts'
import { Context } from './context.ts'
import { loadLate } from './fault-sites.ts'
import type { Birth, Kernel } from './kernel.ts'
import type { ExecutorMessage } from './system.ts'

type SpawnMessage = ExecutorMessage & { type: 'spawn' }

class BirthHere implements Birth {
  readonly #kernel: Kernel
  readonly #cell: Cell
  readonly #parent: Cell | undefined

  constructor(kernel: Kernel, cell: Cell, parent: Cell | undefined) {
    this.#kernel = kernel
    this.#cell = cell
    this.#parent = parent
  }

  get ref(): ActorRef {
    return this.#cell.ref
  }

  act(): void {
    const cell = this.#cell
    this.#kernel.cells.add(cell)
    if (cell.named) {
      const open = cell.definition.openToPeers
      this.#kernel.registry.take(cell.ref, open)
      this.#kernel.router.toOthers({ type: 'named', ref: cell.ref, open })
    }
    if (this.#parent !== undefined) adopt(this.#parent, cell.ref)
    this.#kernel.start(cell)
  }
}

class BirthElsewhere implements Birth {
  readonly #kernel: Kernel
  readonly ref: ActorRef & { readonly type: 'local' }
  readonly #message: SpawnMessage
  readonly #parent: Cell | undefined

  constructor(kernel: Kernel, executor: number, message: SpawnMessage, parent: Cell | undefined) {
    this.#kernel = kernel
    this.ref = { type: 'local', executor, id: message.id, name: message.name }
    this.#message = message
    this.#parent = parent
  }

  act(): void {
    if (this.#message.named) this.#kernel.registry.take(this.ref)
    if (this.#parent !== undefined) adopt(this.#parent, this.ref)
    if (this.#kernel.router.toExecutor(this.ref.executor, this.#message)) return
    // That thread just died: the child is lost before it lived, and its parent hears so like of any other loss.
    this.#kernel.registry.free(this.ref)
    if (this.#parent === undefined) return
    const event = { type: 'childStopped', child: this.ref, reason: { type: 'threadLost' } } as const
    this.#kernel.router.system(this.#parent.ref, { type: 'child', event })
  }
}

const claimEveryMs = 10
const claimAttempts = 50

export class Spawner {
  readonly #kernel: Kernel
  /** Actors whose module is being loaded, with what came for them meanwhile: bounded by the credit of the senders. */
  readonly #expected = new Map<number, Envelope<ActorRef>[]>()
  readonly #newContext: (cell: Cell) => Context

  constructor(kernel: Kernel) {
    this.#kernel = kernel
    this.#newContext = (cell) => new Context(kernel, cell)
  }

  /** @throws {RangeError} The name is taken or none, or the place does not exist. */
  prepare(definition: AnyDefinition, args: unknown, options: SpawnOptions, parent: Cell | undefined): Birth {
    const serial = this.#kernel.newSerial()
    const id = this.#kernel.idOf(serial)
    const named = options.name !== undefined
    const name = options.name ?? `${definition.name}-${serial}`
    if (named) this.#checkName(name)
    const executor = options.place === undefined ? this.#kernel.index : this.#place(options.place, name)
    if (executor === this.#kernel.index) {
      return new BirthHere(this.#kernel, this.#cell(id, name, named, definition, args, parent?.ref), parent)
    }
    const { module, exportName } = definition
    const message: SpawnMessage = { type: 'spawn', id, name, named, module, exportName, args, parent: parent?.ref }
    return new BirthElsewhere(this.#kernel, executor, message, parent)
  }

  /** Another executor wants an actor to live here. From now on it can be written to, though its module may yet be loading. */
  onSpawn(message: SpawnMessage): void {
    const waiting: Envelope<ActorRef>[] = []
    this.#expected.set(message.id, waiting)
    this.#claim(message, waiting, claimAttempts)
  }

  /**
   * Takes the name, which whoever spawns knows to be free. That its last holder, on a third thread, is gone may be news that
   * is still on its way here; so a name held elsewhere is looked at again before it is refused.
   */
  #claim(message: SpawnMessage, waiting: Envelope<ActorRef>[], attemptsLeft: number): void {
    const { id, name, named } = message
    const holder = named ? this.#kernel.registry.holder(name) : undefined
    const late = attemptsLeft > 0 && buggify(loadLate)
    if (!late && (holder === undefined || holder.id === id)) {
      this.#load(message, waiting)
    } else if (late || (holder?.executor !== this.#kernel.index && attemptsLeft > 0)) {
      const { timers, world } = this.#kernel
      const again = (): void => this.#claim(message, waiting, attemptsLeft - 1)
      timers.start(timers.reserve(), world.clock.nowMs() + claimEveryMs, 0, again)
    } else {
      this.#expected.delete(id)
      this.#refuse(message, 'the name is taken')
      for (const envelope of waiting) this.#kernel.router.dead(envelope, 'stopped')
    }
  }

  #load(message: SpawnMessage, waiting: Envelope<ActorRef>[]): void {
    const { id, name, named, args, parent } = message
    const ref = { type: 'local', executor: this.#kernel.index, id, name } as const
    if (named) this.#kernel.registry.take(ref)
    this.#kernel.world.load(message.module, message.exportName, (loaded, reason) => {
      this.#expected.delete(id)
      if (loaded === undefined) {
        if (named) this.#kernel.registry.free(ref)
        this.#refuse(message, reason)
        for (const envelope of waiting) this.#kernel.router.dead(envelope, 'stopped')
      } else {
        const cell = this.#cell(id, name, named, loaded as AnyDefinition, args, parent)
        new BirthHere(this.#kernel, cell, undefined).act()
        for (const envelope of waiting) this.#kernel.enqueue(cell, envelope)
      }
      this.#kernel.poke()
    })
  }

  /** Keeps `envelope` for the actor `id`, if that is on its way. */
  keep(id: number, envelope: Envelope<ActorRef>): boolean {
    const waiting = this.#expected.get(id)
    waiting?.push(envelope)
    return waiting !== undefined
  }

  #refuse({ id, name, named, parent }: SpawnMessage, reason: string): void {
    const error = `spawn '${name}': ${reason}`
    const child = { type: 'local', executor: this.#kernel.index, id, name } as const
    // Whoever spawned it took the name for it already.
    if (named) this.#kernel.router.toOthers({ type: 'unnamed', ref: child })
    if (parent !== undefined) {
      const event = { type: 'childStopped', child, reason: { type: 'failed', error } } as const
      this.#kernel.router.system(parent, { type: 'child', event })
    }
    this.#kernel.deadLetters.add(name, 'unknown', error)
  }

  #cell(
    id: number,
    name: string,
    named: boolean,
    definition: AnyDefinition,
    args: unknown,
    parent: ActorRef | undefined,
  ): Cell {
    return new Cell(this.#kernel.index, id, name, named, definition, args, parent, this.#newContext)
  }

  #checkName(name: string): void {
    if (name.length === 0 || name.length > 256 || name.includes('\0')) {
      throw new RangeError(
        `spawn: an actor's name has 1 to 256 characters and no zero byte, not ${JSON.stringify(name)}`,
      )
    }
    const holder = this.#kernel.registry.holder(name)
    if (holder !== undefined) throw new RangeError(`spawn '${name}': the name is taken by actor #${holder.id}`)
  }

  #place(place: Placement, name: string): number {
    const executors = this.#kernel.world.threads.executors
    switch (place.type) {
      case 'executor':
        if (!(Number.isInteger(place.executor) && place.executor >= 0 && place.executor < executors)) {
          throw new RangeError(`spawn '${name}': wanted executor ${place.executor}, there are 0 to ${executors - 1}`)
        }
        return place.executor
      case 'near':
        return this.#kernel.router.executorOf(place.ref) ?? this.#kernel.index
      case 'hash':
        // Executor 0 is the host's: it serves the front doors and holds actors only where there is no other.
        return executors === 1 ? 0 : 1 + (hashText(place.key) % (executors - 1))
    }
  }
}

function adopt(parent: Cell, child: ActorRef): void {
  if (child.type !== 'local') return
  const extras = extrasOf(parent)
  if (extras.children === undefined) extras.children = new Map()
  extras.children.set(child.id, child)
}
