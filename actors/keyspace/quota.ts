/**
 * The quota: how many bytes a keyspace may hold, history included. Each node has its own figure, perhaps a different one,
 * so it cannot be part of the machine: the proposer stamps it on the write, and all replicas judge by the stamp.
 *
 *   K12  a put that could lift the history above the quota of its stamp is refused, and raises the alarm in the same step
 *
 * From then on the alarm refuses, whatever later stamps say. Deletes are never refused, though their tombstones take room
 * until the next compaction.
 */
import { raiseAlarm } from './alarms.ts'
import { holdsPut } from './check.ts'
import type { KeyspaceCommand, KeyspaceError, QuotaStamp } from './messages.ts'
import type { KeyspaceState } from './state.ts'

/** Stamps a command that could put; what could not is returned as it is. `bytes` may be infinite: no quota. */
export function stampQuota(command: KeyspaceCommand, quota: QuotaStamp): KeyspaceCommand {
  if (!Number.isFinite(quota.bytes)) return command
  if (command.type === 'put') return { ...command, quota }
  return command.type === 'txn' && holdsPut(command) ? { ...command, quota } : command
}

export function refuseGrowth(
  state: KeyspaceState,
  quota: QuotaStamp | undefined,
  growth: number,
): KeyspaceError | undefined {
  if (quota === undefined || growth === 0 || state.index.historyBytes + growth <= quota.bytes) return undefined
  raiseAlarm(state, quota.member, 'nospace')
  return 'noSpace'
}
