/**
 * Records single actors of one executor while they work, so that what they did can be played back elsewhere.
 *
 *   begin ─▶ the actor fails, its supervisor starts it again: from its store, from nothing else
 *         ─▶ every turn from `init` on goes over a tape: what came, what it asked, what the world answered, what it did
 *   end   ─▶ a file
 *
 * The restart is what makes a recording exact: a live state is functions, caches and maps that no file can hold, but a state
 * that `init` made follows from what `init` was told, and that is on the tape.
 *
 * An actor that is not recorded has no part of this on its way: its definition is replaced while it is, and put back.
 */
import type { Envelope } from '../../mailbox/envelope.ts'
import type { ActorContext, ActorRef, Handlers, Receive } from './actor.ts'
import { ActorTimer } from './actor-timer.ts'
import type { AnyDefinition, Cell } from './cell.ts'
import type { Executor } from './executor.ts'
import { packPortable, Unrecordable, unpackPortable } from './flight/portable.ts'
import { type RecordingEnding, type RecordingHeader, type StateDigest, writeRecording } from './flight/recording.ts'
import { RecordingTape, type TapeLimits } from './flight/recording-tape.ts'
import type { DeliveryKind } from './flight/tape.ts'
import { TapedContext } from './flight/taped-context.ts'
import { digestWithin, houseUrl } from './flight/value-digest.ts'

/** What the file says beside the actor: of the process that records. */
export interface RecordingOrigin {
  readonly product: string
  readonly boot: RecordingHeader['boot']
}

/** Who stands above an actor. `absent`: it is not here, or its module is still being loaded. */
export type Parentage =
  | { readonly type: 'absent' }
  | { readonly type: 'alone' }
  | { readonly type: 'child'; readonly parent: ActorRef }

/** Why an actor was made to fail: its supervisor, and whoever asked it something, read this. */
export const restartedToRecord = 'it starts anew to be recorded'

const recordingsMax = 8
/** A larger state is compared by its definition's own digest or not at all: the thread stands still meanwhile. */
const stateValuesMax = 1_000_000

interface Ending {
  readonly ending: RecordingEnding
  readonly reason: string
  readonly state: StateDigest
}

interface Recorded {
  readonly cell: Cell
  readonly tape: RecordingTape
  readonly header: RecordingHeader
  readonly original: AnyDefinition
  /** Set when the recording has ended by itself. */
  ending: Ending | undefined
}

export class FlightRecorder {
  readonly #executor: Executor
  readonly #origin: RecordingOrigin
  readonly #recorded = new Map<string, Recorded>()

  constructor(executor: Executor, origin: RecordingOrigin) {
    this.#executor = executor
    this.#origin = origin
  }

  parentOf(name: string): Parentage {
    const cell = this.#cellOf(name)
    if (cell === undefined) return { type: 'absent' }
    return cell.parent === undefined ? { type: 'alone' } : { type: 'child', parent: cell.parent }
  }

  /** Whether the actor `id` of this executor is a supervisor whose children can be asked for. */
  supervises(id: number): boolean {
    const definition = this.#executor.cells.get(id)?.definition
    return definition !== undefined && 'spec' in definition
  }

