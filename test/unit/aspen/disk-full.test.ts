// A real node on a real disk that runs full: a tmpfs, which can be made larger as an operator would a volume.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Aspen } from '../../../aspen/open.ts'
import { utf8 } from '../../../base/bytes.ts'
import { AspenError } from '../../../client/interface.ts'

interface Disk {
  readonly dir: string
  resize(megabytes: number): void
}

/** Undefined where this user may not mount one. */
function smallDisk(t: TestContext, megabytes: number): Disk | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'aspen-full-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'aspen-test', dir], { stdio: 'pipe' })
  } catch (error) {
    rmSync(dir, { recursive: true })
    t.skip(`no disk to fill: ${String(error).split('\n')[0]}`)
    return undefined
  }
  t.after(() => {
    execFileSync('umount', ['-l', dir])
    rmSync(dir, { recursive: true })
  })
  return { dir, resize: (size) => void execFileSync('mount', ['-o', `remount,size=${size}m`, dir]) }
}

test('N3: a node whose disk runs full says noSpace, goes on reading and deleting, and writes again when there is room', async (t) => {
  const disk = smallDisk(t, 80)
  if (disk === undefined) return
  const options = { dir: join(disk.dir, 'data'), workers: 1, heartbeatIntervalMs: 20 }
  const node = await Aspen.open(options)
  const { client } = node
  const value = new Uint8Array(200_000).fill(7)
  const keyOf = (n: number): Uint8Array => utf8(`key/${String(n).padStart(4, '0')}`)

  let acknowledged = 0
  let refused: unknown
  while (refused === undefined && acknowledged < 1_000) {
    await client.put({ key: keyOf(acknowledged), value }).then(
      () => (acknowledged += 1),
      (error: unknown) => (refused = error),
    )
  }

  assert.ok(refused instanceof AspenError && refused.code === 'noSpace', `refused with ${String(refused)}`)
  for (let n = 0; n < 100 && (await client.alarms()).alarms.length === 0; n++) await sleep(50)
  assert.deepEqual((await client.alarms()).alarms, [{ member: node.memberId, alarm: 'nospace' }])
  await assert.rejects(client.put({ key: keyOf(0), value: utf8('small') }), { code: 'noSpace' })
  assert.equal((await client.range({ key: utf8('key/'), rangeEnd: utf8('key0'), countOnly: true })).count, acknowledged)
  assert.equal((await client.deleteRange({ key: keyOf(0) })).deleted, 1)
  assert.equal((await client.health({ linearizable: true, excludeAlarms: [] })).healthy, false)
  await node.close()

  disk.resize(400)
  const again = await Aspen.open(options)
  const { count } = await again.client.range({ key: utf8('key/'), rangeEnd: utf8('key0'), countOnly: true })
  assert.equal(count, acknowledged - 1, 'nothing acknowledged is lost')
  await assert.rejects(
    again.client.put({ key: keyOf(0), value }),
    { code: 'noSpace' },
    'until somebody lowers the alarm',
  )
  await again.client.alarm({ action: 'deactivate', member: again.memberId, alarm: 'nospace' })
  await again.client.put({ key: keyOf(0), value })
  await sleep(500)
  assert.deepEqual((await again.client.alarms()).alarms, [])
  await again.close()
})
