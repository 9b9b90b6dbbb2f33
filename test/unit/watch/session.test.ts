import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FedRevision, FromHub } from '../../../actors/watch/hub-messages.ts'
import {
  createHub,
  type HubOut,
  loseFeed,
  onFeed,
  onStanding as onHubStanding,
  onToHub,
} from '../../../actors/watch/hub-state.ts'
import type { WatchResponse, WatchSpec } from '../../../actors/watch/messages.ts'
import {
  createAgain,
  onCommand,
  onMayCreate,
  onStanding,
  seekPermission,
} from '../../../actors/watch/session-commands.ts'
import {
  onAuthRevision,
  onCompactedAt,
  onHistory,
  onMayStay,
  type ReadOutcome,
  seekHistory,
} from '../../../actors/watch/session-history.ts'
import { seekProgress } from '../../../actors/watch/session-progress.ts'
import {
  createSession,
  type Purpose,
  type SessionLimits,
  type SessionOut,
  sessionLimits,
} from '../../../actors/watch/session-state.ts'
import { onHubWord } from '../../../actors/watch/session-tell.ts'
import { utf8 } from '../../../base/bytes.ts'
import type { ActorRef } from '../../../runtime/kernel/actor.ts'
import { pair, put, puts, revisionOf, spec } from './parts.ts'

const ref: ActorRef = { type: 'local', executor: 0, id: 1, name: 's' }

/** A session, a hub and a replica that answers from a list of revisions, without an actor. */
class Lab {
  readonly session
  readonly hub = createHub()
  readonly log: FedRevision[] = []
  compacted = -1
  /** What the auth store says of whoever asks. */
  may: 'done' | string = 'done'
  authRevision = 1
  /** While true nothing that was asked of the replica is answered. */
  held = false
  readonly waiting: Purpose[] = []
  /** How often history was read. */
  historyReads = 0
  #fed = 1

  constructor(limits: Partial<SessionLimits> = {}) {
    this.session = createSession({ ...sessionLimits, ...limits }, 0, 600_000)
    onHubStanding(this.hub, 1, 1, [])
  }

  get revision(): number {
    return this.log[this.log.length - 1]?.revision ?? 1
  }

  /** Applied by the replica, and told to the hub unless it is `lost` on the way. */
  write(...revisions: readonly FedRevision[]): void {
    this.log.push(...revisions)
    this.feed(revisions)
  }

  feed(items: readonly { readonly type: string }[]): void {
    const upTo = this.revision
    const out: HubOut = []
    onFeed(this.hub, { after: this.#fed, upTo, items }, out)
    this.#fed = upTo
    for (const { word } of out) this.word(word)
  }

  /** A feed that nobody hears. */
  lose(...revisions: readonly FedRevision[]): void {
    this.log.push(...revisions)
    this.#fed = this.revision
  }

  /** The hub finds out by itself that it missed something. */
  hubLearns(): void {
    const out: HubOut = []
    loseFeed(this.hub, out)
    onHubStanding(this.hub, this.revision, this.revision, out)
    for (const { word } of out) this.word(word)
  }

  /** What was lost long ago. */
  past(...revisions: readonly FedRevision[]): void {
    this.lose(...revisions)
    this.hubLearns()
  }

  create(fields: Partial<WatchSpec> = {}, watchId?: number, user?: string): void {
    const principal = user === undefined ? {} : { principal: { user, authRevision: this.authRevision } }
    this.act((out) => onCommand(this.session, { type: 'create', watchId, spec: spec(fields), ...principal }, 0, out))
  }

  command(command: { type: 'cancel'; watchId: number } | { type: 'requestProgress' }): void {
    this.act((out) => onCommand(this.session, command, 0, out))
  }

  word(word: FromHub): void {
    this.act((out) => onHubWord(this.session, word, 0, out))
  }

  act(work: (out: SessionOut[]) => void): void {
    const out: SessionOut[] = []
    work(out)
    seekHistory(this.session, out)
    seekPermission(this.session, out)
    seekProgress(this.session, out)
    for (const each of out) this.#perform(each)
  }

  answer(): void {
    this.held = false
    for (const purpose of this.waiting.splice(0)) this.#answer(purpose)
  }

  pull(bytesMax: number = 1_000_000): string[] {
    const responses = this.session.queue.pull(bytesMax, 0)
    this.act(() => {})
    return responses.map(textOf)
  }

  #perform(out: SessionOut): void {
    if (out.type === 'tellHub') {
      const words: HubOut = []
      onToHub(this.hub, { ...out.message, session: ref, epoch: this.session.epoch } as never, words)
      for (const { word } of words) this.word(word)
    } else if (out.type === 'read') {
      if (this.held) this.waiting.push(out.purpose)
      else this.#answer(out.purpose)
    }
  }

  #answer(purpose: Purpose): void {
    const { revision, session } = this
    const status = { type: 'done', revision, response: { compactRevision: this.compacted } } as const
    const allowed: ReadOutcome =
      this.may === 'done' ? { type: 'done', revision, response: {} } : { type: 'refused', error: this.may }
    this.act((out) => {
      switch (purpose.type) {
        case 'standing':
          onStanding(session, status, 0, out)
          break
        case 'mayCreate':
          onMayCreate(session, allowed, 0, out)
          break
        case 'history':
          onHistory(session, purpose, this.#history(purpose.from), 0, out)
          break
        case 'compactedAt':
          onCompactedAt(session, purpose.watchId, status, 0, out)
          break
        case 'authRevision':
          onAuthRevision(
            session,
            purpose,
            { type: 'done', revision, response: { authRevision: this.authRevision } },
            0,
            out,
          )
          break
        case 'mayStay':
          onMayStay(session, purpose, allowed, 0, out)
          break
      }
    })
  }

  /** Two revisions a page. */
  #history(from: number): ReadOutcome {
    this.historyReads += 1
    if (from < this.compacted) return { type: 'refused', error: 'compacted' }
    const items = this.log.filter(({ revision }) => revision >= from).slice(0, 2)
    const upTo = items[items.length - 1]?.revision ?? this.revision
    return { type: 'done', revision: this.revision, response: { items, upTo } }
  }
}

