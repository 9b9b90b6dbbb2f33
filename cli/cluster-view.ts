/**
 * What a local cluster looks like: from what each node said last to a table for a person, and from two such looks to the
 * changes between them, for a log.
 */
import { framedTable, idText, sizeText } from './output.ts'

export type NodeState = 'starting' | 'serving' | 'unhealthy' | 'down'

/** One node as it was seen last. */
export interface NodeView {
  readonly name: string
  readonly clientUrl: string
  readonly state: NodeState
  readonly pid: number | undefined
  /** 0 until it answered once. */
  readonly memberId: number
  readonly version: string
  /** The keyspaces it says it leads. */
  readonly leads: readonly string[]
  readonly term: number
  readonly revision: number
  readonly dbSizeBytes: number
  /** Why it is not serving. */
  readonly reason: string
}

export type ClusterEvent =
  | {
      readonly event: 'node'
      readonly name: string
      readonly state: NodeState
      readonly pid: number | null
      readonly reason: string
    }
  | { readonly event: 'leader'; readonly keyspace: string; readonly name: string | null; readonly term: number }

export function clusterTable(nodes: readonly NodeView[]): string {
  const rows = nodes.map((node, at) => {
    const answers = node.state === 'serving' || node.state === 'unhealthy'
    const known = answers
      ? [node.leads.join(' ') || '-', node.term, node.revision, sizeText(node.dbSizeBytes)]
      : ['-', '-', '-', '-']
    return [
      at + 1,
      node.name,
      idTextOrNone(node.memberId),
      node.pid ?? '-',
      node.clientUrl,
      ...known,
      node.state,
      node.reason,
    ]
  })
  return framedTable(['', 'NODE', 'ID', 'PID', 'CLIENTS', 'LEADS', 'TERM', 'REVISION', 'DB SIZE', 'HEALTH', ''], rows)
}

/** What changed between two looks, nodes first. */
export function changesBetween(before: readonly NodeView[], now: readonly NodeView[]): readonly ClusterEvent[] {
  const events: ClusterEvent[] = []
  for (const [at, node] of now.entries()) {
    const past = before[at]
    if (past?.state === node.state && past.pid === node.pid) continue
    events.push({ event: 'node', name: node.name, state: node.state, pid: node.pid ?? null, reason: node.reason })
  }
  const [earlier, later] = [leadersOf(before), leadersOf(now)]
  for (const keyspace of new Set([...earlier.keys(), ...later.keys()])) {
    const past = earlier.get(keyspace)
    const leader = later.get(keyspace)
    if (past?.name === leader?.name && past?.term === leader?.term) continue
    events.push({ event: 'leader', keyspace, name: leader?.name ?? null, term: leader?.term ?? past?.term ?? 0 })
  }
  return events
}

/** One line for a log. */
export function lineOf(event: ClusterEvent): string {
  if (event.event === 'leader') {
    return event.name === null
      ? `keyspace ${event.keyspace} has no leader`
      : `${event.name} leads keyspace ${event.keyspace} in term ${event.term}`
  }
  const pid = event.pid === null ? '' : ` (pid ${event.pid})`
  return `${event.name} is ${event.state}${pid}${event.reason === '' ? '' : `: ${event.reason}`}`
}

/** A deposed leader that does not know it yet says it leads too: the higher term is right. */
function leadersOf(nodes: readonly NodeView[]): ReadonlyMap<string, { readonly name: string; readonly term: number }> {
  const leaders = new Map<string, { readonly name: string; readonly term: number }>()
  for (const node of nodes) {
    for (const keyspace of node.leads) {
      const other = leaders.get(keyspace)
      if (other === undefined || other.term < node.term) leaders.set(keyspace, { name: node.name, term: node.term })
    }
  }
  return leaders
}

function idTextOrNone(id: number): string {
  return id === 0 ? '-' : idText(id)
}
