/**
 * Alarms: raised by a node or by the keyspace itself, replicated, and in force until somebody lowers them by hand.
 *
 *   K10  under `nospace` whatever could put is refused; reads, deletes and compaction go on, so that room can be made
 *   K11  under `corrupt` keys are neither read nor written
 */
import { sometimes } from '../../base/fault-points.ts'
import type { Alarm, AlarmRequest, AlarmType, KeyspaceError } from './messages.ts'
import { noSpace } from './probes.ts'
import { changeFacts, type KeyspaceState } from './state.ts'

/** What a request needs that an alarm may forbid. */
export function refuseAlarmed(state: KeyspaceState, puts: () => boolean): KeyspaceError | undefined {
  const { alarms } = state.facts
  if (alarms.length === 0) return undefined
  if (alarms.some(({ alarm }) => alarm === 'corrupt')) return 'corrupt'
  const refused = puts()
  sometimes(noSpace, refused)
  return refused ? 'noSpace' : undefined
}

/** Returns the alarm that was raised, or lowered; none when there was nothing to lower. */
export function changeAlarm(state: KeyspaceState, { action, member, alarm }: AlarmRequest): readonly Alarm[] {
  if (action === 'activate') return [raiseAlarm(state, member, alarm)]
  const found = find(state, member, alarm)
  if (found === undefined) return []
  changeFacts(state, { ...state.facts, alarms: state.facts.alarms.filter((each) => each !== found) })
  return [found]
}

/** Safe to repeat. */
export function raiseAlarm(state: KeyspaceState, member: number, alarm: AlarmType): Alarm {
  const found = find(state, member, alarm)
  if (found !== undefined) return found
  const raised: Alarm = { member, alarm }
  const alarms = [...state.facts.alarms, raised].sort((a, b) =>
    a.alarm === b.alarm ? a.member - b.member : a.alarm < b.alarm ? 1 : -1,
  )
  changeFacts(state, { ...state.facts, alarms })
  return raised
}

function find(state: KeyspaceState, member: number, alarm: AlarmType): Alarm | undefined {
  return state.facts.alarms.find((each) => each.member === member && each.alarm === alarm)
}
