/** Credit of one ordered pair of executors, with notices that are lost in merging, repeated or late. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { ReceiveCredit, SendCredit } from '../../../mailbox/credits.ts'

test('C1, C2: never more than a window is out, and when everything was taken the whole window is back', () => {
  const step = fc.oneof(
    fc.record({ act: fc.constant('send' as const), messages: fc.nat(20) }),
    fc.record({ act: fc.constant('take' as const), messages: fc.nat(20) }),
    fc.record({ act: fc.constant('notice' as const), force: fc.boolean(), arrives: fc.boolean() }),
  )
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.array(step), (window, steps) => {
      const sender = new SendCredit(window)
      const receiver = new ReceiveCredit(window)
      const notices: number[] = []
      let out = 0
      for (const one of steps) {
        if (one.act === 'send') {
          const messages = Math.min(one.messages, sender.available)
          sender.spend(messages)
          out += messages
        } else if (one.act === 'take') {
          for (let i = 0; i < one.messages && out > 0; i++, out--) receiver.take()
        } else {
          const total = receiver.due(one.force)
          if (total !== undefined) notices.push(total)
          // An old notice again: totals make it harmless.
          if (one.arrives) for (const each of [...notices].reverse()) sender.returned(each)
        }
        assert.ok(out <= window, `C1: ${out} messages are out, the window is ${window}`)
        assert.ok(sender.available >= 0 && sender.available <= window - out, 'C1: credit for what is still out')
      }
      for (; out > 0; out--) receiver.take()
      const rest = receiver.due(true)
      for (const each of [...notices, rest ?? 0]) sender.returned(each)
      assert.equal(sender.available, window, 'C2')
    }),
  )
})

test('a notice is due at a quarter of the window, or at once when forced', () => {
  const receiver = new ReceiveCredit(40)
  for (let i = 0; i < 9; i++) receiver.take()

  assert.equal(receiver.due(false), undefined)
  receiver.take()
  assert.equal(receiver.due(false), 10)

  assert.equal(receiver.due(true), undefined)
  receiver.take()
  assert.equal(receiver.due(true), 11)
})
