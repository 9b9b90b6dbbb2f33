/**
 * Users who read and write a few keys, each as far as he may, while root grants and takes roles and permissions, deletes users
 * and makes them anew, and switches them all off and on. Users go by what they last knew of themselves, so most of what they
 * say is said by somebody who is just no longer the one he was.
 *
 * Where a command stands in the log, it is judged by I26. Here, from what clients were told:
 *
 *   W10  what was refused left nothing behind; whoever was told that he may not, at a revision that nothing changed, may not
 */
import type { Caller, Management } from '../auth-words.ts'
import { puttable } from '../checkers/store-model.ts'
import { check } from '../checkers/violation.ts'
import { mayWrite, type Operation, type Outcome, type TxnStep } from '../operation.ts'
import { type ClientSeat, type Evidence, pick, type Workload, type WorkloadClient } from './workload.ts'

const prefix = 'auth/'
const letters = ['a', 'b', 'c', 'd'] as const
const users = ['ann', 'bob'] as const
const roles = ['one', 'two'] as const
const nobody: Caller = { user: '', authRevision: 0 }

export const auth: Workload = {
  name: 'auth',
  setup: () => undefined,
  start: (seat) =>
    seat.at === 0 ? new RootClient(seat) : new UserClient(seat, users[(seat.at - 1) % users.length] as string),
  closing: () => [{ type: 'list', prefix }],
  check: checkRefused,
}

/** W10 */
function checkRefused({ notes, replicas }: Evidence): void {
  const refused = new Map<string, string>()
  for (const { client, operation, outcome } of notes) {
    if (outcome?.type !== 'refused' || outcome.reason !== 'denied' || !mayWrite(operation)) continue
    for (const [key, value] of puttable(operation)) refused.set(`${key} ${value}`, client)
  }
  for (const { name, versions } of replicas) {
    for (const { key, value, revision } of versions) {
      const client = refused.get(`${key} ${value}`)
      check(
        client === undefined,
        'W10',
        () => `${name} has ${key} = ${value} of revision ${revision}, which ${client} was told he may not put`,
      )
    }
  }
}

/** What each client does alike: it knows itself by a revision, and learns a newer one when that was refused. */
class Known {
  readonly user: string
  #authRevision = 0

  constructor(user: string) {
    this.user = user
  }

  get caller(): Caller {
    return { user: this.user, authRevision: this.#authRevision }
  }

  learn(operation: Operation, outcome: Outcome): void {
    if (operation.type !== 'whoIs' || outcome.type !== 'done') return
    this.#authRevision = Number(outcome.found.get('authRevision') ?? 0)
  }
}

class UserClient implements WorkloadClient {
  readonly #seat: ClientSeat
  readonly #known: Known

  constructor(seat: ClientSeat, user: string) {
    this.#seat = seat
    this.#known = new Known(user)
  }

