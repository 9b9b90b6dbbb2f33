/**
 * Writes a run down while it happens. It stands beside the world: what it listens to is unchanged by it, and a run has the
 * same digest with it and without.
 *
 *   a mailbox is about to give a message ─▶ begins ─▶ checks of the delivery before ─▶ the turn ─▶ ends: what was decided?
 */

import type { RaftGroupArgs, RaftGroupState } from '../../actors/raft/group.ts'
import type { RaftState } from '../../actors/raft/state.ts'
import { fromUtf8 } from '../../base/bytes.ts'
import type { Envelope } from '../../mailbox/envelope.ts'
import type { ActorRef } from '../../runtime/kernel/actor.ts'
import type { Cell } from '../../runtime/kernel/cell.ts'
import type { Executor } from '../../runtime/kernel/executor.ts'
import type { HistoryNote } from '../history.ts'
import type { SimNode } from '../node.ts'
import type { Operation } from '../operation.ts'
import type { SeedFailure } from '../scenario.ts'
import type { SimWorld } from '../world.ts'
import { ExecutorTap, type TapHost } from './executor-tap.ts'
import { MailBook } from './mail-book.ts'
import { changesBetween, decisionsOf, type RaftDecision, type RaftView, viewOf } from './raft-view.ts'
import type { Asked, Broken, Delivery, Happened, Message, RunTrace } from './record.ts'
import { Spans } from './spans.ts'
import { tap } from './tap.ts'
import { witnessesOf } from './witnesses.ts'

interface Note extends Delivery {
  readonly sends: number[]
  readonly effects: string[]
}

/** What one actor, by name, did last; over its restarts and those of its node. */
interface Last {
  readonly seq: number
  readonly cell: Cell
  readonly restarts: number
}

interface Believed {
  readonly node: number
  readonly executor: number
  view: RaftView | null
  core: RaftState | undefined
}

export class Recorder implements TapHost {
  readonly book: MailBook = new MailBook()
  readonly #world: SimWorld
  readonly #stopAfter: number
  readonly #taps = new Map<Executor, ExecutorTap>()
  readonly #lives = new Map<string, number>()
  readonly #clocks = new Map<string, number>()
  readonly #notes: Note[] = []
  readonly #decisions: RaftDecision[] = []
  readonly #happened: Happened[] = []
  readonly #spans: Spans
  readonly #lasts = new Map<string, Last>()
  readonly #believed = new Map<string, Believed>()
  /** By executor: the delivery whose end was not seen yet. */
  readonly #open = new Map<Executor, { readonly note: Note; readonly cell: Cell }>()
  /** The delivery that the checks look at. */
  #judged = 0

  /** @param stopAfter - Throws `Stopped` once that delivery has ended. */
  constructor(world: SimWorld, stopAfter: number = Number.POSITIVE_INFINITY) {
    this.#world = world
    this.#stopAfter = stopAfter
    this.#spans = new Spans(world)
    this.book.onSent = ({ id, sender, via }) => {
      // A timer is an effect of the delivery that started it; its beats are messages of their own.
      if (via !== 'timer') this.#notes[sender - 1]?.sends.push(id)
    }
    world.trace.onEvent = (atMs, text) => this.#event(atMs, text)
    world.network.onCopy = (frame, copy) => this.book.copied(frame, copy)
    world.onStarted = (node, executor) => this.#listen(node, executor)
    for (const node of world.nodes.values())
      for (let at = 0; at < node.executors; at++) if (node.runs(at)) this.#listen(node, node.executor(at))
    this.#listenToChecks()
  }

  get nowMs(): number {
    return this.#world.nowMs
  }

  isCut(from: number, to: number): boolean {
    return this.#world.network.isCut(from, to)
  }

  effect(text: string): void {
    this.#notes[this.book.current - 1]?.effects.push(text)
  }

