/**
 * A recorded run in the trace format of Chrome, for ui.perfetto.dev or chrome://tracing: a process a node, a thread an
 * actor, a slice a delivery, an arrow a message. Virtual microseconds. A delivery takes no virtual time: those of one tick
 * are drawn side by side, in their order, within the least time between two ticks, so that slices never overlap.
 */
import { messageOf, type RunTrace } from '../trace/record.ts'

export interface ChromeEvent {
  readonly ph: 'X' | 'M' | 's' | 'f' | 'i'
  readonly name: string
  readonly pid: number
  readonly tid: number
  readonly ts?: number
  readonly dur?: number
  readonly cat?: string
  readonly id?: number
  readonly bp?: 'e'
  readonly s?: 'g' | 'p' | 't'
  readonly args?: { readonly [name: string]: unknown }
}

export interface ChromeTrace {
  readonly displayTimeUnit: 'ms'
  readonly traceEvents: readonly ChromeEvent[]
}

/** Faults and clients are of no node. */
const worldPid = 0
/** An executor ticks at most every 5 µs. */
const tickUs = 5

export function chromeTrace(trace: RunTrace): ChromeTrace {
  const events: ChromeEvent[] = [named('process_name', worldPid, 0, 'world')]
  const threads = new Threads(events)
  for (const { id } of trace.nodes) events.push(named('process_name', id, 0, `node ${id}`))
  const decided = new Map(trace.decisions.map((decision) => [decision.seq, decision]))
  const places = placesOf(trace)
  for (const delivery of trace.deliveries) {
    const { seq, node, executor, actor, hash, lamport } = delivery
    const tid = threads.of(node, executor, actor)
    const message = messageOf(trace, delivery)
    const decision = decided.get(seq)
    const { ts, dur } = places[seq - 1] as Place
    const args = {
      seq,
      lamport,
      hash,
      body: message.body,
      ...(decision === undefined ? {} : { decided: decision.kinds, state: decision.state }),
    }
    events.push({ ph: 'X', name: message.kind, cat: message.via, pid: node, tid, ts, dur, args })
    const parent = trace.deliveries[message.sender - 1]
    // Many deliveries of one actor in a row need no arrows to themselves.
    if (parent === undefined || (parent.actor === actor && parent.node === node)) continue
    const flow = { name: message.kind, cat: 'message', id: seq }
    const from = threads.of(parent.node, parent.executor, parent.actor)
    events.push({ ph: 's', ...flow, pid: parent.node, tid: from, ts: (places[parent.seq - 1] as Place).ts })
    events.push({ ph: 'f', bp: 'e', ...flow, pid: node, tid, ts })
  }
  for (const { atMs, text } of trace.happened)
    events.push({ ph: 'i', s: 'g', name: text, cat: 'fault', pid: worldPid, tid: 0, ts: usOf(atMs) })
  for (const { type, fromMs, toMs, node, to } of trace.spans) {
    const name = to === undefined ? type : `${type} ${node}→${to}`
    events.push({ ph: 'X', name, cat: 'fault', pid: node, tid: 0, ts: usOf(fromMs), dur: usOf(toMs - fromMs) })
  }
  const { broken, simulatedMs } = trace
  if (broken !== null) {
    const atMs = trace.deliveries[broken.seq - 1]?.atMs ?? simulatedMs
    events.push({ ph: 'i', s: 'g', name: broken.text, cat: 'violation', pid: worldPid, tid: 0, ts: usOf(atMs) })
  }
  return { displayTimeUnit: 'ms', traceEvents: events }
}

/** Numbers for the actors of a node, from 1; each is announced with its name. */
class Threads {
  readonly #events: ChromeEvent[]
  readonly #known = new Map<string, number>()

  constructor(events: ChromeEvent[]) {
    this.#events = events
  }

  of(node: number, executor: number, actor: string): number {
    const key = `${node} ${executor} ${actor}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const tid = this.#known.size + 1
    this.#known.set(key, tid)
    this.#events.push(named('thread_name', node, tid, `${executor} ${actor}`))
    return tid
  }
}

function named(name: 'process_name' | 'thread_name', pid: number, tid: number, text: string): ChromeEvent {
  return { ph: 'M', name, pid, tid, args: { name: text } }
}

interface Place {
  readonly ts: number
  readonly dur: number
}

/** Where on the line of time each delivery is drawn. */
function placesOf({ deliveries }: RunTrace): Place[] {
  const counts = new Map<string, number>()
  const orders = deliveries.map(({ node, executor, atMs }) => {
    const key = `${node} ${executor} ${atMs}`
    const order = counts.get(key) ?? 0
    counts.set(key, order + 1)
    return { key, order, atMs }
  })
  return orders.map(({ key, order, atMs }) => {
    const dur = Math.floor((tickUs / (counts.get(key) as number)) * 1e3) / 1e3
    return { ts: usOf(atMs) + order * dur, dur }
  })
}

function usOf(ms: number): number {
  return Math.round(ms * 1e6) / 1e3
}
