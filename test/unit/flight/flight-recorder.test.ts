import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { concatBytes, utf8 } from '../../../base/bytes.ts'
import type { ActorContext, ActorRef } from '../../../runtime/kernel/actor.ts'
import type { AnyDefinition } from '../../../runtime/kernel/cell.ts'
import { actorPrefix } from '../../../runtime/kernel/cell-store.ts'
import { edgeAsk, edgeSpawn, edgeStop, edgeTell } from '../../../runtime/kernel/edge.ts'
import type { Executor } from '../../../runtime/kernel/executor.ts'
import { deliveriesOf, type Recording, readRecording } from '../../../runtime/kernel/flight/recording.ts'
import { restartedToRecord } from '../../../runtime/kernel/flight-recorder.ts'
import { type ReplayedDelivery, replayActor } from '../../../sim/replay-actor.ts'
import { type GamblerState, gambler, oracle, type RecordingWorld, recordingWorld } from './recorded-actors.ts'

const roomy = { bytesMax: 1_000_000, deliveriesMax: 10_000 }

function executorOf({ world }: RecordingWorld): Executor {
  return world.executors[0] as Executor
}

/** Starts recording and lets the supervisor bring the actor back. */
function begin(there: RecordingWorld, name: string, limits: typeof roomy = roomy): void {
  let started = 0
  const refusal = there.recorder.begin(name, limits, () => {
    started += 1
  })
  assert.equal(refusal, undefined)
  there.world.run(20)
  assert.ok(started > 0, 'the actor was not started anew')
}

function tell(there: RecordingWorld, ref: ActorRef, ...messages: readonly unknown[]): void {
  for (const message of messages) {
    edgeTell(executorOf(there), ref, message)
    there.world.settle()
  }
}

function ask(there: RecordingWorld, ref: ActorRef, message: unknown): unknown {
  let answer: unknown
  edgeAsk(executorOf(there), ref, message, { deadlineMs: 1_000 }, (given) => {
    answer = given
  })
  there.world.settle()
  return answer
}

function end({ recorder }: RecordingWorld, name: string): Uint8Array {
  const file = recorder.end(name)
  assert.ok(file !== undefined, 'nothing was recorded')
  return file
}

/** A game of all that a context has. */
function playAGame(there: RecordingWorld): void {
  tell(there, there.gambler, { type: 'play', argument: 'ann' }, { type: 'play', argument: 'ben' })
  there.world.run(350)
  tell(there, there.gambler, { type: 'consult', argument: there.oracle }, { type: 'raise' })
  assert.deepEqual(ask(there, there.gambler, { type: 'later' }), { type: 'reply', value: 2 })
  there.world.run(100)
}

function kinds(recording: Recording): readonly string[] {
  return [...deliveriesOf(recording.body, recording.relocation)].map(({ kind }) => kind)
}

describe('a recorded actor', () => {
  test('is played back to the same digest and the same state: chance, clocks, timers, asks, store, watch', () => {
    const there = recordingWorld()

    begin(there, 'gambler')
    playAGame(there)
    const recording = readRecording(end(there, 'gambler'))
    const steps: ReplayedDelivery[] = []
    const result = replayActor(recording, gambler, { step: (delivery) => steps.push(delivery) })

    assert.deepEqual(result.outcome, { type: 'same' })
    assert.equal(result.digest, recording.end.digest)
    assert.deepEqual(result.state, recording.end.state)
    assert.equal(result.state.type, 'fields')
    assert.equal(steps.length, recording.end.deliveries)
    assert.deepEqual(new Set(kinds(recording)), new Set(['start', 'message', 'timer', 'answer']))
    assert.equal(recording.end.ending, 'asked')
    assert.equal(recording.header.product, '1.2.3')
  })

  test('has the very state that is played back', () => {
    const there = recordingWorld()

    begin(there, 'gambler')
    playAGame(there)
    const cell = [...executorOf(there).cells.values()].find(({ name }) => name === 'gambler')
    assert.ok(cell !== undefined)
    const real = structuredClone((cell.state as GamblerState).seen)
    const recording = readRecording(end(there, 'gambler'))
    let played: unknown
    replayActor(recording, gambler, { step: (_delivery, state) => (played = state) })

    assert.ok(real.size >= 3)
    assert.deepEqual((played as GamblerState).seen, real)
  })

  test('is compared by its own digest, turn by turn, and may receive otherwise from one turn on', () => {
    const there = recordingWorld()

    begin(there, 'oracle')
    ask(there, there.oracle, { type: 'ask', before: 1 })
    const items = new Map([
      ['a', Uint8Array.of(1)],
      ['b', Buffer.from([2])],
    ])
    tell(there, there.oracle, { type: 'bag', items, ids: new Set([1n, 2n ** 70n]) })
    tell(there, there.oracle, { type: 'silence' }, { type: 'ask', before: 2 })
    const recording = readRecording(end(there, 'oracle'))
    const result = replayActor(recording, oracle)

    assert.deepEqual(result.outcome, { type: 'same' })
    assert.deepEqual(result.state, { type: 'digest', value: 105 })
  })

  test('goes on over its failures, each a start of its own', () => {
    const there = recordingWorld()

    begin(there, 'gambler')
    tell(there, there.gambler, { type: 'play', argument: 'ann' }, { type: 'fail' })
    there.world.run(20)
    tell(there, there.gambler, { type: 'nobody knows this' })
    there.world.run(20)
    tell(there, there.gambler, { type: 'play', argument: 'ben' })
    const recording = readRecording(end(there, 'gambler'))

    assert.deepEqual(kinds(recording), ['start', 'message', 'message', 'start', 'start', 'message'])
    assert.deepEqual(replayActor(recording, gambler).outcome, { type: 'same' })
  })

  test('works as before when it is recorded no more, by the same definition', () => {
    const there = recordingWorld()
    const cell = [...executorOf(there).cells.values()].find(({ name }) => name === 'gambler')

    begin(there, 'gambler')
    assert.notEqual(cell?.definition, gambler)
    end(there, 'gambler')

    assert.equal(cell?.definition, gambler)
    assert.equal((ask(there, there.gambler, { type: 'play', argument: 'x' }) as { type: string }).type, 'reply')
    assert.equal(there.recorder.end('gambler'), undefined)
  })

  test('that is stopped has a recording up to its end', () => {
    const there = recordingWorld()

    begin(there, 'gambler')
    tell(there, there.gambler, { type: 'play', argument: 'ann' })
    edgeStop(executorOf(there), there.gambler)
    there.world.settle()
    const recording = readRecording(end(there, 'gambler'))

    assert.equal(recording.end.ending, 'stopped')
    assert.deepEqual(replayActor(recording, gambler).outcome, { type: 'same' })
  })
})

