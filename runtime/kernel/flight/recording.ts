/**
 * A recording of one actor as a file: who it is, every turn it had, and how it ended.
 *
 *   ASPENREC │ format 4 │ header │ deliveries … │ end │ check 4
 *
 *   delivery   kind, lane, time, sender │ body │ calls … 0 │ outcome │ state │ digest
 *
 * `readRecording` refuses what is not whole. The check finds what a disk or an editor changed; it is no seal against
 * somebody who wants to be believed.
 */
import { fromUtf8, utf8 } from '../../../base/bytes.ts'
import { hash32, mix32, RollingDigest } from '../../../base/digest.ts'
import type { Lane } from '../../../mailbox/envelope.ts'
import type { ActorRef } from '../actor.ts'
import { packPortable, type Relocation, relocated, unpackPortable } from './portable.ts'
import { type CallName, callOf, type DeliveryKind, deliveryKinds } from './tape.ts'
import { RecordingRefused, TapeReader, TapeWriter, Thrown } from './tape-bytes.ts'
import { houseUrl } from './value-digest.ts'

/** Grows when a file means something else; what this version writes is all that it reads. */
export const recordingFormat = 1

export interface RecordingHeader {
  /** The version of the product that recorded; empty when it was not told. */
  readonly product: string
  readonly name: string
  readonly self: ActorRef
  readonly node: number
  readonly definition: string
  readonly module: string
  readonly exportName: string
  readonly args: unknown
  /** What a thread runs before its first actor. */
  readonly boot: { readonly module: string; readonly exportName: string; readonly argument: unknown } | undefined
  /** Milliseconds since 1970 by the wall clock of the recording node, and its monotonic clock at that moment. */
  readonly wallMs: number
  readonly nowMs: number
  /** Where the product's modules lay. */
  readonly house: string
}

/**
 * `asked`: its time was over. `full`: it reached its limit. `stopped`: the actor was stopped. `unplayable`: the actor did
 * what cannot be played back, which is left out.
 */
export type RecordingEnding = 'asked' | 'full' | 'stopped' | 'unplayable'

export interface RecordingEnd {
  readonly ending: RecordingEnding
  /** In words, where there is more to say. */
  readonly reason: string
  readonly deliveries: number
  /** Deliveries that were left out, for a later start of the actor had room for all that followed. */
  readonly dropped: number
  /** Rolling, over all deliveries of the file. */
  readonly digest: string
  readonly state: StateDigest
}

/** `digest`: by the definition's own function. `fields`: by what the state holds. `unknown`: there was no state to look at. */
export type StateDigest =
  | { readonly type: 'digest'; readonly value: number }
  | { readonly type: 'fields'; readonly value: number }
  | { readonly type: 'unknown' }

export interface Recording {
  readonly header: RecordingHeader
  readonly end: RecordingEnd
  readonly body: Uint8Array
  /** From where it was recorded to where it is read; undefined while it is written. */
  readonly relocation?: Relocation
}

export interface RecordedCall {
  readonly call: CallName
  readonly digest: number
  /** The world's answer, a `Thrown` among them; undefined for an act. */
  readonly answer: unknown
  readonly asks: boolean
}

export interface RecordedDelivery {
  readonly kind: DeliveryKind
  readonly lane: Lane
  /** By the monotonic clock of the recording node. */
  readonly atMs: number
  /** The executor that sent it; -1 when it was the kernel, or another node. */
  readonly origin: number
  /** Who waits for an answer; undefined for what was told. */
  readonly asker: { readonly node: number; readonly executor: number } | undefined
  /** The number of the callback, of an `answer`. */
  readonly callback: number
  /** The message; what a callback was told. */
  readonly body: unknown
  readonly calls: readonly RecordedCall[]
  /** `lost`: it ended before the actor's own code had it. */
  readonly outcome: 'returned' | 'threw' | 'lost'
  readonly outcomeDigest: number
  /** By the definition's own function. */
  readonly state: number | undefined
  readonly digest: number
}

export const lanes: readonly Lane[] = ['system', 'control', 'user']
export const outcomes: readonly RecordedDelivery['outcome'][] = ['returned', 'threw', 'lost']
/** Answers follow these, and no other. */
export const asking: ReadonlySet<CallName> = new Set<CallName>([
  'now',
  'wallNow',
  'random',
  'defer',
  'after',
  'every',
  'spawn',
  'lookup',
  'stash',
  'storeFull',
  'store.get',
  'store.range',
  'log.firstIndex',
  'log.lastIndex',
  'log.term',
  'log.entries',
])

const magic = utf8('ASPENREC')
/** Before the header, and after the end. */
const frontBytes = magic.length + 4
const checkBytes = 4

export function writeRecording({ header, end, body }: Recording): Uint8Array {
  const head = packPortable(header)
  const tail = packPortable(end)
  const writer = new TapeWriter(Number.POSITIVE_INFINITY)
  for (const byte of magic) writer.byte(byte)
  writer.word(recordingFormat)
  writer.bytes(head)
  writer.bytes(body)
  writer.bytes(tail)
  writer.word(hash32(writer.slice()))
  return writer.slice()
}

/**
 * Reads a file. Addresses of the recording installation's modules become those of this one.
 *
 * @throws {RecordingRefused} It is no recording, not a whole one, damaged, or of another format.
 */
