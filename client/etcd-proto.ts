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
import { loadSync, type PackageDefinition } from '@grpc/proto-loader'

export interface AspenServices {
  readonly kv: ServiceDefinition
  readonly watch: ServiceDefinition
  readonly lease: ServiceDefinition
  readonly auth: ServiceDefinition
  readonly lock: ServiceDefinition
  readonly election: ServiceDefinition
  readonly cluster: ServiceDefinition
  readonly maintenance: ServiceDefinition
  readonly health: ServiceDefinition
  readonly admin: ServiceDefinition
}

let loaded: AspenServices | undefined
let definitions: PackageDefinition | undefined

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

/** Everything that `client/proto` defines, by its full name: services, and messages with the description of their fields. */
export function aspenDefinitions(): PackageDefinition {
  definitions ??= loadSync(['rpc.proto', 'lock.proto', 'election.proto', 'health.proto', 'admin.proto'], {
    includeDirs: [protoFolder()],
    keepCase: true,
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  })
  return definitions
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
  const all = aspenDefinitions()
  const service = (name: string): ServiceDefinition => {
    const definition = all[name]
    if (definition === undefined || 'format' in definition) throw new Error(`client/proto defines no service ${name}`)
    return definition as ServiceDefinition
  }
  return {
    kv: service('etcdserverpb.KV'),
    watch: service('etcdserverpb.Watch'),
    lease: service('etcdserverpb.Lease'),
    auth: service('etcdserverpb.Auth'),
    lock: service('v3lockpb.Lock'),
    election: service('v3electionpb.Election'),
    cluster: service('etcdserverpb.Cluster'),
    maintenance: service('etcdserverpb.Maintenance'),
    health: service('grpc.health.v1.Health'),
    admin: service('aspen.v1.Admin'),
  }
}
