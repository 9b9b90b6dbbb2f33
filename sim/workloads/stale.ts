/**
 * W8: what one replica has applied may be old, but it is of one moment, and that replica never goes back to an earlier one
 * while it lives. That it is of one moment is judged with the order of revisions; here, that it never goes back.
 */
import { check } from '../checkers/violation.ts'
import type { Operation } from '../operation.ts'
import { pick, type Workload } from './workload.ts'

const keys = 2
const prefix = 'near/'
/** Where the others write: their laws hold for whoever looks. */
const prefixes = [prefix, prefix, 'account/', 'ring/', 'pair/', 'key/']

export const stale: Workload = {
  name: 'stale',
  setup: () => undefined,
  start: (seat) => ({
    next: (): Operation => {
      if (seat.roll('kind') < 0.35)
        return { type: 'put', key: `${prefix}${pick(seat, 'key', keys)}`, value: seat.unique('n') }
      const node = 1 + pick(seat, 'node', seat.nodes)
      return { type: 'peek', prefix: prefixes[pick(seat, 'prefix', prefixes.length)] as string, node }
    },
    learn: () => {},
  }),
  closing: () => [{ type: 'list', prefix }],
  check: ({ notes }) => {
    const lives = new Map<string, { readonly began: number; readonly ended: number; readonly revision: number }[]>()
    for (const { client, operation, outcome, began, ended } of notes) {
      if (operation.type !== 'peek' || outcome?.type !== 'done' || outcome.by === undefined || ended === undefined)
        continue
      const life = `${outcome.by.node} ${outcome.by.life}`
      const before = lives.get(life) ?? []
      const newer = before.find((each) => each.ended < began && each.revision > outcome.revision)
      check(
        newer === undefined,
        'W8',
        () =>
          `${client} was shown revision ${outcome.revision} by node ${operation.node}, which had shown ${newer?.revision} before`,
      )
      before.push({ began, ended, revision: outcome.revision })
      lives.set(life, before)
    }
  },
}
