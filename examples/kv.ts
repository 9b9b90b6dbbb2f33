/**
 * The store in one's own process: etcd's keys, revisions, transactions and compaction, without a server between.
 */
// prints: revision 2: compacted
import { Aspen, AspenError } from 'aspen'

const text = new TextDecoder()
const bytes = (of: string): Uint8Array => new TextEncoder().encode(of)

const node = await Aspen.open({ dir: './data', workers: 1 })
const { client } = node

await client.put({ key: bytes('jobs/1'), value: bytes('waiting') })
await client.put({ key: bytes('jobs/2'), value: bytes('waiting') })

// Every key that begins with `jobs/`: up to the first that does not.
const jobs = await client.range({ key: bytes('jobs/'), rangeEnd: bytes('jobs0') })
for (const { key, modRevision } of jobs.kvs) console.log(text.decode(key), 'of revision', modRevision)

// Takes a job if nobody has changed it since it was read.
const [job] = jobs.kvs
if (job === undefined) throw new Error('there is no job')
const taken = await client.txn({
  compare: [{ key: job.key, result: 'equal', target: { type: 'mod', value: job.modRevision } }],
  success: [{ type: 'put', key: job.key, value: bytes('taken') }],
  failure: [{ type: 'range', key: job.key }],
})
console.log('taken:', taken.succeeded, 'at revision', taken.header.revision)

// History stays readable until it is compacted.
const before = await client.range({ key: job.key, revision: 2 })
console.log('revision 2:', before.kvs.map(({ value }) => text.decode(value)).join())
await client.compact({ revision: taken.header.revision, physical: true })
try {
  await client.range({ key: job.key, revision: 2 })
} catch (error) {
  if (!(error instanceof AspenError)) throw error
  console.log('revision 2:', error.code)
}
await node.close()
