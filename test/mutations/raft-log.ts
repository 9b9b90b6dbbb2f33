/** Bugs of the log: replication, counting, commit, and the memory of it after a restart. */
import type { Area } from './mutation.ts'

const replication = 'actors/raft/replication.ts'
const commit = 'actors/raft/commit.ts'
const counting = 'quorumIndex(state.membership.current, matchOf)'
const conflict = 'log.term(entry.index) !== entry.term'

export const raftLog: Area = {
  area: 'raft-log',
  mutations: [
    {
      name: 'earlier-term-committed-by-counting',
      history: 'An entry of an earlier term is committed because a majority holds it (Raft figure 8, R8).',
      file: commit,
      find: 'if (state.log.term(index) !== state.term) {',
      replace: 'if (!MUTANT && state.log.term(index) !== state.term) {',
      expects: ['R8'],
    },
    {
      name: 'commit-without-quorum',
      history: 'The leader commits what its own disk holds.',
      file: commit,
      find: counting,
      replace: '(MUTANT ? state.selfMatch : ORIGINAL)',
      expects: ['I9'],
    },
    {
      name: 'majority-rounded-down',
      history: 'Half of an even number of voters is called a majority.',
      file: 'actors/raft/quorum.ts',
      find: 'return Math.floor(count / 2) + 1',
      replace: 'return MUTANT ? Math.ceil(count / 2) : Math.floor(count / 2) + 1',
      expects: ['I1', 'I4', 'I5', 'I9', 'I13'],
    },
    {
      name: 'leader-counts-unwritten-log',
      history:
        'The leader counts its own log before its disk has it: the parallel write is sound, the early count is not (thesis §10.2.1).',
      file: commit,
      find: 'if (node === state.self) return state.selfMatch',
      replace: 'if (node === state.self) return MUTANT ? state.log.last : state.selfMatch',
      expects: ['I9'],
    },
    {
      name: 'append-acknowledged-before-disk',
      history: 'A follower acknowledges entries that its disk does not hold yet (R10).',
      file: replication,
      find: "index: lastNew, round, ...lossOf(state) }, 'durable')",
      replace: "index: lastNew, round, ...lossOf(state) }, MUTANT ? 'now' : 'durable')",
      expects: ['I12', 'I9', 'I6'],
    },
    {
      name: 'append-without-looking-back',
      history: 'Entries are taken without comparing the one before them (Raft §5.3, the consistency check).',
      file: replication,
      find: 'if (known === 0 && log.term(prevIndex) !== prevTerm) {',
      replace: 'if (known === 0 && log.term(prevIndex) !== prevTerm && !(MUTANT && prevIndex <= log.last)) {',
      expects: ['I3', 'I12'],
      scenario: 'R6',
    },
    {
      name: 'append-always-cuts',
      history:
        'The log is cut at the first entry of an append even where it agrees, so a late append removes what was acknowledged since.',
      file: replication,
      find: conflict,
      replace: '(MUTANT || ORIGINAL)',
      expects: ['R8', 'I12', 'I9'],
    },
    {
      name: 'conflict-kept',
      history: 'An entry that differs from the leader’s stays, and the append is acknowledged (R6).',
      file: replication,
      find: conflict,
      replace: '(!MUTANT && ORIGINAL)',
      expects: ['I12', 'I5', 'I3'],
    },
    {
      name: 'commit-beyond-append',
      history:
        'A follower takes the leader’s commit index for more of its log than the append proved equal (etcd bounds it by the last new entry).',
      file: replication,
      find: 'commitTo(state, Math.min(message.commit, lastNew))',
      replace: 'commitTo(state, Math.min(message.commit, MUTANT ? log.last : lastNew))',
      expects: ['I5', 'I8', 'R8'],
      scenario: 'R8',
    },
    {
      name: 'heartbeat-commits-beyond-match',
      history:
        'Heartbeats carry the commit index to followers whose log may still differ there (etcd sends the smaller of match and commit).',
      file: 'actors/raft/heartbeat.ts',
      find: 'Math.min(progress.match, state.commit)',
      replace: '(MUTANT ? state.commit : ORIGINAL)',
      expects: ['I5', 'I8', 'R8'],
    },
    {
      name: 'commit-falls',
      history: 'A late message sets the commit index back (R8).',
      file: commit,
      find: 'if (index <= state.commit) return\n  invariant',
      replace: 'if (index <= state.commit && !MUTANT) return\n  invariant',
      expects: ['R8'],
    },
    {
      name: 'refusal-taken-for-match',
      history: 'The index of a refused append is noted as matched (R12).',
      file: replication,
      find: 'const hinted = state.log.lastAtOrBelowTerm(',
      replace: 'if (MUTANT) acknowledged(progress, prevIndex)\n  ORIGINAL',
      expects: ['I12', 'R12'],
    },
    {
      name: 'next-never-steps-back',
      history: 'A refusal is not heeded, and the same append is sent again for ever.',
      file: 'actors/raft/progress.ts',
      find: "if (progress.phase === 'snapshot' || prevIndex <= progress.match) return false",
      replace: "if (MUTANT || progress.phase === 'snapshot' || prevIndex <= progress.match) return false",
      expects: ['I23'],
    },
    {
      name: 'match-of-unsent-entries',
      history:
        'A late acknowledgement from an earlier leader’s time counts for more than this leader’s log was shown to share.',
      file: 'actors/raft/progress.ts',
      find: 'progress.match = index\n',
      replace: 'progress.match = MUTANT ? Math.max(index, progress.next - 1) : index\n',
      expects: ['I12', 'I9'],
    },
    {
      name: 'term-spoken-before-disk',
      history: 'A leader that elected itself speaks in a term which a crash can still make it live through twice.',
      file: 'actors/raft/state.ts',
      find: "return state.termDurable ? 'now' : 'durable'",
      replace: "return MUTANT || state.termDurable ? 'now' : 'durable'",
      expects: ['I6', 'I3'],
      scenario: 'R2',
    },
    {
      name: 'applied-before-commit',
      history: 'Entries are handed to the state machine when they are appended (R9).',
      file: commit,
      find: 'while (state.applying < state.commit &&',
      replace: 'while (state.applying < (MUTANT ? state.log.last : state.commit) &&',
      also: [
        {
          file: commit,
          find: 'state.log.slice(state.applying + 1, state.commit,',
          replace: 'state.log.slice(state.applying + 1, MUTANT ? state.log.last : state.commit,',
        },
      ],
      expects: ['R9', 'I10', 'I5'],
    },
    {
      name: 'compacted-beyond-folded',
      history: 'The log is compacted up to the commit index, past what the state machine has on disk (R20).',
      file: commit,
      find: 'Math.min(state.folded, Math.max(byCount, byBytes))',
      replace: '(MUTANT ? state.commit : ORIGINAL)',
      expects: ['R20'],
    },
    {
      name: 'compacted-past-followers',
      history: 'The log is compacted past what a live follower needs, so every hiccup costs a snapshot (R20).',
      file: commit,
      find: 'return needed\n',
      replace: 'return MUTANT ? target : needed\n',
      expects: ['R20'],
      scenario: 'R20',
    },
    {
      name: 'quota-never-released',
      history:
        'Committed bytes go on counting as uncommitted, until a leader refuses every proposal (R22; etcd pull request 10199, which hit CockroachDB’s imports).',
      file: commit,
      find: 'if (entry.term === state.term) state.quotaBytes -= entry.data.length',
      replace: 'if (!MUTANT && entry.term === state.term) state.quotaBytes -= entry.data.length',
      expects: ['R22'],
    },
  ],
}
