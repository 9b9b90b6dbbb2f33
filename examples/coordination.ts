/**
 * Many workers, one store: a lock whose holder cannot do harm when it is late, a leader, a queue, numbers without a gap.
 */
// prints: invoice 3 of 3, by the leader
import { Aspen } from 'aspen'
import { coordinate } from 'aspen/client'

const text = new TextDecoder()
const bytes = (of: string): Uint8Array => new TextEncoder().encode(of)

const node = await Aspen.open({ dir: './data', workers: 1 })
const coordination = coordinate(node.client)
const { locks, elections } = coordination

// A lock, and a write that is refused where the lock is lost, however late it comes.
{
  await using lock = await locks.acquire('stock', { ttlSeconds: 5, timeoutMs: 2_000 })
  const done = await lock.write([{ type: 'put', key: bytes('stock/apples'), value: bytes('7') }])
  console.log('first holder:', done.type, 'with token', lock.token > 0)
  console.log('is it free?', (await locks.tryAcquire('stock')) !== undefined)
  await lock.release()
  console.log('too late:', (await lock.write([{ type: 'put', key: bytes('stock/apples'), value: bytes('0') }])).type)
}

// Readers share, a semaphore has so many permits, a counter counts what all add.
{
  await using one = await locks.acquireShared('report')
  await using two = await locks.acquireShared('report')
  await using permit = await locks.acquirePermit('downloads', 2)
  console.log('together:', one.held && two.held && permit.held)
}
await Promise.all([1, 2, 3].map((amount) => coordination.counter('visits').add(amount)))
console.log('visits:', await coordination.counter('visits').value())

// A queue: a message that is not finished in time comes back.
const orders = coordination.queue('orders', { visibilitySeconds: 10, deliveriesMax: 3 })
for (const order of ['pears', 'plums', 'grapes']) await orders.send(order)
const first = await orders.receive()
await first?.giveBack()

// Work for a leader: it ends when the leadership does, and what it writes carries the proof of it.
const invoices = coordination.sequence('invoice-numbers')
const summary = await elections.runAsLeader(
  'clerk',
  async (signal) => {
    let last = 0
    for (
      let order = await orders.tryReceive();
      order !== undefined && !signal.aborted;
      order = await orders.tryReceive()
    ) {
      const value = order.value
      last = await invoices.next({ use: (n) => [{ type: 'put', key: bytes(`invoices/${n}`), value }] })
      console.log(`invoice ${last}:`, text.decode(value), 'delivery', order.deliveries)
      await order.finish()
    }
    return `invoice ${last} of 3, by the leader`
  },
  { value: 'clerk-1' },
)
console.log(summary)
await node.close()
