/** Every planted bug, by the part of the house it lies in. */
import { auth } from './auth.ts'
import { coordination } from './coordination.ts'
import { groups } from './groups.ts'
import { kernel } from './kernel.ts'
import { keyspace } from './keyspace.ts'
import { leases } from './leases.ts'
import type { Area, Mutation } from './mutation.ts'
import { raftClients } from './raft-clients.ts'
import { raftLog } from './raft-log.ts'
import { raftMembership } from './raft-membership.ts'
import { raftReads } from './raft-reads.ts'
import { raftSnapshot } from './raft-snapshot.ts'
import { raftVotes } from './raft-votes.ts'
import { storage } from './storage.ts'
import { supervision } from './supervision.ts'
import { watch } from './watch.ts'

export const areas: readonly Area[] = [
  raftVotes,
  raftLog,
  raftMembership,
  raftReads,
  raftSnapshot,
  raftClients,
  groups,
  storage,
  kernel,
  supervision,
  keyspace,
  leases,
  auth,
  coordination,
  watch,
]

export const allMutations: readonly Mutation[] = areas.flatMap(({ mutations }) => mutations)
