/** Random schedules over a cluster: every choice is a keyed draw, so a seed is a schedule. */

import { members } from '../../../actors/raft/membership.ts'
import { hasQuorum } from '../../../actors/raft/quorum.ts'
import type { RaftState } from '../../../actors/raft/state.ts'
import { invariant } from '../../../base/assert.ts'
import { draw } from '../../../base/draw.ts'
import { Cluster } from './cluster.ts'

/** Faults are rarer in two of three seeds: where little goes wrong, much is committed and compacted. */
const faults = new Set(['crash', 'wipe', 'change', 'transfer', 'link', 'cut', 'campaign', 'drop'])

type Event = readonly [name: string, weight: number, act: (chaos: Chaos) => void]

const events: readonly Event[] = [
  ['deliver', 400, (chaos) => chaos.deliver()],
  ['tick', 170, ({ cluster, node }) => cluster.tick(node())],
  ['flush', 170, ({ cluster, node }) => void cluster.flush(node())],
  ['apply', 90, ({ cluster, node }) => void cluster.apply(node())],
  ['propose', 60, (chaos) => chaos.propose()],
  ['read', 25, ({ cluster, node, at }) => void cluster.step(node(), { type: 'read', id: at() })],
  ['fold', 20, ({ cluster, node }) => cluster.fold(node())],
  ['snapshot', 25, (chaos) => chaos.cluster.finishSnapshot(chaos.chance('snapshot', 0.75))],
  ['crash', 6, ({ cluster, node }) => cluster.crash(node())],
  ['wipe', 6, (chaos) => chaos.wipe()],
  ['restart', 14, (chaos) => chaos.restart()],
  ['change', 10, (chaos) => chaos.change()],
  ['transfer', 5, (chaos) => chaos.transfer()],
  ['link', 8, (chaos) => chaos.link()],
  ['cut', 6, (chaos) => chaos.cut()],
  ['heal', 5, ({ cluster }) => cluster.heal()],
  ['campaign', 4, ({ cluster, node }) => void cluster.step(node(), { type: 'campaign' })],
]

export class Chaos {
  readonly cluster: Cluster
  readonly #seed: number
  readonly #events: readonly Event[]
  readonly #weightSum: number
  #at = 0

  /** @param trustsLostStores - Plants a bug: to see that it is found. */
  constructor(seed: number, trustsLostStores: boolean = false) {
    this.#seed = seed
    const share = seed % 3 === 0 ? 1 : 0.15
    this.#events = events.map(([name, weight, act]) => [name, faults.has(name) ? weight * share : weight, act])
    this.#weightSum = this.#events.reduce((sum, [, weight]) => sum + weight, 0)
    this.cluster = new Cluster({
      voters: [1, 2, 3],
      spares: [4, 5],
      seed,
      trustsLostStores,
      config: {
        electionTicks: 5,
        maxEntriesBytes: 80,
        inflightMessagesMax: 4,
        inflightBytesMax: 240,
        uncommittedBytesMax: 800,
        proposalQuotaBytes: 400,
        logKeepEntries: 5,
        quiesceAfterTicks: seed % 2 === 0 ? 6 : 0,
        preVote: seed % 7 !== 0,
        checkQuorum: seed % 11 !== 0,
        voteBanTicks: 10,
      },
    })
  }

  at = (): number => this.#at
  node = (): number => this.#pick('node', this.cluster.ids)

  chance(site: string, share: number): boolean {
    return draw(this.#seed, site, this.#at) < share
  }

  run(steps: number): void {
    for (let n = 0; n < steps; n++) {
      this.#at++
      let left = draw(this.#seed, 'event', this.#at) * this.#weightSum
      const event = this.#events.find(([, weight]) => {
        left -= weight
        return left < 0
      }) as Event
      event[2](this)
    }
    this.cluster.check()
  }

