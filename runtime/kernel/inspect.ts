/** What there is to see of the actors of one executor, as plain data. */
import type { Executor } from './executor.ts'

export interface ActorStatus {
  readonly id: number
  readonly name: string
  readonly definition: string
  readonly executor: number
  readonly mailboxDepth: number
  readonly mailboxDropped: number
  readonly messagesTotal: number
  readonly restarts: number
  readonly state: 'running' | 'parked' | 'failed' | 'stopping'
}

export function inspectActors(executor: Executor): ActorStatus[] {
  return [...executor.cells.values()].map((cell) => ({
    id: cell.id,
    name: cell.name,
    definition: cell.definition.name,
    executor: executor.index,
    mailboxDepth: cell.mailboxDepth,
    mailboxDropped: cell.mailboxDropped,
    messagesTotal: cell.messagesTotal,
    restarts: cell.restarts,
    state: cell.status === 'parked' || cell.status === 'failed' || cell.status === 'stopping' ? cell.status : 'running',
  }))
}
