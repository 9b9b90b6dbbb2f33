/**
 * What is damaged where, and what may be damaged next: the ledger of the faults that cost data.
 *
 *   sound ── its store is lost, or found rotten ──▶ struck ── filled again and vouched for (R25) ──▶ sound
 *   sound ── its store forgot, and nobody noticed ──▶ unfaithful, for the rest of the run
 *
 * Two budgets.
 *   recoverable  of every datum a quorum stays intact, in each configuration that may be in force: at most n − quorum of n
 *                voters are struck at a time, no store is unfaithful, and the voters do not change while one is struck. So
 *                nothing acknowledged may be lost, and once the faults end the cluster must recover
 *   unlimited    anything goes. What is still promised then is everything, for as long as no store was unfaithful: a group
 *                that lost a majority of its stores stands still (R25), it does not forget. Only that it recovers is not
 *                asked of a group that has no quorum left to recover with. One unfaithful store is beyond what any protocol
 *                with 2f + 1 replicas can bear; `excuse` says what it may have broken, and it excuses nothing else
 */
import { quorumOf } from './checkers/majority.ts'
import type { Violation } from './checkers/violation.ts'

export type Budget = 'recoverable' | 'unlimited'

/** The cluster as the atlas sees it. */
export interface AtlasView {
  readonly groups: readonly string[]
  /** On which of its disks every node keeps a group. */
  diskOf(group: string): number
  readonly members: readonly number[]
  /** Every member runs, and every log agrees that the members are the voters. */
  readonly settled: boolean
  /** The newest configuration in the log of a node; undefined while the group does not run there. */
  votersOn(node: number, group: string): KnownVoters | undefined
  /** Holds again what it ever promised: it runs, reads without damage, and is vouched for in the groups of the disk. */
  isWhole(node: number, disk: number): boolean
  /** Calls `look` after a little of the world's time. */
  later(look: () => void): void
  /** How often the disk gave back less than it promised, with nobody the wiser. */
  forgotten(node: number, disk: number): number
}

export interface KnownVoters {
  /** Of the entry that it came with. */
  readonly index: number
  /** Each needs a quorum of its own: more than one while voters change. */
  readonly sets: readonly (readonly number[])[]
}

/** What ends a process, or lets an actor of it fail, and is explained by a fault. */
export type Blow = 'rot' | 'flush' | 'kill' | 'full'

export class FaultAtlas {
  readonly budget: Budget
  readonly #view: AtlasView
  /** Disks that are struck, by node. */
  readonly #struck = new Map<number, Set<number>>()
  readonly #blows = new Map<number, Set<Blow>>()
  /** The voters were told to change and have not been seen to agree since. */
  #changing = false
  #looking = false

  constructor(budget: Budget, view: AtlasView) {
    this.budget = budget
    this.#view = view
  }

