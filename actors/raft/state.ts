/**
 * The whole state of one replica, how it is restored from disk, and the few writes every part of the core shares.
 *
 * Randomness is state: the election timeout is a keyed draw of (seed, replica, term, count), so a run is a function of
 * its messages. Time is state too: it arrives as `tick` and is counted.
 */
import { invariant } from '../../base/assert.ts'
import { draw } from '../../base/draw.ts'
import { limit } from '../../base/fault-points.ts'
import type { LogView } from '../../runtime/ports/store.ts'
import { restoreBytes, timeoutSpread } from './fault-sites.ts'
import { decodeConfiguration, isOnlyVoter, MembershipHistory } from './membership.ts'
import type { Configuration, Index, NodeId, PeerMessage, RaftEffect, Role, SnapshotMeta, Term } from './messages.ts'
import type { Progress } from './progress.ts'
import { RaftLog } from './raft-log.ts'

export interface RaftConfig {
  readonly self: NodeId
  /** Must differ from one start of the process to the next, e.g. by mixing in the incarnation. */
  readonly seed: number
  /** E: silence of a leader before an election, drawn from E (included) to 2E (excluded) each time. */
  readonly electionTicks: number
  readonly heartbeatTicks: number
  /** Of one append message; a single larger entry still goes alone. */
  readonly maxEntriesBytes: number
  readonly inflightMessagesMax: number
  readonly inflightBytesMax: number
  /** Of the whole tail that is not committed, what earlier leaders left included. */
  readonly uncommittedBytesMax: number
  /** Of what this leader proposed and is not committed. */
  readonly proposalQuotaBytes: number
  readonly logKeepEntries: number
  readonly logKeepBytes: number
  /** Idle ticks before a leader lets its group sleep; 0 is never. */
  readonly quiesceAfterTicks: number
  readonly checkQuorum: boolean
  readonly preVote: boolean
  /** No vote is given for so long after the start of the process; 0 only for tests and groups of one voter. */
  readonly voteBanTicks: number
  /** The store was lost: until a leader vouches for it, this replica helps nobody to win anything (R25). */
  readonly forgetful: boolean
}

export const raftDefaults: Omit<RaftConfig, 'self' | 'seed'> = {
  electionTicks: 10,
  heartbeatTicks: 1,
  maxEntriesBytes: 1024 * 1024,
  inflightMessagesMax: 256,
  inflightBytesMax: 16 * 1024 * 1024,
  uncommittedBytesMax: 64 * 1024 * 1024,
  proposalQuotaBytes: 8 * 1024 * 1024,
  logKeepEntries: 10_000,
  logKeepBytes: 64 * 1024 * 1024,
  quiesceAfterTicks: 30,
  checkQuorum: true,
  preVote: true,
  voteBanTicks: 20,
  forgetful: false,
}

/**
 * The configuration of `given`, with defaults for what it leaves open. Field by field, though a spread would be shorter: an
 * object that is spread together from several is kept as a table, and this one is read at every step.
 */
export function raftConfig(given: Partial<RaftConfig> & Pick<RaftConfig, 'self' | 'seed'>): RaftConfig {
  const defaults = raftDefaults
  return {
    self: given.self,
    seed: given.seed,
    electionTicks: given.electionTicks ?? defaults.electionTicks,
    heartbeatTicks: given.heartbeatTicks ?? defaults.heartbeatTicks,
    maxEntriesBytes: given.maxEntriesBytes ?? defaults.maxEntriesBytes,
    inflightMessagesMax: given.inflightMessagesMax ?? defaults.inflightMessagesMax,
    inflightBytesMax: given.inflightBytesMax ?? defaults.inflightBytesMax,
    uncommittedBytesMax: given.uncommittedBytesMax ?? defaults.uncommittedBytesMax,
    proposalQuotaBytes: given.proposalQuotaBytes ?? defaults.proposalQuotaBytes,
    logKeepEntries: given.logKeepEntries ?? defaults.logKeepEntries,
    logKeepBytes: given.logKeepBytes ?? defaults.logKeepBytes,
    quiesceAfterTicks: given.quiesceAfterTicks ?? defaults.quiesceAfterTicks,
    checkQuorum: given.checkQuorum ?? defaults.checkQuorum,
    preVote: given.preVote ?? defaults.preVote,
    voteBanTicks: given.voteBanTicks ?? defaults.voteBanTicks,
    forgetful: given.forgetful ?? defaults.forgetful,
  }
}

