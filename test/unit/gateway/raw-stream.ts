/** One stream over the library itself: what was sent back, message by message, and how it ended. */
import {
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type MethodDefinition,
  type StatusObject,
  status,
} from '@grpc/grpc-js'
import { type AspenServices, aspenServices } from '../../../client/etcd-proto.ts'

export interface RawStream {
  send(message: object): void
  /** Any bytes as a message. */
  sendBytes(bytes: Buffer): void
  /** No more requests. */
  endRequests(): void
  /** The next message; fails when the stream ends first. */
  next(): Promise<Record<string, unknown>>
  /** The next `count` messages. */
  take(count: number): Promise<Record<string, unknown>[]>
  readonly ended: Promise<{ readonly code: status; readonly details: string }>
  /** Messages that came and were not taken. */
  readonly waiting: readonly Record<string, unknown>[]
  pause(): void
  resume(): void
  cancel(): void
}

export function rawStream(
  t: { after(close: () => void): void },
  host: string,
  service: keyof AspenServices,
  method: string,
  headers: Readonly<Record<string, string>> = {},
): RawStream {
  const definition = aspenServices()[service][method] as MethodDefinition<object, object>
  const client = new Client(host, credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 })
  const metadata = new Metadata()
  for (const [key, value] of Object.entries(headers)) metadata.set(key, value)
  const call: ClientDuplexStream<Buffer, object> = client.makeBidiStreamRequest(
    definition.path,
    (bytes: Buffer) => bytes,
    definition.responseDeserialize,
    metadata,
  )
  t.after(() => {
    call.cancel()
    client.close()
  })
  const waiting: Record<string, unknown>[] = []
  let wake: (() => void) | undefined
  let over: { code: status; details: string } | undefined
  const rouse = (): void => {
    wake?.()
    wake = undefined
  }
  call.on('data', (message: Record<string, unknown>) => {
    waiting.push(message)
    rouse()
  })
  call.on('error', () => undefined)
  const ended = new Promise<{ code: status; details: string }>((resolve) => {
    call.on('status', ({ code, details }: StatusObject) => {
      over = { code, details }
      resolve(over)
      rouse()
    })
  })
  const next = async (): Promise<Record<string, unknown>> => {
    while (true) {
      const message = waiting.shift()
      if (message !== undefined) return message
      if (over !== undefined) throw new Error(`the stream ended first: ${status[over.code]} ${over.details}`)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  return {
    send: (message) => void call.write(definition.requestSerialize(message)),
    sendBytes: (bytes) => void call.write(bytes),
    endRequests: () => call.end(),
    next,
    take: async (count) => {
      const taken: Record<string, unknown>[] = []
      while (taken.length < count) taken.push(await next())
      return taken
    },
    ended,
    waiting,
    pause: () => call.pause(),
    resume: () => call.resume(),
    cancel: () => call.cancel(),
  }
}