  /** Whether the data on these disks of `node` may be lost now, in a way that is noticed. */
  admitsLoss(node: number, disks: readonly number[]): boolean {
    if (this.budget === 'unlimited') return true
    if (!this.#isSettled() || !this.#view.members.includes(node)) return false
    const { members } = this.#view
    return this.#view.groups
      .filter((group) => disks.includes(this.#view.diskOf(group)))
      .every((group) => {
        const struck = new Set(this.struckOf(group))
        struck.add(node)
        return members.filter((member) => struck.has(member)).length <= members.length - quorumOf(members.length)
      })
  }

  /** Whether a store may forget without anybody noticing. */
  get admitsUnfaithful(): boolean {
    return this.budget === 'unlimited'
  }

  /** Whether the voters may change now. */
  admitsChange(): boolean {
    if (this.budget === 'unlimited') return true
    return this.#isSettled() && this.#view.groups.every((group) => this.struckOf(group).length === 0)
  }

  /** The voters are told to change. */
  noteChange(): void {
    this.#changing = true
    this.#watch()
  }

  noteLoss(node: number, disks: readonly number[]): void {
    const struck = this.#struck.get(node) ?? new Set()
    for (const disk of disks) struck.add(disk)
    this.#struck.set(node, struck)
    this.#watch()
  }

  /** From now on `blow` explains what it brings about on `node`. */
  noteBlow(node: number, blow: Blow): void {
    const blows = this.#blows.get(node) ?? new Set()
    blows.add(blow)
    this.#blows.set(node, blows)
  }

  suffered(node: number, blow: Blow): boolean {
    return this.#blows.get(node)?.has(blow) === true
  }

  /** Members whose copy of `group` was struck and is not whole again. */
  struckOf(group: string): number[] {
    const disk = this.#view.diskOf(group)
    return this.#view.members.filter((node) => this.#struck.get(node)?.has(disk) === true)
  }

  /** Members whose store of `group` forgot something. */
  unfaithfulOf(group: string): number[] {
    const disk = this.#view.diskOf(group)
    return this.#view.members.filter((node) => this.#view.forgotten(node, disk) > 0)
  }

  /** The members are the voters, and nothing is under way that would change that. */
  get steady(): boolean {
    return this.#isSettled()
  }

  /** Why `group` cannot go on with the nodes `among` alone; undefined: it can, and so it must. */
  hopeless(group: string, among: readonly number[]): string | undefined {
    let newest: KnownVoters | undefined
    for (const node of among) {
      const known = this.#view.votersOn(node, group)
      if (known !== undefined && (newest === undefined || known.index > newest.index)) newest = known
    }
    const struck = this.struckOf(group)
    const intact = among.filter((node) => !struck.includes(node))
    // Where nobody knows of the group any more, those who should run it are counted.
    for (const voters of newest?.sets ?? [this.#view.members]) {
      const left = voters.filter((voter) => intact.includes(voter))
      if (left.length < quorumOf(voters.length))
        return `${group}: of the voters ${voters.join()} only ${left.join() || 'nobody'} holds all that was promised`
    }
    return undefined
  }

  /**
   * Which fault of the run explains `violation`; undefined: none does, and it is a bug.
   *
   * Never anything while the budget is kept, or while every store was faithful. Otherwise a rule that rests on a promise
   * kept on disk, broken in a group whose own store was unfaithful.
   */
  excuse({ invariant, message }: Violation): string | undefined {
    if (this.budget === 'recoverable' || !restsOnDisk(invariant, message)) return undefined
    for (const group of this.#view.groups) {
      const unfaithful = this.unfaithfulOf(group)
      if (unfaithful.length > 0 && concerns(message, group, this.#view.groups))
        return `${group}: the store of node ${unfaithful.join()} had forgotten what it promised`
    }
    return undefined
  }

  #isSettled(): boolean {
    return !this.#changing
  }

  /**
   * Looks again and again, until all is well, what has become whole. At moments of its own, not when it is asked: a run that
   * is played back asks less often, and must find the same.
   */
  #watch(): void {
    if (this.#looking) return
    this.#looking = true
    this.#view.later(() => {
      this.#looking = false
      if (this.#changing && this.#view.settled) this.#changing = false
      let struck = 0
      for (const [node, disks] of this.#struck) {
        for (const disk of disks) if (this.#view.isWhole(node, disk)) disks.delete(disk)
        struck += disks.size
      }
      if (this.#changing || struck > 0) this.#watch()
    })
  }
}

/**
 * What follows from a vote, a term or an entry that was on disk and is there no more: two leaders, logs and states that
 * differ, what was acknowledged gone. Not: a pre-vote that counts (I14), frames out of nowhere (I22), bounds (I25), and no
 * failure without the number of a rule.
 */
const onDisk: ReadonlySet<string> = new Set(
  ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I7', 'I8', 'I9', 'I10', 'I11', 'I12', 'I13', 'I16', 'I20', 'I21', 'I23'].concat(
    ['R1', 'R2', 'R3', 'R4', 'R5', 'R6', 'R7', 'R8', 'R9', 'R10', 'R12', 'R13', 'R20', 'R21', 'R25'],
    ['A1', 'A12', 'A13', 'I17', 'I18', 'I26', 'K4', 'W1', 'W2', 'W3', 'W4', 'W5', 'W8', 'W10'],
    // A snapshot is made of what the store of its sender holds.
    ['K14'],
    Array.from({ length: 23 }, (_, at) => `G${at + 1}`),
  ),
)

function restsOnDisk(invariant: string, message: string): boolean {
  return onDisk.has(invariant) && message.startsWith(`${invariant}: `)
}

/** Whether the text of a violation speaks of `group`, or of none, as what clients saw does. */
function concerns(message: string, group: string, groups: readonly string[]): boolean {
  // What follows the first line is about the whole cluster.
  const [claim = ''] = message.split('\n')
  const named = groups.filter((name) => new RegExp(`\\b${name}\\b`).test(claim))
  return named.length === 0 ? group !== 'meta' : named.includes(group)
}
