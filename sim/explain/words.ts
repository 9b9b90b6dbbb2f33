/** Deliveries, decisions and states as lines of text: the same words wherever a run is explained. */
import type { RaftDecision, RaftView } from '../trace/raft-view.ts'
import { type Delivery, type Json, type Message, messageOf, type RunTrace } from '../trace/record.ts'

/** Milliseconds to the microsecond, right-aligned. */
export function timeText(atMs: number): string {
  return atMs.toFixed(3).padStart(10)
}

/** One line: when, where, what, from whom. */
export function deliveryLine(trace: RunTrace, delivery: Delivery): string {
  const message = messageOf(trace, delivery)
  const place = `${delivery.node}.${delivery.executor}`
  const parent = trace.deliveries[(delivery.parents[0] ?? 0) - 1]
  const from =
    parent === undefined ? viaText(message) : `from #${parent.seq} ${parent.node}.${parent.executor} ${parent.actor}`
  return `#${String(delivery.seq).padEnd(6)} ${timeText(delivery.atMs)}  ${place}  ${delivery.actor}  ◀ ${message.kind}${detailText(message.body)}  (${from})`
}

/** What a group decided in a delivery; empty when nothing. */
export function decisionLine({ node, group, kinds, diff }: RaftDecision): string {
  const changes = diff.map(([field, before, after]) => `${field} ${before || '–'}→${after || '–'}`).join(', ')
  return `node ${node} ${group}: ${kinds.join(', ') || 'changed'}${changes === '' ? '' : ` (${changes})`}`
}

export function viewText(view: RaftView): string {
  const { role, term, vote, leader, commit, compacted, last, lastTerm, voters, votersOutgoing, learners } = view
  const joint = votersOutgoing.length > 0 ? ` leaving ${votersOutgoing.join(' ')}` : ''
  const also = learners.length > 0 ? `, learners ${learners.join(' ')}` : ''
  return (
    `${role} of term ${term}, voted ${vote || '–'}, leader ${leader || '–'}, ` +
    `commit ${commit}, log ${compacted + 1}..${last} (last term ${lastTerm}), voters ${voters.join(' ')}${joint}${also}`
  )
}

/** The fields that tell one message of a kind from another, in this order. */
const telling = [
  'from',
  'to',
  'term',
  'pre',
  'granted',
  'index',
  'prevIndex',
  'prevTerm',
  'lastIndex',
  'lastTerm',
  'commit',
  'round',
  'hintIndex',
  'epoch',
  'id',
  'node',
  'up',
]

export function detailText(body: Json): string {
  const fields = innerOf(body)
  if (fields === undefined) return ''
  let text = ''
  for (const name of telling) {
    const value = fields[name]
    if (typeof value === 'number' || typeof value === 'boolean') text += ` ${name}=${value}`
  }
  const { entries } = fields
  if (Array.isArray(entries) && entries.length > 0) text += ` entries=${entries.length}`
  return text
}

/** A message in a wrapper is told by what is in it. */
function innerOf(body: Json): { readonly [field: string]: Json } | undefined {
  if (!isObject(body)) return undefined
  const { message } = body
  return message !== undefined && isObject(message) ? message : body
}

function isObject(value: Json): value is { readonly [field: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function viaText({ via }: Message): string {
  return via === 'timer' ? 'a timer' : via === 'outside' ? 'from outside' : via
}
