/**
 * Changes of the member list that go on while the world does: each is proposed to whoever leads the meta group, again and
 * again, until it went through.
 *
 * It is safe to repeat: a member that is there already, or is gone already, was added or removed by an earlier try.
 */

import type { TopologyCommand, TopologyReply } from '../actors/placement/topology-messages.ts'
import type { Configuration } from '../actors/raft/messages.ts'
import type { ReplicaReply } from '../actors/raft/replica-messages.ts'
import { metaGroup } from '../aspen/plan.ts'
import { edgeAsk } from '../runtime/kernel/edge.ts'
import { Violation } from './checkers/violation.ts'
import { type ClusterBody, defaultGroup } from './cluster-body.ts'
import { askOnce, replicaOf, replyIn } from './replica-asker.ts'

export class MemberChanges {
  readonly #cluster: ClusterBody
  /** Of the member list. */
  #listed = 0
  /** Of the roles that members have. */
  #asked = 0

  constructor(cluster: ClusterBody) {
    this.#cluster = cluster
  }

  /** Told and not known to be done, or in vain. */
  get pending(): number {
    return this.#listed + this.#asked
  }

  /** A member joins, starts empty and is told by the others. Nothing happens where there is a node of that number. */
  add(id: number): boolean {
    const cluster = this.#cluster
    if (cluster.world.nodes.has(id) || this.#listed > 0) return false
    const command: TopologyCommand = { type: 'addMember', id, peerUrls: cluster.peerUrlsOf(id), learner: false }
    this.#propose(command, () => cluster.join(id))
    return true
  }

  /** A member leaves: it ends by itself when the others can do without it. */
  remove(id: number): boolean {
    const cluster = this.#cluster
    if (!cluster.members.has(id) || this.#listed > 0) return false
    cluster.removed.add(id)
    this.#propose({ type: 'removeMember', id }, () => cluster.members.delete(id))
    return true
  }

  /** Asks the leader of the keyspace for other voters and learners: once. */
  swap(leader: number, wanted: Pick<Configuration, 'voters' | 'learners'>): void {
    const { world, atlas, electionMs } = this.#cluster
    const node = world.node(leader)
    const { crashes } = node
    atlas.noteChange()
    this.#asked += 1
    let open = true
    // The node's own clock decides when it is too late: one that stands still may yet come to it.
    const close = (): void => {
      if (open) this.#asked -= 1
      open = false
    }
    const watch = (): void => {
      if (node.crashes !== crashes) close()
      else if (open) world.later(electionMs / 4, watch)
    }
    edgeAsk(
      node.executor(0),
      replicaOf(leader, defaultGroup),
      { type: 'changeConfiguration', wanted },
      { deadlineMs: 2 * electionMs },
      close,
    )
    watch()
  }

  #propose(command: TopologyCommand, done: () => void): void {
    this.#listed += 1
    this.#cluster.atlas.noteChange()
    this.#attempt(command, () => {
      this.#listed -= 1
      done()
    })
  }

  #attempt(command: TopologyCommand, done: () => void): void {
    const { world, electionMs } = this.#cluster
    const deadlineMs = 2 * electionMs
    const again = (): void => world.later(electionMs / 4, () => this.#attempt(command, done))
    const leader = this.#cluster.leader(metaGroup)
    const node = leader === undefined ? undefined : world.nodes.get(leader)
    if (leader === undefined || node === undefined || !node.up) {
      again()
      return
    }
    askOnce(world, replicaOf(leader, metaGroup), { type: 'propose', command }, deadlineMs, (answer) => {
      if (wentThrough(command, replyIn(answer))) done()
      else again()
    })
  }
}

function wentThrough(command: TopologyCommand, reply: ReplicaReply | undefined): boolean {
  if (reply?.type !== 'applied') return false
  const said = reply.reply as TopologyReply
  if (said.type === 'done' || said.error === 'memberExists' || said.error === 'memberNotFound') return true
  // Before the founding nobody can join.
  if (said.error === 'notEnoughStartedMembers') return false
  throw new Violation('I0', `${command.type}: ${said.error}`)
}
