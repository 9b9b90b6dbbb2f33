/** Bugs of the kernel: mailboxes, asks, timers, watches. */
import type { Area } from './mutation.ts'

const asks = 'runtime/kernel/asks.ts'
const lifecycle = 'runtime/kernel/lifecycle.ts'
const watches = 'runtime/kernel/watches.ts'

export const kernel: Area = {
  area: 'kernel',
  mutations: [
    {
      name: 'lane-out-of-order',
      history: 'Within a lane a message overtakes another (B2).',
      file: 'mailbox/mailbox.ts',
      find: 'lane.push(envelope)\n      return undefined',
      replace:
        'if (MUTANT && lane.length % 3 === 2) lane.unshift(envelope)\n      else lane.push(envelope)\n      return undefined',
      expects: ['B2', 'I5'],
      scenario: 'B2',
    },
    {
      name: 'put-back-in-reverse',
      history: 'Stashed messages come back in the wrong order (B2).',
      file: 'mailbox/mailbox.ts',
      find: 'for (let i = envelopes.length - 1; i >= 0; i--) queue.unshift(envelopes[i] as Envelope<To>)',
      replace: 'if (MUTANT) for (const envelope of envelopes) queue.unshift(envelope)\n    else ORIGINAL',
      expects: ['B2'],
      scenario: 'B2',
    },
    {
      name: 'overflow-without-answer',
      history: 'A full mailbox drops an ask in silence (B3).',
      file: 'runtime/kernel/router.ts',
      find: "if (envelope.replyTo !== undefined) this.answer(envelope.replyTo, { type: 'overloaded' })\n    this.#host.deadLetters.add(cell.name",
      replace: 'if (!MUTANT) ORIGINAL',
      expects: ['B3'],
      scenario: 'B3',
    },
    {
      name: 'ask-never-times-out',
      history: 'The deadline of an ask passes without an answer.',
      file: asks,
      find: "this.settle({ type: 'timeout' })",
      replace: "if (!MUTANT) this.settle({ type: 'timeout' })",
      expects: ['L4', 'I23'],
      scenario: 'L4',
    },
    {
      name: 'ask-answered-twice',
      history: 'An answer that comes after the deadline is delivered as well.',
      file: asks,
      find: "if (this.#state !== 'open') return\n    this.#close()",
      replace: "if (!MUTANT && this.#state !== 'open') return\n    this.#close()",
      expects: ['L4'],
      scenario: 'L4',
    },
    {
      name: 'deferred-ask-left-behind',
      history: 'An ask that was to be answered later is never answered when its actor ends (our own bug E6).',
      file: lifecycle,
      find: "this.#answerDeferred(cell, { type: 'failed', reason: `actor '${cell.name}' stopped before it answered` })",
      replace: 'if (!MUTANT) ORIGINAL',
      expects: ['L4'],
      scenario: 'L4',
    },
    {
      name: 'timers-outlive-restart',
      history: 'Timers of a former incarnation go on beating in the next (L1).',
      file: lifecycle,
      find: 'for (const timer of extras.timers ?? []) this.#kernel.timers.cancel(timer)',
      replace: 'if (!MUTANT) ORIGINAL',
      expects: ['L1'],
      scenario: 'L1',
    },
    {
      name: 'watch-lost-with-thread',
      history: 'Who watches an actor of a thread that died hears nothing (L2).',
      file: watches,
      find: "if (sitsOn(ref, executor)) this.onDown(cell, key, { type: 'threadLost' })",
      replace: "if (!MUTANT && sitsOn(ref, executor)) this.onDown(cell, key, { type: 'threadLost' })",
      expects: ['L2'],
      scenario: 'L2',
    },
    {
      name: 'watch-of-nobody-unanswered',
      history: 'Who watches an actor that is gone already hears nothing (L2; Erlang answers noproc).',
      file: lifecycle,
      find: "if (message.type === 'watch') {",
      replace: "if (message.type === 'watch' && MUTANT) return\n    ORIGINAL",
      expects: ['L2'],
      scenario: 'L2',
    },
    {
      name: 'down-told-twice',
      history: 'Who watches twice, or lives to see a thread die, hears of one end twice (L2).',
      file: watches,
      find: 'watching.delete(key)\n    const make',
      replace: 'if (!MUTANT) watching.delete(key)\n    const make',
      expects: ['L2'],
      scenario: 'L2',
    },
  ],
}
