/**
 * W6: what an actor of a user's said it kept, it keeps, over failures, restarts, crashes of threads and of nodes; and what it
 * was told in a turn that failed, it never kept. (W7, how often and how soon it is restarted, is watched while it runs.)
 */
import { check } from '../checkers/violation.ts'
import type { ActorMessage, HistoryNote, Operation, Outcome } from '../operation.ts'
import { userPrefix } from './user-actor.ts'
import { type ClientSeat, pick, type Workload, type WorkloadClient } from './workload.ts'

const trees = 2

export const userActors: Workload = {
  name: 'actors',
  setup: () => undefined,
  start: (seat) => new ActorsClient(seat),
  closing: (notes) => {
    const spawned = new Map<string, { readonly node: number; readonly name: string }>()
    for (const { operation } of notes)
      if (operation.type === 'spawn') spawned.set(`${operation.node} ${operation.name}`, operation)
    return [...spawned.values()].flatMap(({ node, name }): Operation[] => [
      { type: 'spawn', node, name },
      ...leaves.map((leaf): Operation => ({ type: 'ask', node, name: `${name}/${leaf}`, say: { type: 'read' } })),
    ])
  },
  check: ({ notes, wiped }) => {
    const actors = new Map<string, Told[]>()
    for (const note of notes) {
      const { operation } = note
      if (operation.type !== 'ask' || wiped.has(operation.node)) continue
      const who = `${operation.name} of node ${operation.node}`
      const told = actors.get(who) ?? []
      told.push({ ...note, say: operation.say })
      actors.set(who, told)
    }
    for (const [who, told] of actors) checkActor(who, told)
  },
}

type Told = HistoryNote & { readonly say: ActorMessage }

const leaves = ['a', 'b']

function checkActor(who: string, told: readonly Told[]): void {
  const asked = new Map<string, Told>()
  const kept: Told[] = []
  for (const each of told) {
    if (each.say.type === 'add') asked.set(each.say.element, each)
    if (each.say.type === 'add' && each.outcome?.type === 'told') kept.push(each)
  }
  for (const { client, say, outcome, began, ended } of told) {
    if (say.type !== 'read' || outcome?.type !== 'told') continue
    const elements = new Set(outcome.elements)
    check(
      elements.size === outcome.elements.length,
      'W6',
      () => `${who} holds an element twice: ${outcome.elements.join()}`,
    )
    for (const element of elements) {
      const by = asked.get(element)
      check(
        by !== undefined && by.began < (ended as number),
        'W6',
        () => `${who} told ${client} of ${element}, which nobody asked it to keep, or in a turn that failed`,
      )
    }
    for (const { say: added, ended: done } of kept) {
      const element = added.type === 'add' ? added.element : ''
      check(
        (done as number) > began || elements.has(element),
        'W6',
        () => `${who} lost ${element}: it had said that it kept it when ${client} asked`,
      )
    }
  }
}

class ActorsClient implements WorkloadClient {
  readonly #seat: ClientSeat
  /** Trees that are known to run. */
  readonly #running = new Set<string>()

  constructor(seat: ClientSeat) {
    this.#seat = seat
  }

  next(): Operation {
    const seat = this.#seat
    const node = 1 + pick(seat, 'node', Math.min(2, seat.nodes))
    const tree = `${userPrefix}${pick(seat, 'tree', trees)}`
    const runs = this.#running.has(`${node} ${tree}`)
    if (!runs) return { type: 'spawn', node, name: tree }
    const name = `${tree}/${leaves[pick(seat, 'leaf', leaves.length)]}`
    const kind = seat.roll('kind')
    const element = seat.unique('').slice(1)
    if (kind < 0.55) return { type: 'ask', node, name, say: { type: 'add', element } }
    if (kind < 0.8) return { type: 'ask', node, name, say: { type: 'read' } }
    return { type: 'ask', node, name, say: { type: 'fail', element: `lost ${element}` } }
  }

  learn(operation: Operation, outcome: Outcome): void {
    if (operation.type !== 'spawn' && operation.type !== 'ask') return
    const { node, name } = operation
    const tree = operation.type === 'spawn' ? name : name.slice(0, name.lastIndexOf('/'))
    if (operation.type === 'spawn' && outcome.type === 'told') this.#running.add(`${node} ${tree}`)
    // A node that came back runs nothing of a user's until its host starts it again.
    else if (outcome.type === 'unknown') this.#running.delete(`${node} ${tree}`)
  }
}
