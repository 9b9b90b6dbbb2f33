/**
 * The membership half of a node's client: commands of the meta group, with the checks that etcd makes before it lets a
 * cluster change its own quorum.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { GroupRecord, Topology, TopologyCommand, TopologyReply } from '../actors/placement/topology-messages.ts'
import type { StatusReply } from '../actors/raft/replica-messages.ts'
import { AspenError, type CallOptions, type Header, type Member } from '../client/interface.ts'
import { joinerId } from './identity.ts'
import { metaGroup } from './plan.ts'
import type { Replicas } from './replicas.ts'

export interface MemberClientOptions {
  readonly replicas: Replicas
  readonly clusterId: number
  readonly memberId: number
  /** Refuses changes that could leave the cluster without a quorum of started members. */
  readonly strictReconfigCheck: boolean
  readonly header: () => Promise<Header>
}

interface Members {
  readonly header: Header
  readonly members: readonly Member[]
}

/** A learner may vote when it holds this share of what the leader has. */
const promoteShare = 0.9
/** How long a removal waits for the groups to change their configurations. */
const dismissedWithinMs = 4_000
/** How long a drop waits for the members to end the group. */
const endedWithinMs = 5_000

export class MemberClient {
  readonly #options: MemberClientOptions

  constructor(options: MemberClientOptions) {
    this.#options = options
  }

