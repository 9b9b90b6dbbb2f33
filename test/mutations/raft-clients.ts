/** Bugs between the log and its clients: applying, remembering what was answered, and answering. */
import type { Area } from './mutation.ts'

const apply = 'actors/raft/replica-apply.ts'
const sessions = 'actors/raft/sessions.ts'

export const raftClients: Area = {
  area: 'raft-clients',
  mutations: [
    {
      name: 'retry-applied-again',
      history: 'Requests are not remembered, so a repeated one is done twice (thesis §6.3, A3).',
      file: sessions,
      find: "if (session === undefined) return { type: 'new' }",
      replace: "if (MUTANT || session === undefined) return { type: 'new' }",
      expects: ['I20'],
    },
    {
      name: 'answers-not-kept-on-disk',
      history:
        'Remembered answers live in memory alone, so a replica that restarts remembers less than the others (A4).',
      file: sessions,
      find: 'sessions.store.put(answerKey(client, number), answer)',
      replace: 'if (!MUTANT) sessions.store.put(answerKey(client, number), answer)',
      expects: ['I5', 'I20'],
    },
    {
      name: 'session-order-not-kept',
      history: 'The last use of a client is not written, so replicas forget different clients (A4).',
      file: sessions,
      find: 'sessions.store.put(`h${client}`, pack([session.touched, session.floor]))',
      replace:
        'if (!MUTANT || session.touched < 2) sessions.store.put(`h${client}`, pack([session.touched, session.floor]))',
      expects: ['I5', 'I20', 'I21'],
    },
    {
      name: 'doubled-entry-applied-twice',
      history: 'A forwarded proposal that the network doubled is applied as often as it stands in the log (A2).',
      file: 'actors/raft/origins.ts',
      find: 'if (incarnation === mark.incarnation && number <= mark.number) return false',
      replace: 'if (!MUTANT && incarnation === mark.incarnation && number <= mark.number) return false',
      expects: ['I20', 'A2'],
      scenario: 'A2',
    },
    {
      name: 'applied-index-apart-from-state',
      history:
        'The applied index is not written with the state it belongs to, and a restart applies entries again (etcd issue 13766, in v3.5.0 to v3.5.2).',
      file: apply,
      find: 'if (state.applied > before) saveMeta(state, ctx.store)',
      replace: 'if (state.applied > before && !(MUTANT && state.applied % 4 !== 0)) saveMeta(state, ctx.store)',
      expects: ['I5', 'I20', 'K4'],
    },
    {
      name: 'last-entry-skipped',
      history: 'Of several entries handed over together the last is noted as applied and is not.',
      file: apply,
      find: 'applyEntry(state, entry, answers, ctx)\n    state.applied',
      replace:
        'if (!MUTANT || entries.length < 3 || entry !== entries[entries.length - 1]) applyEntry(state, entry, answers, ctx)\n    state.applied',
      expects: ['I5', 'I21'],
    },
    {
      name: 'entry-number-used-twice',
      history: 'Two entries of a proposer bear one number, so the second is taken for a copy of the first (A2).',
      file: 'actors/raft/proposals.ts',
      find: 'const { node, incarnation, nextNumber: number, limits } = proposals',
      replace:
        'const { node, incarnation, nextNumber, limits } = proposals\n  const number = MUTANT ? Math.max(1, nextNumber - 1) : nextNumber',
      expects: ['I20', 'I21', 'A2'],
      scenario: 'A5.2',
    },
    {
      name: 'answers-swapped',
      history: 'Answers of a batch go to the wrong askers.',
      file: apply,
      find: 'const handle = waiting[i]',
      replace: 'const handle = waiting[MUTANT ? waiting.length - 1 - i : i]',
      expects: ['I16', 'I21'],
    },
    {
      name: 'acknowledged-when-proposed',
      history: 'A write is acknowledged when the leader has taken it, before anybody else holds it.',
      file: 'actors/raft/replica.ts',
      find: 'answer(answers, ctx)\n  askQuestion(state, ctx)\n}',
      replace:
        "if (MUTANT && state.role === 'leader') for (const entry of state.proposals.pending.values()) for (const handle of entry.handles)\n    if (handle !== undefined) answers.push({ handle, reply: { type: 'applied', reply: { type: 'done', revision: 1_000_000 + state.applied, response: { type: 'put' } }, index: state.applied, term: state.term } })\n  ORIGINAL",
      expects: ['I16', 'I21'],
    },
    {
      name: 'dropped-though-it-may-happen',
      history: 'A proposal whose leader is gone is called certainly dropped, and happens later (A6).',
      file: 'actors/raft/proposals.ts',
      find: "const certain = ours || reason === 'noLeader'",
      replace: "const certain = MUTANT || ours || reason === 'noLeader'",
      expects: ['A6', 'I16'],
      scenario: 'A6',
    },
    {
      name: 'asker-left-behind',
      history: 'Whoever waits for an entry that was overtaken is never answered (A5).',
      file: 'actors/raft/proposals.ts',
      find: 'if (nowMs < entry.deadlineMs && ',
      replace: 'if ((MUTANT || nowMs < entry.deadlineMs) && ',
      expects: ['A5', 'I23'],
      scenario: 'A5',
    },
  ],
}
