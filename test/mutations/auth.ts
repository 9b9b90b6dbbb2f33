/** Bugs of users: who is judged, by what state, for which keys. */
import type { Area } from './mutation.ts'

const store = 'actors/auth/store.ts'
const permissions = 'actors/auth/permissions.ts'
const machine = 'actors/strict/machine.ts'
const wants = 'actors/strict/wants.ts'
const scenario = 'I26'
const eachOperation = '...[...success, ...failure].flatMap((operation) => wantsOfOperation(operation, keysOf))'

export const auth: Area = {
  area: 'auth',
  mutations: [
    {
      name: 'taken-branch-alone-judged',
      history: 'A transaction is judged by its first branch alone, whichever is taken (U8).',
      file: wants,
      find: eachOperation,
      replace: '...(MUTANT ? success.flatMap((operation) => wantsOfOperation(operation, keysOf)) : [ORIGINAL])',
      expects: ['I26'],
      scenario,
    },
    {
      name: 'inner-transaction-unjudged',
      history: 'What stands in a transaction within a transaction needs no permission (etcd GHSA-rfx7-8w68-q57q).',
      file: wants,
      find: eachOperation,
      replace:
        "...(MUTANT ? [...success, ...failure].flatMap((operation) => (operation.type === 'txn' ? [] : wantsOfOperation(operation, keysOf))) : [ORIGINAL])",
      expects: ['I26'],
      scenario,
    },
    {
      name: 'compared-keys-unjudged',
      history: 'Whoever may not read a key learns of it by what a comparison decides (U8).',
      file: wants,
      find: 'return [...compared, ',
      replace: 'return [...(MUTANT ? [] : compared), ',
      expects: ['I26'],
      scenario,
    },
    {
      name: 'shown-before-unjudged',
      history: 'A put that shows what was there before needs no permission to read (U9; etcd GHSA-x35m-3gp4-4fh5).',
      file: wants,
      find: "if (prevKv === true) wants.push({ type: 'read', key })",
      replace: "if (!MUTANT && prevKv === true) wants.push({ type: 'read', key })",
      expects: ['I26'],
      scenario,
    },
    {
      name: 'open-range-judged-as-a-key',
      history: 'A range to the end of all keys is judged as its first key (U3; etcd GHSA-xg4h-6gfc-h4m8).',
      file: permissions,
      find: 'if (end.length === 0) return { from: key, to: after(key) }',
      replace: 'if (end.length === 0 || (MUTANT && end[0] === 0)) return { from: key, to: after(key) }',
      expects: ['I26'],
      scenario,
    },
    {
      name: 'grants-with-a-gap-joined',
      history: 'Two grants with keys between them count as one (U3).',
      file: permissions,
      find: 'compareBytes(last.to, span.from) < 0',
      replace: '(!MUTANT && ORIGINAL)',
      expects: ['I26'],
      scenario,
    },
    {
      name: 'old-revision-judged',
      history: 'Who was known before users changed is judged as if he were known now (U2).',
      file: store,
      find: "if (wanted.some(isRange) && authRevision !== state.revision) return 'authOldRevision'",
      replace: "if (!MUTANT && wanted.some(isRange) && authRevision !== state.revision) return 'authOldRevision'",
      expects: ['I26'],
      scenario,
    },
    {
      name: 'other-user-of-that-name',
      history: 'Who was deleted and made anew is taken for the one he was (U2).',
      file: store,
      find: "if (authRevision < user.generation) return 'authOldRevision'",
      replace: "if (!MUTANT && authRevision < user.generation) return 'authOldRevision'",
      expects: ['I26'],
      scenario,
    },
    {
      name: 'caller-unwrapped',
      history: 'What a caller says is carried out as if the node itself had said it.',
      file: machine,
      find: "command.type === 'as' ? forbids(state, command.principal, plain) : undefined",
      replace: "!MUTANT && command.type === 'as' ? forbids(state, command.principal, plain) : undefined",
      expects: ['I26'],
      scenario,
    },
    {
      name: 'refused-after-it-was-done',
      history: 'A caller is told that he may not, when it is done already (S3).',
      file: machine,
      find: '  if (fault !== undefined) return { reply: refused(state, fault), unsettled: true }',
      replace: '  if (MUTANT && fault !== undefined) carryOut(state, plain, at, [])\nORIGINAL',
      expects: ['I26', 'W10'],
      scenario,
    },
    {
      name: 'permissions-remembered',
      history: 'What a user may do is worked out once and kept, whatever is granted and taken later (U7).',
      file: store,
      find: 'function save(state: AuthState): void {\n  state.coverage.clear()\n',
      replace: 'function save(state: AuthState): void {\n  if (!MUTANT) state.coverage.clear()\n',
      expects: ['I26'],
      scenario,
    },
    {
      name: 'deleted-role-remembered',
      history: 'Users keep a role that was deleted, and have it again when one of its name is made (U7).',
      file: store,
      find: '    if (user.roles.includes(role))\n      state.users.set(user.name,',
      replace: '    if (!MUTANT && user.roles.includes(role))\n      state.users.set(user.name,',
      expects: ['I26'],
      scenario,
    },
    {
      name: 'switched-off-in-memory-alone',
      history: 'That users were switched off is not written down: a replica that restarts has them on again.',
      file: store,
      find: "      state.enabled = false\n      return 'changed'",
      replace: "      state.enabled = false\n      return MUTANT ? 'same' : 'changed'",
      expects: ['I26', 'I5', 'I11'],
      scenario,
    },
    {
      name: 'root-deleted',
      history: 'Root goes while users are on, and nobody can change anything any more (U1).',
      file: store,
      find: "if (state.enabled && command.name === root) return 'invalidAuthManagement'",
      replace: "if (!MUTANT && state.enabled && command.name === root) return 'invalidAuthManagement'",
      expects: ['I26'],
      scenario,
    },
  ],
}
