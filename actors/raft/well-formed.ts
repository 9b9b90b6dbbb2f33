/**
 * What a correct replica may say. Anything else is ignored before it touches the state (R24): a number that is no safe
 * integer would poison every comparison after it, and a term from nowhere would use up all terms at once.
 */
import type { LogEntry } from '../../runtime/ports/store.ts'
import { decodeConfiguration } from './membership.ts'
import type { PeerMessage, RaftMessage, StoreLoss } from './messages.ts'
import type { RaftState } from './state.ts'

/** Terms rise by one an election: no honest replica is so far ahead of another. */
export const termJumpMax: number = 2 ** 32

export function isPeerMessage(message: RaftMessage): message is PeerMessage {
  switch (message.type) {
    case 'askVote':
    case 'vote':
    case 'append':
    case 'matched':
    case 'mismatched':
    case 'heartbeat':
    case 'heartbeatAck':
    case 'timeoutNow':
    case 'forwardPropose':
    case 'forwardDropped':
    case 'askReadIndex':
    case 'readIndex':
    case 'snapshotInstalled':
    case 'trusted':
      return true
    default:
      return false
  }
}

export function wellFormed(state: RaftState, message: PeerMessage): boolean {
  const { from, term } = message
  if (!natural(from) || from === 0 || from === state.self) return false
  if (!natural(term) || term > state.term + termJumpMax) return false
  switch (message.type) {
    case 'askVote':
      return natural(message.lastIndex) && natural(message.lastTerm) && message.lastTerm <= term
    case 'append':
      return natural(message.commit) && natural(message.round) && entriesFit(message)
    case 'matched':
      return natural(message.index) && natural(message.round) && lossFits(message)
    case 'mismatched':
      return (
        natural(message.prevIndex) &&
        natural(message.hintIndex) &&
        natural(message.hintTerm) &&
        natural(message.round) &&
        lossFits(message)
      )
    case 'heartbeat':
      return natural(message.commit) && natural(message.round)
    case 'heartbeatAck':
      return natural(message.round) && lossFits(message)
    case 'askReadIndex':
      return natural(message.id)
    case 'readIndex':
      return natural(message.id) && natural(message.index)
    case 'snapshotInstalled':
      return natural(message.index) && lossFits(message)
    case 'trusted':
      return natural(message.life)
    case 'forwardPropose':
      return Array.isArray(message.proposals)
    case 'forwardDropped':
      return Array.isArray(message.ids)
    default:
      return true
  }
}

/** Entries follow each other without a gap, and their terms never fall nor pass the leader's. */
function entriesFit(message: Extract<PeerMessage, { type: 'append' }>): boolean {
  const { prevIndex, prevTerm, entries, term } = message
  if (!natural(prevIndex) || !natural(prevTerm) || prevTerm > term || !Array.isArray(entries)) return false
  let index = prevIndex
  let newest = prevTerm
  for (const entry of entries as readonly LogEntry[]) {
    if (entry.index !== ++index || !natural(entry.term) || entry.term < newest || entry.term > term) return false
    if (entry.type === 'config' && decodeConfiguration(entry.data) === undefined) return false
    newest = entry.term
  }
  return true
}

function lossFits({ lost }: { readonly lost?: StoreLoss }): boolean {
  return lost === undefined || (natural(lost.life) && lost.life > 0)
}

function natural(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
