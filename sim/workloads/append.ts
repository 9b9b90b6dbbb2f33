/**
 * W3: lists that transactions append to, to one or two at once. What anybody saw is a beginning of the list as it is, what
 * was acknowledged is in it once, and there is an order of all transactions that explains everything seen.
 */
import { checkLists, type ListTxn } from '../checkers/dependency-graph.ts'
import { check } from '../checkers/violation.ts'
import type { HistoryNote, Operation, Outcome, Txn } from '../operation.ts'
import { type ClientSeat, pick, type Workload, type WorkloadClient } from './workload.ts'

const lists = 3
/** A list that is longer is read, not appended to. */
const elementsMax = 40
const prefix = 'list/'

export const append: Workload = {
  name: 'append',
  setup: () => undefined,
  start: (seat) => new AppendClient(seat),
  closing: () => [{ type: 'list', prefix }],
  check: ({ notes, replicas }) => {
    const reads = notes.flatMap(readOf)
    const finals = replicas.map(({ name, pairs }) => ({ name, lists: listsIn(pairs) }))
    const seen = new Set<string>()
    for (const each of [...reads, ...finals.map(({ lists: all }) => ({ reads: all }))])
      for (const [key, list] of each.reads) for (const element of list) seen.add(`${key} ${element}`)
    const txns = notes.flatMap((note) => txnOf(note, seen))
    // Replicas are all read at the end, one after the other and after everybody.
    const end = 1 + txns.reduce((last, { began, ended }) => Math.max(last, began, ended ?? 0), 0)
    const all = [
      ...txns,
      ...finals.map(
        ({ name, lists: held }, at): ListTxn => ({
          name,
          began: end + 2 * at,
          ended: end + 2 * at + 1,
          reads: held,
          appends: [],
        }),
      ),
    ]
    const fault = checkLists(all)
    check(fault === undefined, 'W3', () => (fault as { readonly text: string }).text)
    for (const { name, lists: held } of finals) {
      const there = new Set(held.flatMap(([key, list]) => list.map((element) => `${key} ${element}`)))
      for (const { name: by, appends, ended } of txns)
        for (const [key, element] of appends)
          check(
            ended === undefined || there.has(`${key} ${element}`),
            'W3',
            () => `${name} lacks ${element} in ${key}, which ${by} was told it had appended`,
          )
    }
  },
}

class AppendClient implements WorkloadClient {
  readonly #seat: ClientSeat
  #lists: ReadonlyMap<string, string> = new Map()
  #looked = false

  constructor(seat: ClientSeat) {
    this.#seat = seat
  }

  next(): Operation {
    const seat = this.#seat
    if (!this.#looked || seat.roll('kind') < 0.25) return { type: 'list', prefix }
    const first = pick(seat, 'list', lists)
    const both = seat.roll('both') < 0.5
    const keys = [...new Set([first, both ? pick(seat, 'other', lists) : first])].map((at) => `${prefix}${at}`)
    if (keys.some((key) => elementsOf(this.#lists.get(key)).length >= elementsMax)) return { type: 'list', prefix }
    // Only what makes it unique: a list is nothing but its elements.
    const element = seat.unique('').slice(1)
    const values = keys.map((key) => [...elementsOf(this.#lists.get(key)), element].join(','))
    return {
      type: 'txn',
      compare: keys.map((key) => ({ key, expected: this.#lists.get(key) })),
      success: keys.map((key, at) => ({ type: 'put', key, value: values[at] as string })),
      failure: [{ type: 'list', prefix }],
    }
  }

  learn(operation: Operation, outcome: Outcome): void {
    this.#looked = outcome.type === 'done' && (operation.type === 'list' || !outcome.succeeded)
    if (outcome.type !== 'done') return
    const seen = operation.type === 'list' ? outcome.found : outcome.seen?.steps[0]
    if (this.#looked) this.#lists = seen as ReadonlyMap<string, string>
  }
}

function elementsOf(value: string | undefined): readonly string[] {
  return value === undefined || value === '' ? [] : value.split(',')
}

function listsIn(pairs: ReadonlyMap<string, string>): readonly (readonly [string, readonly string[]])[] {
  const found: (readonly [string, readonly string[]])[] = []
  for (let at = 0; at < lists; at++) found.push([`${prefix}${at}`, elementsOf(pairs.get(`${prefix}${at}`))])
  return found
}

function isAppend(operation: Operation): operation is Txn {
  return (
    operation.type === 'txn' && operation.success.some((step) => step.type === 'put' && step.key.startsWith(prefix))
  )
}

function readOf({ client, operation, outcome, began, ended }: HistoryNote): readonly ListTxn[] {
  if (outcome?.type !== 'done') return []
  const name = `${client} (${began})`
  if (operation.type === 'list' && operation.prefix === prefix)
    return [{ name, began, ended, reads: listsIn(outcome.found), appends: [] }]
  const seen = outcome.seen?.steps[0]
  if (isAppend(operation) && !outcome.succeeded && seen instanceof Map)
    return [{ name, began, ended, reads: listsIn(seen as ReadonlyMap<string, string>), appends: [] }]
  return []
}

/** What is known to have happened: a read, or an append that was acknowledged or seen. */
function txnOf(note: HistoryNote, seen: ReadonlySet<string>): readonly ListTxn[] {
  const { client, operation, outcome, began, ended } = note
  if (!isAppend(operation)) return readOf(note)
  if (outcome?.type === 'refused' || (outcome?.type === 'done' && !outcome.succeeded)) return readOf(note)
  const reads = operation.compare.map(({ key, expected }) => [key, elementsOf(expected)] as const)
  const appends = operation.success.flatMap((step) => {
    if (step.type !== 'put') return []
    const elements = elementsOf(step.value)
    return [[step.key, elements[elements.length - 1] as string] as const]
  })
  const known = outcome?.type === 'done'
  if (!known && !appends.some(([key, element]) => seen.has(`${key} ${element}`))) return []
  return [{ name: `${client} (${began})`, began, ended: known ? ended : undefined, reads, appends }]
}
