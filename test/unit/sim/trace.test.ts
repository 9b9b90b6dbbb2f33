/** A recorded run is the same run, and says of everything that was delivered who sent it. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { mixWorkload } from '../../../sim/mix.ts'
import { defineScenario, runSeed } from '../../../sim/scenario.ts'
import type { RunTrace } from '../../../sim/trace/record.ts'
import { recordRun } from '../../../sim/trace/recording.ts'
import { lengthOfSketch, sketch } from '../../../sim/trace/sketch.ts'
import { witnessesOf } from '../../../sim/trace/witnesses.ts'
import { decided } from './trace-run.ts'

const mix = mixWorkload({ nodes: 3 })

const crashing = defineScenario(
  'TR1: a leader is cut off and another crashes',
  { seeds: [1], nodes: 3, executors: 2 },
  (cluster) => {
    const leader = cluster.awaitLeader({ withinMs: 3_000 })
    cluster.client('alice').put('a', 'one')
    const [other = 0] = cluster.others(leader)
    cluster.partition([leader], cluster.others(leader))
    cluster.run({ ms: 400 })
    cluster.heal()
    cluster.crash(other)
    cluster.run({ ms: 200 })
    cluster.restart(other)
    cluster.expectConverged({ withinMs: 10_000 })
    cluster.client('alice').put('a', 'two')
  },
)

const recorded = recordRun(crashing, 1)

function kindsOf(trace: RunTrace): ReadonlySet<string> {
  return new Set(trace.messages.map(({ kind }) => kind))
}

test('a recorded run has the digest of the run without a recorder', () => {
  for (const seed of [2, 3]) {
    const plain = runSeed(mix, seed)

    const { result, trace } = recordRun(mix, seed)

    assert.equal(result.digest, plain.digest)
    assert.equal(trace.deliveries.length, plain.deliveries)
  }
  assert.equal(recorded.result.digest, runSeed(crashing, 1).digest)
})

test('two recordings of a seed are equal to the last field', () => {
  assert.equal(JSON.stringify(recordRun(crashing, 1).trace), JSON.stringify(recorded.trace))
})

test('every delivery but timers of the start and what clients asked has its sender, and comes after it', () => {
  const { deliveries, messages } = recorded.trace
  const orphans = new Set<string>()
  for (const { seq, parents, message, lamport, atMs } of deliveries) {
    const { via, kind, sentAtMs } = messages[message - 1]!
    assert.ok(sentAtMs <= atMs)
    for (const parent of parents) {
      assert.ok(parent < seq)
      assert.ok(deliveries[parent - 1]!.lamport < lamport)
    }
    if (parents.length === 0 && via !== 'timer' && via !== 'outside') orphans.add(`${via} ${kind}`)
  }
  // Clients' requests enter by thread 0 of a node and are passed on; a node's death is told by nobody.
  for (const orphan of orphans) assert.match(orphan, /^(thread (read|propose)|notice notice\.)/)
})

test('a message between nodes is tied to the delivery on the other node that sent it', () => {
  const { deliveries, messages } = recorded.trace
  let crossed = 0
  for (const { node, message } of deliveries) {
    const { via, sender, fromNode, kind, body } = messages[message - 1]!
    if (via !== 'network' || !kind.startsWith('peer.')) continue
    crossed += 1
    assert.equal(deliveries[sender - 1]?.node, fromNode)
    assert.notEqual(fromNode, node)
    // What the group says of itself in the message must be so.
    assert.equal((body as { message: { from: number } }).message.from, fromNode)
  }
  assert.ok(crossed > 100, `only ${crossed} messages crossed`)
})

test('a reply is sent by the delivery that was asked, a vote by the request for it', () => {
  const { deliveries, messages } = recorded.trace
  const expected = {
    'peer.vote': 'peer.askVote',
    'peer.matched': 'peer.append',
    'answer.statusRead': 'status',
  } as const
  const seen = new Set<string>()
  for (const { kind, sender } of messages) {
    const cause = expected[kind as keyof typeof expected]
    const parent = deliveries[sender - 1]
    if (cause === undefined || parent === undefined) continue
    seen.add(kind)
    assert.ok(
      messages[parent.message - 1]!.kind.startsWith(cause),
      `${kind} came of ${messages[parent.message - 1]!.kind}`,
    )
  }
  assert.deepEqual([...seen].sort(), Object.keys(expected).sort())
})

test('what the disk held back is put down to the delivery that asked for it', () => {
  const { deliveries, messages } = recorded.trace
  const persisted = messages.filter(({ kind }) => kind === 'persisted')
  assert.ok(persisted.length > 5)
  for (const { sender, sentAtMs } of persisted) {
    const parent = deliveries[sender - 1]!
    assert.ok(
      parent.effects.some((effect) => effect.startsWith('writes')),
      `#${sender} wrote nothing`,
    )
    assert.ok(sentAtMs >= parent.atMs)
  }
  assert.ok(persisted.some(({ sender, sentAtMs }) => sentAtMs > deliveries[sender - 1]!.atMs))
})

test('messages between threads keep their sender', () => {
  const crossing = recorded.trace.messages.filter(
    // What an executor says as such is on account of whoever made it, perhaps on another thread.
    ({ via, sender, toActor }) => via === 'thread' && sender !== 0 && !toActor.startsWith('executor'),
  )
  assert.ok(crossing.length > 5)
  for (const { sender, fromExecutor } of crossing)
    assert.equal(recorded.trace.deliveries[sender - 1]!.executor, fromExecutor)
})

test('elections, appends and commits are decisions, each with its state and what changed', () => {
  const kinds = new Set(recorded.trace.decisions.flatMap(({ kinds: taken }) => taken))
  for (const kind of [
    'opened',
    'preCampaign',
    'campaign',
    'voteGranted',
    'leadershipWon',
    'follows',
    'append',
    'commit',
  ] as const)
    assert.ok(kinds.has(kind), `nobody ${kind}`)
  const won = recorded.trace.decisions.find(
    ({ kinds: taken, group }) => taken.includes('leadershipWon') && group === 'default',
  )!
  assert.equal(won.state?.role, 'leader')
  assert.deepEqual(won.diff.find(([field]) => field === 'role')?.[2], 'leader')
  assert.ok(kindsOf(recorded.trace).has('timer.tick'))
})

test('faults and what lasted are in the trace', () => {
  const { happened, spans } = recorded.trace
  assert.ok(happened.some(({ text, nodes }) => /^node \d crashes$/.test(text) && nodes.length === 1))
  const down = spans.filter(({ type }) => type === 'down')
  assert.equal(down.length, 1)
  assert.ok(Math.abs(down[0]!.toMs - down[0]!.fromMs - 200) < 1e-6)
  assert.equal(spans.filter(({ type }) => type === 'cut').length, 4)
  assert.ok(recorded.trace.messages.some(({ cut, deliveries }) => cut && deliveries.length === 0))
})

test('what clients asked is in the trace with its end', () => {
  const [first] = recorded.trace.asked
  assert.equal(first?.client, 'alice')
  assert.match(first?.text ?? '', /^put a one/)
  assert.ok(first?.endedMs !== null)
})

test('a run can be stopped after a delivery, and stands there as it did', () => {
  const { deliveries } = recorded.trace
  const { result, trace } = recordRun(crashing, 1, { stopAfter: 500 })

  assert.equal(result.failure, undefined)
  assert.equal(trace.deliveries.length, 500)
  assert.equal(trace.deliveries[499]!.hash, deliveries[499]!.hash)
})

test('the violating delivery is the one whose end was judged', () => {
  const broken = defineScenario('TR2: a commit index falls', { seeds: [1], nodes: 3 }, (cluster) => {
    const leader = cluster.awaitLeader({ withinMs: 3_000 })
    cluster.client('alice').put('a', 'one')
    const core = cluster.core(leader)
    assert.ok(core !== undefined && core.commit > 0)
    core.commit -= 1
    cluster.run({ ms: 100 })
  })

  const { trace } = recordRun(broken, 1)

  const { seq, text } = trace.broken!
  assert.match(text, /R8|R9|I8/)
  assert.match(trace.deliveries[seq - 1]!.actor, /^raft\/default$/)
  assert.ok(seq >= trace.deliveries.length - 2)
})

test('a violation about a whole run names no delivery', () => {
  const lonely = defineScenario('TR3: nobody answers', { seeds: [1], nodes: 3 }, (cluster) => {
    const leader = cluster.awaitLeader({ withinMs: 3_000 })
    cluster.crash(leader, ...cluster.others(leader).slice(0, 1))
    cluster.client('alice').put('a', 'one', { withinMs: 500 })
  })
  const { trace } = recordRun(lonely, 1)
  assert.equal(trace.broken?.invariant, 'I23')
  assert.equal(trace.broken?.seq, 0)
})

test('witnesses are the votes and elections of the nodes and term that a violation names', () => {
  const decisions = [
    decided(3, 2, ['voteGranted'], { term: 4, vote: 1 }),
    decided(5, 2, ['leadershipWon'], { term: 5 }),
    decided(6, 1, ['leadershipWon'], { term: 5 }),
    decided(7, 3, ['leadershipWon'], { term: 5 }),
    decided(9, 2, ['leadershipWon'], { term: 6 }),
  ]
  assert.deepEqual(witnessesOf('I1: default: nodes 2 and 3 both led term 5', 7, 3, decisions), [5])
})

test('witnesses of a commit are who committed that index first', () => {
  const decisions = [
    decided(3, 1, ['commit'], { commit: 4 }, [['commit', '0', '4']]),
    decided(5, 1, ['commit'], { commit: 9 }, [['commit', '4', '9']]),
    decided(8, 2, ['commit'], { commit: 9 }, [['commit', '2', '9']]),
  ]
  assert.deepEqual(
    witnessesOf('I5: default: node 2 committed (7, term 1), another committed term 2', 8, 2, decisions),
    [5],
  )
})

test('a sketch is small whatever the value is', () => {
  const many = Array.from({ length: 50 }, (_, at) => ({ index: at, data: new Uint8Array(1_000) }))
  const small = sketch({
    entries: many,
    text: 'x'.repeat(1_000),
    key: new TextEncoder().encode('name'),
    none: undefined,
  })
  assert.ok(JSON.stringify(small).length < 500)
  assert.equal(lengthOfSketch((small as { entries: [] }).entries), 50)
  assert.equal((small as { key: string }).key, 'name')
})