function textOf(response: WatchResponse): string {
  switch (response.type) {
    case 'events': {
      const { watchId, events, more } = response
      return `${watchId}: ${events.map(({ kv }) => kv.modRevision).join(' ')}${more ? ' …' : ''}`
    }
    case 'canceled':
      return `canceled ${response.watchId} ${response.cause}${response.compactRevision > 0 ? ` ${response.compactRevision}` : ''}`
    default:
      return `${response.type} ${response.watchId} at ${response.revision}`
  }
}

test('W12: a watcher is created before its events, from the revision after the present one', () => {
  const lab = new Lab()
  lab.write(...puts(2, 2))

  lab.create()
  lab.write(...puts(4, 2))

  assert.deepEqual(lab.pull(), ['created 0 at 3', '0: 4 5'])
})

test('W12: creates are answered in their order, even where one has to wait for the replica', () => {
  const lab = new Lab()
  lab.held = true

  lab.create({}, 5)
  lab.create({ ranges: [] })
  lab.create({}, 5)
  lab.create({ startRevision: -1 })
  lab.create()
  const early = lab.pull()
  lab.answer()

  assert.deepEqual(early, [])
  assert.deepEqual(lab.pull(), [
    'created 5 at 1',
    'canceled -1 invalid',
    'canceled -1 duplicateId',
    'canceled -1 compacted',
    'created 0 at 1',
  ])
})

test('W12: ids that the session chooses leave out those that the client chose', () => {
  const lab = new Lab()

  lab.create({}, 0)
  lab.create({}, 1)
  lab.create()

  assert.deepEqual(lab.pull(), ['created 0 at 1', 'created 1 at 1', 'created 2 at 1'])
})

test('W6: from the past, watchers are told history, then what comes, without a seam', () => {
  const lab = new Lab()
  lab.past(...puts(2, 7))

  lab.create({ startRevision: 3 })
  lab.write(...puts(9, 1))
  lab.create({ startRevision: 4 })

  assert.deepEqual(lab.pull().sort(), ['0: 3 4 5 6 7 8 9', '1: 4 5 6 7 8 9', 'created 0 at 8', 'created 1 at 9'].sort())
})

test('from before the compaction a watcher is created and canceled, and told where history begins', () => {
  const lab = new Lab()
  lab.past(...puts(2, 7))
  lab.compacted = 5

  lab.create({ startRevision: 4 })
  lab.create({ startRevision: 5 })

  assert.deepEqual(lab.pull(), ['created 0 at 8', 'canceled 0 compacted 5', 'created 1 at 8', '1: 5 6 7 8'])
})

