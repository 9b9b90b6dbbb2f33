/**
 * The users of keyspaces, watched where commands are carried out: at their place in the log, on every replica.
 *
 *   I26  what somebody says is carried out only where the users of that place in the log let him, and is refused only where
 *        they do not; what is refused changes nothing; a change of users makes the revision one more, on every replica the
 *        same, and nothing else does
 *
 * What the users of a place are is worked out again from the commands (`auth-model.ts`), by their revision.
 */
import type { AuthCommand, Want } from '../../actors/auth/messages.ts'
import type { AuthState } from '../../actors/auth/store.ts'
import type { StrictState, strictKeyspace } from '../../actors/strict/machine.ts'
import type { PlainCommand, PlainQuery, StrictCommand, StrictQuery, StrictReply } from '../../actors/strict/messages.ts'
import { type AuthModel, follow, forbidden, noUsers, wantedBy } from './auth-model.ts'
import { check } from './violation.ts'

type Machine = typeof strictKeyspace

/** What there is to change in a keyspace, beside what idles along. */
interface Stand {
  readonly keys: number
  readonly leases: number
  readonly users: number
  readonly revision: number
}

export class AuthSafety {
  /** By group and revision. */
  readonly #models = new Map<string, Map<number, AuthModel>>()
  readonly #groups = new WeakMap<StrictState, string>()
  /** The revision at which a replica was last found as it should be. */
  readonly #looked = new WeakMap<AuthState, number>()
  /** What was judged of what callers said: none of it, and nothing was tried. */
  judged = { allowed: 0, refused: 0 }

  /** The machine, and a look at everything that is said to it. */
  watch(machine: Machine): Machine {
    const opened = (state: StrictState, group: string): StrictState => {
      this.#groups.set(state, group)
      return state
    }
    return {
      ...machine,
      init: (ctx, args) => opened(machine.init(ctx, args), ctx.group),
      restore: (ctx, args, chunks) => opened(machine.restore(ctx, args, chunks), ctx.group),
      apply: (state, command, at) => {
        if (!concernsUsers(command)) return machine.apply(state, command, at)
        const model = this.#modelOf(state)
        const before = standOf(state)
        const applied = machine.apply(state, command, at)
        this.#judgeCommand(state, model, before, command, applied.reply)
        return applied
      },
      query: (state, query) => {
        const reply = machine.query(state, query)
        if (query.type === 'as' || query.type === 'may') this.#judgeQuery(state, query, reply)
        return reply
      },
    }
  }

  #judgeCommand(state: StrictState, model: AuthModel, before: Stand, command: StrictCommand, reply: StrictReply): void {
    const plain = command.type === 'as' ? command.command : command
    const wanted = wantedByCommand(plain)
    if (command.type === 'as' && wanted !== undefined) {
      const reason = forbidden(model, command.principal, wanted)
      this.#compare(reason, reply, () => `${words(command)}, at revision ${model.revision} of the users,`)
      if (reason !== undefined) {
        check(
          sameStand(before, standOf(state)),
          'I26',
          () => `${words(command)} was refused, ${reason}, and changed something all the same`,
        )
        return
      }
    }
    if (isAuthCommand(plain)) this.#followed(state, model, plain, reply)
    else
      check(state.auth.revision === before.revision, 'I26', () => `${words(command)} changed the revision of the users`)
  }

  #followed(state: StrictState, model: AuthModel, command: AuthCommand, reply: StrictReply): void {
    const next = follow(model, command)
    const error = reply.type === 'refused' ? reply.error : undefined
    const wanted = typeof next === 'string' ? next : undefined
    check(
      error === wanted,
      'I26',
      () => `${command.type} came to ${error ?? 'its end'}, and should to ${wanted ?? 'its end'}`,
    )
    if (typeof next !== 'string') this.#modelsOf(state).set(next.revision, next)
    this.#checkSame(state, typeof next === 'string' ? model : next)
  }

  #judgeQuery(state: StrictState, query: StrictQuery & { type: 'as' | 'may' }, reply: StrictReply): void {
    const model = this.#modelOf(state)
    if (query.type === 'may') {
      const principal = { user: query.user, authRevision: query.revision }
      this.#compare(forbidden(model, principal, query.wants), reply, () => `may ${query.user} of ${query.revision}`)
      return
    }
    const wanted = wantedByQuery(query.query)
    if (wanted === undefined) return
    const reason = forbidden(model, query.principal, wanted)
    this.#compare(reason, reply, () => `${query.query.type} of ${query.principal.user}`)
  }

  #compare(reason: string | undefined, reply: StrictReply, what: () => string): void {
    const error = reply.type === 'refused' && judgements.has(reply.error) ? reply.error : undefined
    check(error === reason, 'I26', () => `${what()} was ${error ?? 'allowed'}, and is ${reason ?? 'allowed'}`)
    if (reason === undefined) this.judged.allowed += 1
    else this.judged.refused += 1
  }

  #modelOf(state: StrictState): AuthModel {
    const { revision } = state.auth
    const model = this.#modelsOf(state).get(revision)
    check(model !== undefined, 'I26', () => `users are at revision ${revision}, which no command led to`)
    if (this.#looked.get(state.auth) !== revision) this.#checkSame(state, model)
    return model
  }

  #modelsOf(state: StrictState): Map<number, AuthModel> {
    const group = this.#groups.get(state) ?? ''
    let models = this.#models.get(group)
    if (models === undefined) {
      models = new Map([[noUsers.revision, noUsers]])
      this.#models.set(group, models)
    }
    return models
  }

  #checkSame({ auth }: StrictState, model: AuthModel): void {
    this.#looked.set(auth, model.revision)
    const [found, wanted] = [textOfState(auth), textOfModel(model)]
    check(found === wanted, 'I26', () => `users are\n  ${found}, and by the log\n  ${wanted}`)
  }
}

