/** Bugs of the keyspace: versions, ranges, transactions, compaction. */
import type { Area } from './mutation.ts'

const index = 'actors/keyspace/key-index.ts'
const range = 'actors/keyspace/range.ts'
const write = 'actors/keyspace/write.ts'
const txn = 'actors/keyspace/txn.ts'

export const keyspace: Area = {
  area: 'keyspace',
  mutations: [
    {
      name: 'revision-one-behind',
      history: 'Answers name the revision before the one they are of.',
      file: 'actors/keyspace/machine.ts',
      find: 'const { revision } = state\n',
      replace: 'const revision = state.revision - (MUTANT ? 1 : 0)\n',
      expects: ['I16', 'I21', 'K8'],
    },
    {
      name: 'revision-moves-without-change',
      history: 'A command that changes nothing moves the revision (K8).',
      file: write,
      find: 'if (write.changes > 0) state.revision = write.main',
      replace: 'if (MUTANT || write.changes > 0) state.revision = write.main',
      expects: ['K8', 'I5'],
      scenario: 'K8',
    },
    {
      name: 'deleted-key-visible',
      history: 'A tombstone is answered as if it were a value.',
      file: range,
      find: 'if (!entry.newest.deleted) found.push(entry.newest)',
      replace: 'if (MUTANT || !entry.newest.deleted) found.push(entry.newest)',
      expects: ['K6'],
      scenario: 'K8',
    },
    {
      name: 'history-off-by-one',
      history: 'A read at a revision sees what came before it, not what it wrote (K4).',
      file: index,
      find: 'if ((older[middle] as Revision).main <= at) low = middle + 1',
      replace: 'if ((older[middle] as Revision).main < at + (MUTANT ? 0 : 1)) low = middle + 1',
      expects: ['K4'],
      scenario: 'K8',
    },
    {
      name: 'compaction-takes-visible-version',
      history:
        'Compaction drops the version that a reader at the compact revision must still see (K2; etcd issue 17780 lost the newest revision to a compaction).',
      file: index,
      find: '({ supersededAt }) => supersededAt <= compactRevision',
      replace: '({ supersededAt }) => supersededAt <= compactRevision + (MUTANT ? 1 : 0)',
      expects: ['K2', 'K5'],
      scenario: 'K8',
    },
    {
      name: 'removal-changes-hash',
      history:
        'The hash of a history counts what a replica has removed from its disk so far, so sound replicas differ (K13; etcd issue 15919).',
      file: index,
      find: 'if (this.#forget(revision)) return revision',
      replace:
        'if (this.#forget(revision)) {\n        if (MUTANT) this.#historyHash = (this.#historyHash + 1) | 0\n        return revision\n      }',
      expects: ['I5', 'K13'],
      scenario: 'K8',
    },
    {
      name: 'more-flag-wrong',
      history: 'A range that was cut by its limit says that there is no more (K7).',
      file: range,
      find: 'const more = limit > 0 && sorted.length > limit',
      replace: 'const more = limit > 0 && sorted.length > limit + (MUTANT ? 1 : 0)',
      expects: ['K7'],
      scenario: 'K8',
    },
    {
      name: 'count-stops-at-limit',
      history: 'The count of a range is of what was answered, not of what there is (K6).',
      file: range,
      find: 'const count = found.length < limit ? found.length : index.countLive(bounds.from, bounds.to)',
      replace: 'const count = MUTANT || found.length < limit ? found.length : index.countLive(bounds.from, bounds.to)',
      expects: ['K6'],
      scenario: 'K8',
    },
    {
      name: 'version-counted-wrong',
      history: 'A version of a key is counted twice, so a compare on it holds once too often.',
      file: write,
      find: 'version: before === undefined ? 1 : before.version + 1',
      replace: 'version: before === undefined ? 1 : before.version + (MUTANT && before.version === 3 ? 0 : 1)',
      expects: ['K4', 'K8'],
      scenario: 'K8',
    },
    {
      name: 'recreated-key-keeps-create-revision',
      history: 'A key that was deleted and written again keeps the revision of its first creation.',
      file: write,
      find: 'create: before === undefined ? write.main : before.create',
      replace:
        'create: before === undefined ? (MUTANT && entry !== undefined ? entry.newest.main : write.main) : before.create',
      expects: ['K4', 'K8'],
      scenario: 'K8',
    },
    {
      name: 'one-compare-is-enough',
      history: 'A transaction takes its first branch when any of its compares holds.',
      file: txn,
      find: 'request.compare.every((compare) => holds(state, compare))',
      replace:
        '(MUTANT && request.compare.length > 0 ? request.compare.some((compare) => holds(state, compare)) : ORIGINAL)',
      expects: ['I16', 'K9'],
    },
    {
      name: 'compare-on-older-version',
      history: 'A compare judges the version before the newest.',
      file: 'actors/keyspace/compare.ts',
      find: 'return compareBytes(storedValue(records, revision), target.value)',
      replace:
        'return compareBytes(storedValue(records, (MUTANT ? revision.entry.older?.[revision.entry.older.length - 1] : undefined) ?? revision), target.value)',
      expects: ['I16', 'K9'],
    },
    {
      name: 'nested-fault-found-late',
      history:
        'Faults of nested transactions are not looked for before the first write, so half of the outer one is done (K9; etcd issues 18667 and 18679).',
      file: txn,
      find: 'fault = refusePath(state, nestedOf(path, nested++), deleted)',
      replace: 'fault = MUTANT ? undefined : refusePath(state, nestedOf(path, nested++), deleted)',
      expects: ['K9'],
      scenario: 'K8',
    },
    {
      name: 'prev-kvs-incomplete',
      history: 'A delete that was asked for what it removed answers one key too few.',
      file: write,
      find: 'found.map((revision) => keyValueOf(state.records, revision)) : []',
      replace: 'found.slice(MUTANT ? 1 : 0).map((revision) => keyValueOf(state.records, revision)) : []',
      expects: ['K8'],
      scenario: 'K8',
    },
    {
      name: 'facts-forgotten-at-start',
      history:
        'Alarms and the compact revision are not read back at start, so a replica that restarted judges otherwise than the others.',
      file: 'actors/keyspace/state.ts',
      find: 'if (facts !== undefined) adoptFacts(state, decodeFacts(facts))',
      replace: 'if (facts !== undefined && !MUTANT) adoptFacts(state, decodeFacts(facts))',
      expects: ['I5', 'K4'],
      scenario: 'K8',
    },
    {
      name: 'removed-under-open-snapshot',
      history: 'Housekeeping removes records that an open snapshot has still to read (K14).',
      file: 'actors/keyspace/compact.ts',
      find: 'state.snapshotsOpen > 0 ||',
      replace: '(!MUTANT && state.snapshotsOpen > 0) ||',
      expects: ['K14', 'I5'],
      scenario: 'K14',
    },
  ],
}
