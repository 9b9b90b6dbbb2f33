import { draw } from '../../base/draw.ts'
import { calm } from '../../sim/faults.ts'
import { SimWorld } from '../../sim/world.ts'
import { type ClockUnderTest, clockContract } from './clock.ts'

/** The clock of a simulated node of two executors: it drifts as its seed says, and its wall clock is stepped now and then. */
function simulated(seed: number): ClockUnderTest {
  const world = new SimWorld({ seed, definitions: [], faults: { ...calm, drift: 0.2 } })
  const node = world.addNode(1, 2, () => {})
  world.start(1)
  let passed = 0
  return {
    clock: node.executor(0).world.clock,
    pass: (ms) => {
      passed += 1
      world.run(ms)
      node.clock.drift(0.4 * draw(seed, 'test.drift', passed) - 0.2)
      node.clock.stepWall(2_000 * draw(seed, 'test.step', passed) - 1_000)
    },
    onOtherThread: async () => node.executor(1).world.clock.nowMs(),
  }
}

for (const seed of [1, 2, 3]) clockContract(`simulated, seed ${seed}`, () => simulated(seed))
