/**
 * Who belongs to the group, and the way from one configuration to the next (thesis §4).
 *
 *   simple ──one voter differs──▶ simple
 *   simple ──more differ──▶ joint ──joint committed──▶ simple
 *
 * A configuration is in force from the moment its entry is in the log, committed or not, and no longer when the entry is
 * cut off again. So the history after the compacted index is kept here, newest last.
 */
import { invariant } from '../../base/assert.ts'
import { readUint32, readUint64, writeUint32, writeUint64 } from '../../base/bytes.ts'
import { buggify, sometimes } from '../../base/fault-points.ts'
import { alwaysJoint } from './fault-sites.ts'
import type { Configuration, ConfigurationChange, Index, NodeId } from './messages.ts'
import { jointEntered } from './probes.ts'

export const membersMax = 128

export const emptyConfiguration: Configuration = { voters: [], votersOutgoing: [], learners: [], learnersNext: [] }

export function isJoint(configuration: Configuration): boolean {
  return configuration.votersOutgoing.length > 0
}

export function isVoter(configuration: Configuration, node: NodeId): boolean {
  return configuration.voters.includes(node) || configuration.votersOutgoing.includes(node)
}

/** `node` decides alone: no other vote is needed for anything. */
export function isOnlyVoter(configuration: Configuration, node: NodeId): boolean {
  return configuration.voters.length === 1 && configuration.voters[0] === node && !isJoint(configuration)
}

/** Everyone a leader replicates to, itself included; each once. */
export function members(configuration: Configuration): ReadonlySet<NodeId> {
  const { voters, votersOutgoing, learners, learnersNext } = configuration
  return new Set([...voters, ...votersOutgoing, ...learners, ...learnersNext])
}

/**
 * Checks what a caller wants the group to become.
 *
 * @throws {RangeError} No voters, too many members, a node named twice, or an id that is no safe integer of at least 1.
 */
export function checkConfigurationChange(wanted: ConfigurationChange): void {
  const problem = changeProblem(wanted)
  if (problem !== undefined) throw new RangeError(`changing the configuration: ${problem}`)
}

/** The next step from `present` towards `wanted`; undefined when nothing is left to do. */
export function nextConfiguration(present: Configuration, wanted: ConfigurationChange): Configuration | undefined {
  invariant(!isJoint(present), 'R13: a change starts from a simple configuration')
  const voters = sorted(wanted.voters)
  const learners = sorted(wanted.learners)
  if (sameNodes(voters, present.voters) && sameNodes(learners, present.learners)) return undefined
  const added = voters.filter((node) => !present.voters.includes(node)).length
  const removed = present.voters.filter((node) => !voters.includes(node)).length
  // One voter more or less: every old majority meets every new one, so no joint step is needed.
  if (added + removed <= 1 && !buggify(alwaysJoint, 0.8))
    return { voters, votersOutgoing: [], learners, learnersNext: [] }
  sometimes(jointEntered)
  return {
    voters,
    votersOutgoing: sorted(present.voters),
    // A voter of before stays a voter until the joint configuration is left, so it must not count as a learner yet.
    learners: learners.filter((node) => !present.voters.includes(node)),
    learnersNext: learners.filter((node) => present.voters.includes(node)),
  }
}

/** The configuration that a joint one turns into. */
export function leaveJoint(joint: Configuration): Configuration {
  invariant(isJoint(joint), 'R13: only a joint configuration can be left')
  return {
    voters: joint.voters,
    votersOutgoing: [],
    learners: sorted([...joint.learners, ...joint.learnersNext]),
    learnersNext: [],
  }
}

/** Whom a leader replicates to: those who leave are among them until the configuration without them is committed. */
export function trackedMembers(history: MembershipHistory, commit: Index): ReadonlySet<NodeId> {
  const present = members(history.current)
  if (history.currentIndex <= commit) return present
  return new Set([...present, ...members(history.at(commit))])
}

