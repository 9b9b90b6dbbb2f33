/**
 * Whether a member that is about to found a cluster was part of it before.
 *
 * Without its directory a founder cannot know: its id comes from the flags, which are what they were. Founding anew would
 * make a second member of the same id, who votes from nothing where the first had promised. So it asks the others. Those
 * that are not up yet, or have not heard of a cluster themselves, do not speak against a founding; one that lives on does.
 * Where none of them can be reached the question stays open, and the flags are believed.
 */
import type { Topology } from '../actors/placement/topology-messages.ts'
import { askPeer } from '../runtime/node/peer/discover.ts'
import type { TlsSettings } from '../runtime/node/tls/settings.ts'
import type { FounderRole, Role } from './founding.ts'

/** Nobody at a port refuses at once; who is there but silent must not hold up a founding for long. */
const askMs = 2_000

export interface KnownCluster {
  readonly clusterId: number
  readonly topology: Topology
}

/** What the node at `url` knows of its cluster; as text, why there is no answer. */
export async function askMembers(url: string, timeoutMs: number, tls?: TlsSettings): Promise<KnownCluster | string> {
  const body = new Uint8Array(0)
  const answer = await askPeer(url, { kind: 'members', body, timeoutMs, ...(tls !== undefined && { tls }) })
  if (answer.type !== 'answered') return `${url}: ${answer.reason}`
  return JSON.parse(new TextDecoder().decode(answer.body)) as KnownCluster
}

/**
 * The role of a founder whose directory is not there: `lost` where the cluster lives and lists it.
 *
 * @param tls - Of this node, to ask peers whose URLs begin with https.
 * @throws {Error} The member was removed.
 */
export async function foundOrReturn(role: FounderRole, dir: string, tls?: TlsSettings): Promise<Role> {
  const { memberId, clusterId, founders } = role
  const others = founders.filter(({ id }) => id !== memberId).flatMap(({ peerUrls }) => peerUrls)
  const answers = await Promise.all(others.map((url) => askMembers(url, askMs, tls)))
  const known = answers.flatMap((answer) =>
    typeof answer === 'object' && answer.clusterId === clusterId && answer.topology.version > 0
      ? [answer.topology]
      : [],
  )
  const id = memberId.toString(16)
  if (known.some(({ removed }) => removed.includes(memberId))) {
    throw new Error(
      `start ${dir}: member ${id} was removed from cluster ${clusterId.toString(16)}, and ids do not come back; add it ` +
        "under another peer URL with 'aspen member add' and start it with 'initial-cluster-state existing'",
    )
  }
  return { ...role, lost: known.some(({ members }) => members.some((one) => one.id === memberId && one.name !== '')) }
}
