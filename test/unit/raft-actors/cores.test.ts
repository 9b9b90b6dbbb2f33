/** The pure cores beside Raft: what travels in an entry, who is remembered, who waits. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { decodeBatch, encodeBatch } from '../../../actors/raft/entry-codec.ts'
import type { PeerMessage } from '../../../actors/raft/messages.ts'
import {
  type BeatEffect,
  beatLimits,
  callAll,
  checkBeat,
  collectBeat,
  createNodeBeats,
  flushBeats,
  onBeat,
  onBeatTick,
  onMembers,
} from '../../../actors/raft/node-beats.ts'
import { admitEntry, type Origins, originMarks, originsMax, restoreOrigins } from '../../../actors/raft/origins.ts'
import { checkPeerMessage } from '../../../actors/raft/peer-check.ts'
import {
  abandonPending,
  collect,
  createProposals,
  expireProposals,
  flushProposals,
  onLeaderLost,
  onProposalsDropped,
  type ProposalAnswer,
  proposalLimits,
  type Standing,
  takeApplied,
} from '../../../actors/raft/proposals.ts'
import {
  collectRead,
  createReads,
  expireReads,
  nextQuestion,
  onReadDropped,
  onReadReady,
  readLimits,
  takeServable,
} from '../../../actors/raft/reads.ts'
import {
  isRequestId,
  lookUp,
  remember,
  restoreSessions,
  type Sessions,
  sessionRecords,
  writeSessionRecords,
} from '../../../actors/raft/sessions.ts'
import { subspace } from '../../../actors/raft/subspace.ts'
import { compareBytes, concatBytes, hex, prefixEnd, utf8 } from '../../../base/bytes.ts'
import { pack, unpack } from '../../../mailbox/codec.ts'
import type { ActorStore, ReplyHandle } from '../../../runtime/kernel/actor.ts'

function handle(correlation: number): ReplyHandle {
  return { type: 'replyHandle', node: 1, executor: 0, correlation }
}

function plainStore(): ActorStore {
  const rows = new Map<string, [Uint8Array, Uint8Array]>()
  const bytes = (key: Uint8Array | string): Uint8Array => (typeof key === 'string' ? utf8(key) : key)
  const within = (from: Uint8Array, to: Uint8Array | undefined): [Uint8Array, Uint8Array][] =>
    [...rows.values()]
      .filter(([key]) => compareBytes(key, from) >= 0 && (to === undefined || compareBytes(key, to) < 0))
      .sort((a, b) => compareBytes(a[0], b[0]))
  const store: ActorStore = {
    get: (key) => rows.get(hex(bytes(key)))?.[1],
    range: (from, to) => within(from, to),
    put: (key, value) => void rows.set(hex(bytes(key)), [bytes(key), value]),
    delete: (key) => void rows.delete(hex(bytes(key))),
    deleteRange: (from, to) => {
      for (const [key] of within(from, to)) rows.delete(hex(key))
    },
    getValue: (key) => {
      const value = store.get(key)
      return value === undefined ? undefined : unpack(value)
    },
    putValue: (key, value) => store.put(key, pack(value)),
  }
  return store
}

test('A1: a batch comes back as it went in, and anything else is our own mistake', () => {
  const request = fc.option(fc.record({ client: fc.string({ minLength: 1 }), number: fc.nat() }), { nil: undefined })
  const command = fc.oneof(fc.string(), fc.integer(), fc.record({ key: fc.string(), n: fc.integer() }))
  const commands = fc.array(fc.record({ command, request }, { noNullPrototype: true }), { maxLength: 20 })
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.nat(), commands, (incarnation, number, wallMs, items) => {
      const batch = { node: 3, incarnation, number, wallMs, commands: items }
      assert.equal(JSON.stringify(decodeBatch(encodeBatch(batch))), JSON.stringify(batch))
    }),
    { numRuns: 100 },
  )
  for (const odd of [
    null,
    7,
    [2, 1, 1, 1, 1, []],
    [1, 'x', 1, 1, 1, []],
    [1, 1, 1, 1, 1, [[1, 2]]],
    [1, 1, 1, 1, 1, [7]],
  ]) {
    assert.throws(() => decodeBatch(pack(odd)), /A1/)
  }
})

test('A1: bytes stay bytes inside a command', () => {
  const value = Uint8Array.of(0, 255, 7)
  const { commands } = decodeBatch(
    encodeBatch({
      node: 1,
      incarnation: 1,
      number: 1,
      wallMs: 1,
      commands: [{ command: { value }, request: undefined }],
    }),
  )
  assert.deepEqual(
    commands.map(({ command }) => [...(command as { value: Uint8Array }).value]),
    [[0, 255, 7]],
  )
})

test('A2: of one proposer, an entry is admitted once and only in order', () => {
  const entry = fc.record({
    node: fc.integer({ min: 1, max: 3 }),
    incarnation: fc.integer({ min: 1, max: 3 }),
    number: fc.integer({ min: 1, max: 6 }),
  })
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 60 }), fc.nat(60), (entries, cut) => {
      let origins: Origins = new Map()
      const newest = new Map<number, number>()
      entries.forEach(({ node, incarnation, number }, at) => {
        // A snapshot in between changes nothing.
        if (at === cut) origins = restoreOrigins(originMarks(origins))
        const place = incarnation * 100 + number
        const expected = place > (newest.get(node) ?? 0)
        assert.equal(admitEntry(origins, node, incarnation, number), expected)
        if (expected) newest.set(node, place)
      })
    }),
  )
  const many: Origins = new Map()
  for (let node = 1; node <= originsMax + 5; node++) admitEntry(many, node, 1, 1)
  assert.equal(many.size, originsMax)
})

test('A3, A4: requests are remembered alike by a replica that lived through them, one restored and one from a snapshot', () => {
  const limits = { clientsMax: 3, numbersMax: 2, answersMax: 5 }
  const request = fc.record({
    client: fc.constantFrom('a', 'b', 'c', 'd', 'ä'),
    number: fc.integer({ min: 1, max: 5 }),
  })
  fc.assert(
    fc.property(fc.array(request, { maxLength: 80 }), fc.nat(80), (requests, cut) => {
      let log = 0
      const apply = (sessions: Sessions, at: number, one: { client: string; number: number }): unknown => {
        const known = lookUp(sessions, one)
        if (known.type !== 'new') return known
        remember(sessions, one, { at })
        return 'applied'
      }
      const steady = restoreSessions(plainStore(), limits)
      const store = plainStore()
      let restored = restoreSessions(store, limits)
      let copied: Sessions | undefined
      for (const one of requests) {
        if (log === cut) {
          restored = restoreSessions(store, limits)
          const copy = plainStore()
          writeSessionRecords(copy, sessionRecords(steady))
          copied = restoreSessions(copy, limits)
        }
        const expected = apply(steady, log, one)
        assert.deepEqual(apply(restored, log, one), expected)
        if (copied !== undefined) assert.deepEqual(apply(copied, log, one), expected)
        log += 1
        assert.equal(restored.digest, steady.digest)
        assert.equal(restored.answers, steady.answers)
        assert.ok(steady.clients.size <= limits.clientsMax && steady.answers <= limits.answersMax)
      }
    }),
  )
})

test('A3: a number below the window is refused, not applied again', () => {
  const sessions = restoreSessions(plainStore(), { clientsMax: 2, numbersMax: 2, answersMax: 100 })
  for (const number of [1, 2, 3]) remember(sessions, { client: 'a', number }, number)

  assert.deepEqual(lookUp(sessions, { client: 'a', number: 1 }), { type: 'forgotten' })
  assert.deepEqual(lookUp(sessions, { client: 'a', number: 3 }), { type: 'repeated', reply: 3 })
  assert.deepEqual(lookUp(sessions, { client: 'a', number: 4 }), { type: 'new' })
  assert.deepEqual(
    ['', 'x'.repeat(257), 'a\0b', '\ud800'].map((client) => isRequestId({ client, number: 1 })),
    [false, false, false, false],
  )
  assert.equal(isRequestId({ client: 'a', number: 0 }), false)
})

test('a subspace sees its own keys only', () => {
  const store = plainStore()
  const part = subspace(store, 'm/')
  store.put('m0', utf8('outside'))
  part.put('k', utf8('in'))
  part.putValue('v', 7)

  assert.deepEqual(
    part.range(new Uint8Array(0), undefined).map(([key]) => hex(key)),
    [hex(utf8('k')), hex(utf8('v'))],
  )
  part.deleteRange(new Uint8Array(0), undefined)
  assert.equal(part.getValue('v'), undefined)
  assert.notEqual(store.get('m0'), undefined)
  assert.deepEqual(prefixEnd(utf8('m/')), concatBytes(utf8('m'), utf8('0')))
})

const led: Standing = { term: 5, leading: true, leader: 1 }
const followed: Standing = { term: 5, leading: false, leader: 2 }
const time = { nowMs: 1_000, wallMs: 9 }

function outcomes(out: readonly ProposalAnswer[]): string[] {
  return out.map(
    ({ handle: { correlation }, reply }) =>
      `${correlation} ${reply.type} ${reply.type === 'applied' ? '' : reply.reason}`,
  )
}

test('A5: whatever becomes of entries, every asker gets exactly one answer, and no room is lost', () => {
  const act = fc.oneof(
    fc.record({ act: fc.constant('propose' as const), size: fc.integer({ min: 0, max: 400 }) }),
    fc.record({
      act: fc.constantFrom(
        'flush' as const,
        'apply' as const,
        'pass' as const,
        'drop' as const,
        'lose' as const,
        'wait' as const,
        'install' as const,
      ),
      size: fc.nat(9),
    }),
  )
  fc.assert(
    fc.property(fc.array(act, { maxLength: 80 }), (acts) => {
      const proposals = createProposals(1, 1, {
        ...proposalLimits,
        entryBytesMax: 500,
        commandBytesMax: 350,
        askersMax: 40,
        timeoutMs: 100,
      })
      const answered = new Map<number, number>()
      const out: ProposalAnswer[] = []
      let asked = 0
      let nowMs = 0
      for (const { act: what, size } of [
        ...acts,
        { act: 'flush' as const, size: 0 },
        { act: 'wait' as const, size: 1_000 },
      ]) {
        const numbers = [...proposals.pending.keys()]
        const number = numbers[size % Math.max(1, numbers.length)] ?? 1
        if (
          what === 'propose' &&
          collect(proposals, { command: new Uint8Array(size), request: undefined, handle: handle(asked) })
        )
          asked += 1
        if (what === 'flush')
          for (const { data } of flushProposals(proposals, led, { nowMs, wallMs: 0 }, out))
            assert.ok(data.length <= 500)
        if (what === 'apply')
          for (const one of takeApplied(proposals, number, true, led, out))
            if (one !== undefined) out.push({ handle: one, reply: { type: 'applied', reply: 0, index: 1, term: 1 } })
        if (what === 'pass') takeApplied(proposals, number, false, led, out)
        if (what === 'drop') onProposalsDropped(proposals, [number, number], 'overloaded', led, out)
        if (what === 'lose') onLeaderLost(proposals, nowMs)
        if (what === 'install') abandonPending(proposals, out)
        if (what === 'wait') nowMs += size * 20
        if (what === 'wait') expireProposals(proposals, nowMs, out)
      }
      for (const {
        handle: { correlation },
      } of out)
        answered.set(correlation, (answered.get(correlation) ?? 0) + 1)
      assert.deepEqual(
        [...answered.values()].filter((times) => times !== 1),
        [],
      )
      assert.equal(answered.size, asked)
      assert.equal(proposals.askers, 0)
    }),
  )
})

test('A6: a drop is certain only where no copy can be in another log', () => {
  const asked = (standing: Standing): ReturnType<typeof createProposals> => {
    const proposals = createProposals(1, 1)
    collect(proposals, { command: 'x', request: undefined, handle: handle(1) })
    flushProposals(proposals, standing, time, [])
    return proposals
  }
  const dropped = (at: Standing, reason: 'overloaded' | 'noLeader' | 'leaderChanged', now: Standing): string[] => {
    const out: ProposalAnswer[] = []
    onProposalsDropped(asked(at), [1], reason, now, out)
    return outcomes(out)
  }

  assert.deepEqual(dropped(led, 'overloaded', led), ['1 dropped overloaded'])
  assert.deepEqual(dropped(led, 'overloaded', { ...led, term: 6 }), ['1 unknown overloaded'])
  assert.deepEqual(dropped(followed, 'overloaded', followed), ['1 unknown overloaded'])
  assert.deepEqual(dropped(led, 'leaderChanged', led), ['1 unknown leaderChanged'])
  assert.deepEqual(dropped(followed, 'noLeader', { ...followed, leader: undefined }), ['1 dropped noLeader'])
})

test('A6: an entry that a later one of ours overtook is certainly dropped; one that a snapshot may hold is not', () => {
  const proposals = createProposals(1, 1)
  for (const correlation of [1, 2, 3]) {
    collect(proposals, { command: 'x', request: undefined, handle: handle(correlation) })
    flushProposals(proposals, followed, time, [])
  }
  const out: ProposalAnswer[] = []

  assert.deepEqual(takeApplied(proposals, 2, true, followed, out), [handle(2)])
  assert.deepEqual(outcomes(out), ['1 dropped leaderChanged'])
  abandonPending(proposals, out)
  assert.deepEqual(outcomes(out).slice(1), ['3 unknown leaderChanged'])
})

test('a command too large for any entry is refused, and its neighbours go on', () => {
  const proposals = createProposals(1, 1, { ...proposalLimits, entryBytesMax: 300, commandBytesMax: 1_000 })
  for (const [correlation, size] of [
    [1, 10],
    [2, 2_000],
    [3, 800],
    [4, 10],
  ] as const) {
    collect(proposals, { command: new Uint8Array(size), request: undefined, handle: handle(correlation) })
  }
  const out: ProposalAnswer[] = []

  const entries = flushProposals(proposals, led, time, out)
  assert.deepEqual(outcomes(out), ['2 dropped tooLarge'])
  assert.deepEqual(
    entries.map(({ id }) => id),
    [1, 2, 3],
  )
  assert.deepEqual(
    entries.map(({ data }) => decodeBatch(data).number),
    [1, 2, 3],
  )
})

test('A7: a read that came after the question was put waits for the next one', () => {
  const reads = createReads()
  collectRead(reads, handle(1), 'q', 0)
  assert.equal(nextQuestion(reads, 0), 1)
  collectRead(reads, handle(2), 'q', 0)
  assert.equal(nextQuestion(reads, 0), undefined, 'one question at a time')

  onReadReady(reads, [1], 10)
  assert.deepEqual(takeServable(reads, 9), [])
  assert.deepEqual(
    takeServable(reads, 10).map((read) => read.handle.correlation),
    [1],
  )
  assert.equal(nextQuestion(reads, 0), 2)
  onReadReady(reads, [1], 99)
  assert.deepEqual(takeServable(reads, 99), [], 'an old answer proves nothing')
  onReadReady(reads, [2], 12)
  assert.deepEqual(
    takeServable(reads, 12).map((read) => read.handle.correlation),
    [2],
  )
  assert.equal(reads.askers, 0)
})

test('A7: a lost question is put again; only the deadline ends a read', () => {
  const reads = createReads({ ...readLimits, timeoutMs: 1_000, repeatMs: 100, askersMax: 1 })
  collectRead(reads, handle(1), 'q', 0)
  assert.equal(collectRead(reads, handle(2), 'q', 0), false)
  assert.equal(nextQuestion(reads, 0), 1)

  assert.deepEqual(expireReads(reads, 100), [])
  assert.equal(nextQuestion(reads, 100), 2)
  assert.deepEqual(onReadDropped(reads, [2], 'leaderChanged'), [])
  assert.equal(nextQuestion(reads, 200), 3)
  assert.deepEqual(
    expireReads(reads, 1_000).map((read) => read.handle.correlation),
    [1],
  )
  assert.equal(reads.askers, 0)
  collectRead(reads, handle(3), 'q', 1_000)
  assert.equal(nextQuestion(reads, 1_100), 4, 'the question that nobody waits for any more is given up')
  assert.equal(onReadDropped(reads, [4], 'noLeader').length, 1)
})

const peerMessages: readonly PeerMessage[] = [
  { type: 'askVote', from: 1, term: 2, pre: true, lastIndex: 3, lastTerm: 1, transfer: false },
  { type: 'vote', from: 1, term: 2, pre: false, granted: true },
  {
    type: 'append',
    from: 1,
    term: 2,
    prevIndex: 3,
    prevTerm: 1,
    entries: [{ index: 4, term: 2, type: 'normal', data: Uint8Array.of(1) }],
    commit: 3,
    round: 0,
  },
  { type: 'matched', from: 1, term: 2, index: 4, round: 0 },
  { type: 'mismatched', from: 1, term: 2, prevIndex: 3, hintIndex: 2, hintTerm: 1, round: 0 },
  { type: 'heartbeat', from: 1, term: 2, commit: 3, round: 1, quiesce: false },
  { type: 'heartbeatAck', from: 1, term: 2, round: 1 },
  { type: 'timeoutNow', from: 1, term: 2 },
  { type: 'forwardPropose', from: 1, term: 2, proposals: [{ id: 1, data: Uint8Array.of(1) }] },
  { type: 'forwardDropped', from: 1, term: 2, ids: [1], reason: 'overloaded' },
  { type: 'askReadIndex', from: 1, term: 2, id: 1 },
  { type: 'readIndex', from: 1, term: 2, id: 1, index: 4 },
  { type: 'snapshotInstalled', from: 1, term: 2, index: 4 },
  { type: 'trusted', from: 1, term: 2, life: 9 },
]

test('R24: every message of a peer passes the door, over the wire too', () => {
  for (const message of peerMessages) {
    assert.equal(checkPeerMessage(message), message)
    assert.notEqual(checkPeerMessage(unpack(pack(message))), undefined, message.type)
  }
})

test('R24: with any one field missing or of another kind it does not, and nothing throws', () => {
  for (const message of peerMessages) {
    for (const field of Object.keys(message)) {
      for (const odd of [undefined, null, -1, 1.5, Number.NaN, 'x', {}, [{}], [null]]) {
        assert.equal(
          checkPeerMessage({ ...message, [field]: odd }),
          undefined,
          `${message.type}.${field} = ${JSON.stringify(odd)}`,
        )
      }
    }
  }
  for (const type of ['persisted', 'applied', 'tick', 'constructor', '__proto__', 'toString']) {
    assert.equal(checkPeerMessage({ type, from: 1, term: 1, index: 1 }), undefined)
  }
  fc.assert(fc.property(fc.anything(), (anything) => checkPeerMessage(anything) === undefined))
})

test('R24, R25: word of a lost store passes the door whole or not at all', () => {
  const answers = peerMessages.filter(({ type }) => /^(matched|mismatched|heartbeatAck|snapshotInstalled)$/.test(type))
  assert.equal(answers.length, 4)

  for (const message of answers) {
    const lost = { life: 7, trusted: false }
    assert.ok(checkPeerMessage({ ...message, lost }) !== undefined, message.type)
    for (const odd of [
      null,
      1,
      {},
      [],
      { life: 7 },
      { ...lost, life: -1 },
      { ...lost, life: 0.5 },
      { ...lost, trusted: 1 },
    ]) {
      assert.equal(checkPeerMessage({ ...message, lost: odd }), undefined, `${message.type} ${JSON.stringify(odd)}`)
    }
  }
})

test('A11: heartbeats to one node make one message; links go down in silence and up at a word', () => {
  const beats = createNodeBeats(1, 0, 1, { ...beatLimits, missedTicksMax: 3, itemsPerBeatMax: 2 })
  const out: BeatEffect[] = []
  const take = (): BeatEffect[] => out.splice(0)
  const beat = peerMessages[5] as PeerMessage
  onMembers(beats, 'g', [1, 2, 3], out)
  onMembers(beats, 'h', [2], out)

  assert.deepEqual(
    [collectBeat(beats, 'g', 2, beat), collectBeat(beats, 'h', 2, beat), collectBeat(beats, 'i', 2, beat)],
    [true, false, false],
  )
  flushBeats(beats, out)
  assert.deepEqual(
    take().map((effect) => effect.type === 'send' && [effect.to, effect.beat.items.length]),
    [
      [2, 2],
      [2, 1],
    ],
  )

  onBeatTick(beats, out)
  assert.deepEqual(
    take().map((effect) => effect.type === 'send' && effect.to),
    [3],
    'node 2 has heard from us since the last tick',
  )
  onBeatTick(beats, out)
  take()
  onBeat(beats, { type: 'beat', from: 3, lane: 0, lanes: 1, echo: false, items: [['g', beat]] }, out)
  assert.deepEqual(take(), [{ type: 'deliver', group: 'g', message: beat }])
  onBeatTick(beats, out)
  const links = (): BeatEffect[] => take().filter((effect) => effect.type === 'link')
  assert.deepEqual(
    links(),
    ['g', 'h'].map((group) => ({ type: 'link', group, node: 2, up: false })),
  )
  onMembers(beats, 'late', [2], out)
  assert.deepEqual(links(), [{ type: 'link', group: 'late', node: 2, up: false }])
  onBeat(beats, { type: 'beat', from: 2, lane: 0, lanes: 1, echo: false, items: [] }, out)
  assert.deepEqual(
    links(),
    ['g', 'h', 'late'].map((group) => ({ type: 'link', group, node: 2, up: true })),
  )
})

test('A14: a node that no group here names is answered once, and an answer is not', () => {
  const beats = createNodeBeats(4, 0, 2)
  const out: BeatEffect[] = []

  onBeat(beats, { type: 'beat', from: 1, lane: 1, lanes: 2, echo: false, items: [] }, out)
  const [answer, ...more] = out.splice(0)
  assert.deepEqual(answer, {
    type: 'send',
    to: 1,
    lane: 1,
    beat: { type: 'beat', from: 4, lane: 0, lanes: 2, echo: true, items: [] },
  })
  assert.deepEqual(more, [])

  onBeat(beats, { type: 'beat', from: 1, lane: 1, lanes: 2, echo: true, items: [] }, out)
  assert.deepEqual(out, [])
})

test('A16: a call goes to everybody whose beats came, whether a group here names them or not', () => {
  const beats = createNodeBeats(4, 0, 1)
  const out: BeatEffect[] = []
  const call = peerMessages[5] as PeerMessage
  onMembers(beats, 'h', [2], out)
  for (const [from, lanes] of [
    [1, 1],
    [2, 1],
  ] as const)
    onBeat(beats, { type: 'beat', from, lane: 0, lanes, echo: false, items: [] }, out)
  out.length = 0

  callAll(beats, 'g', call, out)

  const called = out.map((effect) => effect.type === 'send' && [effect.to, effect.beat.items])
  assert.deepEqual(called, [
    [2, [['g', call]]],
    [1, [['g', call]]],
  ])
})

test('A11: every service hears of a node that has more or fewer of them', () => {
  for (const [ours, theirs] of [
    [1, 3],
    [3, 1],
    [2, 3],
    [3, 2],
    [2, 2],
  ] as const) {
    const heard = new Set<number>()
    for (let lane = 0; lane < ours; lane++) {
      const beats = createNodeBeats(1, lane, ours)
      const out: BeatEffect[] = []
      onMembers(beats, 'g', [2], out)
      onBeat(beats, { type: 'beat', from: 2, lane: 0, lanes: theirs, echo: false, items: [] }, out)
      onBeatTick(beats, out)
      for (const effect of out) if (effect.type === 'send') heard.add(effect.lane)
    }
    assert.deepEqual(
      [...heard].sort(),
      Array.from({ length: theirs }, (_, lane) => lane),
      `${ours} to ${theirs}`,
    )
  }
  fc.assert(fc.property(fc.anything(), (anything) => checkBeat(anything) === undefined))
})
