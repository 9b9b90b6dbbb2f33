/** The two ends of a snapshot transfer, joined by a network that loses, doubles, reorders and corrupts. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import type { SnapshotMessage, SnapshotPart } from '../../../actors/raft/replica-messages.ts'
import { checkSnapshotMessage } from '../../../actors/raft/snapshot-chunks.ts'
import {
  createSnapshotReceiver,
  onSnapshotChunk,
  onSnapshotOffer,
  type ReceiverEffect,
  receiverLimits,
  type SnapshotReceiver,
  type Staging,
  sweepReceiver,
} from '../../../actors/raft/snapshot-receiver.ts'
import {
  beginSnapshot,
  cancelSnapshot,
  closeSender,
  createSnapshotSender,
  onSnapshotAck,
  type SenderEffect,
  type SenderLimits,
  type SnapshotSender,
  senderLimits,
  sweepSender,
} from '../../../actors/raft/snapshot-sender.ts'

const manifest = {
  meta: { index: 50, term: 2, configuration: { voters: [1, 2], votersOutgoing: [], learners: [], learnersNext: [] } },
  wallMs: 1,
  origins: [[1, 1, 7] as const],
}

interface Ends {
  readonly sender: SnapshotSender
  receiver: SnapshotReceiver
  readonly staged: Map<number, Uint8Array>
  disk: Staging | undefined
  readonly installed: number[][]
  readonly ended: boolean[]
  readonly wire: { readonly to: 'sender' | 'receiver'; message: SnapshotMessage }[]
  opened: number
  closed: number
  applied: number
  nowMs: number
}

function join(pieces: number, limits: Partial<SenderLimits> = {}): Ends {
  const ends: Ends = {
    sender: createSnapshotSender(
      1,
      () => {
        const id = `1.1.${++ends.opened}`
        let next = 0
        const part = (at: number): SnapshotPart => (at < pieces / 3 ? 'sessions' : 'machine')
        return {
          id,
          manifest,
          pull: () => (next < pieces ? { part: part(next), bytes: Uint8Array.of(next++, 9) } : undefined),
          close: () => {
            ends.closed += 1
          },
        }
      },
      { ...senderLimits, ...limits },
    ),
    receiver: createSnapshotReceiver(2, undefined, 0),
    staged: new Map(),
    disk: undefined,
    installed: [],
    ended: [],
    wire: [],
    opened: 0,
    closed: 0,
    applied: 0,
    nowMs: 0,
  }
  return ends
}

function send(ends: Ends, act: (out: SenderEffect[]) => void): void {
  const out: SenderEffect[] = []
  act(out)
  for (const effect of out) {
    if (effect.type === 'ended') ends.ended.push(effect.delivered)
    else ends.wire.push({ to: 'receiver', message: effect.message })
  }
}

function receive(ends: Ends, act: (out: ReceiverEffect[]) => void): void {
  const out: ReceiverEffect[] = []
  act(out)
  for (const effect of out) {
    if (effect.type === 'restage' || effect.type === 'clear') ends.staged.clear()
    if (effect.type === 'restage' || effect.type === 'stage') ends.disk = effect.staging
    if (effect.type === 'clear') ends.disk = undefined
    if (effect.type === 'stage') ends.staged.set(effect.index, effect.bytes)
    if (effect.type === 'ack') ends.wire.push({ to: 'sender', message: effect.ack })
    if (effect.type === 'install') {
      ends.installed.push([...ends.staged.values()].map((bytes) => bytes[0] as number))
      assert.equal(ends.staged.size, effect.staging.next)
      ends.applied = effect.staging.manifest.meta.index
    }
  }
}

function deliver(ends: Ends, at: number): void {
  const [carried] = ends.wire.splice(at % ends.wire.length, 1)
  const message = carried === undefined ? undefined : checkSnapshotMessage(carried.message)
  if (message === undefined) return
  if (message.type === 'snapshotAck') send(ends, (out) => onSnapshotAck(ends.sender, message, ends.nowMs, out))
  else if (message.type === 'snapshotOffer')
    receive(ends, (out) => onSnapshotOffer(ends.receiver, message, { applied: ends.applied, term: 2 }, ends.nowMs, out))
  else receive(ends, (out) => onSnapshotChunk(ends.receiver, message, ends.applied, ends.nowMs, out))
}

function pass(ends: Ends, ms: number): void {
  ends.nowMs += ms
  send(ends, (out) => sweepSender(ends.sender, ends.nowMs, out))
  receive(ends, (out) => sweepReceiver(ends.receiver, ends.nowMs, out))
}

function begin(ends: Ends): void {
  send(ends, (out) => beginSnapshot(ends.sender, 2, 2, ends.nowMs, out))
}

function quiet(ends: Ends): void {
  while (ends.wire.length > 0) deliver(ends, 0)
}

test('A9: chunks arrive in order and once, within the window, and both sides know', () => {
  const ends = join(20, { windowChunks: 4 })

  begin(ends)
  for (let chunks = 0; ends.wire.length > 0; deliver(ends, 0)) {
    chunks = ends.wire.filter(({ message }) => message.type === 'snapshotChunk').length
    assert.ok(chunks <= 4)
  }
  assert.deepEqual(ends.installed, [Array.from({ length: 20 }, (_, at) => at)])
  assert.deepEqual(ends.ended, [true])
  assert.deepEqual([ends.opened, ends.closed, ends.disk], [1, 1, undefined])
})

test('A8, A9, A10: whatever the network does, what is installed is the whole snapshot, and once it behaves the transfer ends', () => {
  const act = fc.record({
    do: fc.constantFrom(
      'deliver',
      'deliver',
      'deliver',
      'deliver',
      'lose',
      'double',
      'corrupt',
      'wait',
      'restart',
      'again',
    ),
    at: fc.nat(50),
  })
  fc.assert(
    fc.property(fc.array(act, { maxLength: 150 }), fc.integer({ min: 0, max: 25 }), (acts, pieces) => {
      const ends = join(pieces, { windowChunks: 3 })
      begin(ends)
      for (const { do: what, at } of acts) {
        const carried = ends.wire[at % Math.max(1, ends.wire.length)]
        if (what === 'deliver' && carried !== undefined) deliver(ends, at)
        if (what === 'lose' && carried !== undefined) ends.wire.splice(at % ends.wire.length, 1)
        if (what === 'double' && carried !== undefined) ends.wire.push({ ...carried })
        if (what === 'corrupt' && carried?.message.type === 'snapshotChunk')
          carried.message = { ...carried.message, bytes: Uint8Array.of(77, at) }
        if (what === 'wait') pass(ends, at * 100)
        if (what === 'restart') ends.receiver = createSnapshotReceiver(2, ends.disk, ends.nowMs)
        if (what === 'again') begin(ends)
      }
      for (let rounds = 0; rounds < 200 && ends.installed.length === 0; rounds++) {
        begin(ends)
        quiet(ends)
        pass(ends, 1_000)
      }
      quiet(ends)
      assert.deepEqual(ends.installed, [Array.from({ length: pieces }, (_, at) => at)])
      send(ends, (out) => closeSender(ends.sender, out))
      assert.equal(ends.closed, ends.opened)
    }),
    { numRuns: 300 },
  )
})

test('A9: a broken transfer goes on where it was when the follower comes back in time', () => {
  const ends = join(12, { windowChunks: 2 })
  begin(ends)
  for (let i = 0; i < 9; i++) deliver(ends, 0)
  const held = ends.receiver.staging?.next ?? 0
  assert.ok(held >= 3)
  ends.wire.length = 0
  pass(ends, senderLimits.stallMs)
  assert.deepEqual(ends.ended, [false])

  begin(ends)
  ends.wire.splice(1)
  deliver(ends, 0)
  const ack = ends.wire[0]?.message
  assert.equal(ack?.type === 'snapshotAck' && ack.next, held)
  quiet(ends)
  assert.deepEqual(ends.ended, [false, true])
  assert.equal(ends.opened, 1, 'the source was not read a second time')
})

test('A8: two at once, the third waits its turn; a parked source is closed when nobody returns', () => {
  const ends = join(3)
  for (const to of [2, 3, 4]) send(ends, (out) => beginSnapshot(ends.sender, to, 2, 0, out))
  assert.equal(ends.opened, 2)

  send(ends, (out) => cancelSnapshot(ends.sender, 3, 0, out))
  assert.deepEqual([ends.opened, ends.closed], [3, 1])
  pass(ends, senderLimits.stallMs)
  assert.deepEqual(ends.ended, [false, false])
  pass(ends, senderLimits.parkMs)
  assert.equal(ends.closed, 3)
})

test('A10: what is behind the applied state, or from a past leader, is not taken; a corrupt total clears it', () => {
  const ends = join(3)
  ends.applied = 60
  begin(ends)
  quiet(ends)
  assert.deepEqual([ends.ended, ends.installed], [[true], []], 'being ahead is as good')

  const old = join(3)
  send(old, (out) => beginSnapshot(old.sender, 2, 1, 0, out))
  quiet(old)
  assert.deepEqual([old.ended, old.receiver.refusedTotal], [[false], 1])

  const bad = join(3)
  begin(bad)
  for (let i = 0; i < 60 && bad.wire.length > 0; i++) {
    const first = bad.wire[0]
    if (first?.message.type === 'snapshotChunk' && first.message.total !== undefined)
      first.message = { ...first.message, total: 1 }
    deliver(bad, 0)
  }
  assert.deepEqual([bad.installed, bad.ended, bad.receiver.staging], [[], [false], undefined])
})

test('A10: a staged snapshot that nobody continues is given up', () => {
  const ends = join(9, { windowChunks: 1 })
  begin(ends)
  for (let i = 0; i < 5; i++) deliver(ends, 0)
  assert.notEqual(ends.disk, undefined)

  pass(ends, receiverLimits.idleMs)
  assert.equal(ends.disk, undefined)
  assert.equal(ends.staged.size, 0)
})

test('R24: odd snapshot messages are dropped at the door', () => {
  const good: SnapshotMessage[] = [
    { type: 'snapshotOffer', from: 1, id: 'x', term: 1, manifest },
    {
      type: 'snapshotChunk',
      from: 1,
      id: 'x',
      index: 0,
      part: 'machine',
      bytes: Uint8Array.of(1),
      checksum: 5,
      total: undefined,
    },
    { type: 'snapshotAck', from: 1, id: 'x', next: 1, status: 'staged' },
  ]
  for (const message of good) {
    assert.equal(checkSnapshotMessage(message), message)
    for (const field of Object.keys(message).filter((name) => name !== 'total')) {
      for (const odd of [undefined, null, -1, 1.5, {}, []]) {
        assert.equal(
          checkSnapshotMessage({ ...message, [field]: odd } as SnapshotMessage),
          undefined,
          `${message.type}.${field}`,
        )
      }
    }
  }
})
