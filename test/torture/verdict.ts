/** Compares what a cluster holds with what its writers were told (W1 to W4 of `writers.ts`). */
import { fromUtf8, utf8 } from '../../base/bytes.ts'
import type { EtcdConnection } from '../../client/etcd-grpc.ts'
import type { Acknowledged, Book, KeyRecord } from './writers.ts'

/** History reads under way at once. */
const readsAtOnce = 32

/**
 * Everything that is wrong, one sentence each; empty when all is well. The writers must have stopped.
 *
 * @param from - Index of the first acknowledgement whose place in the history is looked up (W1).
 */
export async function judge(client: EtcdConnection, book: Book, from: number = 0): Promise<readonly string[]> {
  const wrong = [...book.violations]
  for (const [key, record] of book.keys) await judgeKey(client, key, record, wrong)
  for (const [left, right] of book.pairs) await judgePair(client, left, right, wrong)
  for (const [key, requests] of book.counted) await judgeCount(client, key, requests, wrong)
  await judgeHistory(client, book.acknowledged.slice(from), wrong)
  return wrong
}

async function judgeKey(
  client: EtcdConnection,
  key: string,
  { last, unknown }: KeyRecord,
  wrong: string[],
): Promise<void> {
  const { kvs } = await client.range({ key: utf8(key) })
  const found = kvs[0] === undefined ? undefined : fromUtf8(kvs[0].value)
  if (found === last?.value || (found !== undefined && unknown.has(found))) return
  wrong.push(
    `W2: ${key} holds ${shown(found)}, but ${shown(last?.value)} was acknowledged at revision ${last?.revision}`,
  )
}

async function judgePair(client: EtcdConnection, left: string, right: string, wrong: string[]): Promise<void> {
  const { responses } = await client.txn({
    compare: [],
    success: [left, right].map((key) => ({ type: 'range', key: utf8(key) })),
    failure: [],
  })
  const [a, b] = responses.map((one) => (one.type === 'range' ? one.kvs[0] : undefined))
  if (a === undefined && b === undefined) return
  if (
    a === undefined ||
    b === undefined ||
    fromUtf8(a.value) !== fromUtf8(b.value) ||
    a.modRevision !== b.modRevision
  ) {
    wrong.push(
      `W3: ${left} and ${right} are torn: ${shown(a && fromUtf8(a.value))} and ${shown(b && fromUtf8(b.value))}`,
    )
  }
}

/** One version per request; the newest request may have been applied without an answer. */
async function judgeCount(client: EtcdConnection, key: string, requests: number, wrong: string[]): Promise<void> {
  const version = (await client.range({ key: utf8(key) })).kvs[0]?.version ?? 0
  if (version !== requests && version !== requests + 1) {
    wrong.push(`W4: ${key} has version ${version} after ${requests} acknowledged requests`)
  }
}

async function judgeHistory(
  client: EtcdConnection,
  acknowledged: readonly Acknowledged[],
  wrong: string[],
): Promise<void> {
  const waiting = acknowledged.values()
  const lane = async (): Promise<void> => {
    for (const { key, value, revision } of waiting) {
      const { kvs } = await client.range({ key: utf8(key), revision, serializable: true })
      const found = kvs[0] === undefined ? undefined : fromUtf8(kvs[0].value)
      if (found !== value || kvs[0]?.modRevision !== revision) {
        wrong.push(`W1: ${shown(value)} was acknowledged for ${key} at revision ${revision}, where ${shown(found)} is`)
      }
    }
  }
  // One iterator shared by all lanes: each takes the next that nobody has taken.
  await Promise.all(Array.from({ length: readsAtOnce }, lane))
}

function shown(value: string | undefined): string {
  return value === undefined ? 'nothing' : JSON.stringify(value.replace(/\.+$/, ''))
}
