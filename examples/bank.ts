/**
 * A state machine of one's own, replicated over three nodes. Here they share a process, which is good for a look; in
 * earnest each is a process on a machine of its own, with the same three lines of options.
 */
// prints: with one member gone: 100 EUR in all
import { createServer } from 'node:net'
import { Aspen, type AspenNode } from 'aspen'
import { bank } from './actors/bank.ts'

const members = await Promise.all(
  ['a', 'b', 'c'].map(async (name) => ({ name, peerUrl: `http://127.0.0.1:${await freePort()}` })),
)
const nodes = await Promise.all(
  members.map(({ name, peerUrl }) =>
    Aspen.open({
      dir: `./data-${name}`,
      name,
      workers: 0,
      machines: [bank],
      cluster: { listenPeerUrl: peerUrl, members },
    }),
  ),
)
const [a, b, c] = nodes as [AspenNode, AspenNode, AspenNode]

// The group is made once, anywhere; the others find it by its name.
const here = await a.createGroup({ name: 'savings', machine: bank, args: { currency: 'EUR' } })
const there = b.group<typeof bank>('savings')

await here.propose({ type: 'deposit', to: 'alice', amount: 100 })
// A number of one's own makes a command safe to repeat: said twice, done once.
const request = { client: 'teller-7', number: 1 }
await there.propose({ type: 'transfer', from: 'alice', to: 'bob', amount: 30 }, { request })
await there.propose({ type: 'transfer', from: 'alice', to: 'bob', amount: 30 }, { request })
console.log('too much:', await here.propose({ type: 'transfer', from: 'bob', to: 'carol', amount: 31 }))

// Linearizable unless one asks for less: it sees what was acknowledged before, by whichever member.
console.log('alice:', await here.read({ type: 'balance', of: 'alice' }))
console.log('voters:', (await here.status()).voters.length)

await c.close()
console.log('with one member gone:', await there.read({ type: 'total' }), 'in all')
await Promise.all([a.close(), b.close()])

/** Asks the system for a port that nobody uses. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
