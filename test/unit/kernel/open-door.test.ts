/** What other nodes may say to whom. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { pack } from '../../../mailbox/codec.ts'
import { defineActor } from '../../../runtime/kernel/actor.ts'
import { edgeSpawn } from '../../../runtime/kernel/edge.ts'
import { smallWorld } from './small-world.ts'

function listener(name: string, openToPeers: boolean, heard: unknown[]): Parameters<typeof edgeSpawn>[1] {
  return defineActor('test', {
    name,
    openToPeers,
    init: () => 0,
    receive: (_state: number, message: unknown) => void heard.push(message),
  })
}

for (const executors of [1, 2]) {
  test(`another node reaches only actors that are open to peers (${executors} executors)`, () => {
    const heard: unknown[] = []
    const shut: unknown[] = []
    const definitions = { open: listener('open', true, heard), closed: listener('closed', false, shut) }
    const world = smallWorld(executors, definitions)
    const place = { type: 'executor', executor: executors - 1 } as const
    edgeSpawn(world.executors[0]!, definitions.open, undefined, { name: 'raft/x', place })
    edgeSpawn(world.executors[0]!, definitions.closed, undefined, { name: 'node', place })
    world.settle()

    world.executors[0]!.router.onFrame(
      2,
      0,
      pack([
        ['raft/x', 2, 'hello'],
        ['node', 2, { type: 'shutDown' }],
      ]),
    )
    world.settle()

    assert.deepEqual(heard, ['hello'])
    assert.deepEqual(shut, [])
    assert.equal(world.executors[0]!.deadLetters.newest().at(-1)?.to, 'node')
  })
}
