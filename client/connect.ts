/** The one way in: a client of a cluster over the network, or of the node in one's own process. */
import { Client, type ClientOptions } from './client.ts'
import type { EtcdOptions } from './etcd-connection.ts'
import { inProcess, type NodeCalls, overGrpc, type Transport } from './transport.ts'

export type ConnectOptions = ClientOptions &
  (
    | EtcdOptions
    /** In one's own process: `node.client` of `Aspen.open`. */
    | { readonly node: NodeCalls }
    /** Another way to a cluster. The client closes it. */
    | { readonly transport: Transport }
  )

/**
 * Connects with the first call.
 *
 * Over the network reads go to all healthy members in turn, and writes to the one that leads, as soon as it is known.
 *
 * @param options.endpoints - `http://host:port` each. Any of the cluster will do; `sync` finds the others.
 * @throws {RangeError} There is no endpoint, or one is not an address.
 *
 * @example
 * await using client = connect({ endpoints: ['http://127.0.0.1:2379'] })
 * await client.kv.put('greeting', 'hello')
 * console.log((await client.kv.get('greeting'))?.text)
 */
export function connect(options: ConnectOptions): Client {
  return Client.over(transportOf(options), options)
}

function transportOf(options: ConnectOptions): Transport {
  if ('transport' in options) return options.transport
  if ('node' in options) return inProcess(options.node)
  return overGrpc({ balance: 'roundRobin', ...options })
}
