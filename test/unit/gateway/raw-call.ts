/** One unary call over the library itself, with the status as the server sent it: no client of ours in between. */
import { Client, credentials, type Metadata, type MethodDefinition, type ServiceError, status } from '@grpc/grpc-js'
import { type AspenServices, aspenServices } from '../../../client/etcd-proto.ts'

export interface RawAnswer {
  readonly code: status
  readonly details: string
  readonly response: Record<string, unknown>
}

export async function rawCall(
  host: string,
  service: keyof AspenServices,
  method: string,
  message: object,
  metadata?: Metadata,
  deadlineMs: number = 5_000,
): Promise<RawAnswer> {
  const definition = aspenServices()[service][method] as MethodDefinition<object, object>
  return rawBytes(host, definition.path, definition.requestSerialize(message), definition, metadata, deadlineMs)
}

/** As `rawCall`, with any bytes as the request. */
export async function rawBytes(
  host: string,
  path: string,
  request: Buffer,
  definition?: MethodDefinition<object, object>,
  metadata?: Metadata,
  deadlineMs: number = 5_000,
): Promise<RawAnswer> {
  const client = new Client(host, credentials.createInsecure())
  try {
    return await new Promise((resolve) => {
      const decode = (answer: Buffer): object => definition?.responseDeserialize(answer) ?? { bytes: answer }
      const done = (error: ServiceError | null, response?: object): void => {
        const answered = (response ?? {}) as Record<string, unknown>
        if (error === null) resolve({ code: status.OK, details: '', response: answered })
        else resolve({ code: error.code, details: error.details, response: answered })
      }
      const options = { deadline: Date.now() + deadlineMs }
      if (metadata === undefined)
        client.makeUnaryRequest(path, (value: Buffer) => value, decode, request, options, done)
      else client.makeUnaryRequest(path, (value: Buffer) => value, decode, request, metadata, options, done)
    })
  } finally {
    client.close()
  }
}
