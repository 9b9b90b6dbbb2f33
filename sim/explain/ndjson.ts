/**
 * A recorded run as NDJSON, the form that all others can be made of: a head, then everything in order of time, one line
 * each, then what went wrong. Lines are told apart by `type`; a decision follows the delivery that it was taken in.
 */
import type { RaftDecision } from '../trace/raft-view.ts'
import { messageOf, type RunTrace } from '../trace/record.ts'

export function ndjsonLines(trace: RunTrace): string[] {
  const { deliveries, decisions, happened, messages, spans, asked, broken, ...head } = trace
  const lines: string[] = [JSON.stringify({ type: 'run', ...head, deliveries: deliveries.length })]
  const decided = bySeq(decisions)
  let event = 0
  const eventsUntil = (seq: number): void => {
    for (let next = happened[event]; next !== undefined && next.after < seq; next = happened[event]) {
      event += 1
      lines.push(JSON.stringify({ type: 'event', ...next }))
    }
  }
  for (const delivery of deliveries) {
    eventsUntil(delivery.seq)
    const { id, deliveries: _handled, ...message } = messageOf(trace, delivery)
    lines.push(JSON.stringify({ type: 'delivery', ...delivery, message: { id, ...message } }))
    for (const decision of decided.get(delivery.seq) ?? [])
      lines.push(JSON.stringify({ type: 'decision', ...decision }))
  }
  eventsUntil(Number.POSITIVE_INFINITY)
  for (const { deliveries: handled, ...message } of messages)
    if (handled.length === 0) lines.push(JSON.stringify({ type: 'undelivered', ...message }))
  for (const { type, ...span } of spans) lines.push(JSON.stringify({ type: 'span', what: type, ...span }))
  for (const one of asked) lines.push(JSON.stringify({ type: 'asked', ...one }))
  if (broken !== null) lines.push(JSON.stringify({ type: 'violation', ...broken }))
  return lines
}

/** Decisions of several groups can fall into one delivery only where a kernel delivers for more than one; kept general. */
function bySeq(decisions: readonly RaftDecision[]): Map<number, RaftDecision[]> {
  const found = new Map<number, RaftDecision[]>()
  for (const decision of decisions) {
    const list = found.get(decision.seq)
    if (list === undefined) found.set(decision.seq, [decision])
    else list.push(decision)
  }
  return found
}
