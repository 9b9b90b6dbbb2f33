/**
 * The state machine of the meta group: the member list and the list of groups of a cluster.
 *
 *   P1  no two members share an id or a peer URL, and an id that was removed is refused for ever
 *   P2  at most `learnersMax` members learn at a time
 *   P3  group names are unique, ids are never given twice, and the first keyspace cannot be dropped
 *   P4  `version` grows with every change and with nothing else
 *   P5  the first change is the founding: a member or a group before it would take the founders' place
 *
 * The list says what is wanted. That each group's configuration follows it is the keepers' work (`aspen/keeper.ts`).
 */
import { unreachable } from '../../base/assert.ts'
import { hash32 } from '../../base/digest.ts'
import { pack, unpack } from '../../mailbox/codec.ts'
import type { Configuration } from '../raft/messages.ts'
import { defineStateMachine, type MachineContext, type StateMachine } from '../raft/state-machine.ts'
import type {
  ClusterMember,
  GroupRecord,
  Topology,
  TopologyCommand,
  TopologyQuery,
  TopologyRefusal,
  TopologyReply,
} from './topology-messages.ts'

/** A replica begins with nothing: even its founders are told by the log, which a member that joins reads from the start. */
export type TopologyArgs = Record<string, never>

export interface TopologyState {
  readonly store: MachineContext['store']
  topology: Topology
  groupsMade: number
}

/** The keyspace that every cluster has. */
export const firstKeyspace = 'default'
const learnersMax = 1
const peerUrlsMax = 16
const keyspaceName = /^[a-z0-9][a-z0-9._-]{0,63}$/
/** Groups of users' own machines have a room of names of their own. */
const machineName = /^app\/[a-z0-9][a-z0-9._-]{0,63}$/

export const topology: StateMachine<
  TopologyArgs,
  TopologyState,
  TopologyCommand,
  TopologyReply,
  TopologyQuery,
  Topology
> = defineStateMachine(import.meta.url, {
  name: 'topology',
  init: open,
  apply: (state: TopologyState, command: TopologyCommand) => ({ reply: apply(state, command) }),
  query: (state: TopologyState) => state.topology,
  snapshot: (state: TopologyState) => ({ chunks: [pack([state.topology, state.groupsMade])].values(), done: () => {} }),
  restore: (ctx: MachineContext, _args: TopologyArgs, chunks: Iterable<Uint8Array>) => {
    const [chunk] = [...chunks]
    const [present, groupsMade] = unpack(chunk as Uint8Array) as [Topology, number]
    const state: TopologyState = { store: ctx.store, topology: present, groupsMade }
    save(state)
    return state
  },
  digest: (state: TopologyState) => hash32(pack([state.topology, state.groupsMade])),
})

function open(ctx: MachineContext): TopologyState {
  const stored = ctx.store.getValue('topology') as [Topology, number] | undefined
  const [present, groupsMade] = stored ?? [{ version: 0, members: [], groups: [], removed: [] }, 0]
  return { store: ctx.store, topology: present, groupsMade }
}

function apply(state: TopologyState, command: TopologyCommand): TopologyReply {
  const changed = change(state, command)
  if (typeof changed === 'string') return { type: 'refused', error: changed }
  state.topology = { ...state.topology, ...changed, version: state.topology.version + 1 }
  save(state)
  return { type: 'done', topology: state.topology }
}

type Change = Partial<Pick<Topology, 'members' | 'groups' | 'removed'>>

function change(state: TopologyState, command: TopologyCommand): Change | TopologyRefusal {
  if (state.topology.version === 0 && (command.type === 'addMember' || command.type === 'createGroup'))
    return 'notEnoughStartedMembers'
  switch (command.type) {
    case 'found':
      return found(state, command.members)
    case 'addMember':
      return addMember(state.topology, command)
    case 'removeMember':
      return removeMember(state.topology, command.id)
    case 'updateMember':
      return updateMember(state.topology, command.id, command.peerUrls)
    case 'promoteMember':
      return promoteMember(state.topology, command.id)
    case 'publishMember':
      return edit(state.topology, command.id, { name: command.name, clientUrls: command.clientUrls })
    case 'createGroup':
      return createGroup(state, command)
    case 'dropGroup':
      return dropGroup(state.topology, command.name)
    default:
      return unreachable(command)
  }
}

