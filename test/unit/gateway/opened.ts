/** A gateway over a fake node on a free port, closed when its test ends. */
import type { TestContext } from 'node:test'
import { connectEtcd, type EtcdConnection, type EtcdOptions } from '../../../client/etcd-grpc.ts'
import { type Gateway, type GatewayOptions, startGateway } from '../../../gateway/start.ts'
import { createFakeNode, type FakeNode } from './fake-node.ts'

export interface Opened {
  readonly node: FakeNode
  readonly gateway: Gateway
  /** `http://127.0.0.1:port` of the client address. */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly logged: { readonly level: string; readonly fields: object; readonly message: string }[]
  connect(options?: Partial<EtcdOptions>): EtcdConnection
}

export async function openGateway(
  t: Pick<TestContext, 'after'>,
  options: Partial<GatewayOptions> = {},
): Promise<Opened> {
  const node = createFakeNode()
  const logged: Opened['logged'] = []
  const log = (level: string) => (fields: object, message: string) => void logged.push({ level, fields, message })
  const gateway = await startGateway({
    node,
    clientUrls: ['http://127.0.0.1:0'],
    metricsUrls: [],
    maxRequestBytes: 1_572_864,
    maxTxnOps: 128,
    logger: { info: log('info'), warn: log('warn'), error: log('error') },
    ...options,
  })
  t.after(() => gateway.close(0))
  const url = gateway.urls[0] ?? ''
  return {
    node,
    gateway,
    url,
    host: url.replace('http://', ''),
    port: Number(new URL(url).port),
    logged,
    connect: (more) => {
      const connection = connectEtcd({ endpoints: [url], ...more })
      t.after(() => connection.close())
      return connection
    },
  }
}

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))
export const text = (value: Uint8Array | undefined): string => Buffer.from(value ?? []).toString()
