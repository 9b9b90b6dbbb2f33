/** Bugs of elections: terms, votes, leadership, and who may ask for it. */
import type { Area } from './mutation.ts'

const election = 'actors/raft/election.ts'
const core = 'actors/raft/core.ts'

export const raftVotes: Area = {
  area: 'raft-votes',
  mutations: [
    {
      name: 'vote-not-persisted',
      history: 'A vote is forgotten by a restart, so a voter votes twice in a term (Raft §5.2, R2).',
      file: 'actors/raft/group.ts',
      find: 'votedFor: effect.votedFor',
      replace: 'votedFor: MUTANT ? undefined : effect.votedFor',
      expects: ['I7'],
    },
    {
      name: 'term-not-persisted',
      history:
        'The term on disk lags behind the one that was spoken of (R1; early Raft libraries wrote the term with the next entry).',
      file: 'actors/raft/group.ts',
      find: 'term: effect.term,',
      replace: 'term: MUTANT ? Math.max(0, effect.term - 1) : effect.term,',
      expects: ['I6', 'I7'],
    },
    {
      name: 'vote-twice-in-term',
      history: 'Whoever asks gets the vote, whoever had it before (R2).',
      file: election,
      find: 'const free = state.votedFor === to',
      replace: 'const free = MUTANT || state.votedFor === to',
      expects: ['R2', 'I7', 'I1'],
    },
    {
      name: 'vote-sent-before-disk',
      history: 'A vote leaves before it is on disk (R2; hashicorp/raft and others once answered first and wrote then).',
      file: election,
      find: "{ type: 'vote', from, term: granted ? asked : term, pre, granted }, 'durable')",
      replace: "{ type: 'vote', from, term: granted ? asked : term, pre, granted }, MUTANT ? 'now' : 'durable')",
      expects: ['I7', 'I6'],
    },
    {
      name: 'candidacy-sent-before-disk',
      history: 'A candidate asks for votes before its own vote and term are on disk (R2).',
      file: election,
      find: "pre ? 'now' : 'durable'",
      replace: "pre || MUTANT ? 'now' : 'durable'",
      expects: ['I6'],
    },
    {
      name: 'vote-for-stale-log',
      history: 'The log of the candidate is not compared at all (Raft §5.4.1, R7).',
      file: election,
      find: 'return candidate.lastTerm > lastTerm',
      replace: 'return MUTANT || candidate.lastTerm > lastTerm',
      expects: ['I4', 'R7', 'R8'],
    },
    {
      name: 'longer-log-wins',
      history: 'Logs are compared by length before term, the commonest error in student implementations (Raft §5.4.1).',
      file: election,
      find: '(candidate.lastTerm === lastTerm && candidate.lastIndex >= last)',
      replace: '((MUTANT || candidate.lastTerm === lastTerm) && candidate.lastIndex >= last)',
      expects: ['I4', 'R7', 'R8'],
    },
    {
      name: 'own-vote-decides',
      history: 'A candidate counts itself and waits for nobody (R3).',
      file: election,
      find: "case 'pending':\n      break",
      replace:
        "case 'pending':\n      if (MUTANT && state.role === 'candidate' && state.votes.size > 1) becomeLeader(state, out)\n      break",
      expects: ['R3', 'I1', 'I13'],
    },
    {
      name: 'pre-vote-raises-term',
      history:
        'Asking whether an election could be won moves the term of whoever is asked (R11; the first pre-vote of several libraries).',
      file: core,
      find: 'message.term > state.term && !message.pre',
      replace: 'message.term > state.term && (MUTANT || !message.pre)',
      expects: ['R11', 'I14'],
    },
    {
      name: 'pre-vote-counted-as-vote',
      history:
        'A late answer to the pre-vote is taken for a vote in the election that followed it (etcd keeps the two apart by type).',
      file: election,
      find: "if (state.role !== 'preCandidate' || (granted && term !== state.term + 1)) return",
      replace: "if (!MUTANT && (state.role !== 'preCandidate' || (granted && term !== state.term + 1))) return",
      expects: ['I1', 'R4'],
    },
    {
      name: 'pre-vote-off',
      history:
        'Whoever times out stands at once, so a replica that was cut off unseats a sound leader when it returns (thesis §9.6).',
      file: election,
      find: 'state.config.preVote && !mayLeadAlone(state)',
      replace: '!MUTANT && ORIGINAL',
      expects: ['R16'],
      scenario: 'R11',
    },
    {
      name: 'every-election-forced',
      history:
        'The word that an election was asked for by the leader is put on every one, which disarms the shields (side rule: only a transfer forces votes).',
      file: election,
      find: "const transfer = kind === 'transfer'",
      replace: "const transfer = MUTANT || kind === 'transfer'",
      expects: ['R16'],
      scenario: 'R16',
    },
    {
      name: 'higher-term-ignored',
      history: 'A message of a higher term is handled without entering that term (Raft §5.1).',
      file: core,
      find: 'if (message.term > state.term) {',
      replace: 'if (!MUTANT && message.term > state.term) {',
      expects: ['R4', 'I1', 'I3'],
    },
    {
      name: 'stale-term-obeyed',
      history: 'What a leader of an earlier term says is still obeyed (Raft §5.1).',
      file: core,
      find: 'if (message.term < state.term) {',
      replace: 'if (!MUTANT && message.term < state.term) {',
      expects: ['R4', 'I3', 'I8'],
    },
    {
      name: 'leader-stays-in-new-term',
      history: 'A leader that hears of a higher term takes the term and keeps the office.',
      file: 'actors/raft/roles.ts',
      find: "state.role = 'follower'",
      replace: "if (!(MUTANT && state.role === 'leader')) state.role = 'follower'",
      expects: ['I1', 'R4'],
    },
    {
      name: 'heard-leader-gives-no-shield',
      history: 'Votes are given although a leader was heard a moment ago (R16; without it a lease means nothing).',
      file: election,
      find: '(checkQuorum && state.leader !== undefined',
      replace: '(!MUTANT && checkQuorum && state.leader !== undefined',
      expects: ['R16'],
    },
    {
      name: 'no-vote-ban-after-start',
      history: 'A voter that restarted has forgotten which leader it heard and votes at once (R17).',
      file: 'actors/raft/state.ts',
      find: 'return state.ticks < state.voteBanUntil',
      replace: 'return !MUTANT && state.ticks < state.voteBanUntil',
      expects: ['R17'],
    },
    {
      name: 'quorum-never-checked',
      history:
        'A leader that hears nobody never steps down; where it is still heard, nobody replaces it (etcd added CheckQuorum for this).',
      file: core,
      find: 'if (state.config.checkQuorum) checkQuorum(state, out)',
      replace: 'if (state.config.checkQuorum && !MUTANT) checkQuorum(state, out)',
      expects: ['I23', 'R15'],
      scenario: 'R15',
    },
    {
      name: 'sleep-taken-for-contact',
      history: 'A leader that wakes counts what it heard before it slept as contact (R23).',
      file: 'actors/raft/quiescence.ts',
      find: 'for (const progress of state.progress.values()) progress.active = false',
      replace: 'if (!MUTANT) ORIGINAL',
      expects: ['R23', 'R15'],
      scenario: 'R23.2',
    },
    {
      name: 'lost-store-votes',
      history: 'A replica whose store was lost gives its vote at once, though it may have given it before (R25).',
      file: election,
      find: 'if (state.forgetful) return true',
      replace: 'if (!MUTANT && state.forgetful) return true',
      expects: ['I4', 'I21', 'I1'],
      scenario: 'D5',
    },
    {
      name: 'lost-store-trusted-at-once',
      history:
        'A lost store is trusted before an entry younger than the loss was committed without it (R25; TiKV and CockroachDB forbid re-use of the id instead).',
      file: 'actors/raft/replication.ts',
      find: 'if (lost.trusted) return',
      replace: 'if (MUTANT || lost.trusted) return',
      expects: ['R25', 'I9', 'I4'],
      scenario: 'R25',
    },
    {
      name: 'heartbeat-leaves-timer-alone',
      history:
        'A heartbeat is acknowledged without touching the timer of its group (side rule of merged heartbeats: an answer counts only if the timer moved).',
      file: core,
      find: 'becomeFollower(state, state.term, leader, out)\n  state.electionElapsed = 0',
      replace: 'becomeFollower(state, state.term, leader, out)\n  if (!MUTANT) state.electionElapsed = 0',
      expects: ['R16', 'I23'],
      scenario: 'R16.2',
    },
  ],
}
