/**
 * Handlers that wait: a promise parks its actor, not its thread. The messages that come meanwhile wait in the mailbox, so a
 * handler never meets another one half-way.
 */
// prints: asked for: nail, hammer
import { Aspen } from 'aspen'
import { shop, supplier } from './actors/quotes.ts'

const node = await Aspen.open({ dir: './data', workers: 2 })
const wholesale = await node.spawn(supplier, null, { name: 'wholesale' })
const corner = await node.spawn(shop, { supplier: wholesale.ref }, { name: 'corner' })

const answers = [corner.ask.quote('nail'), corner.ask.quote('hammer')]
const asked = corner.ask.asked() // handled after both quotes, though those take their time
for (const answer of answers) console.log(await answer)
console.log('asked for:', await asked)
await node.close()
