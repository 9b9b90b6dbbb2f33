/**
 * A recorded run for ShiViz: a host and its vector clock on one line, what happened on the next.
 *
 *   (?<host>\S*) (?<clock>{.*})\n(?<event>.*)
 *
 * Hosts are nodes, or the actors of each node. ShiViz is at its best with a few thousand events, so a cone can be given to
 * it alone: clocks are then counted over what is shown, and order through what is left out is kept.
 */
import { type Delivery, messageOf, type RunTrace } from '../trace/record.ts'
import { detailText } from './words.ts'

/** To be put into ShiViz as the parser of the log. */
export const shivizPattern = '(?<host>\\S*) (?<clock>{.*})\\n(?<event>.*)'

export interface ShivizOptions {
  readonly hosts?: 'nodes' | 'actors'
  /** Only these deliveries. */
  readonly only?: ReadonlySet<number>
}

type Clock = Map<string, number>

export function shivizLines(trace: RunTrace, { hosts = 'nodes', only }: ShivizOptions = {}): string[] {
  const nameOf = hosts === 'nodes' ? nodeName : actorName
  const lines: string[] = []
  /** What each host knows. */
  const known = new Map<string, Clock>()
  /** What was known when a delivery ended, for those who hear of it. */
  const stamps: Clock[] = []
  const decided = new Map(trace.decisions.map((decision) => [decision.seq, decision]))
  for (const delivery of trace.deliveries) {
    const host = nameOf(delivery)
    const clock: Clock = new Map(known.get(host))
    for (const parent of delivery.parents) merge(clock, stamps[parent - 1])
    if (only?.has(delivery.seq) !== false) {
      clock.set(host, (clock.get(host) ?? 0) + 1)
      const message = messageOf(trace, delivery)
      const what = hosts === 'nodes' ? `${delivery.actor} ` : ''
      const decision = decided.get(delivery.seq)
      const then = decision === undefined ? '' : ` => ${decision.kinds.join(', ')}`
      lines.push(
        `${host} ${JSON.stringify(Object.fromEntries(clock))}`,
        `#${delivery.seq} ${delivery.atMs.toFixed(3)}ms ${what}${message.kind}${detailText(message.body)}${then}`,
      )
    }
    known.set(host, clock)
    stamps.push(clock)
  }
  return lines
}

function merge(into: Clock, from: Clock | undefined): void {
  for (const [host, count] of from ?? []) if (count > (into.get(host) ?? 0)) into.set(host, count)
}

function nodeName({ node }: Delivery): string {
  return `node${node}`
}

function actorName({ node, actor }: Delivery): string {
  return `node${node}/${actor.replace(/\s/g, '_')}`
}
