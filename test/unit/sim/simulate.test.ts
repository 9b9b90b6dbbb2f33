/** The user's door: what `simulate` runs, what it finds, and what it says of it. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { calm } from '../../../sim/faults.ts'
import { type Simulated, simulate } from '../../../sim/simulate.ts'
import type { SimulatedCluster } from '../../../sim/simulate-cluster.ts'
import type { SimulateOptions } from '../../../sim/simulate-options.ts'
import { SimulationFailed } from '../../../sim/simulation-failed.ts'
import { forgetful, leaky, looseSeats, seats, tally } from './simulate-actors.ts'

const supervise = { restart: 'permanent' } as const

function failureOf(run: () => unknown): SimulationFailed {
  try {
    run()
  } catch (error) {
    if (error instanceof SimulationFailed) return error
    throw error
  }
  assert.fail('nothing failed')
}

/** Counts while the faults of the seed are at work; what was answered must be there in the end. */
function counts(actor: typeof tally | typeof forgetful, options: SimulateOptions): Simulated {
  const scenario = (cluster: SimulatedCluster): void => {
    let answered = 0
    for (let i = 0; i < 40; i++) {
      const answer = cluster.actor(tally, 'hits').ask.add(1, { deadlineMs: 200 })
      if (answer.type === 'reply') answered = answer.value
    }
    cluster.calm()
    cluster.eventually('the counter runs', () => cluster.stateOf(tally, 'hits') !== undefined, { withinMs: 20_000 })
    assert.ok((cluster.stateOf(tally, 'hits')?.n ?? 0) >= answered, 'an answered count was lost')
  }
  return simulate(
    'counts survive',
    { actors: [tally, forgetful], boot: (node) => node.spawn(actor, null, { name: 'hits', supervise }), ...options },
    scenario,
  )
}

test('an actor that keeps its promises passes under drawn faults, and the same seeds give the same hash', () => {
  const first = counts(tally, { seeds: 40 })
  const second = counts(tally, { seeds: 40 })

  assert.equal(first.runs, 40)
  assert.ok(first.deliveries > 500 && first.simulatedMs > 1_000, JSON.stringify(first))
  assert.equal(second.hash, first.hash)
  assert.notEqual(counts(tally, { seeds: 39 }).hash, first.hash)
})

test('an actor that answers before it is durable is found, and the report says how to see it again', () => {
  const failure = failureOf(() => counts(forgetful, { seeds: 100 }))

  assert.equal(failure.invariant, 'AssertionError')
  assert.match(
    failure.message,
    /^simulate 'counts survive': seed \d+ failed\n\nAssertionError: an answered count was lost/,
  )
  assert.match(failure.message, /hits {2}◀ add/)
  assert.doesNotMatch(failure.message, /◀ startChild/, 'what happened last is about the user’s actors')
  assert.ok(failure.message.includes(`again     seed: ${failure.seed} in the options; or ASPEN_SEED=${failure.seed}`))
  const again = failureOf(() => counts(forgetful, { seed: failure.seed }))
  assert.equal(again.message, failure.message)
  const byEnvironment = failureOf(() => counts(forgetful, { env: { ASPEN_SEED: String(failure.seed) }, seeds: 3 }))
  assert.equal(byEnvironment.message, failure.message)
})

test('a failing run is made smaller, written down, and played back without its seed', () => {
  const files = new Map<string, string>()
  const save = (file: string, text: string): void => {
    files.set(file, text)
  }
  const failure = failureOf(() => counts(forgetful, { seeds: 100, save }))
  const [[file, text] = ['', '']] = files

  assert.equal(file, `sim-counts-survive-${failure.seed}.json`)
  assert.ok(failure.message.includes(`artifact  ${file}: replay: readFileSync('${file}', 'utf8')`))
  assert.ok(failure.capture.script.acts.length <= 2, `${failure.capture.script.acts.length} faults are left`)
  const replayed = failureOf(() => counts(forgetful, { replay: text }))
  assert.equal(replayed.invariant, failure.invariant)
  assert.deepEqual(replayed.tail, failure.tail)
  assert.equal(counts(tally, { replay: text }).runs, 1, 'the fixed actor passes the very run that broke the other one')
  assert.throws(
    () => simulate('another', { replay: text }, () => {}),
    /simulate 'another': wanted a run of this scenario to replay, found one of 'counts survive'/,
  )
})

