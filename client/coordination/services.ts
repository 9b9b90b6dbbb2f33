/** A registry of services: who runs where, and how it is. */
import type { KeyValue } from '../../actors/keyspace/messages.ts'
import { fromUtf8, utf8 } from '../../base/bytes.ts'
import { AspenError } from '../interface.ts'
import type { Driver } from './driver.ts'
import { mapped } from './elections.ts'
import { Holding, type HoldingLinks, nameOf } from './holding.ts'
import type { Grant } from './recipes/fence.ts'
import { follow, type Listing, list, register, report } from './recipes/registry.ts'
import { Session, type SessionOptions } from './session.ts'

export type Health = 'starting' | 'passing' | 'warning' | 'failing' | 'draining'

export interface InstanceInfo {
  /** Where it is reached; whatever its users understand. */
  readonly address: string
  readonly health: Health
  /** For whoever chooses among instances. */
  readonly labels: Readonly<Record<string, string>>
}

export interface Instance extends InstanceInfo {
  readonly id: string
  /** Of this life of the instance; greater than those before. */
  readonly token: number
}

export interface RegisterOptions extends SessionOptions {
  readonly address: string
  /** `passing` when absent. */
  readonly health?: Health
  readonly labels?: Readonly<Record<string, string>>
  /** False: refused where an earlier life of the instance is still registered. True, when absent: takes its place. */
  readonly replace?: boolean
}

/** One's own registration: release it to leave. */
export class Registration extends Holding {
  readonly #driver: Driver
  #info: InstanceInfo

  constructor(driver: Driver, session: Session, grant: Grant, info: InstanceInfo) {
    super(driver, session, grant)
    this.#driver = driver
    this.#info = info
  }

  /** Says how it is. False: it is not registered any more, and nothing was said. */
  async report(health: Health): Promise<boolean> {
    const info = { ...this.#info, health }
    const said = await this.#driver.run(report({ key: this.key, token: this.token }, encode(info)))
    if (said === 'reported') this.#info = info
    return said === 'reported'
  }
}

export class Services {
  readonly #links: HoldingLinks

  constructor(links: HoldingLinks) {
    this.#links = links
  }

  /**
   * Registers an instance of a service; it is listed until it is released, or `ttlSeconds` after its process died.
   *
   * @param service - 1 to 1_024 bytes; keys under `service/` belong to the registry.
   * @param id - Unique in the service, 1 to 256 characters, no `/` among them.
   * @throws {AspenError} `leaseExists`: the id is taken, and `replace` is false.
   *
   * @example
   * await using me = await coordination.services.register('services/mail', 'mail-1', { address: '10.0.0.7:25' })
   * await me.report('draining')
   */
  async register(service: string | Uint8Array, id: string, options: RegisterOptions): Promise<Registration> {
    const name = nameOf('register', service)
    if (!/^[^/]{1,256}$/.test(id))
      throw new RangeError(`register: an id must have 1 to 256 characters and no '/', and is ${JSON.stringify(id)}`)
    const { address, health = 'passing', labels = {}, replace = true, ...own } = options
    const info: InstanceInfo = { address, health, labels }
    const session = await Session.open(this.#links.session, own)
    let registered = false
    try {
      const request = { name, instance: id, lease: session.lease, value: encode(info), replace }
      const done = await this.#links.driver.run(register(request))
      if (done.type === 'taken') throw new AspenError('leaseExists', `another '${id}' is registered`)
      if (done.type === 'leaseGone') throw new AspenError('leaseNotFound', 'the session was lost before it registered')
      registered = true
      return new Registration(this.#links.driver, session, done.grant, info)
    } finally {
      if (!registered) await session.close()
    }
  }

  /** All instances, in order of their ids. Linearizable. */
  async list(service: string | Uint8Array): Promise<readonly Instance[]> {
    const name = nameOf('list', service)
    return shown(name, await this.#links.driver.run(list(name)))
  }

  /** The list as it is, and again whenever it has changed; until `signal` fires or the loop is left. */
  follow(
    service: string | Uint8Array,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncIterableIterator<readonly Instance[]> {
    const name = nameOf('follow', service)
    return mapped(this.#links.driver.follow<Listing>(follow(name), { signal }), (listing) => shown(name, listing))
  }
}

function encode(info: InstanceInfo): Uint8Array {
  return utf8(JSON.stringify(info))
}

/** What others have put there that is no instance is left out. */
function shown(name: Uint8Array, { instances }: Listing): readonly Instance[] {
  return instances.flatMap((kv) => {
    const info = decode(kv)
    return info === undefined
      ? []
      : [{ ...info, id: fromUtf8(kv.key.subarray(name.length + 1)), token: kv.createRevision }]
  })
}

function decode({ value }: KeyValue): InstanceInfo | undefined {
  try {
    const info = JSON.parse(fromUtf8(value)) as Partial<InstanceInfo> | null
    if (typeof info?.address !== 'string' || typeof info.health !== 'string') return undefined
    return { address: info.address, health: info.health, labels: info.labels ?? {} }
  } catch {
    return undefined
  }
}
