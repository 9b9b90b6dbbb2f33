/**
 * The door of a group: what came from another node is looked at field by field before the core sees it. A frame that is
 * odd in shape is dropped and counted, never answered and never thrown over: the sender is broken, not we.
 *
 * Only shape is judged here, so that the core may trust its types. Whether a message makes sense (its term, its place in
 * the log, entries that follow each other) is the core's to decide, in `well-formed.ts`.
 */
import type { LogEntry } from '../../runtime/ports/store.ts'
import type { DropReason, PeerMessage, Proposal } from './messages.ts'

/** No sender of ours puts more into one message. */
export const entriesMax = 65_536
export const idsMax = 65_536

type Fields = Record<string, unknown>

const dropReasons: ReadonlySet<unknown> = new Set<DropReason>([
  'noLeader',
  'leaderChanged',
  'transferring',
  'overloaded',
  'tooLarge',
  'configurationPending',
  'notLeader',
  'notReady',
])

/** What each kind of message must hold besides `type`, `from` and `term`. */
const shapes: { readonly [kind in PeerMessage['type']]: (fields: Fields) => boolean } = {
  askVote: (m) => isFlag(m['pre']) && isCount(m['lastIndex']) && isCount(m['lastTerm']) && isFlag(m['transfer']),
  vote: (m) => isFlag(m['pre']) && isFlag(m['granted']),
  append: (m) =>
    isCount(m['commit']) &&
    isCount(m['round']) &&
    isCount(m['prevIndex']) &&
    isCount(m['prevTerm']) &&
    areEntries(m['entries']),
  matched: (m) => isCount(m['index']) && isCount(m['round']) && isLoss(m['lost']),
  mismatched: (m) =>
    isCount(m['prevIndex']) &&
    isCount(m['hintIndex']) &&
    isCount(m['hintTerm']) &&
    isCount(m['round']) &&
    isLoss(m['lost']),
  heartbeat: (m) => isCount(m['commit']) && isCount(m['round']) && isFlag(m['quiesce']),
  heartbeatAck: (m) => isCount(m['round']) && isLoss(m['lost']),
  timeoutNow: () => true,
  forwardPropose: (m) => isList(m['proposals'], idsMax) && m['proposals'].every(isProposal),
  forwardDropped: (m) => isList(m['ids'], idsMax) && m['ids'].every(isCount) && dropReasons.has(m['reason']),
  askReadIndex: (m) => isCount(m['id']),
  readIndex: (m) => isCount(m['id']) && isCount(m['index']),
  snapshotInstalled: (m) => isCount(m['index']) && isLoss(m['lost']),
  trusted: (m) => isCount(m['life']),
}

/** The message when it has the shape of one of another replica; undefined otherwise. Never throws. */
export function checkPeerMessage(message: unknown): PeerMessage | undefined {
  if (typeof message !== 'object' || message === null) return undefined
  const fields = message as Fields
  const { type, from, term } = fields
  if (typeof type !== 'string' || !Object.hasOwn(shapes, type)) return undefined
  if (!isCount(term) || !isCount(from) || from < 1) return undefined
  return shapes[type as PeerMessage['type']](fields) ? (message as PeerMessage) : undefined
}

function areEntries(entries: unknown): boolean {
  return isList(entries, entriesMax) && entries.every(isEntry)
}

function isEntry(value: unknown): value is LogEntry {
  if (typeof value !== 'object' || value === null) return false
  const { index, term, type, data } = value as Fields
  if (!isCount(index) || !isCount(term) || !(data instanceof Uint8Array)) return false
  return type === 'normal' || type === 'config' || type === 'empty'
}

function isProposal(value: unknown): value is Proposal {
  if (typeof value !== 'object' || value === null) return false
  const { id, data } = value as Fields
  return isCount(id) && data instanceof Uint8Array
}

function isLoss(value: unknown): boolean {
  if (value === undefined) return true
  if (typeof value !== 'object' || value === null) return false
  const { life, trusted } = value as Fields
  return isCount(life) && isFlag(trusted)
}

function isList(value: unknown, lengthMax: number): value is readonly unknown[] {
  return Array.isArray(value) && value.length <= lengthMax
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isFlag(value: unknown): value is boolean {
  return typeof value === 'boolean'
}