  async topology(linearizable: boolean, options?: CallOptions): Promise<Topology> {
    const consistency = linearizable ? 'linearizable' : 'serializable'
    const { answer } = await this.#options.replicas.read<Topology>(
      metaGroup,
      { type: 'topology' },
      consistency,
      options,
    )
    return answer
  }

  async list(options?: CallOptions & { readonly linearizable?: boolean }): Promise<Members> {
    const { members } = await this.topology(options?.linearizable !== false, options)
    return { header: await this.#options.header(), members }
  }

  async add(
    request: { readonly peerUrls: readonly string[]; readonly learner: boolean },
    options?: CallOptions,
  ): Promise<Members & { readonly member: Member }> {
    const { peerUrls, learner } = request
    if (peerUrls.length === 0 || !peerUrls.every(isPeerUrl)) throw new AspenError('invalidPeerUrls')
    const { members } = await this.topology(true, options)
    const voters = members.filter((member) => !member.learner)
    // A voter that is not there yet counts against the quorum from the first moment. A single member must be let have a
    // second all the same, as etcd lets it: no cluster could grow otherwise.
    if (!learner && voters.length > 1) this.#checkQuorum(started(voters), voters.length + 1)
    const id = joinerId(peerUrls, this.#options.clusterId, Date.now())
    const after = await this.#change({ type: 'addMember', id, peerUrls, learner }, options)
    return { ...after, member: after.members.find((member) => member.id === id) as Member }
  }

  async remove(request: { readonly id: number }, options?: CallOptions): Promise<Members> {
    const { members } = await this.topology(true, options)
    const voters = members.filter((member) => !member.learner)
    const leaving = voters.find((member) => member.id === request.id)
    if (leaving !== undefined) {
      if (voters.length === 1) throw new AspenError('notEnoughStartedMembers')
      const rest = voters.filter((member) => member !== leaving)
      this.#checkQuorum(started(rest), rest.length)
    }
    const after = await this.#change({ type: 'removeMember', id: request.id }, options)
    await this.#untilDismissed(request.id, options)
    return after
  }

  async update(
    request: { readonly id: number; readonly peerUrls: readonly string[] },
    options?: CallOptions,
  ): Promise<Members> {
    if (request.peerUrls.length === 0 || !request.peerUrls.every(isPeerUrl)) throw new AspenError('invalidPeerUrls')
    return this.#change({ type: 'updateMember', ...request }, options)
  }

  async promote(request: { readonly id: number }, options?: CallOptions): Promise<Members> {
    const { members } = await this.topology(true, options)
    const member = members.find(({ id }) => id === request.id)
    if (member === undefined) throw new AspenError('memberNotFound')
    if (!member.learner) throw new AspenError('memberNotLearner')
    await this.#checkCaughtUp(member, options)
    return this.#change({ type: 'promoteMember', id: request.id }, options)
  }

  async change(command: TopologyCommand, options?: CallOptions): Promise<Topology> {
    const { reply } = await this.#options.replicas.propose<TopologyReply>(metaGroup, command, options)
    if (reply.type === 'refused') throw new AspenError(reply.error)
    return reply.topology
  }

  /**
   * Drops a group, and waits until a majority of its members have ended theirs: from then on no read of it can be
   * linearizable anywhere. Members that can be heard are waited for a little longer, so that their copies show nothing old.
   *
   * @throws {AspenError} `timeout`: the group is dropped, but not yet ended at a majority.
   */
  async dropGroup(name: string, options?: CallOptions): Promise<void> {
    const { groups } = await this.topology(true, options)
    const dropped = groups.find((group) => group.name === name)
    const { members } = await this.change({ type: 'dropGroup', name }, options)
    if (dropped === undefined) return
    const voters = members.filter((member) => !member.learner)
    const ended = new Set<number>()
    for (const endMs = performance.now() + endedWithinMs; performance.now() < endMs; await sleep(25)) {
      const waiting = members.filter(({ id }) => !ended.has(id))
      const states = await Promise.all(waiting.map(({ id }) => this.#runs(id, dropped)))
      for (const [at, { id }] of waiting.entries()) if (states[at] === 'ended') ended.add(id)
      const majority = voters.filter(({ id }) => ended.has(id)).length > voters.length / 2
      if (majority && !states.includes('running')) return
    }
    throw new AspenError('timeout', `group '${name}' is dropped, but a majority of its members has not ended it yet`)
  }

  async #runs(node: number, { name, id }: GroupRecord): Promise<'running' | 'ended' | 'unreachable'> {
    try {
      const { lineage } = await this.#options.replicas.progress(node, name, { deadlineMs: 500 })
      return lineage === id ? 'running' : 'ended'
    } catch (error) {
      return error instanceof AspenError && error.code === 'keyspaceNotFound' ? 'ended' : 'unreachable'
    }
  }

  async #change(command: TopologyCommand, options: CallOptions | undefined): Promise<Members> {
    const { members } = await this.change(command, options)
    return { header: await this.#options.header(), members }
  }

  /**
   * Waits until no group of this node counts `id` any more, as far as this node knows: who goes on to stop another member
   * must not find the one that left still needed. The removal itself is done, so lateness is no failure.
   */
  async #untilDismissed(id: number, options: CallOptions | undefined): Promise<void> {
    const { groups } = await this.topology(false, options)
    for (const endMs = performance.now() + dismissedWithinMs; performance.now() < endMs; await sleep(50)) {
      const names = [metaGroup, ...groups.map(({ name }) => name)]
      const ask = (name: string): Promise<StatusReply | undefined> =>
        this.#options.replicas.ask<StatusReply>(name, { type: 'status' }, { deadlineMs: 1_000 }).catch(() => undefined)
      const statuses = await Promise.all(names.map(ask))
      if (statuses.every((status) => status === undefined || !isIn(status, id))) return
    }
  }

  #checkQuorum(startedVoters: number, voters: number): void {
    const quorum = Math.floor(voters / 2) + 1
    if (this.#options.strictReconfigCheck && startedVoters < quorum) throw new AspenError('notEnoughStartedMembers')
  }

  /** Only the leader knows how far a learner is, so it is the one to ask. */
  async #checkCaughtUp(member: Member, options: CallOptions | undefined): Promise<void> {
    const status = await this.#options.replicas.ask<StatusReply>(metaGroup, { type: 'status' }, options)
    if (status.leader === undefined) throw new AspenError('noLeader')
    const { lastIndex, followers } = await this.#options.replicas.progress(status.leader, metaGroup, options)
    const matched = followers.find(({ node }) => node === member.id)?.matched ?? 0
    if (matched < promoteShare * lastIndex) throw new AspenError('learnerNotReady')
  }
}

function isIn({ configuration, commit, lastIndex }: StatusReply, id: number): boolean {
  const { voters, votersOutgoing, learners, learnersNext } = configuration
  return commit < lastIndex || [voters, votersOutgoing, learners, learnersNext].some((set) => set.includes(id))
}

function started(members: readonly Member[]): number {
  return members.filter((member) => member.name !== '').length
}

function isPeerUrl(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol) && new URL(url).port !== ''
}