/** What one replica hands to its state machine ahead of `applied`. */
export const applyBytesMax: number = 8 * 1024 * 1024
/** Reads waiting for their index, of this node and of followers together. */
export const readsMax = 8_192
/** Proposals passed on to the leader whose fate is not known here. */
export const forwardedMax = 4_096
/** A follower not heard for so many ticks no longer keeps the log from being compacted. */
export const deadAfterTicks = 600
/** The log is compacted past slow followers when it is so many times what it should be. */
export const logKeepFactorMax = 4

export interface HardState {
  readonly term: Term
  readonly votedFor: NodeId | undefined
  readonly commit: Index
}

export interface Restored {
  readonly hardState: HardState
  /** As of the log's compacted index. */
  readonly configuration: Configuration
  /** What the state machine holds already. */
  readonly appliedIndex: Index
}

/** A read waiting for a round: asked here (`from` is our own id) or passed on by a follower. */
export interface WaitingRead {
  readonly from: NodeId
  readonly id: number
}

export interface ReadState {
  /** Leader: reads that the next round will answer. */
  waiting: WaitingRead[]
  /** Leader: reads that the round under way answers, and the commit index when it began. */
  asked: WaitingRead[]
  askedIndex: Index
  /** The newest round; it rides on every append and heartbeat. */
  round: number
  /** Follower: reads not yet passed on, and those the present question stands for. */
  toForward: number[]
  forwarded: number[]
  question: number
  questionTicks: number
}

export interface Transfer {
  readonly to: NodeId
  ticks: number
  told: boolean
}

/** What the world was last told, so that it is told of changes only. */
interface Told {
  term: Term
  votedFor: NodeId | undefined
  commit: Index
  role: Role | undefined
  roleTerm: Term
  leader: NodeId | undefined
  configuration: Configuration | undefined
}

export interface RaftState {
  readonly config: RaftConfig
  readonly self: NodeId
  readonly log: RaftLog
  readonly membership: MembershipHistory
  term: Term
  votedFor: NodeId | undefined
  role: Role
  leader: NodeId | undefined
  /** The present term and vote are known to be on disk. */
  termDurable: boolean
  /** It may have promised what it no longer knows (R25). */
  forgetful: boolean
  /** Which start speaks, where the store was lost; 0 where it was not. */
  readonly life: number
  commit: Index
  /** Handed to the state machine. */
  applying: Index
  applied: Index
  folded: Index
  /** Handed over and not yet applied: the last index and the bytes of each batch. */
  readonly applyQueue: { readonly index: Index; readonly bytes: number }[]
  applyBytes: number
  /** Since the start of the process. */
  ticks: number
  /** No vote before this tick. */
  voteBanUntil: number
  electionElapsed: number
  electionTimeout: number
  /** Timeouts drawn so far: part of the key of the next. */
  draws: number
  votes: Map<NodeId, boolean>
  /** Candidate: the leader itself asked for this election. */
  transferElection: boolean
  /** Leader: of every other member. */
  readonly progress: Map<NodeId, Progress>
  /** Leader: our own log is on disk up to here. */
  selfMatch: Index
  heartbeatElapsed: number
  /** Leader: the index of the entry that began the term. */
  termStart: Index
  uncommittedBytes: number
  quotaBytes: number
  transfer: Transfer | undefined
  /** Leader: the change its own node asked for, until it is in force. */
  changeId: number | undefined
  reads: ReadState
  /** Follower: proposals passed on, and the tick of each. */
  forwarded: { readonly id: number; readonly tick: number }[]
  forwardedBytes: number
  quiesced: boolean
  idleTicks: number
  readonly told: Told
}

/**
 * Restores a replica.
 *
 * @param restored - The hard state, the configuration as of the log's compacted index, and what the state machine holds.
 * @param view - The durable log; its entries are read once, to find configurations and sizes.
 */
