/**
 * Supervision: a worker crashes, whoever asked it hears so, and its supervisor starts it again under the same name, with
 * the state its store remembers. The handle stays good.
 */
// prints: restarts: 1
import { AskError, Aspen } from 'aspen'
import { worker } from './actors/worker.ts'

const node = await Aspen.open({ dir: './data', workers: 1 })
const smith = await node.spawn(worker, null, { name: 'smith', supervise: { restart: 'permanent' } })

for (const job of ['nails', 'poison', 'horseshoes']) {
  try {
    console.log(await smith.ask.run(job))
  } catch (error) {
    if (!(error instanceof AskError)) throw error
    // An ask is always answered: `failed` here, else `timeout`, `stopped`, `overloaded` or `aborted`.
    console.log(`${job} ${error.code}`)
  }
}

const status = (await node.actors()).find((actor) => actor.name === 'smith')
console.log('restarts:', status?.restarts)
await node.close()
