/** Bugs of snapshots: what they hold, in which order they travel, and what they replace. */
import type { Area } from './mutation.ts'

const acts = 'actors/raft/replica-snapshots.ts'
const receiver = 'actors/raft/snapshot-receiver.ts'
const meta = '{ index, term, configuration }'

export const raftSnapshot: Area = {
  area: 'raft-snapshot',
  mutations: [
    {
      name: 'snapshot-overwrites-newer',
      history:
        'A snapshot that took long is installed over a state that moved past it meanwhile (R21; openraft pull request 543).',
      file: receiver,
      find: 'if (staging.manifest.meta.index > applied)',
      replace: 'if (MUTANT || staging.manifest.meta.index > applied)',
      expects: ['I10', 'R21'],
      scenario: 'R21.1',
    },
    {
      name: 'snapshot-without-configuration',
      history: 'A snapshot says what the group began with instead of who its members are now (Raft §7).',
      file: acts,
      find: meta,
      replace: '(MUTANT ? { index, term, configuration: state.args.configuration ?? configuration } : ORIGINAL)',
      expects: ['R13', 'I13', 'I23'],
      scenario: 'R21.2',
    },
    {
      name: 'snapshot-index-too-high',
      history: 'A snapshot claims one entry more than it holds.',
      file: acts,
      find: meta,
      replace: '(MUTANT ? { index: index + 1, term, configuration } : ORIGINAL)',
      expects: ['I3', 'I5', 'I11'],
    },
    {
      name: 'snapshot-cuts-acknowledged-tail',
      history:
        'Installing a snapshot drops the log after it although the two agree, and with it what was acknowledged (R21; etcd pull request 1763).',
      file: 'actors/raft/install.ts',
      find: 'if (log.term(meta.index) === meta.term) {',
      replace: 'if (!MUTANT && log.term(meta.index) === meta.term) {',
      expects: ['I12', 'I9', 'I8'],
      scenario: 'R21.3',
    },
    {
      name: 'snapshot-chunks-out-of-order',
      history: 'Chunks are taken in any order, and the last one installs whatever is there (A10).',
      file: receiver,
      find: 'chunk.index !== staging.next ||',
      replace: '(!MUTANT && chunk.index !== staging.next) ||',
      also: [
        {
          file: receiver,
          find: 'if (chain !== last.total ||',
          replace: 'if ((!MUTANT && chain !== last.total) ||',
        },
      ],
      expects: ['I5', 'K14', 'I0'],
      scenario: 'A10',
    },
    {
      name: 'snapshot-without-sessions',
      history:
        'The memory of answered requests is left out of the snapshot, so a retry is applied again behind it (thesis §6.3).',
      file: acts,
      find: 'sessionPieces(sessionRecords(state.sessions))',
      replace: 'sessionPieces(MUTANT ? [] : sessionRecords(state.sessions))',
      expects: ['I5', 'I20'],
    },
    {
      name: 'snapshot-without-origins',
      history:
        'A snapshot forgets which entry of each proposer is the newest, so a doubled one is applied behind it (A2).',
      file: acts,
      find: 'origins: originMarks(state.origins)',
      replace: 'origins: MUTANT ? [] : originMarks(state.origins)',
      expects: ['I5', 'I20'],
      scenario: 'A2.2',
    },
    {
      name: 'snapshot-misses-newest-records',
      history: 'The walk over the records ends one revision early (K14).',
      file: 'actors/keyspace/snapshot.ts',
      find: 'state.records.scan(0, revision)',
      replace: 'state.records.scan(0, MUTANT ? revision - 1 : revision)',
      expects: ['K14', 'I5'],
    },
    {
      name: 'snapshot-reported-before-disk',
      history:
        'The log is told that a snapshot is installed before it is on disk, and lets go of the entries that lead to it.',
      file: acts,
      find: "meta }, 'durable')",
      replace: "meta }, MUTANT ? 'now' : 'durable')",
      expects: ['R20', 'I6'],
      scenario: 'R20.2',
    },
    {
      name: 'folded-reported-before-disk',
      history:
        'The state machine says that it is on disk when it has only been handed over, and the log is compacted past it (R20).',
      file: 'actors/raft/replica.ts',
      find: "index: state.told }, { release: 'durable'",
      replace: "index: state.told }, { release: MUTANT ? 'now' : 'durable'",
      expects: ['R20'],
    },
  ],
}