/** Refusals for who said it; every other is for what was said. */
const judgements: ReadonlySet<string> = new Set(['userEmpty', 'permissionDenied', 'authOldRevision'])

const authTypes: ReadonlySet<string> = new Set<AuthCommand['type']>([
  ...(['authEnable', 'authDisable', 'userAdd', 'userDelete', 'userChangePassword'] as const),
  ...(['userGrantRole', 'userRevokeRole', 'roleAdd', 'roleDelete'] as const),
  ...(['roleGrantPermission', 'roleRevokePermission'] as const),
])

function concernsUsers({ type }: StrictCommand): boolean {
  return type === 'as' || authTypes.has(type)
}

function isAuthCommand(command: PlainCommand): command is AuthCommand {
  return authTypes.has(command.type)
}

/** Undefined: not judged here. What hangs on leases is another's matter. */
function wantedByCommand(command: PlainCommand): readonly Want[] | undefined {
  if (isAuthCommand(command)) return [{ type: 'admin' }]
  const { type } = command
  return type === 'put' || type === 'deleteRange' || type === 'txn' ? wantedBy(command) : undefined
}

function wantedByQuery(query: PlainQuery): readonly Want[] | undefined {
  return query.type === 'range' || query.type === 'txn' ? wantedBy(query) : undefined
}

function standOf({ keyspace, leases, auth }: StrictState): Stand {
  return { keys: keyspace.revision, leases: leases.digest, users: auth.digest, revision: auth.revision }
}

function sameStand(a: Stand, b: Stand): boolean {
  return a.keys === b.keys && a.leases === b.leases && a.users === b.users && a.revision === b.revision
}

function textOfState({ enabled, revision, users, roles }: AuthState): string {
  const known = [...users.values()].map((user) => `${user.name}:${user.generation}:${user.roles.join('+')}`)
  const held = [...roles.values()].map((role) => `${role.name}:${role.permissions.length}`)
  return `${enabled ? 'on' : 'off'} at ${revision}; users ${known.sort().join()}; roles ${held.sort().join()}`
}

function textOfModel({ enabled, revision, users, roles }: AuthModel): string {
  const known = [...users].map(([name, user]) => `${name}:${user.since}:${[...user.roles].sort().join('+')}`)
  const held = [...roles].map(([name, permissions]) => `${name}:${permissions.size}`)
  return `${enabled ? 'on' : 'off'} at ${revision}; users ${known.sort().join()}; roles ${held.sort().join()}`
}

function words(command: StrictCommand): string {
  if (command.type !== 'as') return command.type
  const { user, authRevision } = command.principal
  return `${command.command.type} of ${user === '' ? 'nobody' : user}, known by ${authRevision}`
}
