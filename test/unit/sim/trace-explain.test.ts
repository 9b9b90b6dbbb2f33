/** Cones of graphs made by hand, stories, steps: what a reader of a failing run is shown. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { causesOf, coneOf } from '../../../sim/explain/cone.ts'
import { coneLines } from '../../../sim/explain/cone-text.ts'
import { storyOf } from '../../../sim/explain/story.ts'
import { KeyReader, stepLines, Walker } from '../../../sim/explain/walker.ts'
import { decided, handMade } from './trace-run.ts'

/** 1 sends to 2 and 3; 3 to 4; 5 is of another story; 4 and 5 to 6, which breaks the rule by 4. */
const fork = handMade({
  deliveries: [
    { node: 1, from: 0, via: 'outside' },
    { node: 2, from: 1 },
    { node: 3, from: 1 },
    { node: 1, from: 3 },
    { node: 2, from: 2 },
    { node: 3, from: 4 },
  ],
  broken: {},
})

function seqs(trace: typeof fork, options?: Parameters<typeof coneOf>[1]): number[] {
  return coneOf(trace, options).steps.map(({ seq }) => seq)
}

test('a cone of messages holds exactly the senders, back to the first', () => {
  assert.deepEqual(seqs(fork, { mode: 'messages' }), [1, 3, 4, 6])
})

test('each step of a cone knows what it leads to and how far it is', () => {
  const steps = coneOf(fork, { mode: 'messages' }).steps
  assert.deepEqual(
    steps.map(({ link, towards, depth }) => [link, towards, depth]),
    [
      ['message', 3, 3],
      ['message', 4, 2],
      ['message', 6, 1],
      ['violation', 0, 0],
    ],
  )
})

test('a cone of everything holds what the same actor handled before', () => {
  // 6 is of node 3, which handled 3 before; 4 of node 1, which handled 1; 5 and 2 led to nothing.
  assert.deepEqual(seqs(fork, { mode: 'everything' }), [1, 3, 4, 6])
  const longer = handMade({
    deliveries: [
      { node: 1, via: 'outside' },
      { node: 2, via: 'outside' },
      { node: 1, via: 'outside' },
      { node: 1, from: 2 },
    ],
    broken: {},
  })
  assert.deepEqual(seqs(longer, { mode: 'everything' }), [1, 2, 3, 4])
  assert.deepEqual(seqs(longer, { mode: 'messages' }), [2, 4])
})

test('a cone of decisions follows what a vote was made of, within its term, and no other state', () => {
  const trace = handMade({
    deliveries: [
      { node: 2, kind: 'peer.append' },
      { node: 2, kind: 'peer.askVote' },
      { node: 2, kind: 'peer.heartbeat' },
      { node: 2, kind: 'peer.askVote' },
    ],
    decisions: [
      decided(1, 2, ['append'], { term: 1, last: 3 }),
      decided(2, 2, ['term', 'voteGranted'], { term: 2, vote: 1 }),
      decided(4, 2, ['voteGranted'], { term: 2, vote: 3 }),
    ],
    broken: {},
  })
  assert.deepEqual(seqs(trace), [2, 4])
  assert.deepEqual(causesOf(trace)[3], [{ seq: 2, link: 'state' }])
})

test('a cone of decisions goes over a restart to what was last promised', () => {
  const trace = handMade({
    deliveries: [
      { node: 2, kind: 'peer.askVote' },
      { node: 2, kind: 'open' },
      { node: 2, kind: 'peer.askVote' },
    ],
    decisions: [
      decided(1, 2, ['term', 'voteGranted'], { term: 2, vote: 1 }),
      decided(2, 2, ['opened'], { term: 2, vote: 0 }),
      decided(3, 2, ['voteGranted'], { term: 2, vote: 3 }),
    ],
    happened: [{ atMs: 1.5, after: 1, text: 'node 2 crashes', nodes: [2] }],
    broken: {},
  })
  const cone = coneOf(trace)
  assert.deepEqual(
    cone.steps.map(({ seq }) => seq),
    [1, 2, 3],
  )
  assert.deepEqual(
    cone.happened.map(({ text }) => text),
    ['node 2 crashes'],
  )
})

test('who once started a timer is no cause of what it does in the end', () => {
  const trace = handMade({
    deliveries: [
      { node: 1, via: 'outside' },
      { node: 1, from: 1, via: 'timer', kind: 'timer.tick' },
      { node: 2, from: 2 },
    ],
    broken: {},
  })
  assert.deepEqual(seqs(trace), [2, 3])
  assert.deepEqual(seqs(trace, { mode: 'messages' }), [1, 2, 3])
})

test('an election is made of every vote that was counted', () => {
  const trace = handMade({
    deliveries: [
      { node: 1, kind: 'timer.tick', via: 'timer' },
      { node: 1, kind: 'peer.vote' },
      { node: 1, kind: 'peer.vote' },
    ],
    decisions: [
      decided(1, 1, ['term', 'campaign'], { term: 2, vote: 1, role: 'candidate', granted: [1] }),
      decided(2, 1, ['voteCounted'], { term: 2, vote: 1, role: 'candidate', granted: [1, 2] }),
      decided(3, 1, ['leadershipWon'], { term: 2, vote: 1, role: 'leader', leader: 1 }),
    ],
    broken: {},
  })
  assert.deepEqual(seqs(trace), [1, 2, 3])
})

