/** Bugs of many groups on one node: sleep, merged heartbeats, names used again. */
import type { Area } from './mutation.ts'

export const groups: Area = {
  area: 'groups',
  mutations: [
    {
      name: 'name-used-again-is-same-group',
      history: 'What the old bearer of a group’s name says is heard by the new one (A13).',
      file: 'actors/raft/group.ts',
      find: 'if ((message.lineage ?? onlyLineage) !== state.lineage) state.foreignTotal += 1',
      replace: 'if (!MUTANT && (message.lineage ?? onlyLineage) !== state.lineage) state.foreignTotal += 1',
      expects: ['A13', 'I1', 'I3'],
      scenario: 'A13',
    },
    {
      name: 'older-topology-obeyed',
      history:
        'After a crash a node obeys a copy of the topology that is older than what it acted upon, and erases a group that was made since (N3; our own bug, found by scenario A13).',
      file: 'aspen/keeper.ts',
      find: 'return version < known',
      replace: 'return !MUTANT && version < known',
      expects: ['I6', 'A13', 'I23'],
      scenario: 'A13',
    },
    {
      name: 'sleeper-not-woken-by-dead-leader',
      history: 'A group that sleeps does not wake when the node of its leader is gone (R23).',
      file: 'actors/raft/quiescence.ts',
      find: "return state.role === 'leader' || (message.node === state.leader && !message.up)",
      replace: "return state.role === 'leader' || (!MUTANT && message.node === state.leader && !message.up)",
      expects: ['R23', 'I23'],
      scenario: 'R23.1',
    },
    {
      name: 'nameless-replica-silent',
      history:
        'A replica that lost its store, and with it the names of its members, calls nobody: its group sleeps on (A16; seed 4301 of the mix).',
      file: 'actors/raft/forgetful.ts',
      find: "if (known.size === 0 || buggify(callEverybody, 0.5)) out.push({ type: 'call', message: call })",
      replace:
        "if (!MUTANT && (known.size === 0 || buggify(callEverybody, 0.5))) out.push({ type: 'call', message: call })",
      expects: ['I23'],
      scenario: 'R23.6',
    },
    {
      name: 'sleeps-with-follower-behind',
      history: 'A leader lets its group sleep while a follower that is there lacks entries (R23).',
      file: 'actors/raft/quiescence.ts',
      find: "(progress.match !== log.last || progress.phase !== 'replicate') && progress.linkUp",
      replace: '(!MUTANT && ORIGINAL)',
      expects: ['I23', 'R23'],
      scenario: 'R23.3',
    },
    {
      name: 'sleeper-never-wakes',
      history: 'A group that sleeps takes no message for a reason to wake.',
      file: 'actors/raft/quiescence.ts',
      find: 'if (!wakes(state, message)) return',
      replace: 'if (MUTANT || !wakes(state, message)) return',
      expects: ['I23', 'R23'],
    },
    {
      name: 'beat-for-wrong-group',
      history: 'A merged heartbeat is handed to another group of the node.',
      file: 'actors/raft/heartbeats.ts',
      find: 'tellGroup(ctx, group, id ===',
      replace: "tellGroup(ctx, MUTANT ? 'meta' : group, id ===",
      expects: ['R4', 'I1', 'R24'],
      scenario: 'R16.2',
    },
    {
      name: 'empty-beat-not-sent',
      history: 'A node whose groups all sleep says nothing, and is taken for dead by everybody.',
      file: 'actors/raft/node-beats.ts',
      find: 'const silent = !neighbour.sent',
      replace: 'const silent = !MUTANT && !neighbour.sent',
      expects: ['R23'],
      scenario: 'R23.4',
    },
  ],
}