describe('the first delivery that differs is found', () => {
  /** The game, played back against the gambler with one handler changed. */
  function against(changed: Record<string, unknown>): ReturnType<typeof replayActor> {
    const there = recordingWorld()
    begin(there, 'gambler')
    playAGame(there)
    const recording = readRecording(end(there, 'gambler'))
    const receive = { ...(gambler.receive as object), ...changed }
    return replayActor(recording, { ...gambler, receive } as AnyDefinition)
  }

  test('where it does something else', () => {
    const result = against({
      play: (state: GamblerState, name: string, ctx: ActorContext) => {
        const luck = ctx.random('gambler.luck')
        state.seen.set(name, ctx.now() + ctx.wallNow() + luck)
        ctx.store.put('won', Uint8Array.of(99))
        ctx.store.putValue('last', { name, luck })
        ctx.publish('plays', name)
        return state.won
      },
    })

    assert.ok(result.outcome.type === 'differs')
    const { delivery, call, reason } = result.outcome
    assert.equal(delivery.number, 2)
    assert.deepEqual(delivery.recorded.body, { type: 'play', argument: 'ann' })
    assert.deepEqual(call, { place: 3, expected: 'store.put', actual: 'store.put' })
    assert.match(reason, /call 4: it does store\.put otherwise than recorded/)
    assert.notEqual(delivery.digest, delivery.recorded.digest)
  })

  test('where it asks something else', () => {
    const result = against({
      play: (_state: GamblerState, _name: string, ctx: ActorContext) => ctx.random('another site'),
    })

    assert.ok(result.outcome.type === 'differs')
    assert.equal(result.outcome.delivery.number, 2)
    assert.match(result.outcome.reason, /it asks random, where the recorded one asked random of something else/)
  })

  test('where it throws, and where it answers something else', () => {
    const throwing = against({
      tick: () => {
        throw new Error('no more ticks')
      },
    })
    const answering = against({
      later: (_state: GamblerState, _argument: unknown, ctx: ActorContext) => {
        ctx.defer()
        ctx.store.range(new Uint8Array(0), undefined)
        return 'at once'
      },
    })

    assert.ok(throwing.outcome.type === 'differs' && answering.outcome.type === 'differs')
    assert.equal(throwing.outcome.delivery.recorded.kind, 'timer')
    assert.match(throwing.outcome.reason, /it throws: Error: no more ticks/)
    assert.match(answering.outcome.reason, /it is done, where the recorded one did replyTo/)
  })

  test('where only its state is another', () => {
    const result = against({
      tick: (state: GamblerState) => {
        state.ticks += 2
      },
    })

    assert.equal(result.outcome.type, 'stateDiffers')
  })
})

