/**
 * A stream out of an actor: what it publishes arrives in an `for await`, and leaving the loop ends the subscription. A
 * reader that lags is not drowned: the publisher has credit for `highWaterMark` items.
 */
// prints: reading 3 is 21.5
import { Aspen } from 'aspen'
import { thermometer } from './actors/thermometer.ts'

const node = await Aspen.open({ dir: './data', workers: 1 })
const kitchen = await node.spawn(thermometer, null, { name: 'kitchen' })

const readings = kitchen.subscribe('readings', { highWaterMark: 16 })
for (const celsius of [20, 21, 21.5, 22]) kitchen.tell.measured(celsius)

for await (const item of readings) {
  const { number, celsius } = item as { number: number; celsius: number }
  console.log(`reading ${number} is ${celsius}`)
  if (number === 3) break
}
await node.close()
