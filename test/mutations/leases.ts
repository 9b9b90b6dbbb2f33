/** Bugs of leases: ends that come too early or never, promises that nobody may make, keys that stay. */
import type { Area } from './mutation.ts'

const table = 'actors/lease/lessor-table.ts'
const keepalives = 'actors/lease/keepalives.ts'
const endings = 'actors/lease/endings.ts'
const machine = 'actors/strict/machine.ts'

export const leases: Area = {
  area: 'leases',
  mutations: [
    {
      name: 'lease-by-wall-clock',
      history: 'Time is read off the wall clock, so that a step of it ends leases at once (J5).',
      file: 'actors/lease/lessor.ts',
      find: 'step(state, input, ctx.now(), out)',
      replace: 'step(state, input, MUTANT ? ctx.wallNow() : ctx.now(), out)',
      expects: ['I17'],
      scenario: 'I17',
    },
    {
      name: 'lease-drift-ignored',
      history: 'A lease ends when its TTL has passed by a clock that may run fast (J5).',
      file: 'actors/lease/lessor-state.ts',
      find: 'return ms * (1 + state.limits.clockDrift)',
      replace: 'return ms * (1 + (MUTANT ? 0 : state.limits.clockDrift))',
      expects: ['I17'],
      scenario: 'I17',
    },
    {
      name: 'lease-due-is-final',
      history: 'When a lease comes up it ends, though it was kept alive since it was put there (J5).',
      file: endings,
      find: 'if (lease.dueMs > nowMs) tenure.dues.push(lease, lease.dueMs)',
      replace: 'if (!MUTANT && lease.dueMs > nowMs) tenure.dues.push(lease, lease.dueMs)',
      expects: ['I17'],
      scenario: 'I17',
    },
    {
      name: 'lease-kept-in-word-only',
      history: 'A keepalive is answered, and nothing is begun anew.',
      file: table,
      find: 'lease.dueMs = Math.max(lease.dueMs, nowMs + countedMs(state, lease.ttlSeconds * 1_000))',
      replace: 'if (!MUTANT) lease.dueMs = Math.max(lease.dueMs, nowMs + countedMs(state, lease.ttlSeconds * 1_000))',
      expects: ['I17'],
      scenario: 'I17',
    },
    {
      name: 'lease-kept-without-proof',
      history: 'A leader keeps leases alive on its own word, also one that was replaced (J6).',
      file: keepalives,
      find: 'for (const [slot, id] of ids.entries()) tenure.waiting.push({ asked, slot, id })',
      replace: `for (const [slot, id] of ids.entries()) {
    const lease = MUTANT ? tenure.leases.get(id) : undefined
    if (lease === undefined) tenure.waiting.push({ asked, slot, id })
    else {
      renew(state, lease, nowMs)
      resolve(tenure, { asked, slot, id }, { ttlSeconds: lease.ttlSeconds, remainingMs: 0 }, out)
    }
  }`,
      expects: ['I17', 'I16'],
      scenario: 'J6',
    },
    {
      name: 'lease-proof-of-any-term',
      history: 'A proof counts though it is of another term than the one the lessor counts in (J6).',
      file: keepalives,
      find: 'answer === undefined || answer.term !== tenure.term || buggify(proveAgain)',
      replace: 'answer === undefined || (!MUTANT && answer.term !== tenure.term) || buggify(proveAgain)',
      expects: ['I17'],
      scenario: 'J6.3',
    },
    {
      name: 'lease-kept-while-ending',
      history: 'A lease whose end is on its way through the log is said to be begun anew (J7).',
      file: keepalives,
      find: "else if (lease.stage === 'ending') {",
      replace: "else if (!MUTANT && lease.stage === 'ending') {",
      expects: ['I17'],
      scenario: 'J7',
    },
    {
      name: 'lease-takeover-counts-nothing',
      history: 'A new leader gives leases an election timeout, and not the time that they have (J4).',
      file: table,
      find: 'const leftMs = countedMs(state, (remainingSeconds ?? ttlSeconds) * 1_000)',
      replace: 'const leftMs = MUTANT ? 0 : countedMs(state, (remainingSeconds ?? ttlSeconds) * 1_000)',
      expects: ['I17'],
      scenario: 'I17',
    },
    {
      name: 'lease-takeover-without-grace',
      history: 'A new leader counts from its first moment, so the time without a leader is taken from clients (J4).',
      file: table,
      find: 'dueMs: nowMs + leftMs + state.config.electionMs',
      replace: 'dueMs: nowMs + leftMs + (MUTANT ? 0 : state.config.electionMs)',
      expects: ['J4'],
      scenario: 'J4',
    },
    {
      name: 'lease-checkpoint-stands',
      history:
        'What was written down of a lease is not taken back when it is begun anew, so the next leader ends it early (J8).',
      file: keepalives,
      find: 'if (lease.noted) {',
      replace: 'if (!MUTANT && lease.noted) {',
      expects: ['I17'],
      scenario: 'J8',
    },
    {
      name: 'lease-checkpoint-lost',
      history:
        'What is left of a lease is written down and not read, so leaders that come and go keep it for ever (J9).',
      file: table,
      find: 'admit(state, tenure, each.record, nowMs, each.dueMs)',
      replace:
        'admit(state, tenure, each.record, nowMs, MUTANT ? nowMs + countedMs(state, each.record.ttlSeconds * 1_000) : each.dueMs)',
      expects: ['J9'],
      scenario: 'J9',
    },
    {
      name: 'lease-end-said-once',
      history: 'An end that got lost is not said again: the lease neither ends nor is counted (J9; etcd issue 9935).',
      file: endings,
      find: 'tenure.unended.push(lease)',
      replace: 'if (!MUTANT) tenure.unended.push(lease)',
      expects: ['I23'],
      scenario: 'I17',
    },
    {
      name: 'lease-end-of-any-term',
      history: 'An end counts in whatever term it comes to the log (J1).',
      file: machine,
      find: 'at.term === command.term ? command.leases : []',
      replace: 'MUTANT || at.term === command.term ? command.leases : []',
      expects: ['J1'],
      scenario: 'J1',
    },
    {
      name: 'lease-end-of-namesake',
      history: 'An end counts for whatever lease bears the id by then (J1).',
      file: 'actors/lease/table.ts',
      find: 'return table.leases.get(id)?.granted === granted',
      replace: 'return MUTANT ? table.leases.has(id) : table.leases.get(id)?.granted === granted',
      expects: ['J1', 'I17'],
      scenario: 'J1',
    },
    {
      name: 'lease-restart-without-barrier',
      history: 'A lessor that restarts begins while ends that it said before are still on their way (J11).',
      file: 'actors/lease/lessor-core.ts',
      find: 'const settled = state.ledIn !== undefined && state.ledIn !== term',
      replace: 'const settled = MUTANT || (state.ledIn !== undefined && state.ledIn !== term)',
      expects: ['I17'],
      scenario: 'J11',
    },
    {
      name: 'lease-gap-unseen',
      history:
        'A gap in the feed is not noticed, and no comparison made later: leases that were granted meanwhile never end (J9).',
      file: table,
      find: '    tenure.tableWanted = true\n  }\n  const known',
      replace: '    tenure.tableWanted = !MUTANT\n  }\n  const known',
      also: [
        {
          file: table,
          find: 'if (counted === tenure.leases.size && digest === tenure.digest) return',
          replace: 'if (MUTANT || (counted === tenure.leases.size && digest === tenure.digest)) return',
        },
      ],
      expects: ['I23'],
      scenario: 'I17',
    },
    {
      name: 'lease-keys-stay',
      history: 'A lease ends, and leaves its keys (S1).',
      file: machine,
      find: 'const deleted = deleteLeased(state.keyspace, write, id)',
      replace: 'const deleted = MUTANT ? 0 : deleteLeased(state.keyspace, write, id)',
      expects: ['I17'],
      scenario: 'I17',
    },
    {
      name: 'lease-keys-one-by-one',
      history: 'The keys of a lease go in one revision each, so a watcher sees half of it (S1).',
      file: 'actors/keyspace/write.ts',
      find: 'for (const entry of entries) append(state, write, entry, tombstone(entry.key))',
      replace: `for (const entry of entries) {
    append(state, write, entry, tombstone(entry.key))
    if (MUTANT) {
      endWrite(state, write)
      Object.assign(write, beginWrite(state))
    }
  }`,
      expects: ['I17'],
      scenario: 'I17',
    },
    {
      name: 'lease-of-anybody',
      history: 'A key may hang on a lease that is not there (S1).',
      file: machine,
      find: 'keys.leaseExists = (id) => leases.leases.has(id)',
      replace: 'keys.leaseExists = (id) => MUTANT || leases.leases.has(id)',
      expects: ['I17'],
      scenario: 'I17',
    },
  ],
}