export function createRaftState(config: RaftConfig, restored: Restored, view: LogView): RaftState {
  const log = new RaftLog(view)
  const { hardState, appliedIndex } = restored
  invariant(
    appliedIndex >= log.first - 1 && appliedIndex <= log.last,
    () => `R20: applied ${appliedIndex} lies in the log ${log.first - 1}..${log.last}`,
  )
  const commit = Math.max(hardState.commit, appliedIndex)
  invariant(commit <= log.last, () => `R8: commit ${commit} lies in the log, which ends at ${log.last}`)
  const membership = new MembershipHistory(log.first - 1, restored.configuration)
  scan(log, view, membership)
  const state: RaftState = {
    config,
    self: config.self,
    log,
    membership,
    term: hardState.term,
    votedFor: hardState.votedFor,
    role: 'follower',
    leader: undefined,
    termDurable: true,
    forgetful: config.forgetful,
    life: config.forgetful ? 1 + Math.floor(draw(config.seed, `raft.life.${config.self}`, 0) * 2 ** 48) : 0,
    commit,
    applying: appliedIndex,
    applied: appliedIndex,
    folded: appliedIndex,
    applyQueue: [],
    applyBytes: 0,
    ticks: 0,
    voteBanUntil: 0,
    electionElapsed: 0,
    electionTimeout: config.electionTicks,
    draws: 0,
    votes: new Map(),
    transferElection: false,
    progress: new Map(),
    selfMatch: 0,
    heartbeatElapsed: 0,
    termStart: 0,
    uncommittedBytes: 0,
    quotaBytes: 0,
    transfer: undefined,
    changeId: undefined,
    reads: createReadState(config),
    forwarded: [],
    forwardedBytes: 0,
    quiesced: false,
    idleTicks: 0,
    told: {
      term: hardState.term,
      votedFor: hardState.votedFor,
      commit: hardState.commit,
      role: undefined,
      roleTerm: 0,
      leader: undefined,
      configuration: undefined,
    },
  }
  state.voteBanUntil = voteBan(state)
  drawElectionTimeout(state)
  return state
}

function createReadState({ self, seed }: RaftConfig): ReadState {
  return {
    waiting: [],
    asked: [],
    askedIndex: 0,
    round: 0,
    toForward: [],
    forwarded: [],
    // Not from 0: an answer that outlived a restart of this process must not fit a question asked since (R18).
    question: Math.floor(draw(seed, `raft.question.${self}`, 0) * 2 ** 48),
    questionTicks: 0,
  }
}

/** In the election timer's way of counting: how long until silence becomes an election. */
export function drawElectionTimeout(state: RaftState): void {
  const { seed, electionTicks } = state.config
  // Hashed with the replica's own id as the site's suffix: replicas may share a seed and must not share timeouts.
  const share = draw(seed, `raft.electionTimeout.${state.self}`, state.term, state.draws++)
  state.electionTimeout = electionTicks + Math.floor(share * limit(timeoutSpread, electionTicks, 1))
}

export function banned(state: RaftState): boolean {
  return state.ticks < state.voteBanUntil
}

export type Release = 'now' | 'durable'

export function send(out: RaftEffect[], to: NodeId, message: PeerMessage, release: Release): void {
  out.push({ type: 'send', to, message, release })
}

/**
 * For what speaks for the term itself: until the term is on disk, a crash would let us live through it twice and say
 * something else.
 */
export function releaseOfTerm(state: RaftState): Release {
  return state.termDurable ? 'now' : 'durable'
}

/** What a snapshot of the state machine at `index` is accompanied by; undefined where the log no longer knows. */
export function snapshotMeta(state: RaftState, index: Index): SnapshotMeta | undefined {
  const term = state.log.term(index)
  return term === undefined ? undefined : { index, term, configuration: state.membership.at(index) }
}

/** As of the log's compacted index: what the shell keeps beside the log and gives back as `Restored`. */
export function compactedConfiguration(state: RaftState): Configuration {
  return state.membership.base
}

/** Whether installing a snapshot at `index` would bring the state machine forward: asked before installing it. */
export function snapshotWanted(state: RaftState, index: Index): boolean {
  return index > state.applying
}

const scanBytes = 4 * 1024 * 1024

function scan(log: RaftLog, view: LogView, membership: MembershipHistory): void {
  for (let from = log.first; from <= log.last; ) {
    for (const entry of view.entries(from, log.last, limit(restoreBytes, scanBytes, 1))) {
      log.noteBytes(entry)
      from = entry.index + 1
      if (entry.type !== 'config') continue
      const configuration = decodeConfiguration(entry.data)
      invariant(configuration !== undefined, () => `R13: entry ${entry.index} holds a configuration`)
      membership.add(entry.index, configuration)
    }
  }
}

function voteBan(state: RaftState): number {
  const { membership, log, commit } = state
  // What it took part in is not known.
  if (state.forgetful) return state.config.voteBanTicks
  // Never took part in any term, so there is no promise to a leader that a restart could have made it forget.
  if (state.term === 0 && log.last === 0) return 0
  // Nobody else can lead: whoever led before stepped down when this configuration was committed.
  if (isOnlyVoter(membership.current, state.self) && membership.currentIndex <= commit) return 0
  return state.config.voteBanTicks
}
