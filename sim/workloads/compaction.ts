/**
 * W4: the past is dropped up to a revision and not further. A read as of a revision that was compacted before it began is
 * answered `compacted`; one that is answered at all sees what there was then (judged with the order of revisions).
 */
import { check } from '../checkers/violation.ts'
import type { Operation, Outcome } from '../operation.ts'
import { type ClientSeat, pick, type Workload, type WorkloadClient } from './workload.ts'

const keys = 3
const prefix = 'old/'

export const compaction: Workload = {
  name: 'compaction',
  setup: () => undefined,
  start: (seat) => new CompactionClient(seat),
  closing: () => [{ type: 'list', prefix }],
  check: ({ notes }) => {
    const asked = notes.flatMap((note) =>
      note.operation.type === 'compact' ? [{ ...note, upTo: note.operation.revision }] : [],
    )
    for (const { client, operation, outcome, began, ended } of notes) {
      if (operation.type !== 'listAt') continue
      const { revision } = operation
      if (outcome?.type === 'done') {
        const gone = asked.find(
          (before) => before.outcome?.type === 'done' && before.upTo > revision && (before.ended as number) < began,
        )
        check(
          gone === undefined,
          'W4',
          () => `${client} read revision ${revision}, which ${gone?.client} had compacted`,
        )
      } else if (outcome?.type === 'refused' && outcome.reason === 'compacted') {
        const reason = asked.find(({ upTo, began: from }) => upTo > revision && from < (ended as number))
        check(
          reason !== undefined,
          'W4',
          () => `${client} was told that revision ${revision} is compacted, which nobody asked for`,
        )
      }
    }
  },
}

class CompactionClient implements WorkloadClient {
  readonly #seat: ClientSeat
  #newest = 1

  constructor(seat: ClientSeat) {
    this.#seat = seat
  }

  next(): Operation {
    const seat = this.#seat
    const kind = seat.roll('kind')
    if (kind < 0.45 || this.#newest < 4)
      return { type: 'put', key: `${prefix}${pick(seat, 'key', keys)}`, value: seat.unique('o') }
    const back = this.#newest - pick(seat, 'back', Math.min(30, this.#newest - 1))
    if (kind < 0.85) return { type: 'listAt', prefix, revision: back }
    return { type: 'compact', revision: back }
  }

  learn(_operation: Operation, outcome: Outcome): void {
    if (outcome.type === 'done' || outcome.type === 'refused') this.#newest = Math.max(this.#newest, outcome.revision)
  }
}
