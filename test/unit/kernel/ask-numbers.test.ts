/** Numbers of asks: what another node answers to a process that is gone must not reach its successor. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { pack, unpack } from '../../../mailbox/codec.ts'
import type { Answer } from '../../../runtime/kernel/actor.ts'
import { firstAskNumber } from '../../../runtime/kernel/asks.ts'
import { edgeAsk } from '../../../runtime/kernel/edge.ts'
import type { Executor } from '../../../runtime/kernel/executor.ts'
import { smallWorld } from './small-world.ts'

test('an answer to a process that is gone finds no ask of its successor', () => {
  const numbers: number[] = []
  const world = smallWorld(1, {}, (_node, _executor, frame) => {
    for (const tuple of unpack(frame) as number[][]) numbers.push(tuple[5] as number)
  })
  const answers: Answer[] = []
  const ask = (executor: Executor): void => {
    const to = { type: 'named', node: 2, name: 'far' } as const
    edgeAsk(executor, to, 'q', { deadlineMs: 1_000 }, (answer) => answers.push(answer))
    world.settle()
  }
  ask(world.executors[0] as Executor)
  const successor = world.replace(0)
  ask(successor)
  const [former, present] = numbers

  successor.router.onFrame(2, 0, pack([[0, former, { type: 'reply', value: 'for the dead' }]]))
  assert.deepEqual(answers, [])
  successor.router.onFrame(2, 0, pack([[0, present, { type: 'reply', value: 'for the living' }]]))

  assert.deepEqual(answers, [{ type: 'reply', value: 'for the living' }])
})

test('every process start, executor and incarnation begins elsewhere, and leaves room for safe integers', () => {
  const begins = new Set<number>()
  const seeds = [0, 1, 2, 42, 0xffff_ffff]
  for (const seed of seeds)
    for (let index = 0; index < 4; index++)
      for (let incarnation = 1; incarnation <= 16; incarnation++) begins.add(firstAskNumber(seed, index, incarnation))

  assert.equal(begins.size, seeds.length * 4 * 16)
  for (const number of begins)
    assert.ok(number >= 1 && Number.isSafeInteger(number) && Number.isSafeInteger(number + 2 ** 50), `${number}`)
})
