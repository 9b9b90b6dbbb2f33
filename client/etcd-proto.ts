/**
 * The gRPC services of `client/proto/`, loaded once per process for whoever speaks them: the gateway serves them, the
 * client calls them.
 *
 * The `.proto` files are data and are not compiled, so they stand in one place only, the package's `client/proto`, and
 * are found from wherever this module runs: the repository, its `dist`, or an installed package.
 */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ServiceDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

export interface AspenServices {
  readonly kv: ServiceDefinition
  readonly cluster: ServiceDefinition
  readonly maintenance: ServiceDefinition
  readonly health: ServiceDefinition
  readonly admin: ServiceDefinition
}

let loaded: AspenServices | undefined

/**
 * The service definitions. 64-bit integers arrive as decimal text and leave as text or safe integers; enums are names,
 * and a number where the name is unknown to us; absent messages are null and absent lists are empty.
 *
 * @throws {Error} The package is incomplete: `client/proto` is missing.
 */
export function aspenServices(): AspenServices {
  loaded ??= load()
  return loaded
}

/** The folder of the `.proto` files. */
export function protoFolder(): string {
  const start = dirname(fileURLToPath(import.meta.url))
  for (let folder = start; ; folder = dirname(folder)) {
    const candidate = join(folder, 'client', 'proto')
    if (existsSync(join(candidate, 'rpc.proto'))) return candidate
    if (folder === dirname(folder)) throw new Error(`client/proto is missing above ${start}: the package is incomplete`)
  }
}

function load(): AspenServices {
  const definitions = loadSync(['rpc.proto', 'health.proto', 'admin.proto'], {
    includeDirs: [protoFolder()],
    keepCase: true,
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  })
  const service = (name: string): ServiceDefinition => {
    const definition = definitions[name]
    if (definition === undefined || 'format' in definition) throw new Error(`client/proto defines no service ${name}`)
    return definition as ServiceDefinition
  }
  return {
    kv: service('etcdserverpb.KV'),
    cluster: service('etcdserverpb.Cluster'),
    maintenance: service('etcdserverpb.Maintenance'),
    health: service('grpc.health.v1.Health'),
    admin: service('aspen.v1.Admin'),
  }
}
