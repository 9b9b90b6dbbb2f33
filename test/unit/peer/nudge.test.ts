/** A node that comes back is reached at once, not when a pause happens to end. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { TcpPeerNetwork } from '../../../runtime/node/peer/tcp-network.ts'

const slow = { backoffBaseMs: 60_000, backoffMaxMs: 60_000 }

test('a link that rests after a failed dial dials again when the node itself connects', {
  timeout: 20_000,
}, async () => {
  const open = (nodeId: number, port: number, tuning = {}): Promise<TcpPeerNetwork> =>
    TcpPeerNetwork.open({
      clusterId: 1,
      nodeId,
      executor: 0,
      executors: 1,
      listen: { host: '127.0.0.1', port },
      ports: () => [port],
      tuning,
    })
  const here = await open(1, 0, slow)
  const gone = await open(2, 0)
  const port = gone.port
  await gone.close()
  here.setPeer(2, [`http://127.0.0.1:${port}`])
  here.send(2, 0, new Uint8Array([1]))
  await until(() => here.counters.dialsFailed > 0)

  const back = await open(2, port)
  const heard = new Promise<Uint8Array>((resolve) => back.onFrame((_node, _executor, frame) => resolve(frame)))
  back.setPeer(1, [`http://127.0.0.1:${here.port}`])
  back.send(1, 0, new Uint8Array([2]))
  await until(() => here.counters.dials > 1)
  here.send(2, 0, new Uint8Array([3]))

  assert.deepEqual([...(await heard)], [3])
  await Promise.all([here.close(), back.close()])
})

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}
