/** Every export is read back by what would read it: JSON, the pattern of ShiViz, the rules of the TLA+ trace. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { capture } from '../../../sim/capture.ts'
import { artifactText, judgeReplay, verdictText } from '../../../sim/explain/artifact.ts'
import { htmlOf } from '../../../sim/explain/html.ts'
import { ndjsonLines } from '../../../sim/explain/ndjson.ts'
import { pageModel } from '../../../sim/explain/page-model.ts'
import { chromeTrace } from '../../../sim/explain/perfetto.ts'
import { shivizLines, shivizPattern } from '../../../sim/explain/shiviz.ts'
import { type TlaEvent, tlaEventNames, tlaEvents, tlaLines } from '../../../sim/explain/tla.ts'
import { mixWorkload } from '../../../sim/mix.ts'
import { defineScenario } from '../../../sim/scenario.ts'
import { readScenarioFile } from '../../../sim/scenario-file.ts'
import { recordRun } from '../../../sim/trace/recording.ts'
import { decided, handMade } from './trace-run.ts'

const quiet = defineScenario('TE1: one write, one change of leader', { seeds: [1], nodes: 3 }, (cluster) => {
  const leader = cluster.awaitLeader({ withinMs: 3_000 })
  cluster.client('alice').put('a', 'one')
  cluster.crash(leader)
  cluster.awaitLeader({ withinMs: 5_000, among: cluster.others(leader) })
  cluster.client('alice').put('a', 'two')
  cluster.restart(leader)
  cluster.expectConverged({ withinMs: 10_000 })
})
const { trace } = recordRun(quiet, 1)

test('NDJSON: a head, a line for every delivery in order, every decision after its delivery, and the rest', () => {
  const lines = ndjsonLines(trace).map((line) => JSON.parse(line) as { type: string; seq?: number; kinds?: string[] })
  const count = (type: string): number => lines.filter((line) => line.type === type).length

  assert.equal(lines[0]?.type, 'run')
  assert.equal(count('delivery'), trace.deliveries.length)
  assert.equal(count('decision'), trace.decisions.length)
  assert.equal(count('event'), trace.happened.length)
  assert.equal(count('undelivered'), trace.messages.filter(({ deliveries }) => deliveries.length === 0).length)
  let last = 0
  for (const { type, seq = 0 } of lines) {
    if (type === 'delivery') assert.equal(seq, ++last)
    if (type === 'decision') assert.equal(seq, last)
  }
})

test('NDJSON: a small run, line by line', () => {
  const small = handMade({
    deliveries: [
      { node: 1, via: 'outside', kind: 'start' },
      { node: 2, from: 1 },
    ],
    broken: {},
  })
  assert.deepEqual(ndjsonLines(small), [
    '{"type":"run","format":1,"scenario":"by hand","seed":7,"digest":"d","simulatedMs":2,"nodes":[{"id":1,"executors":1},{"id":2,"executors":1}],"deliveries":2}',
    '{"type":"delivery","seq":1,"atMs":1,"node":1,"executor":0,"life":1,"actor":"raft/default","message":{"id":1,"kind":"start","via":"outside","sentAtMs":0.5,"sender":0,"fromNode":1,"fromExecutor":0,"toNode":1,"toActor":"raft/default","cut":false,"body":null},"parents":[],"previous":0,"reborn":false,"lamport":1,"hash":"0000000000000001","sends":[2],"effects":[]}',
    '{"type":"delivery","seq":2,"atMs":2,"node":2,"executor":0,"life":1,"actor":"raft/default","message":{"id":2,"kind":"peer.append","via":"network","sentAtMs":1,"sender":1,"fromNode":1,"fromExecutor":0,"toNode":2,"toActor":"raft/default","cut":false,"body":null},"parents":[1],"previous":0,"reborn":false,"lamport":2,"hash":"0000000000000002","sends":[],"effects":[]}',
    '{"type":"violation","invariant":"I1","text":"I1: default: broken","seq":2,"witnesses":[]}',
  ])
})

interface ShivizEvent {
  readonly host: string
  readonly clock: { readonly [host: string]: number }
  readonly event: string
}

function readShiviz(text: string): ShivizEvent[] {
  return [...text.matchAll(new RegExp(shivizPattern, 'g'))].map(({ groups }) => ({
    host: groups?.['host'] ?? '',
    clock: JSON.parse(groups?.['clock'] ?? '{}') as ShivizEvent['clock'],
    event: groups?.['event'] ?? '',
  }))
}

for (const hosts of ['nodes', 'actors'] as const) {
  test(`ShiViz: its pattern reads every event; clocks of ${hosts} count their own and hold what they heard of`, () => {
    const events = readShiviz(shivizLines(trace, { hosts }).join('\n'))

    assert.equal(events.length, trace.deliveries.length)
    const own = new Map<string, number>()
    for (const [at, { host, clock, event }] of events.entries()) {
      const { parents, seq } = trace.deliveries[at]!
      assert.match(event, new RegExp(`^#${seq} `))
      assert.equal(clock[host], (own.get(host) ?? 0) + 1)
      own.set(host, clock[host] ?? 0)
      for (const parent of parents)
        for (const [other, known] of Object.entries(events[parent - 1]!.clock)) assert.ok((clock[other] ?? 0) >= known)
    }
  })
}

test('ShiViz: of a part of a run, order through what is left out is kept', () => {
  const chain = handMade({
    deliveries: [
      { node: 1, via: 'outside' },
      { node: 2, from: 1 },
      { node: 3, from: 2 },
    ],
  })
  assert.deepEqual(shivizLines(chain, { only: new Set([1, 3]) }), [
    'node1 {"node1":1}',
    '#1 1.000ms raft/default peer.append',
    'node3 {"node1":1,"node3":1}',
    '#3 3.000ms raft/default peer.append',
  ])
})

test('Perfetto: a slice a delivery, none overlapping on its thread, every arrow with both ends within a slice', () => {
  const { traceEvents } = JSON.parse(JSON.stringify(chromeTrace(trace))) as ReturnType<typeof chromeTrace>
  const slices = traceEvents.filter(({ ph, cat }) => ph === 'X' && cat !== 'fault')
  assert.equal(slices.length, trace.deliveries.length)
  const ends = new Map<string, number>()
  const starts = new Set<string>()
  for (const { pid, tid, ts = 0, dur = 0 } of slices) {
    const thread = `${pid} ${tid}`
    assert.ok(ts >= (ends.get(thread) ?? 0) - 1e-6, `slices of ${thread} overlap at ${ts}`)
    ends.set(thread, ts + dur)
    starts.add(`${thread} ${ts}`)
  }
  const begun = new Map(traceEvents.filter(({ ph }) => ph === 's').map((event) => [event.id, event]))
  const ended = traceEvents.filter(({ ph }) => ph === 'f')
  assert.ok(ended.length > 100)
  for (const { id, pid, tid, ts = 0 } of ended) {
    const from = begun.get(id)
    assert.ok(from !== undefined && (from.ts ?? 0) <= ts)
    assert.ok(starts.has(`${pid} ${tid} ${ts}`) && starts.has(`${from.pid} ${from.tid} ${from.ts}`))
  }
  const names = traceEvents
    .filter(({ ph, name }) => ph === 'M' && name === 'process_name')
    .map(({ args }) => args?.['name'])
  assert.deepEqual(names, ['world', 'node 1', 'node 2', 'node 3'])
})

const events = tlaEvents(trace, 'default')

test('TLA+: the head says what does not map, every other line is one of the 19 kinds', () => {
  const [head, ...lines] = tlaLines(trace, 'default').map(
    (line) => JSON.parse(line) as { tag: string; event?: TlaEvent; unmapped?: string[] },
  )
  assert.equal(head?.tag, 'about')
  assert.ok((head?.unmapped?.length ?? 0) >= 5)
  assert.equal(tlaEventNames.length, 19)
  for (const { tag, event } of lines) {
    assert.equal(tag, 'trace')
    assert.ok(tlaEventNames.includes(event!.name))
    assert.deepEqual(Object.keys(event!).slice(0, 6), ['name', 'nid', 'state', 'role', 'log', 'conf'])
  }
})

test('TLA+: whoever leads was a candidate, and a majority voted for it in messages that were received', () => {
  const won = events.filter(({ name }) => name === 'BecomeLeader')
  assert.ok(won.length >= 2)
  for (const leads of won) {
    const at = events.indexOf(leads)
    const before = events.slice(0, at)
    const { term } = leads.state
    assert.ok(
      before.some(({ name, nid, state }) => name === 'BecomeCandidate' && nid === leads.nid && state.term === term),
    )
    const voters = new Set(
      before
        .filter(
          ({ name, nid, msg }) =>
            name === 'ReceiveRequestVoteResponse' && nid === leads.nid && msg?.term === term && !msg.reject,
        )
        .map(({ msg }) => msg?.from),
    )
    assert.ok(voters.size >= 2, `${leads.nid} leads term ${term} with the votes of ${[...voters].join()}`)
  }
})

test('TLA+: nothing is received that was not sent', () => {
  const sent = new Map<string, number>()
  for (const { name, msg } of events) {
    if (msg === undefined) continue
    const key = `${name.replace(/^(Send|Receive)/, '')} ${JSON.stringify(msg)}`
    if (name.startsWith('Send')) sent.set(key, (sent.get(key) ?? 0) + 1)
    else if (name !== 'ReceiveAppendEntriesResponse' || msg.from !== msg.to)
      assert.ok(sent.has(key), `${key} came from nowhere`)
  }
  assert.ok(sent.size > 20)
})

test('TLA+: terms and commits of a node never fall, save when it starts anew', () => {
  const last = new Map<string, TlaEvent>()
  for (const event of events) {
    const before = last.get(event.nid)
    if (before !== undefined && event.name !== 'InitState') {
      assert.ok(event.state.term >= before.state.term)
      assert.ok(event.state.commit >= before.state.commit)
    }
    last.set(event.nid, event)
  }
  assert.equal(events.filter(({ name }) => name === 'InitState').length, 4)
})

test('a saved run is played from its file alone and said to break the same rule', () => {
  const mix = mixWorkload({ nodes: 3 })
  const captured = { ...capture(mix, 2), seed: 2 }
  const text = artifactText(captured, { version: '0', runtime: 'v0', command: 'npm run sim' }, ['what led to it'])

  const read = readScenarioFile(text, 'run.json')
  const verdict = judgeReplay(mix, { ...read, seed: 0 })

  assert.equal(verdict.type, 'passedAsRecorded')
  assert.ok(verdict.identical)
  assert.match(verdictText(verdict, read), /no rule is broken, as recorded, delivery by delivery the same/)
  const healed = judgeReplay(mix, { ...read, invariant: 'I7', text: 'I7: a vote' })
  assert.equal(healed.type, 'passed')
})

test('a replay tells the same rule from another one', () => {
  const failing = (rule: string): ReturnType<typeof defineScenario> =>
    defineScenario('TE2: fails', { seeds: [1], nodes: 3 }, (cluster) => {
      cluster.run({ ms: 100 })
      throw new RangeError(`${rule} is broken`)
    })
  const captured = capture(failing('it'), 1)
  assert.equal(captured.invariant, 'I0')
  assert.equal(judgeReplay(failing('it'), captured).type, 'same')
  assert.equal(judgeReplay(failing('it'), { ...captured, invariant: 'I7' }).type, 'otherRule')
})

test('the page holds the whole run, and nothing in a run ends its script early', () => {
  const evil = handMade({
    deliveries: [{ node: 1, via: 'outside', body: { text: '</script><b>$& \u2028' } }],
    broken: {},
  })
  const page = '<title><!--title--></title><!--style--><!--run--><!--script-->'
  const html = htmlOf(pageModel(evil, 'npm run sim'), { page, style: 'b{}', scripts: ['let a', 'let b'] })

  const data = /<script type="application\/json" id="run">(.*?)<\/script>/s.exec(html)?.[1] ?? ''
  const model = JSON.parse(data) as ReturnType<typeof pageModel>
  assert.deepEqual(model.messages[0]?.[9], { text: '</script><b>$& \u2028' })
  assert.equal(html.split('</script>').length, 4)
  assert.match(html, /<title>by hand 7<\/title><style>\nb\{\}<\/style>/)
  assert.equal(model.deliveries.length, 1)
})

test('the model of a page names what it draws: lanes, decisions, the cone and its story', () => {
  const made = handMade({
    deliveries: [
      { node: 1, kind: 'timer.tick', via: 'timer' },
      { node: 2, from: 1 },
    ],
    decisions: [decided(1, 1, ['campaign'], { term: 3, vote: 1 })],
    broken: {},
  })
  const model = pageModel(made, 'npm run sim')
  assert.deepEqual(model.cone, [
    [1, 'message'],
    [2, 'violation'],
  ])
  assert.deepEqual(model.causes, [[], [1, 0]])
  assert.deepEqual(model.decisions[0]?.slice(0, 5), [1, 1, 0, 'stands t3', 'stands for election in term 3'])
  assert.equal(model.story[0]?.text, 'node 1 has a tick, and stands for election in term 3')
})

test('a rule about the whole run begins with the whole run', () => {
  const made = handMade({
    deliveries: [
      { node: 1, kind: 'peer.vote' },
      { node: 2, from: 1 },
    ],
    decisions: [decided(1, 1, ['leadershipWon'], { term: 3, role: 'leader' })],
    broken: { invariant: 'I16', text: 'I16: no order explains it', seq: 0 },
  })
  const model = pageModel(made, 'npm run sim')
  assert.deepEqual(model.cone, [])
  assert.deepEqual(
    model.story.map(({ text }) => text),
    ['default: node 1 does not get the vote of ? in term ?, and leads term 3'],
  )
})
