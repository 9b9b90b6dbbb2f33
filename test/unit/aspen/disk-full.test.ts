// A real node on a real disk that runs full: a tmpfs, which can be made larger as an operator would a volume.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Aspen } from '../../../aspen/open.ts'
import { utf8 } from '../../../base/bytes.ts'
import { AspenError } from '../../../client/interface.ts'
import { noSmallDisk, smallDisk } from '../../small-disk.ts'

test('N3: a node whose disk runs full says noSpace, goes on reading and deleting, and writes again when there is room', {
  skip: noSmallDisk,
}, async (t) => {
  const disk = smallDisk(80)
  t.after(() => disk.unmount())
  const options = { dir: join(disk.path, 'data'), workers: 1, heartbeatIntervalMs: 20 }
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
