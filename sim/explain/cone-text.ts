/** The cone of a violation as text: one line a delivery, what was decided in it below, faults between. */
import type { RaftDecision } from '../trace/raft-view.ts'
import { deliveryOf, type RunTrace } from '../trace/record.ts'
import type { Cone, ConeStep } from './cone.ts'
import { decisionLine, deliveryLine, timeText, viewText } from './words.ts'

/** @param linesMax - Deliveries to show; those nearest to the violation are kept. */
export function coneLines(trace: RunTrace, cone: Cone, linesMax: number = Number.POSITIVE_INFINITY): string[] {
  const { broken, deliveries } = trace
  const lines: string[] = []
  if (broken !== null) lines.push(broken.text.split('\n')[0] ?? '')
  lines.push(`${cone.steps.length} of ${deliveries.length} deliveries lead to it (${cone.mode})`)
  const shown = nearest(cone.steps, linesMax)
  if (shown.length < cone.steps.length) lines.push(`  … ${cone.steps.length - shown.length} further back are left out`)
  const decided = new Map(trace.decisions.map((decision) => [decision.seq, decision]))
  const faults = [...cone.happened]
  let lastNode = 0
  for (const step of shown) {
    const first = shown[0] as ConeStep
    while (faults[0] !== undefined && faults[0].after < step.seq) {
      const fault = faults.shift()
      if (fault !== undefined && fault.after >= first.seq)
        lines.push(`         ${timeText(fault.atMs)}  ** ${fault.text}`)
    }
    const delivery = deliveryOf(trace, step.seq)
    if (lastNode !== 0 && lastNode !== delivery.node) lines.push('')
    lastNode = delivery.node
    lines.push(`${markOf(step)} ${deliveryLine(trace, delivery)}`)
    const decision = decided.get(step.seq)
    if (decision !== undefined) lines.push(`             ⇒ ${decisionLine(decision)}`)
  }
  if (broken !== null) lines.push(...standing(trace))
  return lines
}

/** What each node believed of the groups that the violation is about. */
function standing(trace: RunTrace): string[] {
  const { decisions, broken } = trace
  const newest = new Map<string, RaftDecision>()
  const until = broken?.seq === 0 ? Number.POSITIVE_INFINITY : (broken?.seq ?? 0)
  for (const decision of decisions)
    if (decision.seq <= until) newest.set(`${decision.group} ${decision.node}`, decision)
  const about = [...newest.values()].filter(({ group }) => broken?.text.includes(`${group}:`) === true)
  const shown = (about.length > 0 ? about : [...newest.values()]).sort((a, b) => a.node - b.node)
  if (shown.length === 0) return []
  return [
    'at that moment',
    ...shown.map(({ node, group, state }) => {
      const down = downAt(trace, node) ? ' (down)' : ''
      return `  node ${node}${down} ${group}: ${state === null ? 'no core' : viewText(state)}`
    }),
  ]
}

function downAt({ spans, broken, deliveries, simulatedMs }: RunTrace, node: number): boolean {
  const atMs = deliveries[(broken?.seq ?? 0) - 1]?.atMs ?? simulatedMs
  return spans.some(
    (span) =>
      span.type === 'down' &&
      span.node === node &&
      span.executor === undefined &&
      span.fromMs <= atMs &&
      (atMs < span.toMs || span.toMs >= simulatedMs),
  )
}

function nearest(steps: readonly ConeStep[], max: number): readonly ConeStep[] {
  if (steps.length <= max) return steps
  const kept = [...steps].sort((a, b) => a.depth - b.depth || b.seq - a.seq).slice(0, max)
  return kept.sort((a, b) => a.seq - b.seq)
}

function markOf({ link }: ConeStep): string {
  return link === 'violation' ? '✗' : link === 'witness' ? '◆' : ' '
}