  next(): Operation {
    const seat = this.#seat
    if (seat.roll('fresh') < 0.35) return { type: 'whoIs', user: this.#known.user }
    const as = seat.roll('nobody') < 0.05 ? nobody : this.#known.caller
    const kind = seat.roll('kind')
    if (kind < 0.35) return { type: 'put', key: this.#key('put'), value: seat.unique('u'), as }
    if (kind < 0.5) return { type: 'get', key: this.#key('get'), as }
    if (kind < 0.6) return { type: 'list', prefix, as }
    if (kind < 0.7) return { type: 'mayRead', as, ...rangeOf(seat, 'watch') }
    // He would like to; only root may.
    if (kind < 0.75) return { type: 'manage', what: { type: 'grantRole', user: this.#known.user, role: 'root' }, as }
    if (kind < 0.78) return { type: 'manage', what: { type: 'disable' }, as }
    return {
      type: 'txn',
      compare: seat.roll('compare') < 0.5 ? [] : [{ key: this.#key('compared'), expected: undefined }],
      success: [this.#step('then', 1)],
      failure: seat.roll('else') < 0.3 ? [] : [this.#step('else', 1)],
      as,
    }
  }

  learn(operation: Operation, outcome: Outcome): void {
    this.#known.learn(operation, outcome)
  }

  #step(site: string, depth: number): TxnStep {
    const seat = this.#seat
    const kind = seat.roll(`${site}.kind`)
    const key = this.#key(`${site}.key`)
    const shows = seat.roll(`${site}.shows`) < 0.4
    if (kind < 0.45) return { type: 'put', key, value: seat.unique(site), ...(shows && { shows }) }
    if (kind < 0.65) return { type: 'get', key }
    if (kind < 0.8 || depth > 2) return { type: 'delete', key, ...(shows && { shows }) }
    return { type: 'txn', compare: [], success: [], failure: [this.#step(`${site}.inner`, depth + 1)] }
  }

  #key(site: string): string {
    return `${prefix}${letters[pick(this.#seat, site, letters.length)]}`
  }
}

/** So that there is somebody to grant something to, and something to grant. */
const beginnings: readonly Management[] = [
  { type: 'addUser', user: 'root' },
  { type: 'grantRole', user: 'root', role: 'root' },
  ...users.map((user): Management => ({ type: 'addUser', user })),
  ...roles.map((role): Management => ({ type: 'addRole', role })),
  ...users.map((user, at): Management => ({ type: 'grantRole', user, role: roles[at % roles.length] as string })),
  { type: 'permit', role: 'one', permission: 'readwrite', key: `${prefix}a`, end: `${prefix}c` },
  { type: 'permit', role: 'two', permission: 'write', key: `${prefix}b`, end: '\0' },
  { type: 'permit', role: 'two', permission: 'read', key: `${prefix}b`, end: `${prefix}c` },
  { type: 'enable' },
]

class RootClient implements WorkloadClient {
  readonly #seat: ClientSeat
  readonly #known = new Known('root')
  #begun = 0

  constructor(seat: ClientSeat) {
    this.#seat = seat
  }

  next(): Operation {
    const seat = this.#seat
    const beginning = beginnings[this.#begun]
    if (beginning !== undefined) return { type: 'manage', what: beginning }
    if (seat.roll('fresh') < 0.2) return { type: 'whoIs', user: 'root' }
    // The process that holds the store may do everything, and switches users on again when root switched them off.
    const by = seat.roll('by')
    if (by < 0.1) return { type: 'manage', what: { type: 'enable' } }
    const as = this.#known.caller
    if (by < 0.2) return { type: 'put', key: `${prefix}${letters[0]}`, value: seat.unique('r'), as }
    return { type: 'manage', what: this.#change(), as }
  }

  learn(operation: Operation, outcome: Outcome): void {
    this.#known.learn(operation, outcome)
    // Done, or refused because it was done already; otherwise nobody knows, and it is said again.
    if (operation.type === 'manage' && operation.as === undefined && outcome.type !== 'unknown') this.#begun += 1
  }

  #change(): Management {
    const seat = this.#seat
    const user = users[pick(seat, 'user', users.length)] as string
    const role = roles[pick(seat, 'role', roles.length)] as string
    const kind = seat.roll('kind')
    if (kind < 0.3) {
      const permission = (['read', 'write', 'readwrite'] as const)[pick(seat, 'permission', 3)] ?? 'read'
      return { type: 'permit', role, permission, ...rangeOf(seat, 'range') }
    }
    if (kind < 0.45) return { type: 'forbid', role, ...rangeOf(seat, 'range') }
    if (kind < 0.6) return { type: 'grantRole', user, role }
    if (kind < 0.68) return { type: 'revokeRole', user, role }
    if (kind < 0.74) return { type: 'deleteRole', role }
    if (kind < 0.82) return { type: 'addRole', role }
    if (kind < 0.84) return { type: 'deleteUser', user }
    if (kind < 0.86) return { type: 'deleteUser', user: 'root' }
    if (kind < 0.92) return { type: 'addUser', user }
    if (kind < 0.95) return { type: 'changePassword', user }
    return { type: 'disable' }
  }
}

/** One key, some, or all from one on. */
function rangeOf(seat: ClientSeat, site: string): { readonly key: string; readonly end?: string } {
  const from = pick(seat, `${site}.from`, letters.length)
  const key = `${prefix}${letters[from]}`
  const kind = seat.roll(`${site}.kind`)
  if (kind < 0.4) return { key }
  if (kind < 0.6) return { key, end: '\0' }
  if (kind < 0.75) return { key: prefix, end: `${prefix}\u007f` }
  const to = letters[from + 1 + pick(seat, `${site}.to`, letters.length)]
  return { key, end: to === undefined ? `${prefix}z` : `${prefix}${to}` }
}
