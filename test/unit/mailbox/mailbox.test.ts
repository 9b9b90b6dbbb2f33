/** The mailbox against a model: three plain lists with a bound. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { Envelope, type Lane } from '../../../mailbox/envelope.ts'
import { Mailbox, type Overflow } from '../../../mailbox/mailbox.ts'

function envelope(body: unknown, lane: Lane = 'user'): Envelope<string> {
  return new Envelope('actor', body, lane, undefined, -1, 0)
}

const lanes: readonly Lane[] = ['system', 'control', 'user']
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ act: fc.constant('push' as const), lane: fc.constantFrom(...lanes) }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('take' as const), systemOnly: fc.boolean() }) },
  fc.record({ act: fc.constant('putBack' as const), lane: fc.constantFrom(...lanes), count: fc.nat(3) }),
)
const overflows: readonly Overflow[] = ['reject', 'dropNewest', 'signal', 'dropOldest']

test('B1, B2, B3: lanes by rank, order within a lane, a bound per lane, and whatever has no room comes back', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...overflows),
      fc.integer({ min: 1, max: 4 }),
      fc.array(step),
      (overflow, max, steps) => {
        const mailbox = new Mailbox<string>(max, overflow)
        const model: Record<Lane, number[]> = { system: [], control: [], user: [] }
        let next = 0
        let refusedTotal = 0
        for (const one of steps) {
          if (one.act === 'push') {
            const queue = model[one.lane]
            const id = next++
            const refused = mailbox.push(envelope(id, one.lane))
            const full = one.lane !== 'system' && queue.length >= max
            if (!full || overflow === 'dropOldest') queue.push(id)
            const expected = !full ? undefined : overflow === 'dropOldest' ? queue.shift() : id
            if (full) refusedTotal += 1
            assert.equal(refused?.body, expected)
          } else if (one.act === 'take') {
            const open = one.systemOnly ? (['system'] as const) : lanes
            const lane = open.find((each) => model[each].length > 0)
            assert.equal(mailbox.hasWork(one.systemOnly), lane !== undefined)
            assert.equal(mailbox.take(one.systemOnly)?.body, lane === undefined ? undefined : model[lane].shift())
          } else {
            const ids = Array.from({ length: one.count }, () => next++)
            mailbox.putBack(
              ids.map((id) => envelope(id, one.lane)),
              one.lane,
            )
            model[one.lane].unshift(...ids)
          }
          assert.equal(mailbox.depth, model.system.length + model.control.length + model.user.length)
          assert.equal(mailbox.dropped, refusedTotal)
        }
      },
    ),
  )
})

test('a taken envelope holds on to nothing that waited behind it', () => {
  const mailbox = new Mailbox<string>(8, 'reject')
  for (const body of [1, 2, 3]) mailbox.push(envelope(body))

  const first = mailbox.take(false)

  assert.equal(first?.next, undefined)
  assert.equal(mailbox.depth, 2)
})
