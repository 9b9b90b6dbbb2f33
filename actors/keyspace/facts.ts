/**
 * What a keyspace knows that its records do not say: how far it was compacted, and its alarms. Written when it changes,
 * which is rarely; all else (revision, number of keys, bytes, hash) is read off the records when a replica opens.
 *
 *   format 1 │ compact revision + 1: 8 │ per alarm: member 8, type 1
 *
 * A member is kept as the number it is (IEEE 754), since clients may name one that no node ever had.
 */
import { invariant } from '../../base/assert.ts'
import { readUint64, writeUint64 } from '../../base/bytes.ts'
import type { Alarm, AlarmType } from './messages.ts'

export interface Facts {
  /** -1 until the first compaction, as etcd has it. */
  readonly compactRevision: number
  /** Ordered by type, then member; each at most once. */
  readonly alarms: readonly Alarm[]
}

export const noFacts: Facts = { compactRevision: -1, alarms: [] }

const format = 1
const headBytes = 9
const alarmBytes = 9
const alarmTypes: readonly AlarmType[] = ['nospace', 'corrupt']

export function encodeFacts({ compactRevision, alarms }: Facts): Uint8Array {
  const bytes = new Uint8Array(headBytes + alarms.length * alarmBytes)
  bytes[0] = format
  writeUint64(bytes, 1, compactRevision + 1)
  const view = new DataView(bytes.buffer)
  for (const [i, { member, alarm }] of alarms.entries()) {
    const at = headBytes + i * alarmBytes
    view.setFloat64(at, member)
    bytes[at + 8] = alarmTypes.indexOf(alarm)
  }
  return bytes
}

export function decodeFacts(bytes: Uint8Array): Facts {
  invariant(bytes[0] === format, () => `K1: facts have format ${format}, not ${bytes[0]}`)
  const alarms: Alarm[] = []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = headBytes; at + alarmBytes <= bytes.length; at += alarmBytes) {
    const alarm = alarmTypes[bytes[at + 8] as number]
    invariant(alarm !== undefined, () => `K1: alarm type ${bytes[at + 8]} is unknown`)
    alarms.push({ member: view.getFloat64(at), alarm })
  }
  return { compactRevision: readUint64(bytes, 1) - 1, alarms }
}
