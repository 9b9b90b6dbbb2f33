/**
 * What two nodes say to each other before the first frame of an executor, and the other frames of a connection's own.
 *
 *   dialler                                        listener
 *      │── hello (who I am, whom I want) ─────────────▶│  judges: version, cluster, node, executor
 *      │◀── welcome (who I am, the port of each of my executors)
 *      │      or refusal (why not), and the end
 *      │── frames, ping ──────────────────────────────▶│── pong
 *
 *   stranger ── request (kind, bytes) ───────────────▶ listener of executor 0 ── response (bytes) or refusal ──▶ end
 *
 * Both sides check who answers: an address that moved to another node must not receive that node's mail.
 */
import { z } from 'zod'
import { concatBytes, fromUtf8, utf8 } from '../../../base/bytes.ts'
import { controlTarget, encodeFrame } from './frame.ts'

export const protocolMagic = 'ASPN'
export const protocolVersion = 1
/** What a stranger may send before it is known. */
export const handshakeBytesMax: number = 64 * 1024

const id = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const executorIndex = z.number().int().min(0).max(0xfffe)
const portTable = z.array(z.number().int().min(0).max(65_535)).max(4_096)

const helloShape = z.object({
  magic: z.literal(protocolMagic),
  version: z.number().int(),
  clusterId: id,
  nodeId: id,
  executor: executorIndex,
  wantedNode: id,
  wantedExecutor: executorIndex,
  ports: portTable,
  urls: z.array(z.string().max(2_048)).max(16).default([]),
})

const welcomeShape = z.object({
  clusterId: id,
  nodeId: id,
  executors: z.number().int().min(1).max(0xffff),
  ports: portTable,
})

const refusalReasons = [
  'version',
  'wrongCluster',
  'wrongNode',
  'wrongExecutor',
  'malformed',
  'unknownRequest',
  'busy',
] as const
const refusalShape = z.object({ reason: z.enum(refusalReasons), text: z.string().max(1_024) })

export interface Hello {
  readonly version: number
  readonly clusterId: number
  readonly nodeId: number
  readonly executor: number
  readonly wantedNode: number
  readonly wantedExecutor: number
  /** Listening port of each executor of the dialler; 0 where it is not known yet. */
  readonly ports: readonly number[]
  /** Where the dialler itself can be found: who never heard of it must be able to answer. */
  readonly urls: readonly string[]
}

export interface Welcome {
  readonly clusterId: number
  readonly nodeId: number
  readonly executors: number
  /** Listening port of each executor; 0 where it is not known yet. */
  readonly ports: readonly number[]
}

export interface Refusal {
  readonly reason: (typeof refusalReasons)[number]
  readonly text: string
}

export type ControlFrame =
  | { readonly type: 'hello'; readonly hello: Hello }
  | { readonly type: 'welcome'; readonly welcome: Welcome }
  | { readonly type: 'refusal'; readonly refusal: Refusal }
  | { readonly type: 'ping' }
  | { readonly type: 'pong' }
  | { readonly type: 'request'; readonly kind: string; readonly body: Uint8Array }
  | { readonly type: 'response'; readonly body: Uint8Array }
  | { readonly type: 'malformed'; readonly text: string }

const codes = { hello: 1, welcome: 2, refusal: 3, ping: 4, pong: 5, request: 6, response: 7 } as const

/** A control frame, whole. `malformed` is only ever read. */
export function encodeControl(frame: Exclude<ControlFrame, { readonly type: 'malformed' }>): Uint8Array {
  return encodeFrame(0, controlTarget, concatBytes(Uint8Array.of(codes[frame.type]), controlBody(frame)))
}

/** Reads the body of a control frame. Whatever a stranger may send, the answer is a value. */
export function decodeControl(body: Uint8Array): ControlFrame {
  const rest = body.subarray(1)
  switch (body[0]) {
    case codes.hello:
      return parsed(rest, helloShape, 'hello', (hello) => ({ type: 'hello', hello }))
    case codes.welcome:
      return parsed(rest, welcomeShape, 'welcome', (welcome) => ({ type: 'welcome', welcome }))
    case codes.refusal:
      return parsed(rest, refusalShape, 'refusal', (refusal) => ({ type: 'refusal', refusal }))
    case codes.ping:
      return { type: 'ping' }
    case codes.pong:
      return { type: 'pong' }
    case codes.request:
      return decodeRequest(rest)
    case codes.response:
      return { type: 'response', body: rest }
    default:
      return { type: 'malformed', text: `no control frame has the code ${body[0]}` }
  }
}

