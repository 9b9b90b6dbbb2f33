/** Bugs of supervisors: who restarts, with whom, and when it is too much. */
import type { Area } from './mutation.ts'

const core = 'supervisors/core.ts'

export const supervision: Area = {
  area: 'supervision',
  mutations: [
    {
      name: 'child-of-lost-thread-forgotten',
      history: 'Children that wait for the replacement of a thread are not started when it comes (U10).',
      file: core,
      find: 'if (child.awaits === notice.executor) child.awaits = undefined',
      replace: 'if (!MUTANT && child.awaits === notice.executor) child.awaits = undefined',
      expects: ['I23', 'U10'],
    },
    {
      name: 'intensity-ignored',
      history: 'A supervisor restarts a child without end instead of passing the failure up (U1).',
      file: 'supervisors/restart.ts',
      find: "if (window.times.length - window.head >= restartsMax) return 'escalate'",
      replace: "if (!MUTANT && window.times.length - window.head >= restartsMax) return 'escalate'",
      expects: ['U1'],
      scenario: 'U1',
    },
    {
      name: 'siblings-left-out-of-restart',
      history: 'restForOne restarts the failed child alone, though those after it were built on it (U3).',
      file: 'supervisors/restart.ts',
      find: 'return sibling >= failed',
      replace: 'return MUTANT ? sibling === failed : sibling >= failed',
      expects: ['U3'],
      scenario: 'U3',
    },
    {
      name: 'sound-end-restarted',
      history: 'A transient child that ended in order is started again (U6).',
      file: 'supervisors/restart.ts',
      find: "return reason.type !== 'normal'",
      replace: "return MUTANT || reason.type !== 'normal'",
      expects: ['U6'],
      scenario: 'U3',
    },
    {
      name: 'thread-loss-counted-per-child',
      history: 'A thread that takes many children with it uses up the intensity of their supervisor at once (U2).',
      file: core,
      find: "const counts = noteThreadLoss(state.losses, lost) === 'counts'",
      replace: "const counts = noteThreadLoss(state.losses, lost) === 'counts' || MUTANT",
      expects: ['U2'],
      scenario: 'D3',
    },
    {
      name: 'failed-child-forgotten',
      history: 'A child that failed a second time while its restart was awaited is never started again.',
      file: core,
      find: "moveTo(state, child, 'failed')\n",
      replace:
        "moveTo(state, child, 'failed')\n  if (MUTANT && child.failures > 1) child.dueMs = Number.POSITIVE_INFINITY\n  if (MUTANT && child.failures > 1) return\n",
      expects: ['U6'],
      scenario: 'U3',
    },
  ],
}