/** The data of a `config` entry: the four sets in order, each a count (32 bits) and its ids (64 bits). */
export function encodeConfiguration(configuration: Configuration): Uint8Array {
  const { voters, votersOutgoing, learners, learnersNext } = configuration
  const sets = [voters, votersOutgoing, learners, learnersNext]
  const data = new Uint8Array(sets.reduce((bytes, set) => bytes + 4 + 8 * set.length, 0))
  let at = 0
  for (const set of sets) {
    writeUint32(data, at, set.length)
    at += 4
    for (const node of set) {
      writeUint64(data, at, node)
      at += 8
    }
  }
  return data
}

/** Undefined when `data` is not what `encodeConfiguration` writes: it may come from a peer gone wrong. */
export function decodeConfiguration(data: Uint8Array): Configuration | undefined {
  const sets: NodeId[][] = []
  let at = 0
  for (let set = 0; set < 4; set++) {
    if (at + 4 > data.length) return undefined
    const count = readUint32(data, at)
    at += 4
    if (count > membersMax || at + 8 * count > data.length) return undefined
    const nodes: NodeId[] = []
    for (let n = 0; n < count; n++, at += 8) nodes.push(readUint64(data, at))
    if (!isNodeList(nodes)) return undefined
    sets.push(nodes)
  }
  const [voters, votersOutgoing, learners, learnersNext] = sets as [NodeId[], NodeId[], NodeId[], NodeId[]]
  if (at !== data.length || voters.length === 0) return undefined
  return { voters, votersOutgoing, learners, learnersNext }
}

interface Change {
  readonly index: Index
  readonly configuration: Configuration
}

/** The configurations of one log, from the compacted index on. */
export class MembershipHistory {
  #base: Change
  #changes: Change[] = []

  constructor(index: Index, configuration: Configuration) {
    this.#base = { index, configuration }
  }

  /** The configuration in force. */
  get current(): Configuration {
    return this.#newest.configuration
  }

  /** Where the configuration in force stands in the log. */
  get currentIndex(): Index {
    return this.#newest.index
  }

  /** As of the compacted index: what a restart begins from. */
  get base(): Configuration {
    return this.#base.configuration
  }

  at(index: Index): Configuration {
    let configuration = this.#base.configuration
    for (const change of this.#changes) if (change.index <= index) configuration = change.configuration
    return configuration
  }

  add(index: Index, configuration: Configuration): void {
    invariant(index > this.currentIndex, () => `R13: configuration at ${index} after one at ${this.currentIndex}`)
    this.#changes.push({ index, configuration })
  }

  /** Forgets what stood at `index` and after. */
  truncate(index: Index): void {
    while (this.#changes.length > 0 && this.#newest.index >= index) this.#changes.pop()
  }

  /** Everything up to `index` becomes the base. */
  compact(index: Index): void {
    let at = 0
    while (at < this.#changes.length && (this.#changes[at] as Change).index <= index) at++
    if (at === 0) return
    this.#base = this.#changes[at - 1] as Change
    this.#changes = this.#changes.slice(at)
  }

  reset(index: Index, configuration: Configuration): void {
    this.#base = { index, configuration }
    this.#changes = []
  }

  get #newest(): Change {
    const { length } = this.#changes
    // Asked at every step of a core: an index below zero would be looked up as the name of a property.
    return length === 0 ? this.#base : (this.#changes[length - 1] as Change)
  }
}

/** Why `wanted` cannot be; undefined when it can. */
export function changeProblem(wanted: ConfigurationChange): string | undefined {
  const all = [...wanted.voters, ...wanted.learners]
  if (wanted.voters.length === 0) return 'a group needs at least 1 voter, 0 given'
  if (all.length > membersMax) return `at most ${membersMax} members, ${all.length} given`
  const odd = all.find((node) => !isNodeId(node))
  if (odd !== undefined) return `a node id is a safe integer of at least 1, ${String(odd)} given`
  const twice = all.find((node, at) => all.indexOf(node) !== at)
  if (twice !== undefined) return `each node once, ${twice} is named twice`
  return undefined
}

function isNodeList(nodes: readonly NodeId[]): boolean {
  return nodes.every(isNodeId) && new Set(nodes).size === nodes.length
}

function isNodeId(node: NodeId): boolean {
  return Number.isSafeInteger(node) && node >= 1
}

function sameNodes(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((node) => b.includes(node))
}

function sorted(nodes: readonly NodeId[]): NodeId[] {
  return [...nodes].sort((a, b) => a - b)
}
