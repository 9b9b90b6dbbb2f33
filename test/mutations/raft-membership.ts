/** Bugs of changing members: when a configuration is in force, and who counts. */
import type { Area } from './mutation.ts'

const reconfigure = 'actors/raft/reconfigure.ts'
const election = 'actors/raft/election.ts'
const counting = 'quorumIndex(state.membership.current, matchOf)'

export const raftMembership: Area = {
  area: 'raft-membership',
  mutations: [
    {
      name: 'joint-commit-by-one-side',
      history: 'In a joint configuration the new voters alone commit (thesis §4.3, R10).',
      file: 'actors/raft/commit.ts',
      find: counting,
      replace: '(MUTANT ? quorumIndex({ ...state.membership.current, votersOutgoing: [] }, matchOf) : ORIGINAL)',
      expects: ['I9', 'I13'],
      scenario: 'R13.1',
    },
    {
      name: 'joint-election-by-one-side',
      history: 'In a joint configuration the new voters alone elect (thesis §4.3, R3).',
      file: election,
      find: 'voteOutcome(state.membership.current, state.votes)',
      replace: '(MUTANT ? voteOutcome({ ...state.membership.current, votersOutgoing: [] }, state.votes) : ORIGINAL)',
      expects: ['R3', 'I13', 'I1'],
      scenario: 'R13.1',
    },
    {
      name: 'commit-by-old-configuration',
      history: 'A configuration counts only once it is committed, instead of from its entry on (thesis §4.1).',
      file: 'actors/raft/commit.ts',
      find: counting,
      replace: '(MUTANT ? quorumIndex(state.membership.at(state.commit), matchOf) : ORIGINAL)',
      expects: ['I9', 'I13'],
      scenario: 'R13.1',
    },
    {
      name: 'learner-counted-in-commit',
      history: 'What a learner holds helps to commit (R14).',
      file: 'actors/raft/commit.ts',
      find: counting,
      replace:
        '(MUTANT ? quorumIndex({ ...state.membership.current, voters: withLearners(state) }, matchOf) : ORIGINAL)',
      also: [
        {
          file: 'actors/raft/commit.ts',
          find: 'const accountBytesMax = 1024 * 1024\n',
          replace:
            'ORIGINALfunction withLearners({ membership: { current } }: RaftState): NodeId[] {\n  return MUTANT ? [...current.voters, ...current.learners] : []\n}\n',
        },
      ],
      expects: ['I9', 'I13'],
    },
    {
      name: 'learner-stands',
      history: 'A learner that hears no leader stands for election (R14).',
      file: election,
      find: 'isVoter(membership.current, self) || isVoter(membership.at(commit), self)',
      replace: 'MUTANT || ORIGINAL',
      expects: ['R13', 'R14'],
      scenario: 'R14',
    },
    {
      name: 'second-change-while-one-is-open',
      history:
        'A change begins before the one before it is committed; two of them can have majorities that never meet (R13).',
      file: reconfigure,
      find: "return currentIndex > state.commit || isJoint(current) ? 'configurationPending' : undefined",
      replace:
        "return !MUTANT && (currentIndex > state.commit || isJoint(current)) ? 'configurationPending' : undefined",
      expects: ['R13', 'I13'],
      scenario: 'R13.2',
    },
    {
      name: 'change-before-own-term',
      history:
        'A new leader changes a voter before it committed in its term: the bug of changes by one server that Ongaro made public in 2015 (R13).',
      file: reconfigure,
      find: "if (state.commit < state.termStart) return 'notReady'",
      replace: "if (!MUTANT && state.commit < state.termStart) return 'notReady'",
      expects: ['R13', 'I13'],
      scenario: 'R13.3',
    },
    {
      name: 'joint-left-uncommitted',
      history:
        'The joint configuration is left before it is committed, so old and new voters are never needed together.',
      file: reconfigure,
      find: 'if (membership.currentIndex > state.commit) return',
      replace: 'if (!MUTANT && membership.currentIndex > state.commit) return',
      expects: ['I13', 'R13', 'I9'],
      scenario: 'R13.1',
    },
    {
      name: 'joint-never-left',
      history: 'A joint configuration that is committed is not left by itself (R13).',
      file: reconfigure,
      find: 'if (isJoint(membership.current)) {',
      replace: 'if (isJoint(membership.current) && MUTANT) return\n  if (isJoint(membership.current)) {',
      expects: ['R13', 'I23'],
      scenario: 'R13.1',
    },
    {
      name: 'leader-stays-though-left-out',
      history: 'A leader that is no voter any more goes on leading (thesis §4.2.2, R13).',
      file: reconfigure,
      find: 'if (!isVoter(membership.current, state.self)) retire(state, out)',
      replace: 'if (!MUTANT && !isVoter(membership.current, state.self)) retire(state, out)',
      expects: ['R13'],
    },
    {
      name: 'new-member-not-tracked',
      history: 'A member that a change adds is sent nothing until the next leader comes.',
      file: reconfigure,
      find: 'trackNewMembers(state)\n  replicateAll',
      replace: 'if (!MUTANT) trackNewMembers(state)\n  replicateAll',
      expects: ['I23', 'I0'],
      scenario: 'M3',
    },
    {
      name: 'cut-configuration-stays',
      history: 'A configuration whose entry was replaced stays in force (R13).',
      file: 'actors/raft/replication.ts',
      find: 'membership.truncate(entry.index)',
      replace: 'if (!MUTANT) membership.truncate(entry.index)',
      expects: ['R13', 'I13', 'I9'],
      scenario: 'R13.4',
    },
    {
      name: 'restart-forgets-configurations',
      history: 'Configurations in the part of the log that is not compacted are not read at start (R13).',
      file: 'actors/raft/state.ts',
      find: 'membership.add(entry.index, configuration)',
      replace: 'if (!MUTANT) membership.add(entry.index, configuration)',
      expects: ['I13', 'R13', 'I9', 'I23'],
      scenario: 'R13.1',
    },
    {
      name: 'snapshot-configuration-ignored',
      history:
        'A follower that continues after a snapshot keeps its old configuration (Raft §7: the snapshot holds it).',
      file: 'actors/raft/install.ts',
      find: 'membership.reset(meta.index, meta.configuration)',
      replace: 'membership.reset(meta.index, MUTANT ? membership.base : meta.configuration)',
      expects: ['R13', 'I13'],
      scenario: 'R21.2',
    },
    {
      name: 'transfer-takes-proposals',
      history:
        'During a transfer the leader goes on taking proposals, which can keep the heir behind for ever (thesis §3.10, R19).',
      file: 'actors/raft/proposing.ts',
      find: "if (state.transfer !== undefined) return 'transferring'",
      replace: "if (!MUTANT && state.transfer !== undefined) return 'transferring'",
      expects: ['R19'],
      scenario: 'R19',
    },
    {
      name: 'transfer-to-lagging-heir',
      history: 'The heir is told to stand before it holds the whole log (thesis §3.10).',
      file: 'actors/raft/transfer.ts',
      find: 'if (state.progress.get(transfer.to)?.match !== state.log.last',
      replace: 'if (!MUTANT && state.progress.get(transfer.to)?.match !== state.log.last',
      expects: ['R19'],
      scenario: 'R19',
    },
    {
      name: 'transfer-never-given-up',
      history:
        'A transfer whose heir is gone is never given up, and proposals are refused for ever (etcd aborts after an election timeout).',
      file: 'actors/raft/transfer.ts',
      find: '++transfer.ticks >= state.config.electionTicks',
      replace: '!MUTANT && ORIGINAL',
      expects: ['R19', 'I23'],
      scenario: 'R19.2',
    },
  ],
}
