/** Ten thousand crashing actors in simulated time: nobody is lost, nobody is stuck, nothing piles up. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { edgeAsk, edgeSpawn, edgeTell } from '../../runtime/kernel/edge.ts'
import { type SmallWorld, smallWorld } from '../unit/kernel/small-world.ts'
import { type CrashPlan, crasher, crashRoot, namesOf, nursery, wing } from './crashers.ts'

const plan: CrashPlan = {
  executors: [1, 2],
  nurseriesPerWing: 50,
  crashersPerNursery: 100,
  beatMs: 4_000,
  crashShare: 0.15,
  stormEndsMs: 45_000,
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function heapMb(): number {
  collect()
  return process.memoryUsage().heapUsed / 2 ** 20
}

/** Everything of the tree that does not answer. */
function mute(world: SmallWorld, names: readonly string[], message: unknown): string[] {
  const silent = new Set(names)
  for (const name of names) {
    edgeAsk(world.executors[0]!, { type: 'named', node: 1, name }, message, { deadlineMs: 60_000 }, (answer) => {
      if (answer.type === 'reply') silent.delete(name)
    })
  }
  world.settle()
  return [...silent]
}

test('10,000 actors crash at random for a minute, a thread dies twice: all are back, none is stuck, the heap is bounded', () => {
  const world = smallWorld(3, { crasher, nursery, wing, crashRoot })
  const names = namesOf(plan)
  const root = edgeSpawn(world.executors[0]!, crashRoot, plan, { name: 'crash' })
  const loseThread = (): void => {
    world.replace(1)
    edgeTell(world.executors[0]!, root, { type: 'threadReady', executor: 1 }, 'control')
  }

  world.run(15_000)
  const early = heapMb()
  loseThread()
  world.run(15_000)
  loseThread()
  world.run(15_000)
  const late = heapMb()
  const crashes = world.executors.reduce((sum, executor) => sum + restartsOn(executor.cells.values()), 0)
  world.run(15_000)

  assert.ok(crashes > 5_000, `the storm was a breeze: ${crashes} restarts of those who live`)
  assert.deepEqual(mute(world, names.crashers, { type: 'ping' }), [])
  assert.deepEqual(mute(world, names.supervisors, { type: 'listChildren' }), [])
  assert.equal(
    world.executors.reduce((sum, executor) => sum + executor.cells.size, 0),
    names.crashers.length + names.supervisors.length,
  )
  assert.deepEqual(world.fatals, [])
  for (const executor of world.executors) {
    for (const cell of executor.cells.values()) {
      assert.ok(cell.status === 'running', `${cell.name} is ${cell.status}`)
      assert.equal(cell.mailboxDepth, 0, `${cell.name} is stuck`)
      assert.equal(cell.held, undefined, `${cell.name} holds what is durable`)
    }
  }
  world.run(3_000)
  for (const executor of world.executors) assert.ok(executor.asks.size < 10_000, `${executor.asks.size} asks are open`)
  assert.ok(late < early * 1.3 + 10, `the heap grew from ${early.toFixed(0)} to ${late.toFixed(0)} MB`)
})

function restartsOn(cells: Iterable<{ readonly restarts: number }>): number {
  let sum = 0
  for (const { restarts } of cells) sum += restarts
  return sum
}