export function readRecording(file: Uint8Array): Recording {
  if (file.length < frontBytes || fromUtf8Or(file.subarray(0, magic.length)) !== fromUtf8(magic))
    throw new RecordingRefused('recording: the file does not begin like one')
  const format = new TapeReader(file.subarray(magic.length, frontBytes)).word()
  if (format !== recordingFormat) {
    throw new RecordingRefused(
      `recording: wanted format ${recordingFormat}, found ${format}; play it back with the version that recorded it`,
    )
  }
  const [header, body, end] = parts(file)
  const check = new TapeReader(file.subarray(file.length - checkBytes)).word()
  if (check !== hash32(file.subarray(0, file.length - checkBytes)))
    throw new RecordingRefused('recording: the file was changed since it was written: its check does not match')
  const { house } = unpackPortable(header) as RecordingHeader
  const relocation = { from: house, to: houseUrl }
  return {
    header: { ...(unpackPortable(header, relocation) as RecordingHeader), house: relocated(house, relocation) },
    end: unpackPortable(end) as RecordingEnd,
    body,
    relocation,
  }
}

function fromUtf8Or(bytes: Uint8Array): string {
  // A file of another kind may begin with anything: what is no text is no magic.
  return bytes.every((byte) => byte < 0x80) ? fromUtf8(bytes) : ''
}

/** The three parts between the format and the check, which must fill the file exactly. */
function parts(file: Uint8Array): readonly [Uint8Array, Uint8Array, Uint8Array] {
  const cut = (wanted: number): RecordingRefused =>
    new RecordingRefused(
      `recording: the file is cut short: it has ${file.length} bytes and should have at least ${wanted}`,
    )
  const found: Uint8Array[] = []
  let at = frontBytes
  for (let part = 0; part < 3; part++) {
    if (at + 4 > file.length) throw cut(at + 4)
    const length = new TapeReader(file.subarray(at, at + 4)).word()
    at += 4
    if (at + length + checkBytes > file.length) throw cut(at + length + checkBytes)
    found.push(file.subarray(at, at + length))
    at += length
  }
  if (at + checkBytes !== file.length)
    throw new RecordingRefused(`recording: the file goes on after its end: wanted ${at + checkBytes} bytes`)
  return found as unknown as readonly [Uint8Array, Uint8Array, Uint8Array]
}

/** The deliveries of a recording, in order. `relocation` is for what they hold: see `readRecording`. */
export function* deliveriesOf(body: Uint8Array, relocation?: Relocation): Generator<RecordedDelivery, void, undefined> {
  const reader = new TapeReader(body, relocation)
  while (!reader.ended) yield readDelivery(reader)
}

function readDelivery(reader: TapeReader): RecordedDelivery {
  const kind = deliveryKinds[reader.byte()]
  if (kind === undefined || kind === 'end') throw new RecordingRefused('recording: a delivery of no known kind')
  const lane = lanes[reader.byte()] ?? 'user'
  const atMs = reader.number()
  const origin = reader.number()
  const asked = reader.byte() === 1
  const asker = asked ? { node: reader.number(), executor: reader.number() } : undefined
  const callback = reader.word()
  const body = reader.value()
  const calls = readCalls(reader)
  const outcome = outcomes[reader.byte()] ?? 'lost'
  const outcomeDigest = reader.word()
  const state = reader.byte() === 1 ? reader.word() : undefined
  const digest = reader.number()
  return { kind, lane, atMs, origin, asker, callback, body, calls, outcome, outcomeDigest, state, digest }
}

function readCalls(reader: TapeReader): RecordedCall[] {
  const calls: RecordedCall[] = []
  for (let code = reader.byte(); code !== 0; code = reader.byte()) {
    const call = callOf(code)
    if (call === undefined) throw new RecordingRefused(`recording: call ${code}, which this version does not know`)
    const digest = reader.word()
    const asks = asking.has(call)
    calls.push({ call, digest, answer: asks ? reader.value() : undefined, asks })
  }
  return calls
}

/** How a turn ended, as both worlds see it. */
export interface TurnEnd {
  readonly outcome: RecordedDelivery['outcome']
  readonly outcomeDigest: number
  readonly state: number | undefined
}

/** Over what a turn was given and what it did: equal in both worlds, or the two have parted. 52 bits, so it is a number. */
export class DeliveryDigest {
  #high: number
  #low: number

  constructor(kindCode: number, callback: number, bodyDigest: number) {
    this.#high = 0x9e3779b1
    this.#low = mix32(kindCode)
    this.call(callback, bodyDigest)
  }

  call(code: number, digest: number): void {
    this.#low = mix32(this.#low ^ digest)
    this.#high = mix32((this.#high ^ code) + this.#low)
  }

  end({ outcome, outcomeDigest, state }: TurnEnd): number {
    this.call(outcomes.indexOf(outcome), outcomeDigest)
    this.call(state === undefined ? 0 : 1, state ?? 0)
    return (this.#high & 0xf_ffff) * 0x1_0000_0000 + this.#low
  }
}

export function digestText(digest: number): string {
  return digest.toString(16).padStart(13, '0')
}

/** Over many deliveries, in order. */
export class FileDigest {
  readonly #rolling = new RollingDigest()

  add(digest: number): void {
    this.#rolling.add(Math.floor(digest / 0x1_0000_0000))
    this.#rolling.add(digest >>> 0)
  }

  text(): string {
    return this.#rolling.text()
  }
}

/** What an answer of the world becomes where it was asked for. */
export function answered<T>(answer: unknown): T {
  if (answer instanceof Thrown) throw Object.assign(new Error(answer.message), { name: answer.name })
  return answer as T
}