  /**
   * Makes the actor `name` fail, so that its supervisor starts it anew, and records from there.
   *
   * @param started - Called when it has started, within the turn.
   * @returns Why not, in words; undefined when it is under way.
   */
  begin(name: string, limits: TapeLimits, started: () => void): string | undefined {
    const cell = this.#cellOf(name)
    if (cell === undefined) return `there is no actor '${name}' on executor ${this.#executor.index}`
    if (this.#recorded.has(name)) return `actor '${name}' is being recorded already`
    if (this.#recorded.size >= recordingsMax) return `${recordingsMax} actors of this thread are being recorded already`
    if (cell.parent === undefined) return `actor '${name}' has no supervisor that would start it anew`
    if (cell.status !== 'running' && cell.status !== 'parked') return `actor '${name}' is ${cell.status}`
    let header: RecordingHeader
    try {
      // A copy: what the actor makes of its arguments must not change what they were.
      header = unpackPortable(packPortable(this.#headerOf(cell))) as RecordingHeader
    } catch (error) {
      if (error instanceof Unrecordable) return `the arguments of actor '${name}' cannot be kept: ${error.message}`
      throw error
    }
    this.#recorded.set(name, this.#record(cell, header, limits, started))
    this.#executor.failed(cell, restartedToRecord)
    this.#executor.poke()
    return undefined
  }

  /** Ends a recording, whatever came of it. Undefined where there is none of that name, or the actor never started. */
  end(name: string): Uint8Array | undefined {
    const recorded = this.#recorded.get(name)
    if (recorded === undefined) return undefined
    this.#recorded.delete(name)
    const { cell, tape, header, original } = recorded
    const present: Ending = recorded.ending ?? {
      ending: cell.status === 'stopped' ? 'stopped' : 'asked',
      reason: '',
      state: cell.status === 'running' ? stateOf(original, cell.state) : { type: 'unknown' },
    }
    tape.stop()
    restore(recorded)
    if (tape.deliveries === 0) return undefined
    const { deliveries, dropped } = tape
    return writeRecording({
      header,
      body: tape.body(),
      end: { ...present, deliveries, dropped, digest: tape.digest() },
    })
  }

  #record(cell: Cell, header: RecordingHeader, limits: TapeLimits, started: () => void): Recorded {
    const original = cell.definition
    const tape: RecordingTape = new RecordingTape(limits, {
      nowMs: () => this.#executor.recentMs,
      stateDigest: (state) => original.digest?.(state),
      envelope: () => cell.turn?.envelope,
      wrap: (receive) => wrapped(receive, cell, tape, context),
      ended: (ending, reason, state) => {
        recorded.ending = {
          ending,
          reason,
          state: state === undefined ? { type: 'unknown' } : stateOf(original, state),
        }
        restore(recorded)
      },
    })
    const { ref: self, name } = cell
    const context = new TapedContext(tape, cell.context, { self, name, node: header.node, executor: self.executor })
    const recorded: Recorded = { cell, tape, header, original, ending: undefined }
    define(cell, taped(original, cell, tape, context, started))
    return recorded
  }

  #headerOf(cell: Cell): RecordingHeader {
    const { clock } = this.#executor.world
    const { type, executor, id, name } = cell.ref
    return {
      product: this.#origin.product,
      name,
      self: { type, executor, id, name },
      node: this.#executor.node,
      definition: cell.definition.name,
      module: cell.definition.module,
      exportName: cell.definition.exportName,
      args: cell.args,
      boot: this.#origin.boot,
      wallMs: clock.wallMs(),
      nowMs: clock.nowMs(),
      house: houseUrl,
    }
  }

  #cellOf(name: string): Cell | undefined {
    const ref = this.#executor.registry.holder(name)
    return ref === undefined ? undefined : this.#executor.cells.get(ref.id)
  }
}

/** The definition as the tape stands around it. */
function taped(
  original: AnyDefinition,
  cell: Cell,
  tape: RecordingTape,
  context: TapedContext,
  started: () => void,
): AnyDefinition {
  const { receive, stopping } = original
  const start = { kind: 'start', envelope: undefined, callback: 0, body: undefined } as const
  return {
    ...original,
    init: (_ctx: ActorContext, args: unknown) => {
      const state = tape.take(
        start,
        () => original.init(context, args),
        (made) => made,
        () => undefined,
      )
      started()
      return state
    },
    receive: typeof receive === 'function' ? wrapped(receive, cell, tape, context) : each(receive, cell, tape, context),
    stopping:
      stopping &&
      ((state: unknown) =>
        tape.take(
          { ...start, kind: 'stop' },
          () => stopping(state, context),
          () => state,
          () => undefined,
        )),
  }
}

function wrapped(
  receive: Receive<never>,
  cell: Cell,
  tape: RecordingTape,
  context: TapedContext,
): Receive<never> & Receive<unknown> {
  return (state: unknown, message: never) =>
    tape.take(
      opened(cell, message),
      () => receive(state as never, message, context),
      () => state,
      (result) => seenBy(cell, result),
    )
}

function each(handlers: Handlers<unknown>, cell: Cell, tape: RecordingTape, context: TapedContext): Handlers<unknown> {
  return Object.fromEntries(
    Object.entries(handlers).map(([type, handler]) => [
      type,
      (state: unknown, argument: never) =>
        tape.take(
          opened(cell, { type, argument }),
          () => handler(state, argument, context),
          () => state,
          (result) => seenBy(cell, result),
        ),
    ]),
  )
}

function opened(cell: Cell, body: unknown): Parameters<RecordingTape['take']>[0] {
  const envelope = cell.turn?.envelope
  return { kind: kindOf(envelope), envelope, callback: 0, body }
}

function kindOf(envelope: Envelope<ActorRef> | undefined): DeliveryKind {
  if (envelope?.body instanceof ActorTimer) return 'timer'
  return envelope?.lane === 'system' ? 'notice' : 'message'
}

/** What a handler of a map returns is the answer to whoever asked; what a single function returns is nothing. */
function seenBy(cell: Cell, result: unknown): unknown {
  const answers = typeof cell.definition.receive !== 'function' && cell.turn?.envelope?.replyTo !== undefined
  return answers ? result : undefined
}

function stateOf({ digest }: AnyDefinition, state: unknown): StateDigest {
  if (digest !== undefined) return { type: 'digest', value: digest(state) >>> 0 }
  const value = digestWithin(state, stateValuesMax)
  return value === undefined ? { type: 'unknown' } : { type: 'fields', value }
}

function restore({ cell, original }: Recorded): void {
  define(cell, original)
}

/** To everybody else a cell keeps its definition: this is the one exception, and it looks the same from outside. */
function define(cell: Cell, definition: AnyDefinition): void {
  ;(cell as { definition: AnyDefinition }).definition = definition
}
