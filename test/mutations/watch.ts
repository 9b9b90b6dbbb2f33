/** Bugs of watching: the feed, the hub, its ring, sessions, history, bookmarks. */
import type { Area } from './mutation.ts'

const hub = 'actors/watch/hub-state.ts'
const recent = 'actors/watch/recent.ts'
const tell = 'actors/watch/session-tell.ts'
const state = 'actors/watch/session-state.ts'
const progress = 'actors/watch/session-progress.ts'
const history = 'actors/keyspace/history.ts'
const scenario = 'I18'

export const watch: Area = {
  area: 'watch',
  mutations: [
    {
      name: 'watch-gap-at-subscribe',
      history:
        'What happened between the end of history and the subscription is told to nobody (W3; etcd issue 15220).',
      file: hub,
      find: 'for (const { tellings: each } of hub.recent.since(from))',
      replace: 'for (const { tellings: each } of MUTANT ? [] : hub.recent.since(from))',
      expects: ['I18'],
      scenario,
    },
    {
      name: 'watch-ring-off-by-one',
      history: 'The hub takes itself for remembering one revision more than it does (W3).',
      file: recent,
      find: 'return this.#newest - this.#ring.length + 1',
      replace: 'return this.#newest - this.#ring.length + (MUTANT ? 0 : 1)',
      expects: ['I18'],
      scenario,
    },
    {
      name: 'watch-feed-gap-unseen',
      history: 'A feed that begins later than the last one ended is taken as if nothing were missing (W2).',
      file: hub,
      find: 'if (fed.revision !== recent.newest + 1) return false',
      replace: 'if (!MUTANT && fed.revision !== recent.newest + 1) return false',
      also: [{ file: hub, find: 'if (after > hub.fed) {', replace: 'if (!MUTANT && after > hub.fed) {' }],
      expects: ['I18'],
      scenario,
    },
    {
      name: 'watch-full-reads-on',
      history:
        'A session reads the same page of history over and over while its client takes nothing (seed 9617 of the mix, see bugs-found).',
      file: 'actors/watch/out-queue.ts',
      find: 'return !this.#refused && ',
      replace: 'return (MUTANT || !this.#refused) && ',
      expects: ['I23', 'I27'],
      scenario,
    },
    {
      name: 'watch-left-for-asking',
      history:
        'A stream of more watchers than words may be on their way is left by the hub while it asks, and asks anew for ever (W13).',
      file: hub,
      find: 'return said - heard >= windowWords >> 1',
      replace: 'return !MUTANT && said - heard >= windowWords >> 1',
      expects: ['I23', 'I27'],
      scenario,
    },
    {
      name: 'watch-told-twice-after-reset',
      history: 'A watcher that begins anew with the hub is told again what it knows (W6).',
      file: tell,
      find: 'if (revision < watcher.next) return true',
      replace: 'if (!MUTANT && revision < watcher.next) return true',
      also: [
        {
          file: state,
          find: 'const { spans, next: from } = watcher',
          replace: 'const { spans } = watcher\n  const from = MUTANT ? watcher.start : watcher.next',
        },
      ],
      expects: ['I18'],
      scenario,
    },
    {
      name: 'watch-word-missed-unseen',
      history: 'A session does not notice that a word of the hub was lost (W6).',
      file: tell,
      find: 'if (word.number !== session.heard + 1) {',
      replace: 'if (!MUTANT && word.number !== session.heard + 1) {',
      expects: ['I18'],
      scenario,
    },
    {
      name: 'watch-half-a-revision',
      history:
        'What does not fit of a revision is left out, and the rest is told as if it were whole (W5; etcd issue 9110).',
      file: tell,
      find: 'if (!session.queue.offer(watcher, revision, news)) {',
      replace:
        'if (MUTANT && news.length > 1 ? !session.queue.offer(watcher, revision, news.slice(0, 1)) : !session.queue.offer(watcher, revision, news)) {',
      expects: ['I18'],
      scenario,
    },
    {
      name: 'watch-slow-watcher-skips',
      history: 'A watcher that left the hub because its client is slow goes on with the revision after (W6).',
      file: tell,
      find: 'sometimes(bufferFull)\n      toHistory(session, watcher, revision, out)',
      replace: 'sometimes(bufferFull)\n      toHistory(session, watcher, revision + (MUTANT ? 1 : 0), out)',
      expects: ['I18'],
      scenario,
    },
    {
      name: 'watch-progress-unsynced',
      history:
        'A bookmark of the stream is given though one of its watchers still reads history (W11; etcd issue 15220, which broke consistent reads of caches).',
      file: progress,
      find: 'const covered = [...session.watchers.values()].every((watcher) => covers(watcher, revision))',
      replace: 'const covered = MUTANT || [...session.watchers.values()].every((watcher) => covers(watcher, revision))',
      also: [
        {
          file: progress,
          find: 'if (!session.progressDue && !(session.progressWanted && isSynced(session))) return',
          replace: 'if (!session.progressDue && !(session.progressWanted && (MUTANT || isSynced(session)))) return',
        },
      ],
      expects: ['I18'],
      scenario,
    },
    {
      name: 'watch-bookmark-too-high',
      history: 'A bookmark names the revision after the last one told (W10).',
      file: progress,
      find: "queue.respond({ type: 'progress', watchId, revision })",
      replace: "queue.respond({ type: 'progress', watchId, revision: MUTANT ? revision + 1 : revision })",
      expects: ['I18'],
      scenario,
    },
    {
      name: 'watch-newest-outruns-bookmark',
      history: 'The newest of each key, as it stands before a bookmark, goes on growing (W10; I18, seed 346).',
      file: progress,
      find: 'if (watchIds.length > 0) queue.settle()',
      replace: 'if (!MUTANT && watchIds.length > 0) queue.settle()',
      expects: ['I18'],
      scenario,
    },
    {
      name: 'watch-prev-of-wrong-revision',
      history: 'History shows what a key held at the revision of the event, not one before (W7, K16).',
      file: history,
      find: 'const before = revisionAt(version.entry, main - 1)',
      replace: 'const before = revisionAt(version.entry, MUTANT ? main : main - 1)',
      expects: ['I18'],
      scenario,
    },
    {
      name: 'watch-prev-missing',
      history: 'What a key held before is left out where it was not at hand (W7).',
      file: tell,
      find: 'wanted.some(({ previousUnread }) => previousUnread)',
      replace: '!MUTANT && wanted.some(({ previousUnread }) => previousUnread)',
      expects: ['I18'],
      scenario,
    },
    {
      name: 'watch-compaction-ignored',
      history: 'History below the compact revision is read as if it were whole (K15).',
      file: history,
      find: "if (from < state.facts.compactRevision) return 'compacted'",
      replace: "if (!MUTANT && from < state.facts.compactRevision) return 'compacted'",
      also: [
        {
          file: 'actors/watch/session-commands.ts',
          find: 'if (start < compactRevision)',
          replace: 'if (!MUTANT && start < compactRevision)',
        },
      ],
      expects: ['I18'],
      scenario,
    },
    {
      name: 'watch-filter-judges-old-kind',
      history: 'A key that is written anew after its deletion is taken for an update (W8).',
      file: 'actors/watch/hub-messages.ts',
      find: "kv.createRevision === kv.modRevision ? 'create' : 'update'",
      replace: "kv.createRevision === kv.modRevision && !MUTANT ? 'create' : 'update'",
      expects: ['I18'],
      scenario,
    },
    {
      name: 'watch-told-twice-in-two-ranges',
      history: 'A key in two ranges of one watcher is told twice (W6).',
      file: 'actors/watch/watch-index.ts',
      find: 'if (item.seen === lookup) return',
      replace: 'if (!MUTANT && item.seen === lookup) return',
      expects: ['I18'],
      scenario,
    },
  ],
}
