import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FromHub, ToHub } from '../../../actors/watch/hub-messages.ts'
import { createHub, type HubOut, type HubState, onFeed, onStanding, onToHub } from '../../../actors/watch/hub-state.ts'
import { Recent } from '../../../actors/watch/recent.ts'
import { spanOf } from '../../../actors/watch/spans.ts'
import { utf8 } from '../../../base/bytes.ts'
import type { ActorRef } from '../../../runtime/kernel/actor.ts'
import { prefix, put, puts, revisionOf } from './parts.ts'

const session: ActorRef = { type: 'local', executor: 0, id: 7, name: 's' }

class Lab {
  readonly hub: HubState = createHub()

  standing(revision: number, index: number = revision): FromHub[] {
    return this.#of((out) => onStanding(this.hub, index, revision, out))
  }

  /** Revisions, as if the log had one entry for each. */
  feed(after: number, ...items: readonly { readonly revision: number }[]): FromHub[] {
    const upTo = items[items.length - 1]?.revision ?? after
    return this.#of((out) => onFeed(this.hub, { after, upTo, items }, out))
  }

  say(
    message: Omit<ToHub, 'session' | 'epoch'> & Record<string, unknown>,
    from: ActorRef = session,
    epoch = 1,
  ): FromHub[] {
    return this.#of((out) => onToHub(this.hub, { ...message, session: from, epoch } as ToHub, out))
  }

  subscribe(sub: number, from: number, key: string = 'k'): FromHub[] {
    return this.say({ type: 'subscribe', sub, from, spans: [spanOf({ key: utf8(key) })] })
  }

  #of(act: (out: HubOut) => void): FromHub[] {
    const out: HubOut = []
    act(out)
    return out.map(({ word }) => word)
  }
}

function told(words: readonly FromHub[]): [number, number][] {
  return words.flatMap((word) =>
    word.type === 'told' ? word.subs.map((sub, at): [number, number] => [sub, word.tellings[at]?.revision ?? 0]) : [],
  )
}

test('W2: a hub says nothing until the replica has said where it stands, and then what comes after', () => {
  const lab = new Lab()
  lab.say({ type: 'join' })

  const early = lab.subscribe(1, 6)
  const before = lab.feed(0, ...puts(2, 3))
  const standing = lab.standing(5)
  const after = lab.feed(5, ...puts(6, 2))

  assert.deepEqual([early, before], [[], []])
  assert.deepEqual(
    standing.map(({ type }) => type),
    ['subscribed'],
  )
  assert.deepEqual(told(after), [
    [1, 6],
    [1, 7],
  ])
})

test('W3: who begins within what the hub remembers is told from there at once, who begins before it is behind', () => {
  const lab = new Lab()
  lab.standing(5)
  lab.say({ type: 'join' })
  lab.feed(5, ...puts(6, 3))

  const [inside] = lab.subscribe(1, 7)
  const [first] = lab.subscribe(2, 6)
  const [outside] = lab.subscribe(3, 5)

  assert.ok(inside?.type === 'subscribed' && inside.revision === 8)
  assert.deepEqual(
    inside.tellings.map(({ revision }) => revision),
    [7, 8],
  )
  assert.deepEqual(first?.type === 'subscribed' && first.tellings.map(({ revision }) => revision), [6, 7, 8])
  assert.equal(outside?.type, 'behind')
})

test('W3: a revision in the future is waited for, and what comes before it is not told', () => {
  const lab = new Lab()
  lab.standing(5)
  lab.say({ type: 'join' })

  lab.subscribe(1, 8)
  const words = lab.feed(5, ...puts(6, 4))

  assert.deepEqual(told(words), [
    [1, 8],
    [1, 9],
  ])
})

test('W2: a hole in the feed leaves every session, and nobody is told anything across it', () => {
  const lab = new Lab()
  lab.standing(5)
  lab.say({ type: 'join' })
  lab.subscribe(1, 6)
  lab.feed(5, ...puts(6, 1))

  const words = lab.feed(8, ...puts(9, 1))
  const meanwhile = lab.feed(9, ...puts(10, 1))

  assert.deepEqual(
    words.map(({ type }) => type),
    ['left'],
  )
  assert.deepEqual(meanwhile, [])
  assert.equal(lab.hub.fed, undefined, 'the replica is to be asked')
})

test('W2: a revision that is missing within a feed is a hole, too', () => {
  const lab = new Lab()
  lab.standing(5)
  lab.say({ type: 'join' })
  lab.subscribe(1, 6)

  const words = lab.feed(5, ...puts(7, 1))

  assert.deepEqual(
    words.map(({ type }) => type),
    ['left'],
  )
})

test('W3: what a replica tells again after it restarted at an older place is told once', () => {
  const lab = new Lab()
  lab.standing(5)
  lab.say({ type: 'join' })
  lab.subscribe(1, 6)
  const first = lab.feed(5, ...puts(6, 3))

  const moved = lab.feed(4)
  const again = lab.feed(4, ...puts(5, 6))

  assert.deepEqual(told(first), [
    [1, 6],
    [1, 7],
    [1, 8],
  ])
  assert.deepEqual(moved, [])
  assert.deepEqual(told(again), [
    [1, 9],
    [1, 10],
  ])
})

