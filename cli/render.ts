/**
 * How answers of the store are shown: as lines in the manner of etcdctl, and as JSON documents.
 *
 * In JSON a key or value stands twice: `key` is its text, null when its bytes are no UTF-8, and `keyBase64` is always
 * its bytes. Ids of members and clusters are decimal numbers, leases decimal text (they have 63 bits).
 */
import type { KeyValue, TxnOperationResponse } from '../actors/keyspace/messages.ts'
import type { Header } from '../client/interface.ts'
import type { Output } from './output.ts'

export interface LineStyle {
  /** Bytes as \x00 pairs. */
  readonly hex?: boolean
  readonly keysOnly?: boolean
  readonly valuesOnly?: boolean
  readonly countOnly?: boolean
}

export type KeyValueDocument = Readonly<Record<string, string | number | null>>

const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text of UTF-8; null when the bytes are none. */
export function textOrNull(bytes: Uint8Array): string | null {
  try {
    return strictDecoder.decode(bytes)
  } catch {
    return null
  }
}

export function keyValueDocument(kv: KeyValue): KeyValueDocument {
  return {
    key: textOrNull(kv.key),
    keyBase64: base64(kv.key),
    value: textOrNull(kv.value),
    valueBase64: base64(kv.value),
    createRevision: kv.createRevision,
    modRevision: kv.modRevision,
    version: kv.version,
    lease: kv.lease,
  }
}

export function headerDocument(header: Header): Readonly<Record<string, number>> {
  const { clusterId, memberId, revision, raftTerm } = header
  return { clusterId, memberId, revision, raftTerm }
}

/** An answer of get, put, del or a transaction, without its header. */
export function responseDocument(response: TxnOperationResponse): Readonly<Record<string, unknown>> {
  switch (response.type) {
    case 'range':
      return { kvs: response.kvs.map(keyValueDocument), more: response.more, count: response.count }
    case 'put':
      return response.prevKv === undefined ? {} : { prevKv: keyValueDocument(response.prevKv) }
    case 'deleteRange':
      return { deleted: response.deleted, prevKvs: response.prevKvs.map(keyValueDocument) }
    case 'txn':
      return {
        succeeded: response.succeeded,
        responses: response.responses.map((one) => ({ type: one.type, ...responseDocument(one) })),
      }
  }
}

/** An answer as lines: a key, its value, the next key; `OK` for a put; a number for a deletion. */
export function showResponse(output: Output, response: TxnOperationResponse, style: LineStyle): void {
  switch (response.type) {
    case 'range':
      if (style.countOnly === true) output.line(String(response.count))
      for (const kv of response.kvs) showKeyValue(output, kv, style)
      break
    case 'put':
      output.line('OK')
      if (response.prevKv !== undefined) showKeyValue(output, response.prevKv, style)
      break
    case 'deleteRange':
      output.line(String(response.deleted))
      for (const kv of response.prevKvs) showKeyValue(output, kv, style)
      break
    case 'txn':
      output.line(response.succeeded ? 'SUCCESS' : 'FAILURE')
      for (const one of response.responses) {
        output.line()
        showResponse(output, one, style)
      }
      break
  }
}

function showKeyValue(output: Output, kv: KeyValue, style: LineStyle): void {
  if (style.valuesOnly !== true) showBytes(output, kv.key, style)
  // A list of keys keeps the line of the value, empty, as etcdctl does: scripts read lines in pairs.
  if (style.keysOnly === true) output.line()
  else showBytes(output, kv.value, style)
}

function showBytes(output: Output, bytes: Uint8Array, style: LineStyle): void {
  if (style.hex === true) output.line(hexText(bytes))
  else {
    output.bytes(bytes)
    output.line()
  }
}

function hexText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
