/**
 * One fault site more must not make other runs of all seeds, or every failure that was ever found would have to be found
 * again after every change.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import { buggify, faultSite } from '../../../base/fault-points.ts'
import type { SimCluster } from '../../../sim/cluster.ts'
import { mixWorkload } from '../../../sim/mix.ts'
import { runSeed } from '../../../sim/scenario.ts'

const mix = mixWorkload({ nodes: undefined })
const goldenSeeds = Array.from({ length: 40 }, (_, at) => at + 1)
/** As far into a run as a digest is asked for. */
const deliveriesMax = 1_500

interface Part {
  readonly digest: string
  readonly deliveries: number
  /** The new site was active. */
  readonly active: boolean
}

/** The first deliveries of a seed, with `step` before each of them. */
function part(seed: number, name: string | undefined, step: (cluster: SimCluster) => void): Part {
  let seen = 0
  let active = false
  const { digest, deliveries } = runSeed(mix, seed, {
    opened: (cluster) => {
      const { points } = cluster.world
      const at = points.at.bind(points)
      points.at = (cell, envelope) => {
        at(cell, envelope)
        step(cluster)
        if (name !== undefined) active ||= points.coverage.activated.has(name)
        seen += 1
        if (seen >= deliveriesMax) throw new Error('far enough')
      }
    },
  })
  return { digest, deliveries, active }
}

const without = goldenSeeds.map((seed) => part(seed, undefined, () => {}))

test('a site that is asked at every delivery and changes nothing leaves every run as it was', () => {
  const site = faultSite('stability.site.idle', 'flow', 'is asked, and changes nothing')

  const runs = goldenSeeds.map((seed) => part(seed, site.name, () => buggify(site)))

  assert.ok(
    without.every(({ deliveries }) => deliveries > 500),
    'the runs are long enough to tell',
  )
  assert.deepEqual(
    runs.map(({ digest }) => digest),
    without.map(({ digest }) => digest),
  )
})

test('a site that bends at every turn leaves at least 95 of 100 runs as they were: all in which it is not active', () => {
  const site = faultSite('stability.site.pause', 'flow', 'lets a node stand still')

  const runs = goldenSeeds.map((seed) =>
    part(seed, site.name, ({ world }) => {
      if (buggify(site)) world.pause(1, 1)
    }),
  )

  const changed = runs.filter(({ digest }, at) => digest !== without[at]?.digest)
  assert.ok(changed.length <= goldenSeeds.length * 0.05, `${changed.length} of ${goldenSeeds.length} runs changed`)
  assert.ok(changed.every(({ active }) => active))
})

test('where such a site is active the run is another one, so the test above can fail', () => {
  const site = faultSite('stability.site.proof', 'flow', 'lets a node stand still as well')
  let changed = 0
  for (let seed = 1; changed === 0 && seed <= 200; seed++) {
    const run = part(seed, site.name, ({ world }) => {
      if (buggify(site)) world.pause(1, 1)
    })
    if (run.active && run.digest !== part(seed, undefined, () => {}).digest) changed += 1
  }
  assert.equal(changed, 1)
})