/** Who the listener is, for judging a hello. */
export interface Identity {
  readonly clusterId: number
  readonly nodeId: number
  readonly executor: number
}

/** What is wrong with a hello; undefined when its sender may come in. */
export function judgeHello(self: Identity, hello: Hello): Refusal | undefined {
  if (hello.version !== protocolVersion) {
    const text = `node ${self.nodeId} speaks peer protocol ${protocolVersion}, node ${hello.nodeId} speaks ${hello.version}`
    return { reason: 'version', text }
  }
  if (hello.clusterId !== self.clusterId) {
    const text = `node ${self.nodeId} belongs to cluster ${self.clusterId}, node ${hello.nodeId} to cluster ${hello.clusterId}`
    return { reason: 'wrongCluster', text }
  }
  if (hello.wantedNode !== self.nodeId) {
    return { reason: 'wrongNode', text: `dialled node ${hello.wantedNode}, answered node ${self.nodeId}` }
  }
  if (hello.nodeId === self.nodeId) {
    return { reason: 'wrongNode', text: `the dialler calls itself node ${hello.nodeId}, which is this node` }
  }
  // The peer URL (executor 0) also answers those who want another executor: they come for the table of ports.
  if (hello.wantedExecutor !== self.executor && self.executor !== 0) {
    const text = `dialled executor ${hello.wantedExecutor} of node ${self.nodeId}, answered executor ${self.executor}`
    return { reason: 'wrongExecutor', text }
  }
  return undefined
}

/** What is wrong with a welcome; undefined when the right node answered. */
export function judgeWelcome(
  wanted: { readonly clusterId: number; readonly nodeId: number },
  welcome: Welcome,
): Refusal | undefined {
  if (welcome.clusterId !== wanted.clusterId) {
    return {
      reason: 'wrongCluster',
      text: `this cluster is ${wanted.clusterId}, the answer came from cluster ${welcome.clusterId}`,
    }
  }
  if (welcome.nodeId !== wanted.nodeId) {
    return { reason: 'wrongNode', text: `dialled node ${wanted.nodeId}, answered node ${welcome.nodeId}` }
  }
  return undefined
}

function controlBody(frame: Exclude<ControlFrame, { readonly type: 'malformed' }>): Uint8Array {
  switch (frame.type) {
    case 'hello':
      return utf8(JSON.stringify({ magic: protocolMagic, ...frame.hello }))
    case 'welcome':
      return utf8(JSON.stringify(frame.welcome))
    case 'refusal':
      return utf8(JSON.stringify(frame.refusal))
    case 'ping':
    case 'pong':
      return new Uint8Array(0)
    case 'request': {
      const kind = utf8(frame.kind)
      if (kind.length > 255)
        throw new RangeError(`peer request: its kind must be at most 255 bytes, not ${kind.length}`)
      return concatBytes(Uint8Array.of(kind.length), kind, frame.body)
    }
    case 'response':
      return frame.body
  }
}

function decodeRequest(rest: Uint8Array): ControlFrame {
  const kindBytes = rest[0]
  if (kindBytes === undefined || rest.length < 1 + kindBytes)
    return { type: 'malformed', text: 'a request without its kind' }
  return { type: 'request', kind: fromUtf8(rest.subarray(1, 1 + kindBytes)), body: rest.subarray(1 + kindBytes) }
}

function parsed<Value>(
  bytes: Uint8Array,
  shape: z.ZodType<Value>,
  what: string,
  make: (value: Value) => ControlFrame,
): ControlFrame {
  let json: unknown
  try {
    json = JSON.parse(fromUtf8(bytes))
  } catch {
    return { type: 'malformed', text: `a ${what} that is not JSON` }
  }
  const result = shape.safeParse(json)
  if (result.success) return make(result.data)
  const [issue] = result.error.issues
  return { type: 'malformed', text: `a ${what} whose ${issue?.path.join('.') || 'shape'} is wrong: ${issue?.message}` }
}