describe('what cannot be recorded is said', () => {
  test('an actor nobody would start again, one that is not there, one that is recorded already', () => {
    const there = recordingWorld()
    edgeSpawn(executorOf(there), oracle, { wisdom: 1 }, { name: 'alone' })
    there.world.settle()
    begin(there, 'gambler')

    const refusal = (name: string): string | undefined => there.recorder.begin(name, roomy, () => {})

    assert.match(refusal('alone') ?? '', /'alone' has no supervisor/)
    assert.match(refusal('nobody') ?? '', /there is no actor 'nobody' on executor 0/)
    assert.match(refusal('gambler') ?? '', /is being recorded already/)
  })

  test('an asynchronous handler ends the recording before it, and goes on by itself', () => {
    const there = recordingWorld()

    begin(there, 'gambler')
    tell(there, there.gambler, { type: 'play', argument: 'ann' }, { type: 'slow' })
    there.world.run(20)
    const recording = readRecording(end(there, 'gambler'))

    assert.equal(recording.end.ending, 'unplayable')
    assert.match(recording.end.reason, /waits in a handler \(ctx\.sleep\)/)
    assert.deepEqual(kinds(recording), ['start', 'message'])
    assert.deepEqual(replayActor(recording, gambler).outcome, { type: 'same' })
  })

  test('a message that is no data ends the recording before it', () => {
    const there = recordingWorld()

    begin(there, 'gambler')
    tell(there, there.gambler, { type: 'whisper', argument: () => 'secret' })
    const recording = readRecording(end(there, 'gambler'))

    assert.equal(recording.end.ending, 'unplayable')
    assert.match(recording.end.reason, /a function is no data/)
    assert.deepEqual(kinds(recording), ['start'])
  })

  test('the restart tells whoever waits for an answer why there is none', () => {
    const there = recordingWorld()
    let error = ''
    executorOf(there).world.actorFailed = (_name, text) => {
      error = text
    }

    begin(there, 'gambler')

    assert.equal(error, restartedToRecord)
  })
})

describe('a recording is bounded', () => {
  test('full, it keeps what came first, and says so', () => {
    const there = recordingWorld()

    begin(there, 'gambler', { ...roomy, deliveriesMax: 5 })
    for (let i = 0; i < 10; i++) tell(there, there.gambler, { type: 'play', argument: `p${i}` })
    const recording = readRecording(end(there, 'gambler'))
    const result = replayActor(recording, gambler)

    assert.equal(recording.end.ending, 'full')
    assert.equal(recording.end.deliveries, 5)
    assert.deepEqual(result.outcome, { type: 'same' })
    assert.equal(result.state.type, 'fields')
  })

  test('full, it begins at the newest start of the actor where there is one', () => {
    const there = recordingWorld()

    begin(there, 'gambler', { ...roomy, deliveriesMax: 6 })
    tell(there, there.gambler, { type: 'play', argument: 'a' }, { type: 'play', argument: 'b' }, { type: 'fail' })
    there.world.run(20)
    tell(there, there.gambler, { type: 'play', argument: 'c' }, { type: 'play', argument: 'd' })
    const recording = readRecording(end(there, 'gambler'))

    assert.deepEqual(kinds(recording), ['start', 'message', 'message'])
    assert.equal(recording.end.dropped, 4)
    assert.deepEqual(replayActor(recording, gambler).outcome, { type: 'same' })
  })

  test('a delivery larger than all room ends it before that delivery', () => {
    const there = recordingWorld()

    begin(there, 'gambler', { ...roomy, bytesMax: 4_096 })
    tell(there, there.gambler, { type: 'whisper', argument: new Uint8Array(100_000) })
    const recording = readRecording(end(there, 'gambler'))

    assert.equal(recording.end.ending, 'full')
    assert.deepEqual(kinds(recording), ['start'])
  })
})

test('a start that reads more than there is room for leaves nothing to give', () => {
  const there = recordingWorld()
  const key = concatBytes(actorPrefix('gambler'), utf8('won'))
  there.world.stores[0]?.data.set(key.join(), [key, new Uint8Array(100_000)])

  begin(there, 'gambler', { ...roomy, bytesMax: 4_096 })
  tell(there, there.gambler, { type: 'play', argument: 'ann' })

  assert.equal(there.recorder.end('gambler'), undefined)
})

describe('a file that is not what was written is refused', () => {
  const there = recordingWorld()
  begin(there, 'gambler')
  playAGame(there)
  const file = end(there, 'gambler')

  test('cut short anywhere', () => {
    for (const length of [0, 5, 11, 40, Math.floor(file.length / 2), file.length - 1]) {
      assert.throws(() => readRecording(file.subarray(0, length)), { name: 'RecordingRefused' }, `${length} bytes`)
    }
    assert.throws(() => readRecording(file.subarray(0, file.length - 1)), /cut short/)
  })

  test('changed anywhere', () => {
    for (let at = 12; at < file.length; at += 97) {
      const changed = file.slice()
      changed[at] = (changed[at] as number) ^ 1
      assert.throws(() => readRecording(changed), { name: 'RecordingRefused' }, `byte ${at}`)
    }
  })

  test('of another format, or no recording at all', () => {
    const newer = file.slice()
    newer[11] = 77

    assert.throws(() => readRecording(newer), /wanted format 1, found 77/)
    assert.throws(() => readRecording(Buffer.from('{"format":1,"scenario":"mix"}')), /does not begin like one/)
  })
})