  /** The whole of it, when the run is over. */
  finish(scenario: string, failure: SeedFailure | undefined, asked: readonly HistoryNote[]): RunTrace {
    const { seed, trace, nodes, nowMs } = this.#world
    for (const { note, cell } of this.#open.values()) this.#believe(note, cell)
    return {
      format: 1,
      scenario,
      seed,
      digest: trace.digest.text(),
      simulatedMs: nowMs,
      nodes: [...nodes.values()].map(({ id, executors }) => ({ id, executors })),
      broken: failure === undefined ? null : this.#brokenBy(failure),
      deliveries: this.#notes,
      messages: this.book.letters satisfies readonly Message[],
      decisions: this.#decisions,
      happened: this.#happened,
      spans: this.#spans.until(nowMs),
      asked: asked.map(askedOf),
    }
  }

  #brokenBy({ invariant, text }: SeedFailure): Broken {
    const seq = this.#judged !== 0 ? this.#judged : this.book.current
    return { invariant, text, seq, witnesses: witnessesOf(text, seq, this.#notes[seq - 1]?.node ?? 0, this.#decisions) }
  }

  #listen({ id }: SimNode, executor: Executor): void {
    const key = `${id}/${executor.index}`
    const life = (this.#lives.get(key) ?? 0) + 1
    this.#lives.set(key, life)
    // What the groups of a former life believed went with it.
    for (const [group, { node, executor: at }] of this.#believed)
      if (node === id && at === executor.index) this.#believed.delete(group)
    const tapped = new ExecutorTap(this, id, life, executor)
    tapped.lamport = this.#clocks.get(key) ?? 0
    this.#taps.set(executor, tapped)
  }

  #listenToChecks(): void {
    const { checkers } = this.#world
    const judge = checkers.after.bind(checkers)
    tap(checkers, 'before', (before) => (node, executor, cell, envelope) => {
      this.#ends(executor)
      this.#judged = this.#taps.get(executor)?.newest ?? 0
      judge(node, executor)
      this.#begins(executor, cell, envelope)
      // What is still looked at is the message that is about to be handled.
      this.#judged = this.#notes.length
      before(node, executor, cell, envelope)
      this.#judged = 0
    })
    tap(checkers, 'after', (after) => (node, executor) => {
      this.#ends(executor)
      this.book.current = 0
      this.#judged = this.#taps.get(executor)?.newest ?? 0
      after(node, executor)
      this.#judged = 0
    })
  }

  #begins(executor: Executor, cell: Cell, envelope: Envelope<ActorRef>): void {
    const tapped = this.#taps.get(executor)
    if (tapped === undefined) return
    const seq = this.#notes.length + 1
    const letter = this.book.letterIn(envelope, tapped.route(cell.name))
    letter.deliveries.push(seq)
    const { node, index, life } = tapped
    const last = this.#lasts.get(`${node} ${cell.name}`)
    const lamport = 1 + Math.max(tapped.lamport, this.#notes[letter.sender - 1]?.lamport ?? 0)
    const note: Note = {
      seq,
      atMs: this.nowMs,
      node,
      executor: index,
      life,
      actor: cell.name,
      message: letter.id,
      parents: letter.sender === 0 ? [] : [letter.sender],
      previous: last?.seq ?? 0,
      reborn: last !== undefined && (last.cell !== cell || last.restarts !== cell.restarts),
      lamport,
      hash: this.#world.trace.digest.text(),
      sends: [],
      effects: [],
    }
    this.#notes.push(note)
    this.#open.set(executor, { note, cell })
    this.#lasts.set(`${node} ${cell.name}`, { seq, cell, restarts: cell.restarts })
    tapped.newest = seq
    tapped.lamport = lamport
    this.#clocks.set(`${node}/${index}`, lamport)
    tapped.owns(seq)
    this.book.current = seq
    this.book.handling = letter.id
  }

  #ends(executor: Executor): void {
    const open = this.#open.get(executor)
    if (open === undefined) return
    this.#open.delete(executor)
    const { note, cell } = open
    this.book.within(note.seq, () => this.#taps.get(executor)?.tagHeld(cell))
    this.#believe(note, cell)
    if (note.seq >= this.#stopAfter) throw new Stopped()
  }

  #believe(note: Note, cell: Cell): void {
    if (cell.definition.name !== 'raft-group' || !this.#world.checkers.knowsGroups) return
    const { group } = cell.args as RaftGroupArgs
    const key = `${note.node} ${group}`
    const before = this.#believed.get(key)
    const state = cell.status === 'running' ? (cell.state as RaftGroupState) : undefined
    const core = state?.phase.type === 'open' ? state.phase.core : undefined
    const view = core === undefined ? null : viewOf(core)
    // A core that was made anew begins from the disk: its first delivery says what it found there.
    const was = before !== undefined && core === before.core ? before.view : null
    const kept =
      was === null || core === undefined || was.last < core.log.first || core.log.term(was.last) === was.lastTerm
    const kind = this.book.letters[note.message - 1]?.kind ?? ''
    const closed = core === undefined && before?.core !== undefined
    const kinds = closed ? (['closed'] as const) : decisionsOf(note.node, was, view, kind, kept)
    this.#believed.set(key, { node: note.node, executor: note.executor, view, core })
    const diff = changesBetween(before?.view ?? null, view)
    if (kinds.length > 0 || diff.length > 0)
      this.#decisions.push({ seq: note.seq, node: note.node, group, kinds, state: view, diff })
  }

  #event(atMs: number, text: string): void {
    this.#happened.push({ atMs, after: this.#notes.length, text, nodes: nodesIn(text) })
  }
}

/** The run was asked to end here. */
export class Stopped extends Error {
  override readonly name = 'Stopped'
}

function nodesIn(text: string): number[] {
  const nodes = new Set<number>()
  for (const [, node] of text.matchAll(/\bnodes? (\d+)/g)) nodes.add(Number(node))
  for (const [, from, to] of text.matchAll(/(\d+)→(\d+)/g)) nodes.add(Number(from)).add(Number(to))
  return [...nodes].sort((a, b) => a - b)
}

function askedOf({ client, operation, beganMs, endedMs, outcome }: HistoryNote): Asked {
  return {
    client,
    text: operationText(operation),
    beganMs,
    endedMs: endedMs ?? null,
    outcome: outcome?.type ?? 'unknown',
  }
}

function operationText(operation: Operation): string {
  const { type, ...rest } = operation
  const words = Object.values(rest as { readonly [field: string]: unknown }).map(wordOf)
  return [type, ...words].join(' ')
}

function wordOf(value: unknown): string {
  if (value instanceof Uint8Array) return fromUtf8(value)
  return typeof value === 'object' && value !== null ? Object.values(value).map(wordOf).join('=') : String(value ?? '-')
}
