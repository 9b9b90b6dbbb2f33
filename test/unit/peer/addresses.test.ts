/** Where other nodes are: as one was told, and, failing that, as they say themselves. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { PeerAddresses } from '../../../runtime/node/peer/addresses.ts'

function portOf(addresses: PeerAddresses, node: number): number | undefined {
  return addresses.route(node, 0, 0)?.port
}

test('a node that introduces itself is known, until somebody tells better, and for as long as nobody forgets it', () => {
  const addresses = new PeerAddresses()

  addresses.meet(4, ['http://four:1000'])
  assert.equal(portOf(addresses, 4), 1_000)
  addresses.meet(4, ['http://four:2000'])
  assert.equal(portOf(addresses, 4), 2_000, 'it moved')
  addresses.set(4, ['http://four:3000'])
  addresses.meet(4, ['http://four:4000'])
  assert.equal(portOf(addresses, 4), 3_000, 'what one is told counts more')

  addresses.set(4, [])
  assert.equal(addresses.has(4), false)
  addresses.meet(4, ['http://four:4000'])
  assert.equal(portOf(addresses, 4), 4_000)
})

test('what is no address is no introduction, and strangers are few', () => {
  const addresses = new PeerAddresses()

  addresses.meet(4, [])
  addresses.meet(5, ['not a URL'])
  assert.deepEqual([addresses.has(4), addresses.has(5)], [false, false])
  for (let node = 100; node < 300; node++) addresses.meet(node, ['http://stranger:1'])

  assert.equal(Array.from({ length: 200 }, (_, at) => addresses.has(100 + at)).filter(Boolean).length, 64)
  addresses.set(299, ['http://told:1'])
  assert.equal(addresses.has(299), true, 'who was told of is no stranger')
})
