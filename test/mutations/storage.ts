/** Bugs between actors and their disks: what is promised before it is written, and what is read before it is there. */
import type { Area } from './mutation.ts'

const turns = 'runtime/kernel/turns.ts'
const commits = 'runtime/kernel/commit-loop.ts'
const cellStore = 'runtime/kernel/cell-store.ts'

export const storage: Area = {
  area: 'storage',
  mutations: [
    {
      name: 'output-before-commit',
      history:
        'What a turn sends leaves before what it wrote is durable (K1; the bug behind most lost acknowledgements).',
      file: turns,
      find: 'if (cell.held === undefined && this.#writtenBy(cell) <= this.#host.commits.durableSequence) {',
      replace:
        'if (MUTANT || (cell.held === undefined && this.#writtenBy(cell) <= this.#host.commits.durableSequence)) {',
      expects: ['I6', 'I7', 'I9', 'I12'],
    },
    {
      name: 'later-turn-overtakes',
      history:
        'A turn that wrote nothing sends at once, past the outputs of an earlier one that wait for the disk (K2).',
      file: turns,
      find: 'if (early || sequence <= this.#host.commits.durableSequence) {',
      replace:
        'if (early || sequence <= this.#host.commits.durableSequence || (MUTANT && cell.turn === undefined && this.total % 4 === 0)) {',
      expects: ['I6', 'I7', 'I12', 'K2'],
    },
    {
      name: 'collected-writes-called-durable',
      history: 'When a commit ends, what was collected meanwhile is called durable with it (K1).',
      file: commits,
      find: 'this.durableSequence = this.sequence - 1',
      replace: 'this.durableSequence = this.sequence - (MUTANT ? 0 : 1)',
      expects: ['I6', 'I7', 'I9', 'I12'],
    },
    {
      name: 'full-disk-called-durable',
      history: 'A commit that found no room is taken for one that is durable.',
      file: commits,
      find: "case 'full':\n",
      replace: "case 'full':\n        if (MUTANT) {\n          this.#onDurable()\n          break\n        }\n",
      expects: ['I6', 'I9', 'I12', 'I21'],
    },
    {
      name: 'failed-turn-still-writes',
      history: 'The writes of a turn that threw are committed all the same.',
      file: turns,
      find: 'for (let i = turn.undo.length - 1; i >= 0; i--) turn.undo[i]?.()',
      replace: 'if (MUTANT && turn.writes.length > 0) this.#host.commits.add(cell, turn.writes)\n    ORIGINAL',
      expects: ['K1'],
      scenario: 'K1',
    },
    {
      name: 'undone-in-wrong-order',
      history:
        'A turn that threw is taken back from its first write on, so a key that it wrote twice keeps the first of them in view.',
      file: turns,
      find: 'for (let i = turn.undo.length - 1; i >= 0; i--) turn.undo[i]?.()',
      replace: 'if (MUTANT) for (const undo of turn.undo) undo()\n    else {\n      ORIGINAL\n    }',
      expects: ['K1'],
      scenario: 'K1',
    },
    {
      name: 'pending-write-forgotten-early',
      history:
        'An actor’s view of its store drops a write one commit before it is on disk, and reads the value before.',
      file: cellStore,
      find: 'if (pending.sequence <= durableSequence) this.#overlay.delete(key)',
      replace: 'if (pending.sequence <= durableSequence + (MUTANT ? 1 : 0)) this.#overlay.delete(key)',
      expects: ['K1'],
      scenario: 'K1',
    },
    {
      name: 'deleted-range-shows-through',
      history: 'A range that was deleted and is not on disk yet is still read (K1).',
      file: cellStore,
      find: '} else if (!this.#buried(key) && !take(key, value)) return found',
      replace: '} else if ((MUTANT || !this.#buried(key)) && !take(key, value)) return found',
      expects: ['I5', 'K1'],
      scenario: 'K1',
    },
    {
      name: 'fold-loses-a-key',
      history: 'Of many lazy writes folded into one commit, one is left out.',
      file: cellStore,
      find: "else writes.push({ type: 'put', key: pending.key, value: pending.value })",
      replace:
        "else if (!MUTANT || writes.length % 7 !== 6) writes.push({ type: 'put', key: pending.key, value: pending.value })",
      expects: ['I5', 'K5', 'I21'],
    },
    {
      name: 'fold-loses-deletes',
      history: 'Deletes are left out of a fold, so what was removed is back after a restart.',
      file: cellStore,
      find: "if (pending.value === undefined) writes.push({ type: 'delete', key: pending.key })",
      replace:
        "if (pending.value === undefined && MUTANT) continue\n      if (pending.value === undefined) writes.push({ type: 'delete', key: pending.key })",
      expects: ['K1', 'K3', 'I5'],
      scenario: 'K1.2',
    },
    {
      name: 'fold-deletes-ranges-last',
      history: 'A fold deletes ranges after it wrote the keys that took their place.',
      file: cellStore,
      find: 'return writes\n',
      replace: 'return MUTANT ? writes.reverse() : writes\n',
      expects: ['R20', 'I5', 'I6', 'K14'],
    },
    {
      name: 'successor-before-last-write',
      history: 'The name of an actor that ended is free before its writes are durable (L3).',
      file: 'runtime/kernel/lifecycle.ts',
      find: 'this.#kernel.turns.whenDurable(cell, { act: () => this.#ended(cell) })',
      replace: 'if (MUTANT) this.#ended(cell)\n      else ORIGINAL',
      expects: ['L3'],
      scenario: 'L3',
    },
  ],
}