test('an invariant is checked after every delivery and known by its number', () => {
  const options: SimulateOptions = {
    seeds: 3,
    faults: 'none',
    actors: [tally],
    invariants: { 'U1: nobody counts to three': (cluster) => cluster.stateOf(tally, 'hits')?.n !== 3 },
  }
  const failure = failureOf(() =>
    simulate('to four', options, (cluster) => {
      const hits = cluster.spawn(tally, null, { name: 'hits' })
      for (let i = 0; i < 4; i++) hits.tell.add(1)
      cluster.run({ ms: 10 })
      assert.equal(cluster.stateOf(tally, 'hits')?.n, 4, 'only a moment in between broke it')
    }),
  )

  assert.equal(failure.invariant, 'U1')
  assert.match(failure.message, /seed 1 failed\n\nU1: nobody counts to three\n/)
})

test('an actor that fails fails the run, unless that is part of the scenario', () => {
  const scenario = (cluster: SimulatedCluster): void => {
    const hits = cluster.spawn(tally, null, { name: 'hits', supervise })
    const alone = cluster.spawn(tally, null, { name: 'alone' })
    hits.ask.add(13)
    alone.ask.add(13)
    cluster.run({ ms: 500 })
    assert.equal(hits.ask.read().type, 'reply', 'it was restarted')
    assert.deepEqual(
      cluster.failures.map(({ name }) => name),
      ['hits', 'alone'],
    )
  }
  const options: SimulateOptions = { seeds: 5, faults: 'none', actors: [tally] }

  const failure = failureOf(() => simulate('thirteen', options, scenario))
  simulate('thirteen', { ...options, mayFail: (error) => error.includes('thirteen') }, scenario)

  assert.match(failure.message, /I0: actor 'hits' of node 1 failed: Error: thirteen/)
})

test('a run that is not the same twice is itself a failure', () => {
  const failure = failureOf(() =>
    simulate('leaky', { seeds: 40, faults: 'none', actors: [leaky] }, (cluster) => {
      cluster.spawn(leaky, null, { name: 'leaky' }).ask.poke()
      cluster.run({ ms: 5 })
    }),
  )

  assert.match(failure.message, /I0: two runs differ/)
})

test('a machine is replicated, proposed to, read, and looked into; one that forgets at a restart is found', () => {
  const run = (machine: typeof seats, options: SimulateOptions): Simulated =>
    simulate('a seat has one owner', { machines: [machine], ...options }, (cluster) => {
      const group = cluster.createGroup('hall', machine, null)
      const told = new Map<string, string>()
      for (let i = 0; i < 8; i++) {
        const seat = `seat ${i % 4}`
        const owner = group.propose({ type: 'take', seat, by: cluster.pick('by', ['ann', 'bob']) })
        assert.equal(owner, told.get(seat) ?? owner, `${seat} had another owner before`)
        told.set(seat, owner)
        cluster.run({ ms: 300 * cluster.random('pause') })
      }
      cluster.calm()
      for (const [seat, owner] of told) assert.equal(group.read(seat), owner)
      assert.ok(group.leader !== undefined && group.states.length > 0)
      assert.equal(cluster.group<typeof seats>('hall').stateOn(group.leader)?.owners.get('seat 1'), told.get('seat 1'))
    })

  const passed = run(seats, { seeds: 5 })
  const failure = failureOf(() => run(looseSeats, { seeds: 100, shrink: false }))

  assert.equal(passed.runs, 5)
  assert.ok(['AssertionError', 'I5'].includes(failure.invariant), failure.message)
})

