/**
 * Bookmarks: everything up to a revision was told, so whoever comes back may begin with the next.
 *
 *   W10  no event of a watcher that a bookmark is for comes after it with a revision that is not above the bookmark's
 *   W11  a bookmark of the whole stream waits until every watcher of it follows the hub, and covers all that they were told
 *
 * The hub says where it is behind everything that it has told; what it said stands in the queue already, so a bookmark that
 * takes its place at the end is true.
 */
import { sometimes } from '../../base/fault-points.ts'
import { progressWaited } from './probes.ts'
import type { SessionOut, SessionState, Watcher } from './session-state.ts'

/** Of the whole stream. */
const allWatchers = -1

/** Asks the hub where it is, if a bookmark waits for that and could be given. */
export function seekProgress(session: SessionState, out: SessionOut[]): void {
  if (session.whereAsked || !session.joined) return
  if (!session.progressDue && !(session.progressWanted && isSynced(session))) return
  session.whereAsked = true
  out.push({ type: 'tellHub', message: { type: 'where' } })
}

/** The hub has told everything up to `revision`. */
export function onStill(session: SessionState, revision: number): void {
  if (session.progressDue) {
    session.progressDue = false
    const due: number[] = []
    for (const watcher of session.watchers.values()) {
      // Elided where something was told since the last ones were due.
      if (watcher.spec.progressNotify && watcher.quiet && covers(watcher, revision)) due.push(watcher.id)
      watcher.quiet = true
    }
    bookmark(session, due, revision)
  }
  if (!session.progressWanted) return
  const covered = [...session.watchers.values()].every((watcher) => covers(watcher, revision))
  sometimes(progressWaited, !covered)
  if (!covered) {
    // Nothing to ask for again before something happens: the next word with events, or a sweep.
    session.whereAsked = true
    return
  }
  session.progressWanted = false
  bookmark(session, [allWatchers], revision)
}

function bookmark({ queue }: SessionState, watchIds: readonly number[], revision: number): void {
  // What is gathered may still change until a pull comes to it, and would then be newer than the bookmark.
  if (watchIds.length > 0) queue.settle()
  for (const watchId of watchIds) queue.respond({ type: 'progress', watchId, revision })
}

function isSynced(session: SessionState): boolean {
  for (const watcher of session.watchers.values()) if (!follows(watcher)) return false
  return true
}

function follows({ mode, newest, placed }: Watcher): boolean {
  return mode.type === 'live' && (newest === undefined || newest.size === 0 || placed)
}

/** A hub that began anew may for a moment know less than it has told. */
function covers(watcher: Watcher, revision: number): boolean {
  return follows(watcher) && watcher.start <= revision + 1 && watcher.next <= revision + 1
}
