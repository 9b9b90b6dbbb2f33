/** Bugs of linearizable reads: what was promised to a reader, and when. */
import type { Area } from './mutation.ts'

const read = 'actors/raft/read.ts'
const reads = 'actors/raft/reads.ts'

export const raftReads: Area = {
  area: 'raft-reads',
  mutations: [
    {
      name: 'read-before-own-term-commits',
      history:
        'A new leader answers reads before it committed in its term, and may not know yet what was committed before (thesis §6.4, R18; etcd issue 7331).',
      file: read,
      find: '|| state.commit < state.termStart) return',
      replace: '|| (!MUTANT && state.commit < state.termStart)) return',
      expects: ['I16'],
      scenario: 'R18.3',
    },
    {
      name: 'read-without-round',
      history:
        'A leader answers reads without asking anybody whether it still leads (R18; etcd issue 20418 is a late relative: a paused process read stale).',
      file: read,
      find: 'if (!hasQuorum(state.membership.current, acknowledged)) return',
      replace: 'if (!MUTANT && !hasQuorum(state.membership.current, acknowledged)) return',
      expects: ['I16'],
      scenario: 'R18',
    },
    {
      name: 'read-joins-round-under-way',
      history:
        'A read that arrives during a round is answered by it, at an index noted before the read was asked (R18).',
      file: read,
      find: 'reads.waiting.push({ from, id })',
      replace: ';(MUTANT && reads.asked.length > 0 ? reads.asked : reads.waiting).push({ from, id })',
      expects: ['I16'],
      scenario: 'R18.2',
    },
    {
      name: 'old-round-confirms-new',
      history: 'Acknowledgements of the round before count for this one (R18).',
      file: read,
      find: 'progress.roundAcked >= reads.round',
      replace: 'progress.roundAcked >= reads.round - (MUTANT ? 1 : 0)',
      expects: ['I16'],
      scenario: 'R18',
    },
    {
      name: 'follower-reads-its-own-commit',
      history: 'A follower answers a linearizable read at its own commit index.',
      file: read,
      find: 'if (state.leader === undefined) {',
      replace:
        "if (MUTANT) {\n    out.push({ type: 'readReady', ids: [id], index: state.commit })\n    return\n  }\n  ORIGINAL",
      expects: ['I16'],
    },
    {
      name: 'late-answer-fits-new-question',
      history:
        'A follower takes the answer to an earlier question for the present one (our own bug: questions once began at 0 with every start).',
      file: read,
      find: 'id !== reads.question',
      replace: '(!MUTANT && ORIGINAL)',
      expects: ['I16'],
      scenario: 'R18.4',
    },
    {
      name: 'read-not-dropped-with-leadership',
      history: 'A leader that lost its place still answers the reads of its last round (R21).',
      file: read,
      find: "dropReads(ended, 'leaderChanged', out)",
      replace:
        "if (MUTANT && own.length > 0) out.push({ type: 'readReady', ids: own, index: state.commit })\n  else ORIGINAL",
      expects: ['I16'],
      scenario: 'R21',
    },
    {
      name: 'read-served-before-applied',
      history: 'The index of a read is right, and the state is read before it got there (R18).',
      file: reads,
      find: 'if (batch.index > applied) return true',
      replace: 'if (!MUTANT && batch.index > applied) return true',
      expects: ['I16'],
    },
    {
      name: 'replica-adds-to-asked-batch',
      history: 'A replica adds a read to a question that was put before the read arrived (A7).',
      file: reads,
      find: 'reads.waiting.push({ handle, query,',
      replace: ';(MUTANT && reads.asked !== undefined ? reads.asked.reads : reads.waiting).push({ handle, query,',
      expects: ['I16'],
      scenario: 'A7',
    },
  ],
}