  deliver(): void {
    const { bag } = this.cluster
    if (bag.length === 0) return
    // Mostly in order, as a link delivers; sometimes from anywhere.
    const at = this.chance('reorder', 0.2) ? Math.floor(draw(this.#seed, 'which', this.#at) * bag.length) : 0
    const envelope = bag[at] as (typeof bag)[number]
    if (!this.chance('duplicate', 0.04)) bag.splice(at, 1)
    if (bag.length > 400) bag.splice(0, 200)
    if (!this.chance('drop', 0.04)) this.cluster.deliver(envelope)
  }

  propose(): void {
    const to = this.chance('toLeader', 0.8) ? (this.cluster.leader?.self ?? this.node()) : this.node()
    const size = 1 + Math.floor(draw(this.#seed, 'size', this.#at) * 30)
    this.cluster.propose(to, `${this.#at}.`.padEnd(size, 'x'), this.#at)
  }

  /** A disk is lost: never where others need it, and one at a time, so that what was promised is held elsewhere too. */
  wipe(): void {
    const { cluster } = this
    const id = this.node()
    if (cluster.ids.some((each) => cluster.replica(each).state === undefined || cluster.replica(each).disk.forgetful))
      return
    if (cluster.states.some((state) => this.#needs(state, id))) return
    cluster.wipe(id)
  }

  /** Whether `state` knows of a configuration, in force or still to be left, that has no quorum without `id`. */
  #needs({ membership, commit }: RaftState, id: number): boolean {
    return [membership.current, membership.at(commit)].some(
      (configuration) => configuration.voters.length > 0 && !hasQuorum(configuration, (node) => node !== id),
    )
  }

  restart(): void {
    const down = this.cluster.ids.filter((id) => this.cluster.replica(id).state === undefined)
    if (down.length > 0) this.cluster.restart(this.#pick('down', down))
  }

  change(): void {
    const leader = this.cluster.leader
    if (leader === undefined) return
    const voters: number[] = []
    const learners: number[] = []
    for (const id of this.cluster.ids) {
      const share = draw(this.#seed, 'member', this.#at, id)
      if (share < 0.55) voters.push(id)
      else if (share < 0.75) learners.push(id)
    }
    if (voters.length === 0) voters.push(1)
    this.cluster.step(leader.self, { type: 'changeConfiguration', id: this.#at, wanted: { voters, learners } })
  }

  transfer(): void {
    const leader = this.cluster.leader
    if (leader !== undefined) this.cluster.step(leader.self, { type: 'transferLeadership', to: this.node() })
  }

  link(): void {
    const other = this.#pick('other', this.cluster.ids)
    this.cluster.step(this.node(), { type: 'peerLink', node: other, up: this.chance('up', 0.5) })
  }

  cut(): void {
    const [a, b] = [this.node(), this.#pick('other', this.cluster.ids)]
    if (this.chance('isolate', 0.5)) {
      this.cluster.isolate(a)
      return
    }
    this.cluster.cut(a, b)
    if (this.chance('bothWays', 0.7)) this.cluster.cut(b, a)
  }

  /** Without pre-vote and check-quorum a removed replica may disturb the others for ever: then only safety is promised. */
  get promisesLiveness(): boolean {
    return this.#seed % 7 !== 0 && this.#seed % 11 !== 0
  }

  /** After all faults end, the group elects, commits, and every member comes to hold everything. */
  recover(): void {
    const { cluster } = this
    cluster.heal()
    for (const id of cluster.ids) if (cluster.replica(id).state === undefined) cluster.restart(id)
    for (const from of cluster.ids)
      for (const to of cluster.ids) cluster.step(from, { type: 'peerLink', node: to, up: true })
    let proposed = 0
    for (let round = 0; round < 120; round++) {
      cluster.run(1)
      const { leader } = cluster
      if (leader === undefined || proposed > 0) continue
      cluster.propose(leader.self, 'after the storm')
      proposed = leader.log.last
    }
    if (this.#standsStill) return
    const { leader } = cluster
    invariant(leader !== undefined && proposed > 0, 'liveness: nobody leads after the faults ended')
    invariant(
      leader.commit === leader.log.last,
      `liveness: ${leader.commit} of ${leader.log.last} committed after the faults ended`,
    )
    for (const id of members(leader.membership.current)) {
      const { applied, forgetful } = cluster.state(id)
      invariant(!forgetful, `liveness: ${id} is not trusted after the faults ended`)
      invariant(
        applied === leader.commit,
        `liveness: ${id} applied ${applied} of ${leader.commit} after the faults ended`,
      )
    }
    cluster.check()
  }

  /** A configuration that came after the loss needs the one who lost: nobody can vouch for it, and safety forbids more. */
  get #standsStill(): boolean {
    const lost = this.cluster.ids.find((id) => this.cluster.replica(id).disk.forgetful)
    return lost !== undefined && this.cluster.states.some((state) => this.#needs(state, lost))
  }

  #pick<T>(site: string, from: readonly T[]): T {
    return from[Math.floor(draw(this.#seed, site, this.#at) * from.length)] as T
  }
}
