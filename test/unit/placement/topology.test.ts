import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type TopologyState, topology, wantedConfiguration } from '../../../actors/placement/topology.ts'
import type {
  ClusterMember,
  Topology,
  TopologyCommand,
  TopologyRefusal,
  TopologyReply,
} from '../../../actors/placement/topology-messages.ts'
import type { MachineContext } from '../../../actors/raft/state-machine.ts'
import { MemoryStore } from '../keyspace/memory-store.ts'

const founders: readonly ClusterMember[] = [member(2, 'two'), member(1, 'one'), member(3, 'three')]

function member(id: number, name: string): ClusterMember {
  return { id, name, peerUrls: [`http://${name}:2380`], clientUrls: [], learner: false }
}

/** One replica of the meta group over a store in memory. */
class Meta {
  store: MemoryStore = new MemoryStore()
  state: TopologyState
  #index = 0

  constructor() {
    this.state = topology.init(this.#context(), {})
    this.apply({ type: 'found', members: founders })
  }

  #context(): MachineContext {
    return { group: 'meta', node: 1, store: this.store, actor: {} as MachineContext['actor'], heard: false }
  }

  apply(command: TopologyCommand): TopologyReply {
    this.#index += 1
    return topology.apply(this.state, command, { index: this.#index, term: 1, wallMs: 0 }).reply
  }

  run(command: TopologyCommand): Topology {
    const reply = this.apply(command)
    return reply.type === 'done' ? reply.topology : assert.fail(`refused: ${reply.error}`)
  }

  get topology(): Topology {
    return topology.query(this.state, { type: 'topology' })
  }

  get digest(): number {
    return topology.digest?.(this.state) ?? assert.fail('the topology has a digest')
  }

  restart(): void {
    this.state = topology.init(this.#context(), {})
  }

  snapshot(): Uint8Array[] {
    const { chunks, done } = topology.snapshot(this.state)
    const all: Uint8Array[] = []
    for (let next = chunks.next(); next.done !== true; next = chunks.next()) all.push(next.value)
    done()
    return all
  }

  restore(chunks: Iterable<Uint8Array>): void {
    this.store = new MemoryStore()
    this.state = topology.restore(this.#context(), {}, chunks)
  }
}

function assertRefused(reply: TopologyReply, error: TopologyRefusal): void {
  assert.deepEqual(reply, { type: 'refused', error })
}

function add(id: number, name: string, learner: boolean = false): TopologyCommand {
  return { type: 'addMember', id, peerUrls: [`http://${name}:2380`], learner }
}

function create(name: string): TopologyCommand {
  return { type: 'createGroup', name, machine: 'keyspace', args: {} }
}

function ids(members: readonly ClusterMember[]): string {
  return members.map(({ id, learner }) => `${id}${learner ? ' learns' : ''}`).join(', ')
}

describe('members', () => {
  test('a cluster begins with its founders and the keyspace that every cluster has', () => {
    const { topology: first } = new Meta()

    assert.equal(ids(first.members), '1, 2, 3')
    assert.deepEqual(
      first.groups.map(({ name, id, machine }) => ({ name, id, machine })),
      [{ name: 'default', id: 1, machine: 'keyspace' }],
    )
    assert.deepEqual(first.groups[0]?.configuration.voters, [1, 2, 3])
  })

  test('P1: a cluster is founded once', () => {
    const meta = new Meta()

    assertRefused(meta.apply({ type: 'found', members: [member(9, 'nine')] }), 'memberExists')
    assert.equal(ids(meta.topology.members), '1, 2, 3')
  })

  test('P1: a member is added without a name, and neither its id nor any of its peer URLs may be taken', () => {
    const meta = new Meta()

    const { members } = meta.run({
      type: 'addMember',
      id: 4,
      peerUrls: ['http://four:2380', 'http://4:1'],
      learner: false,
    })

    assert.deepEqual(members[3], {
      id: 4,
      name: '',
      peerUrls: ['http://four:2380', 'http://4:1'],
      clientUrls: [],
      learner: false,
    })
    assertRefused(meta.apply(add(4, 'other')), 'memberExists')
    assertRefused(meta.apply(add(5, 'two')), 'peerUrlExists')
    const shared = { type: 'addMember', id: 5, peerUrls: ['http://new:1', 'http://4:1'], learner: false } as const
    assertRefused(meta.apply(shared), 'peerUrlExists')
    assertRefused(meta.apply({ type: 'addMember', id: 5, peerUrls: [], learner: false }), 'invalidPeerUrls')
  })

  test('P1: an id that was removed is refused for ever, its URLs are free again', () => {
    const meta = new Meta()

    assert.equal(ids(meta.run({ type: 'removeMember', id: 2 }).members), '1, 3')

    assertRefused(meta.apply({ type: 'removeMember', id: 2 }), 'memberNotFound')
    assertRefused(meta.apply(add(2, 'elsewhere')), 'memberExists')
    meta.restart()
    assertRefused(meta.apply(add(2, 'elsewhere')), 'memberExists')
    assert.equal(ids(meta.run(add(5, 'two')).members), '1, 3, 5')
    assert.deepEqual(meta.topology.removed, [2])
  })

  test('P1: a member may move to other peer URLs, keep its own, and take nobody else’s', () => {
    const meta = new Meta()
    const update = (id: number, ...peerUrls: string[]): TopologyReply =>
      meta.apply({ type: 'updateMember', id, peerUrls })

    assert.equal(update(2, 'http://two:2380', 'http://moved:2380').type, 'done')
    assert.deepEqual(meta.topology.members[1]?.peerUrls, ['http://two:2380', 'http://moved:2380'])
    assertRefused(update(2, 'http://three:2380'), 'peerUrlExists')
    assertRefused(update(9, 'http://nine:2380'), 'memberNotFound')
    assertRefused(update(2), 'invalidPeerUrls')
  })

  test('P2: one member learns at a time, until it is promoted or removed', () => {
    const meta = new Meta()

    assert.equal(ids(meta.run(add(4, 'four', true)).members), '1, 2, 3, 4 learns')
    assertRefused(meta.apply(add(5, 'five', true)), 'tooManyLearners')
    assert.equal(ids(meta.run({ type: 'promoteMember', id: 4 }).members), '1, 2, 3, 4')
    assertRefused(meta.apply({ type: 'promoteMember', id: 4 }), 'memberNotLearner')
    assertRefused(meta.apply({ type: 'promoteMember', id: 9 }), 'memberNotFound')
    meta.run(add(5, 'five', true))
    meta.run({ type: 'removeMember', id: 5 })
    assert.equal(meta.apply(add(6, 'six', true)).type, 'done')
  })

  test('a member that starts publishes its name and client URLs, and changes nothing else', () => {
    const meta = new Meta()
    meta.run(add(4, 'four', true))
    const before = meta.topology

    const after = meta.run({ type: 'publishMember', id: 4, name: 'fourth', clientUrls: ['http://four:2379'] })

    assert.deepEqual(after.members.slice(0, 3), before.members.slice(0, 3))
    assert.deepEqual(after.members[3], { ...before.members[3], name: 'fourth', clientUrls: ['http://four:2379'] })
    assert.deepEqual([after.groups, after.removed], [before.groups, before.removed])
    assertRefused(meta.apply({ type: 'publishMember', id: 9, name: 'x', clientUrls: [] }), 'memberNotFound')
  })

  test('the configuration that follows from the members has full members vote and learners learn', () => {
    const configuration = wantedConfiguration([
      member(9, 'nine'),
      { ...member(4, 'four'), learner: true },
      member(1, 'one'),
    ])

    assert.deepEqual(configuration, { voters: [1, 9], votersOutgoing: [], learners: [4], learnersNext: [] })
  })
})

describe('groups', () => {
  test('P3: a keyspace gets the next id and the members of the moment, and no name is given twice', () => {
    const meta = new Meta()
    meta.run({ type: 'removeMember', id: 3 })

    const { groups } = meta.run(create('orders'))

    assert.deepEqual(groups[1], {
      name: 'orders',
      id: 2,
      machine: 'keyspace',
      args: {},
      configuration: { voters: [1, 2], votersOutgoing: [], learners: [], learnersNext: [] },
    })
    assertRefused(meta.apply(create('orders')), 'keyspaceExists')
    assertRefused(meta.apply(create('default')), 'keyspaceExists')
  })

  test('P3: a name used again is another group, also after a restart', () => {
    const meta = new Meta()
    meta.run(create('orders'))
    meta.run({ type: 'dropGroup', name: 'orders' })
    meta.restart()

    const { groups } = meta.run(create('orders'))

    assert.deepEqual(
      groups.map(({ name, id }) => [name, id]),
      [
        ['default', 1],
        ['orders', 3],
      ],
    )
  })

  test('P3: the first keyspace cannot be dropped, nor one that is not there', () => {
    const meta = new Meta()

    assertRefused(meta.apply({ type: 'dropGroup', name: 'default' }), 'invalidKeyspaceName')
    assertRefused(meta.apply({ type: 'dropGroup', name: 'orders' }), 'keyspaceNotFound')
  })

  test('names have 1 to 64 of a few characters, and begin with a letter or digit', () => {
    const meta = new Meta()

    for (const name of ['a', '7', 'a-b_c.d', 'x'.repeat(64)]) assert.equal(meta.apply(create(name)).type, 'done', name)
    for (const name of ['', '-a', '.a', '_a', 'A', 'ä', 'a b', 'a/b', 'a\n', 'x'.repeat(65), 'meta']) {
      assertRefused(meta.apply(create(name)), 'invalidKeyspaceName')
    }
  })
})

describe('the machine', () => {
  const script: readonly TopologyCommand[] = [
    add(4, 'four', true),
    create('orders'),
    { type: 'publishMember', id: 1, name: 'first', clientUrls: ['http://one:2379'] },
    { type: 'promoteMember', id: 4 },
    { type: 'removeMember', id: 2 },
    { type: 'dropGroup', name: 'orders' },
    create('users'),
  ]

  test('P4: the version grows by one with every change, and with no refusal', () => {
    const meta = new Meta()
    const first = meta.topology.version

    for (const [done, command] of script.entries()) assert.equal(meta.run(command).version, first + done + 1)
    meta.apply(create('users'))
    meta.apply({ type: 'removeMember', id: 99 })

    assert.equal(meta.topology.version, first + script.length)
  })

  test('P5: nobody joins and no keyspace is made before the founders are in the log', () => {
    const context = {
      group: 'meta',
      node: 1,
      store: new MemoryStore(),
      actor: {} as MachineContext['actor'],
      heard: false,
    }
    const state = topology.init(context, {})
    const apply = (command: TopologyCommand, index: number): TopologyReply =>
      topology.apply(state, command, { index, term: 1, wallMs: 0 }).reply

    for (const [at, early] of [add(4, 'four'), create('users')].entries()) {
      assert.deepEqual(apply(early, at + 1), { type: 'refused', error: 'notEnoughStartedMembers' })
    }
    const founded = apply({ type: 'found', members: founders }, 3)

    assert.equal(founded.type, 'done')
    assert.equal(apply(add(4, 'four'), 4).type, 'done')
    assert.deepEqual(wantedConfiguration(state.topology.members).voters, [1, 2, 3, 4])
  })

  test('M1: replicas that apply the same commands agree, whatever a refusal came between', () => {
    const [one, two] = [new Meta(), new Meta()]

    for (const command of [...script, add(2, 'late'), ...script]) {
      assert.deepEqual(one.apply(command), two.apply(command))
      two.restart()
      assert.equal(one.digest, two.digest)
    }
    assert.deepEqual(one.topology, two.topology)
  })

  test('M2: a replica restored from a snapshot answers as the original, and goes on as it does', () => {
    const original = new Meta()
    for (const command of script) original.run(command)
    const copy = new Meta()

    copy.restore(original.snapshot())

    assert.deepEqual(copy.topology, original.topology)
    assert.equal(copy.digest, original.digest)
    assert.deepEqual(copy.apply(create('next')), original.apply(create('next')))
    copy.restart()
    assert.deepEqual(copy.topology, original.topology)
  })

  test('what was answered stays as it was when more is changed', () => {
    const meta = new Meta()
    const early = meta.topology
    const told = structuredClone(early)

    for (const command of script) meta.run(command)

    assert.deepEqual(early, told)
  })
})
