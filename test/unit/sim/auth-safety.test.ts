/** I26 and W10: that a window would be found, whatever it is that leaves it open. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AuthCommand, Principal } from '../../../actors/auth/messages.ts'
import { type StrictState, strictKeyspace } from '../../../actors/strict/machine.ts'
import type { StrictCommand } from '../../../actors/strict/messages.ts'
import { utf8 } from '../../../base/bytes.ts'
import { AuthSafety } from '../../../sim/checkers/auth-safety.ts'
import type { HistoryNote, Operation } from '../../../sim/operation.ts'
import { workloadOf } from '../../../sim/workloads/all.ts'
import { MemoryStore } from '../keyspace/memory-store.ts'
import { contextOf, put, range, txn } from '../keyspace/replica.ts'
import { note } from './lab-history.ts'

type Machine = typeof strictKeyspace

const beginnings: readonly AuthCommand[] = [
  { type: 'userAdd', name: 'root', hash: '', noPassword: false },
  { type: 'userGrantRole', user: 'root', role: 'root' },
  { type: 'userAdd', name: 'u', hash: '', noPassword: false },
  { type: 'roleAdd', name: 'r' },
  { type: 'roleGrantPermission', name: 'r', permission: { type: 'write', key: utf8('a') } },
  { type: 'userGrantRole', user: 'u', role: 'r' },
  { type: 'authEnable', secret: new Uint8Array(4) },
]

/** A replica of a machine that may be bent, watched; users are on. */
class Watched {
  readonly safety = new AuthSafety()
  readonly machine: Machine
  readonly state: StrictState
  #index = 0

  constructor(bent: Partial<Machine> = {}) {
    this.machine = this.safety.watch({ ...strictKeyspace, ...bent })
    this.state = this.machine.init(contextOf(new MemoryStore()), { cacheBytesMax: 4_096 })
    for (const command of beginnings) this.apply(command)
  }

  apply(command: StrictCommand): void {
    this.#index += 1
    this.machine.apply(this.state, command, { index: this.#index, term: 1, wallMs: 0 })
  }

  as(user: string, command: Parameters<Watched['apply']>[0] & { type: 'put' | 'txn' | 'authDisable' }): void {
    const principal: Principal = { user, authRevision: this.state.auth.revision }
    this.apply({ type: 'as', principal, command })
  }
}

/** Applies what is said by a caller as `turned` makes it. */
function bent(turned: (command: StrictCommand & { type: 'as' }) => StrictCommand): Partial<Machine> {
  return {
    apply: (state, command, at) => strictKeyspace.apply(state, command.type === 'as' ? turned(command) : command, at),
  }
}

describe('I26', () => {
  test('has nothing against the machine as it is', () => {
    const replica = new Watched()

    replica.as('u', put('a'))
    replica.as('u', put('b'))
    replica.as('u', txn([], [put('a')], [range('a')]))
    replica.as('root', put('b'))
    replica.as('u', { type: 'authDisable' })
    replica.as('root', { type: 'authDisable' })
    replica.as('u', put('b'))

    assert.deepEqual(replica.safety.judged, { allowed: 4, refused: 3 })
  })

  test('finds what is carried out for whoever may not', () => {
    const unwrapped = new Watched(bent(({ command }) => command))

    unwrapped.as('u', put('a'))
    assert.throws(
      () => unwrapped.as('u', put('b')),
      /^Violation: I26: put of u, known by 8, .* was allowed, and is permissionDenied/,
    )
  })

  test('finds who is refused though he may', () => {
    const forgetful = new Watched(
      bent(({ command }) => ({ type: 'as', principal: { user: '', authRevision: 0 }, command })),
    )

    assert.throws(() => forgetful.as('u', put('a')), /^Violation: I26: .* was userEmpty, and is allowed/)
  })

  test('finds a branch that was not judged', () => {
    const firstAlone = new Watched(
      bent(({ command, ...as }) => ({
        ...as,
        command: command.type === 'txn' ? { ...command, failure: [] } : command,
      })),
    )

    assert.throws(() => firstAlone.as('u', txn([], [put('a')], [range('a')])), /^Violation: I26: txn of u/)
  })

  test('finds what was refused and done all the same', () => {
    const late = new Watched({
      apply: (state, command, at) => {
        const applied = strictKeyspace.apply(state, command, at)
        const { reply } = applied
        if (command.type === 'as' && reply.type === 'refused') strictKeyspace.apply(state, command.command, at)
        return applied
      },
    })

    assert.throws(
      () => late.as('u', put('b')),
      /^Violation: I26: put of u, .* was refused, permissionDenied, and changed something/,
    )
  })

  test('finds users that are not those of the log', () => {
    const replica = new Watched()
    replica.state.auth.users.delete('u')
    assert.throws(() => replica.apply({ type: 'roleAdd', name: 's' }), /^Violation: I26: users are/)

    const other = new Watched()
    other.state.auth.revision += 1
    assert.throws(() => other.as('u', put('a')), /^Violation: I26: users are at revision 9, which no command led to/)
  })

  test('finds a query that is answered to whoever may not ask it', () => {
    const open = new Watched({
      query: (state, query) => strictKeyspace.query(state, query.type === 'as' ? query.query : query),
    })
    const principal = { user: 'u', authRevision: open.state.auth.revision }

    assert.throws(
      () => open.machine.query(open.state, { type: 'as', principal, query: range('a') }),
      /^Violation: I26: range of u was allowed, and is permissionDenied/,
    )
  })
})

test('W10: what was refused is there', () => {
  const operation: Operation = { type: 'put', key: 'auth/a', value: 'x|ann.1', as: { user: 'ann', authRevision: 3 } }
  const notes: readonly HistoryNote[] = [
    note([0, 1], operation, { type: 'refused', revision: 4, reason: 'denied' }, 'ann'),
  ]
  const judge = (value: string): void => {
    const versions = [{ key: 'auth/a', value, revision: 5 }]
    const replicas = [{ name: 'node 1', versions, compacted: -1, pairs: new Map<string, string>() }]
    workloadOf('auth').check({ notes, replicas, wiped: new Set() } as never)
  }

  assert.doesNotThrow(() => judge('y|bob.1'))
  assert.throws(() => judge('x|ann.1'), /^Violation: W10: node 1 has auth\/a = .* of revision 5, which ann was told/)
})