test('the keyspace is there for clients, and partitions are the scenario\u2019s to make', () => {
  simulate('the minority waits', { keyspace: true, faults: 'none', seeds: 3 }, (cluster) => {
    const alice = cluster.client('alice')
    alice.put('a', '1')
    const [one = 0] = cluster.nodes
    cluster.isolate(one)
    alice.put('a', '2')
    assert.equal(alice.get('a'), '2')

    cluster.partition([1], [2], [3])
    assert.equal(alice.tryPut('a', '3', { withinMs: 2_000 }), 'unknown')

    cluster.heal()
    cluster.expectConverged({ withinMs: 10_000 })
    assert.ok(['2', '3'].includes(cluster.client('bob').get('a') ?? ''))
  })
})

test('a lull between two storms repairs what the seed broke, and leaves what the scenario broke', () => {
  simulate('lulls', { nodes: 3, faults: calm, seeds: 3, actors: [tally] }, (cluster) => {
    cluster.crash(1)
    cluster.partition([2], [3])
    cluster.later({ ms: 10 }, () => cluster.inner.world.crash(3))

    for (let ms = 0; ms < 20_000; ms += 100) {
      cluster.run({ ms: 100 })
      assert.equal(cluster.up(1), false)
      assert.equal(cluster.inner.world.network.isCut(2, 3), true)
    }
    assert.equal(cluster.up(3), true)

    cluster.calm()
    assert.deepEqual([cluster.up(1), cluster.inner.world.network.isCut(2, 3)], [true, false])
  })
})

test('unlimited faults may end in silence, and nothing that was told is unsaid', () => {
  const { runs } = simulate('unlimited', { machines: [seats], faults: 'unlimited', seeds: 6 }, (cluster) => {
    const group = cluster.createGroup('hall', seats, null)
    const owner = group.propose({ type: 'take', seat: 'a', by: 'ann' })
    cluster.run({ ms: 2_000 })
    assert.equal(group.propose({ type: 'take', seat: 'a', by: 'bob' }), owner)
  })

  assert.equal(runs, 6)
})

test('exhaustive goes through every schedule of a small scenario, and finds the one that breaks', () => {
  const options: SimulateOptions = { faults: 'none', executors: 1, actors: [tally], scheduler: { type: 'exhaustive' } }
  const scenario = (broken: boolean) => (cluster: SimulatedCluster) => {
    const [a, b] = ['a', 'b'].map((name) => cluster.spawn(tally, null, { name }))
    a?.tell.add(1)
    b?.tell.add(1)
    cluster.run({ ms: 5 })
    const first = cluster.tail().find((line) => line.includes('◀ add'))
    assert.ok(!broken || first?.includes(' a ') === true, 'b was first')
  }

  const proven = simulate('two', options, scenario(false))
  const failure = failureOf(() => simulate('two', options, scenario(true)))

  assert.equal(proven.complete, true)
  assert.ok(proven.runs >= 2, `${proven.runs} schedules`)
  assert.match(failure.message, /simulate 'two': schedule \d+ failed\n\nAssertionError: b was first/)
  assert.throws(
    () => simulate('two', { ...options, faults: 'recoverable' }, () => {}),
    /exhaustive scheduler wants faults: 'none'/,
  )
})

test('what is asked wrongly is refused at once', () => {
  const refused = (options: SimulateOptions, text: RegExp): void =>
    assert.throws(() => simulate('x', options, () => assert.fail('it ran')), text)

  refused({ seeds: 0 }, /simulate 'x': seeds must be a whole number of 1 to/)
  refused({ env: { ASPEN_SEED: 'seven' } }, /simulate 'x': seed must be a whole number of 0 to \d+, not NaN/)
  refused({ nodes: 10 }, /nodes must be a whole number of 1 to 9, not 10/)
  refused({ machines: [seats], keyspace: false }, /machines want nodes with a keyspace/)
  assert.match(failureOf(() => simulate('x', { seeds: 1 }, async () => {})).message, /asynchronous/)
  assert.match(
    failureOf(() => simulate('x', { seeds: 1 }, (cluster) => cluster.client('a'))).message,
    /set the option 'keyspace'/,
  )
  assert.match(
    failureOf(() => simulate('x', { seeds: 1 }, (cluster) => cluster.spawn(tally, null))).message,
    /add it to 'actors'/,
  )
})