function found(state: TopologyState, founders: readonly ClusterMember[]): Change | TopologyRefusal {
  if (state.topology.version > 0) return 'memberExists'
  const members = [...founders].sort((a, b) => a.id - b.id)
  state.groupsMade = 1
  return { members, groups: [record(firstKeyspace, 1, 'keyspace', {}, members)] }
}

function addMember(
  { members, removed }: Topology,
  { id, peerUrls, learner }: TopologyCommand & { type: 'addMember' },
): Change | TopologyRefusal {
  if (peerUrls.length === 0 || peerUrls.length > peerUrlsMax) return 'invalidPeerUrls'
  if (members.some((member) => member.id === id) || removed.includes(id)) return 'memberExists'
  if (taken(members, peerUrls)) return 'peerUrlExists'
  if (learner && members.filter((member) => member.learner).length >= learnersMax) return 'tooManyLearners'
  return { members: [...members, { id, name: '', peerUrls, clientUrls: [], learner }] }
}

function removeMember({ members, removed }: Topology, id: number): Change | TopologyRefusal {
  if (!members.some((member) => member.id === id)) return 'memberNotFound'
  return { members: members.filter((member) => member.id !== id), removed: [...removed, id] }
}

function updateMember(present: Topology, id: number, peerUrls: readonly string[]): Change | TopologyRefusal {
  if (peerUrls.length === 0 || peerUrls.length > peerUrlsMax) return 'invalidPeerUrls'
  if (
    taken(
      present.members.filter((member) => member.id !== id),
      peerUrls,
    )
  )
    return 'peerUrlExists'
  return edit(present, id, { peerUrls })
}

function promoteMember(present: Topology, id: number): Change | TopologyRefusal {
  const member = present.members.find((one) => one.id === id)
  if (member === undefined) return 'memberNotFound'
  return member.learner ? edit(present, id, { learner: false }) : 'memberNotLearner'
}

function edit({ members }: Topology, id: number, fields: Partial<ClusterMember>): Change | TopologyRefusal {
  if (!members.some((member) => member.id === id)) return 'memberNotFound'
  return { members: members.map((member) => (member.id === id ? { ...member, ...fields } : member)) }
}

function createGroup(
  state: TopologyState,
  { name, machine, args }: TopologyCommand & { type: 'createGroup' },
): Change | TopologyRefusal {
  const { groups, members } = state.topology
  const wellNamed = machine === 'keyspace' ? keyspaceName : machineName
  if (!wellNamed.test(name) || name === 'meta') return 'invalidKeyspaceName'
  if (groups.some((group) => group.name === name)) return 'keyspaceExists'
  state.groupsMade += 1
  return { groups: [...groups, record(name, state.groupsMade, machine, args, members)] }
}

function dropGroup({ groups }: Topology, name: string): Change | TopologyRefusal {
  if (!groups.some((group) => group.name === name)) return 'keyspaceNotFound'
  if (name === firstKeyspace) return 'invalidKeyspaceName'
  return { groups: groups.filter((group) => group.name !== name) }
}

function record(
  name: string,
  id: number,
  machine: string,
  args: unknown,
  members: readonly ClusterMember[],
): GroupRecord {
  return { name, id, machine, args, configuration: wantedConfiguration(members) }
}

/** The configuration that every group comes to: full members vote, learners learn. */
export function wantedConfiguration(members: readonly ClusterMember[]): Configuration {
  const ids = (learner: boolean): number[] =>
    members
      .filter((member) => member.learner === learner)
      .map(({ id }) => id)
      .sort((a, b) => a - b)
  return { voters: ids(false), votersOutgoing: [], learners: ids(true), learnersNext: [] }
}

function taken(members: readonly ClusterMember[], peerUrls: readonly string[]): boolean {
  return members.some((member) => member.peerUrls.some((url) => peerUrls.includes(url)))
}

function save(state: TopologyState): void {
  state.store.putValue('topology', [state.topology, state.groupsMade])
}