test('a cone begins at the witnesses too, and at any delivery that is asked for', () => {
  const trace = { ...fork, broken: { invariant: 'I1', text: 'I1: x', seq: 6, witnesses: [5] } }
  const cone = coneOf(trace, { mode: 'messages' })
  assert.deepEqual(
    cone.steps.map(({ seq }) => seq),
    [1, 2, 3, 4, 5, 6],
  )
  assert.equal(cone.steps.find(({ seq }) => seq === 5)?.link, 'witness')
  assert.deepEqual(seqs(fork, { mode: 'messages', from: [5] }), [1, 2, 5])
})

test('faults of nodes outside of the cone, or outside of its time, are not in it', () => {
  const happened = [
    { atMs: 0.5, after: 0, text: 'node 1 starts', nodes: [1] },
    { atMs: 2.5, after: 2, text: 'node 2 crashes', nodes: [2] },
    { atMs: 3.5, after: 3, text: 'cut 1→3', nodes: [1, 3] },
    { atMs: 4.5, after: 4, text: 'the world is calm', nodes: [] },
  ]
  const cone = coneOf({ ...fork, happened }, { mode: 'messages' })
  assert.deepEqual(
    cone.happened.map(({ text }) => text),
    ['cut 1→3', 'the world is calm'],
  )
})

test('a run in which nothing broke has no cone', () => {
  assert.deepEqual(coneOf({ ...fork, broken: null }).steps, [])
})

test('the text of a cone names the rule, counts, marks the violation and can be cut short', () => {
  const lines = coneLines(fork, coneOf(fork, { mode: 'messages' }), 2)
  assert.equal(lines[0], 'I1: default: broken')
  assert.equal(lines[1], '4 of 6 deliveries lead to it (messages)')
  assert.match(lines[2] ?? '', /2 further back are left out/)
  assert.match(lines.find((line) => line.startsWith('✗')) ?? '', /#6 /)
})

test('a story says in sentences what happened', () => {
  const trace = handMade({
    deliveries: [
      {
        node: 2,
        kind: 'peer.askVote',
        body: { type: 'peer', message: { type: 'askVote', from: 1, term: 2, pre: false } },
      },
      {
        node: 1,
        kind: 'peer.vote',
        from: 1,
        body: { type: 'peer', message: { type: 'vote', from: 2, term: 2, granted: true } },
      },
    ],
    decisions: [
      decided(1, 2, ['term', 'voteGranted'], { term: 2, vote: 1 }),
      decided(2, 1, ['leadershipWon'], { term: 2, role: 'leader' }),
    ],
    broken: {},
  })
  assert.deepEqual(
    storyOf(trace, coneOf(trace)).map(({ text }) => text),
    [
      'node 2 is asked by 1 for its vote in term 2, and votes for 1 in term 2',
      'node 1 gets the vote of 2 in term 2, and leads term 2',
    ],
  )
})

test('a step shows what came, what was sent and what changed', () => {
  const trace = handMade({
    deliveries: [
      { node: 1, kind: 'timer.tick', via: 'timer' },
      { node: 2, from: 1 },
    ],
    decisions: [decided(1, 1, ['campaign'], { term: 3, vote: 1 }, [['term', '2', '3']])],
    broken: {},
  })
  const text = stepLines(trace, 1).join('\n')
  assert.match(text, /#1 .*raft\/default {2}◀ timer\.tick/)
  assert.match(text, /sends peer\.append to node 2 raft\/default → #2/)
  assert.match(text, /term: 2 → 3/)
  assert.match(stepLines(trace, 2).join('\n'), /✗ I1: default: broken/)
})

test('a walk goes on, back, to a number, a cause, the same actor, some words, and ends', () => {
  const walker = new Walker(fork, 6, { stateAfter: ({ seq }) => ({ seq }) })
  const at = (command: string): number => {
    walker.do(command)
    return walker.at
  }
  assert.equal(at('p'), 5)
  assert.equal(at('n'), 6)
  assert.equal(at('n'), 6)
  assert.equal(at('p 3'), 3)
  assert.equal(at('u'), 1)
  assert.equal(at('a'), 4)
  assert.equal(at('b'), 1)
  assert.equal(at('g 2'), 2)
  assert.equal(at('g 99'), 2)
  assert.equal(at('v'), 6)
  assert.equal(at('g 1'), 1)
  assert.equal(at('/ 3.0'), 3)
  assert.deepEqual(walker.do('s'), { type: 'lines', lines: ['{', ' "seq": 3', '}'] })
  assert.equal(walker.do('q').type, 'end')
})

test('keys are commands; a number and words wait for Enter', () => {
  const reader = new KeyReader()
  assert.equal(reader.press('n'), 'n')
  assert.equal(reader.press('\u001b[D'), 'p')
  assert.equal(reader.press('g'), undefined)
  assert.equal(reader.press('1'), undefined)
  assert.equal(reader.press('9'), undefined)
  assert.equal(reader.press('\u007f'), undefined)
  assert.equal(reader.typed, 'g1')
  assert.equal(reader.press('\r'), 'g 1')
  assert.equal(reader.press('\u0003'), 'q')
})
