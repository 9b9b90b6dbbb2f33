/**
 * Reads and writes while the group changes under them: the plan of such a run makes voters into learners and back, again and
 * again. The laws are those of all: what was seen fits one order (I16), and joint configurations decide by both (I13).
 */
import type { Operation } from '../operation.ts'
import { pick, type Workload } from './workload.ts'

const keys = 2
const prefix = 'seat/'

export const membership: Workload = {
  name: 'membership',
  setup: () => undefined,
  start: (seat) => ({
    next: (): Operation => {
      const key = `${prefix}${pick(seat, 'key', keys)}`
      return seat.roll('kind') < 0.5 ? { type: 'put', key, value: seat.unique('m') } : { type: 'get', key }
    },
    learn: () => {},
  }),
  closing: () => [{ type: 'list', prefix }],
  check: () => {},
}
