/** Messages and effects of the core in words, for golden traces: one line each, stable, and short enough to read. */
import type { Configuration, RaftEffect, RaftMessage, StoreLoss } from '../../../actors/raft/messages.ts'
import { fromUtf8 } from '../../../base/bytes.ts'
import type { LogEntry } from '../../../runtime/ports/store.ts'

export function configurationText({ voters, votersOutgoing, learners, learnersNext }: Configuration): string {
  const parts = [`voters ${voters.join(',') || 'none'}`]
  if (votersOutgoing.length > 0) parts.push(`outgoing ${votersOutgoing.join(',')}`)
  if (learners.length > 0) parts.push(`learners ${learners.join(',')}`)
  if (learnersNext.length > 0) parts.push(`learners next ${learnersNext.join(',')}`)
  return parts.join(', ')
}

export function entryText({ index, term, type, data }: LogEntry): string {
  return `${index}@${term}${type === 'normal' ? ` "${fromUtf8(data)}"` : ` ${type}`}`
}

export function entriesText(entries: readonly LogEntry[]): string {
  return entries.length === 0 ? 'nothing' : entries.map(entryText).join(', ')
}

export function messageText(message: RaftMessage): string {
  switch (message.type) {
    case 'askVote':
      return `${message.pre ? 'pre-vote asked' : 'vote asked'}${message.transfer ? ' (transfer)' : ''} for term ${message.term}, log ends ${message.lastIndex}@${message.lastTerm}`
    case 'vote':
      return `${message.pre ? 'pre-vote' : 'vote'} ${message.granted ? 'granted' : 'refused'}, term ${message.term}`
    case 'append':
      return `append term ${message.term} after ${message.prevIndex}@${message.prevTerm}: ${entriesText(message.entries)}; commit ${message.commit}${roundText(message.round)}`
    case 'matched':
      return `matched ${message.index}, term ${message.term}${roundText(message.round)}${lossText(message.lost)}`
    case 'mismatched':
      return `mismatched after ${message.prevIndex}, try ${message.hintIndex}@${message.hintTerm}, term ${message.term}${lossText(message.lost)}`
    case 'heartbeat':
      return `heartbeat term ${message.term}, commit ${message.commit}${roundText(message.round)}${message.quiesce ? ', good night' : ''}`
    case 'heartbeatAck':
      return `heartbeat heard, term ${message.term}${roundText(message.round)}${lossText(message.lost)}`
    case 'forwardPropose':
      return `proposals passed on: ${message.proposals.map(({ id }) => id).join(',')}`
    case 'forwardDropped':
      return `proposals ${message.ids.join(',')} refused: ${message.reason}`
    case 'askReadIndex':
      return 'read index asked'
    case 'readIndex':
      return `read index is ${message.index}`
    case 'snapshotInstalled':
      return `snapshot installed, continues after ${message.index}, term ${message.term}${lossText(message.lost)}`
    case 'trusted':
      return `trusts it, term ${message.term}`
    case 'persisted':
      return `disk holds up to ${message.index} as of term ${message.term}`
    case 'installed':
      return `snapshot ${message.meta.index}@${message.meta.term} is installed, ${configurationText(message.meta.configuration)}`
    case 'snapshotSent':
      return `snapshot to ${message.to} ${message.delivered ? 'delivered' : 'lost'}`
    case 'applied':
    case 'folded':
      return `${message.type} up to ${message.index}`
    case 'propose':
      return `proposes ${message.proposals.map(({ data }) => `"${fromUtf8(data)}"`).join(', ')}`
    case 'changeConfiguration':
      return `wants voters ${message.wanted.voters.join(',')} learners ${message.wanted.learners.join(',') || 'none'}`
    case 'read':
      return `reads (${message.id})`
    case 'transferLeadership':
      return `hands leadership to ${message.to}`
    case 'peerLink':
      return `link to ${message.node} is ${message.up ? 'up' : 'down'}`
    case 'timeoutNow':
      return 'told to stand now'
    case 'campaign':
      return 'stands'
    case 'tick':
      return 'tick'
  }
}

export function effectText(effect: RaftEffect): string {
  switch (effect.type) {
    case 'persistHardState':
      return `writes term ${effect.term}, vote ${effect.votedFor ?? 'none'}, commit ${effect.commit}`
    case 'append':
      return `writes ${entriesText(effect.entries)}`
    case 'compactLog':
      return `compacts up to ${effect.index}@${effect.term}`
    case 'resetLog':
      return `starts its log anew after ${effect.index}@${effect.term}`
    case 'send':
      return `${effect.release === 'now' ? 'sends' : 'sends once durable'} to ${effect.to}: ${messageText(effect.message)}`
    case 'call':
      return `calls everybody: ${messageText(effect.message)}`
    case 'apply':
      return `applies ${entriesText(effect.entries)}`
    case 'readReady':
      return `read ${effect.ids.join(',')} may be served at ${effect.index}`
    case 'readDropped':
      return `read ${effect.ids.join(',')} dropped: ${effect.reason}`
    case 'proposalsDropped':
      return `proposals dropped: ${effect.reason}`
    case 'configurationChanged':
      return effect.error === undefined ? 'the change is in force' : `the change failed: ${effect.error}`
    case 'configuration':
      return `configuration: ${configurationText(effect.configuration)}`
    case 'role':
      return `is ${effect.role} of term ${effect.term}, leader ${effect.leader ?? 'unknown'}`
    case 'sendSnapshot':
      return `streams a snapshot to ${effect.to}`
    case 'cancelSnapshot':
      return `ends the snapshot to ${effect.to}`
    case 'trusted':
      return 'writes that it is trusted'
  }
}

function lossText(lost: StoreLoss | undefined): string {
  if (lost === undefined) return ''
  return lost.trusted ? ' (store lost, trusted)' : ' (store lost)'
}

function roundText(round: number): string {
  return round === 0 ? '' : `, round ${round}`
}