test('a snapshot that was installed beyond what was fed is a hole', () => {
  const lab = new Lab()
  lab.standing(5)
  lab.say({ type: 'join' })

  const words = lab.feed(20)

  assert.deepEqual(
    words.map(({ type }) => type),
    ['left'],
  )
})

test('a feed is one message a session, whatever number of its watchers it is for, and shares its changes', () => {
  const lab = new Lab()
  lab.standing(1)
  lab.say({ type: 'join' })
  for (let sub = 1; sub <= 1_000; sub++) {
    lab.subscribe(sub, 2)
    lab.say({ type: 'heard', heard: sub })
  }
  const other: ActorRef = { ...session, id: 8 }
  lab.say({ type: 'join' }, other)
  lab.say({ type: 'subscribe', sub: 1, from: 2, spans: [spanOf(prefix('k'))] }, other)

  const words = lab.feed(1, ...puts(2, 2))

  assert.equal(words.length, 2)
  const [mine, theirs] = words
  assert.ok(mine?.type === 'told' && theirs?.type === 'told')
  assert.equal(mine.subs.length, 2_000)
  assert.equal(new Set([...mine.tellings, ...theirs.tellings]).size, 2)
})

test('W3: a session that hears too little is left, and begins anew', () => {
  const lab = new Lab()
  lab.standing(1)
  lab.say({ type: 'join' })
  lab.subscribe(1, 2)

  let words: FromHub[] = []
  let fed = 1
  while (!words.some(({ type }) => type === 'left')) {
    words = lab.feed(fed, ...puts(fed + 1, 1))
    fed += 1
  }
  const after = lab.feed(fed, ...puts(fed + 1, 1))
  const stale = lab.say({ type: 'where' })
  lab.say({ type: 'join' }, session, 2)
  const [again] = lab.say({ type: 'subscribe', sub: 2, from: 2, spans: [spanOf({ key: utf8('k') })] }, session, 2)

  assert.ok(fed > 100 && fed < 200, `it was left after ${fed} words`)
  assert.deepEqual(after, [])
  assert.deepEqual(
    stale.map(({ type }) => type),
    ['left'],
  )
  assert.ok(again?.type === 'subscribed' && again.tellings.length === fed)
})

test('words are numbered without a gap within an epoch', () => {
  const lab = new Lab()
  lab.standing(1)
  lab.say({ type: 'join' })

  const words = [...lab.subscribe(1, 2), ...lab.feed(1, ...puts(2, 1)), ...lab.say({ type: 'where' })]

  assert.deepEqual(
    words.map((word) => ('number' in word ? word.number : 0)),
    [1, 2, 3],
  )
})

test('W9: that permissions changed is said between what came before and what came after', () => {
  const lab = new Lab()
  lab.standing(1)
  lab.say({ type: 'join' })
  lab.subscribe(1, 2)
  const items = [...puts(2, 1), { type: 'authChanged', authRevision: 4, revision: 2 }, ...puts(3, 1)]

  const words = lab.feed(1, ...items)

  assert.deepEqual(
    words.map(({ type }) => type),
    ['told', 'authChanged', 'told'],
  )
})

test('the hub forgets the oldest revisions when there are too many, or too big ones', () => {
  const few = new Recent(1, { revisionsMax: 3, bytesMax: 1_000_000 })
  const small = new Recent(1, { revisionsMax: 100, bytesMax: 1_000 })

  for (const fed of puts(2, 5)) few.push(fed)
  for (let revision = 2; revision < 7; revision++) small.push(revisionOf(revision, put('k', 'x'.repeat(300), revision)))

  assert.deepEqual([few.oldest, few.newest], [4, 6])
  assert.deepEqual(
    [...few.since(5)].map(({ fed }) => fed.revision),
    [5, 6],
  )
  assert.deepEqual([small.oldest, small.newest], [5, 6])
})

test('W13: a session that asks for more than it has heard is not left; it is answered as it listens', () => {
  const lab = new Lab()
  lab.standing(5)
  lab.say({ type: 'join' })
  const words: FromHub[] = []

  for (let sub = 1; sub <= 1_000; sub++) words.push(...lab.subscribe(sub, 6))
  const atOnce = words.length
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as FromHub & { readonly number: number; readonly hear: boolean }
    if (word.hear) words.push(...lab.say({ type: 'heard', heard: word.number }))
  }

  assert.ok(atOnce <= 64, `${atOnce} words were said at once`)
  assert.deepEqual([...new Set(words.map(({ type }) => type))], ['subscribed'])
  assert.equal(words.length, 1_000)
  assert.equal(told(lab.feed(5, ...puts(6, 1))).length, 1_000)
})

test('W13: who takes a subscription back while it waits is not answered', () => {
  const lab = new Lab()
  lab.standing(5)
  lab.say({ type: 'join' })
  for (let sub = 1; sub <= 200; sub++) lab.subscribe(sub, 6)

  lab.say({ type: 'unsubscribe', sub: 200 })
  for (let heard = 1; heard <= 200; heard++) lab.say({ type: 'heard', heard })

  assert.equal(lab.hub.index.size, 199)
})
