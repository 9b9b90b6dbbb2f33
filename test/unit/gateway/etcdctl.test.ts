import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openSnapshot } from '../../../client/snapshot-seal.ts'
import { clusterId, memberId } from './fake-node.ts'
import { openGateway } from './opened.ts'

const found = spawnSync('etcdctl', ['version'], { env: { ...process.env, ETCDCTL_API: '3' } })
const skip = found.status === 0 ? false : 'etcdctl is not installed'

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

test('etcdctl works unchanged', { skip }, async (t) => {
  const { host, node } = await openGateway(t)
  const folder = mkdtempSync(join(tmpdir(), 'aspen-etcdctl-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const run = (words: readonly string[], stdin: string = ''): Promise<Outcome> =>
    new Promise((resolve) => {
      const env = { PATH: process.env['PATH'], HOME: folder, ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: host }
      const child = execFile('etcdctl', [...words], { env, timeout: 20_000 }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr })
      })
      child.stdin?.end(stdin)
    })
  const prints = async (words: readonly string[], wanted: string | RegExp, stdin?: string): Promise<void> => {
    const { code, stdout, stderr } = await run(words, stdin)
    assert.equal(code, 0, `${words.join(' ')}: ${stderr}`)
    if (typeof wanted === 'string') assert.equal(stdout, wanted)
    else assert.match(stdout, wanted)
  }
  const hexId = memberId.toString(16)

  await prints(['put', 'a', '1'], 'OK\n')
  await prints(['put', 'b', '2', '--prev-kv'], 'OK\n')
  await prints(['get', 'a'], 'a\n1\n')
  await prints(['get', '', '--prefix', '--keys-only'], 'a\n\nb\n\n')
  await prints(['txn'], 'SUCCESS\n\nOK\n\na\n3\n', 'value("a") = "1"\n\nput a 3\nget a\n\nget b\n\n')
  const json = JSON.parse((await run(['get', 'a', '-w', 'json'])).stdout) as {
    header: Record<string, number>
    kvs: object[]
  }
  assert.deepEqual(json.header, { cluster_id: clusterId, member_id: memberId, revision: 4, raft_term: 3 })
  await prints(['del', 'b'], '1\n')
  await prints(['compact', '3'], 'compacted revision 3\n')
  await prints(['member', 'list'], `${hexId}, started, n1, http://127.0.0.1:2380, http://127.0.0.1:2379, false\n`)
  await prints(['member', 'add', 'n2', '--peer-urls=http://127.0.0.1:3380', '--learner'], /Member +4d added to cluster/)
  await prints(['member', 'promote', '4d'], /Member +4d promoted in cluster/)
  await prints(['member', 'update', '4d', '--peer-urls=http://127.0.0.1:3381'], /Member +4d updated in cluster/)
  await prints(['member', 'remove', '4d'], /Member +4d removed from cluster/)
  await prints(['endpoint', 'status'], `${host}, ${hexId}, 3.5.21, 20 kB, true, false, 3, 41, 40, \n`)
  await prints(['endpoint', 'hashkv'], `${host}, 3735928559\n`)
  const health = await run(['endpoint', 'health'])
  assert.match(health.stdout + health.stderr, /is healthy: successfully committed proposal/)
  await prints(['move-leader', hexId], /Leadership transferred|leader is already/)
  await prints(['alarm', 'list'], '')
  await prints(['alarm', 'disarm'], '')
  await prints(['defrag'], /Finished defragmenting etcd member/)

  node.snapshotBytes = new Uint8Array(2_500_000).fill(7)
  const file = join(folder, 'saved.db')
  await prints(['snapshot', 'save', file], /Snapshot saved at/)
  assert.ok(Buffer.from(node.snapshotBytes).equals(openSnapshot(readFileSync(file))))
  // 32 bytes past a sector is what newer releases demand of a file before they keep it.
  assert.equal(readFileSync(file).length % 512, 32)

  const refused = await run(['get', 'a', '--rev=99'])
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /etcdserver: mvcc: required revision is a future revision/)
})