test('W5, W6: a slow client makes its watcher leave the hub; pulled again, it misses nothing and hears nothing twice', () => {
  const lab = new Lab({ bufferEventsMax: 3 })
  lab.create()
  lab.pull()

  lab.write(...puts(2, 9))
  const buffered = lab.hub.index.size
  const told: string[] = []
  for (let pulls = 0; pulls < 20; pulls++) told.push(...lab.pull())
  lab.write(...puts(11, 1))
  told.push(...lab.pull())

  assert.equal(buffered, 0, 'nobody is told what there is no room for')
  const revisions = told.flatMap((text) => text.slice(3).split(' ').map(Number))
  assert.deepEqual(revisions, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
  assert.equal(lab.hub.index.size, 1)
})

test('W5: what found no room is read again when something has left, and not before', () => {
  const lab = new Lab({ bufferEventsMax: 4 })
  const many = revisionOf(3, ...['a', 'b', 'c', 'd'].map((key) => put(key, 'v', 3)))
  lab.past(...puts(2, 1), many)
  lab.create({ startRevision: 2, ranges: [{ key: utf8('a'), rangeEnd: utf8('z') }] })

  const before = lab.historyReads
  lab.write(...puts(4, 2))
  const waiting = lab.historyReads
  const told = [lab.pull(), lab.pull(), lab.pull()].flat()

  assert.ok(before <= 2 && waiting === before, `history was read ${before} times, and ${waiting} after two writes`)
  assert.deepEqual(told, ['created 0 at 3', '0: 2', '0: 3 3 3 3', '0: 4 5'])
})

test('a compaction that overtakes a slow watcher cancels it, after all that it was told', () => {
  const lab = new Lab({ bufferEventsMax: 2 })
  lab.create()
  lab.write(...puts(2, 9))
  lab.compacted = 9

  const told = [...lab.pull(), ...lab.pull()]

  assert.deepEqual(told, ['created 0 at 1', '0: 2 3', 'canceled 0 compacted 9'])
})

test('W6: a word that was lost is noticed, and nothing is missing after it', () => {
  const lab = new Lab()
  lab.create()
  lab.write(...puts(2, 1))

  // Said by the hub, and heard by nobody.
  lab.log.push(...puts(3, 1))
  onFeed(lab.hub, { after: 2, upTo: 3, items: puts(3, 1) }, [])
  lab.write(...puts(4, 1))

  assert.deepEqual(lab.pull(), ['created 0 at 1', '0: 2 3 4'])
})

test('W6: a hub that missed something sends its watchers through history', () => {
  const lab = new Lab()
  lab.create()
  lab.write(...puts(2, 1))

  lab.lose(...puts(3, 2))
  lab.hubLearns()
  lab.write(...puts(5, 1))

  assert.deepEqual(lab.pull(), ['created 0 at 1', '0: 2 3 4 5'])
})

test('W7: what a key held before is sought in history where the replica had not got it at hand', () => {
  const lab = new Lab()
  lab.create({ prevKv: true })
  const known = put('k', 'new', 2, pair('k', 'old', 1))
  lab.log.push(revisionOf(2, known))

  lab.feed([revisionOf(2, { ...known, previous: undefined, previousUnread: true })])

  const [, events] = lab.session.queue.pull(1_000_000, 0)
  assert.ok(events?.type === 'events')
  assert.equal(events.events[0]?.prevKv?.modRevision, 1)
})

test('W11: a bookmark of the stream waits until every watcher follows, and is not given to a stream without any', () => {
  const lab = new Lab({ bufferEventsMax: 2 })
  lab.command({ type: 'requestProgress' })
  lab.create()
  lab.write(...puts(2, 5))

  lab.command({ type: 'requestProgress' })
  const first = lab.pull()
  const rest = [...lab.pull(), ...lab.pull(), ...lab.pull()]

  assert.deepEqual(first, ['created 0 at 1', '0: 2 3'])
  assert.deepEqual(rest, ['0: 4 5', '0: 6', 'progress -1 at 6'])
})

test('W10: bookmarks of quiet watchers are given, and elided where something was told', () => {
  const lab = new Lab()
  lab.create({ progressNotify: true })
  lab.create({ progressNotify: true, ranges: [{ key: new Uint8Array([1]) }] })
  lab.create({ ranges: [{ key: new Uint8Array([1]) }] })
  lab.write(...puts(2, 1))

  lab.act(() => {
    lab.session.progressDue = true
  })
  const elided = lab.pull()
  lab.act(() => {
    lab.session.progressDue = true
  })

  assert.deepEqual(elided.slice(3), ['0: 2', 'progress 1 at 2'])
  assert.deepEqual(lab.pull(), ['progress 0 at 2', 'progress 1 at 2'])
})

test('W10: the newest of each key, as it stands before the bookmark of its watcher, does not grow newer than that', () => {
  const lab = new Lab()
  const due = (): void =>
    lab.act(() => {
      lab.session.progressDue = true
    })
  lab.create({ latestOnly: true, progressNotify: true })
  lab.write(...puts(2, 1))
  for (const watcher of lab.session.gathering) lab.session.queue.place(watcher)

  due()
  due()
  lab.write(...puts(3, 1))
  for (const watcher of lab.session.gathering) lab.session.queue.place(watcher)

  assert.deepEqual(lab.pull(), ['created 0 at 1', '0: 2', 'progress 0 at 2', '0: 3'])
})

test('W11: a watcher of a future revision is not bookmarked before it', () => {
  const lab = new Lab()
  lab.create({ startRevision: 4 })

  lab.command({ type: 'requestProgress' })
  const early = lab.pull()
  lab.write(...puts(2, 2))
  // What a sweep does: without one, nothing tells a session of revisions that it did not want.
  lab.act(() => {
    lab.session.whereAsked = false
  })
  const then = lab.pull()

  assert.deepEqual(early, ['created 0 at 1'])
  assert.deepEqual(then, ['progress -1 at 3'])
})

test('a watcher that was canceled is told nothing more; another of the stream is', () => {
  const lab = new Lab()
  lab.create()
  lab.create()
  lab.write(...puts(2, 1))

  lab.command({ type: 'cancel', watchId: 0 })
  lab.command({ type: 'cancel', watchId: 9 })
  lab.write(...puts(3, 1))

  assert.deepEqual(lab.pull(), ['created 0 at 1', 'created 1 at 1', '0: 2', '1: 2', 'canceled 0 asked', '1: 3'])
  assert.equal(lab.hub.index.size, 1)
})

test('W9: who may not read is not let in; who may no longer is put out before the next event', () => {
  const lab = new Lab()
  lab.may = 'permissionDenied'
  lab.create({}, 1, 'eve')
  lab.may = 'done'
  lab.create({}, 2, 'ada')
  lab.create({}, 3)
  lab.write(...puts(2, 1))
  const before = lab.pull()

  lab.may = 'permissionDenied'
  lab.authRevision = 2
  lab.held = true
  lab.log.push(...puts(3, 1))
  lab.feed([{ type: 'authChanged' }, ...puts(3, 1)])
  const doubted = lab.pull()
  lab.answer()

  assert.deepEqual(before, ['canceled -1 permissionDenied', 'created 2 at 1', 'created 3 at 1', '2: 2', '3: 2'])
  assert.deepEqual(doubted, ['3: 3'])
  assert.deepEqual(lab.pull(), ['canceled 2 permissionDenied'])
})

test('W9: who still may misses nothing of the time when it was in doubt', () => {
  const lab = new Lab()
  lab.create({}, 2, 'ada')
  lab.pull()
  lab.held = true
  lab.authRevision = 2

  lab.log.push(...puts(2, 2))
  lab.feed([...puts(2, 1), { type: 'authChanged' }, ...puts(3, 1)])
  const meanwhile = lab.pull()
  lab.answer()

  assert.deepEqual(meanwhile, ['2: 2'])
  assert.deepEqual(lab.pull(), ['2: 3'])
})

test('W9: permissions that change while it is asked about them are asked about again', () => {
  const lab = new Lab()
  lab.create({}, 2, 'ada')
  lab.pull()
  lab.held = true
  lab.log.push(...puts(2, 1))
  lab.feed([{ type: 'authChanged' }, ...puts(2, 1)])
  const [first] = lab.waiting.splice(0)

  lab.feed([{ type: 'authChanged' }])
  lab.may = 'permissionDenied'
  lab.act((out) =>
    onAuthRevision(
      lab.session,
      first as Purpose & { type: 'authRevision' },
      { type: 'done', revision: 2, response: { authRevision: 1 } },
      0,
      out,
    ),
  )
  lab.answer()

  assert.deepEqual(lab.pull(), ['canceled 2 permissionDenied'])
})

test('W12: a create that finds no replica is asked for again, and refused only when there was none for long', () => {
  const lab = new Lab()
  lab.held = true
  lab.create()
  const silent = (nowMs: number): void => lab.act((out) => onStanding(lab.session, { type: 'none' }, nowMs, out))

  silent(100)
  const asked = lab.waiting.splice(0).length
  lab.act((out) => createAgain(lab.session, out))
  const askedAgain = lab.waiting.splice(0).length
  const meanwhile = lab.pull()
  silent(5_000)

  assert.deepEqual([asked, askedAgain, meanwhile], [1, 1, []])
  assert.deepEqual(lab.pull(), ['canceled -1 unavailable'])
})

test('the newest of each key: what was overwritten between two pulls is not told', () => {
  const lab = new Lab()
  lab.create({ latestOnly: true })
  lab.write(...puts(2, 3), revisionOf(5, put('other', '', 5)))
  for (const watcher of lab.session.gathering) lab.session.queue.place(watcher)

  assert.deepEqual(lab.pull(), ['created 0 at 1', '0: 4'])
})
