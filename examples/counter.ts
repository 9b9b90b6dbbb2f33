/**
 * A durable actor: it counts on a worker thread, the process closes, and the next one goes on where it was.
 *
 * A definition has a module of its own (`actors/counter.ts`), because every thread loads it by its address.
 */
// prints: after a restart: 3
import { Aspen } from 'aspen'
import { counter } from './actors/counter.ts'

const supervise = { restart: 'permanent' } as const

const first = await Aspen.open({ dir: './data', workers: 2 })
const hits = await first.spawn(counter, { start: 0 }, { name: 'hits', supervise })
console.log('first:', await hits.ask.add(2)) // typed from the handler; answered when the write is on disk
hits.tell.add(1)
console.log('then:', await hits.ask.read()) // one mailbox, in order: the tell came first
await first.close()

const second = await Aspen.open({ dir: './data', workers: 2 })
const again = await second.spawn(counter, { start: 0 }, { name: 'hits', supervise })
console.log('after a restart:', await again.ask.read())
await second.close()
