/**
 * The client that programs use, here of a node in one's own process. Of a cluster it is the same, with
 * `connect({ endpoints: ['http://127.0.0.1:2379'] })`.
 */
// prints: told of revisions 3, 4, 7
import { Aspen } from 'aspen'
import { AspenError, compare, connect, jsonCodec, prefix } from 'aspen/client'

interface Job {
  readonly state: 'waiting' | 'taken'
  readonly by?: string
}

const node = await Aspen.open({ dir: './data', workers: 1 })
await using client = connect({ node: node.client })
const jobs = client.kv.as(jsonCodec<Job>())

// Watched from now on: what happens until the loop below begins is told all the same.
const watch = client.watchAs(jsonCodec<Job>(), prefix('jobs/'))
await watch.started

await client.kv.put('greeting', 'hello')
console.log((await client.kv.get('greeting'))?.text)

// Several writes at one revision, if what they rely on holds.
const { op } = jobs
const made = await jobs.transact({
  when: [compare('greeting').value('=', 'hello')],
  do: [op.put('jobs/1', { state: 'waiting' }), op.put('jobs/2', { state: 'waiting' })],
})
console.log('two jobs:', made.succeeded, 'at revision', made.revision)

// Read, change, write, and again if somebody was faster.
await jobs.update('jobs/1', (job) => ({ ...job, state: 'taken', by: 'ann' }))
for await (const { key, value } of jobs.scan(prefix('jobs/'))) console.log(key, value.state, value.by ?? 'nobody')

// A key that goes when its lease does. The lease is kept alive in the background, and revoked at the end of the block.
{
  await using lease = await client.lease({ ttlSeconds: 5 })
  await client.kv.put('workers/ann', 'here', { lease })
  console.log('workers:', await client.kv.count(prefix('workers/')))
}
console.log('workers:', await client.kv.count(prefix('workers/')))

// A refusal says what it is.
try {
  await client.kv.put('k', 'v', { lease: '12345' })
} catch (error) {
  if (!(error instanceof AspenError)) throw error
  console.log('refused:', error.code)
}

await jobs.delete('jobs/2')
const revisions = new Set<number>()
for await (const change of watch) {
  console.log(change.type, change.key, change.type === 'delete' ? '' : change.entry.value.state)
  revisions.add(change.revision)
  if (change.type === 'delete') break
}
console.log('told of revisions', [...revisions].join(', '))
client.close()
await node.close()
