/**
 * What the groups of one executor have in common with each other node, pure: their heartbeats travel together, one
 * message a tick, and that message, even when empty, says that the node is there.
 *
 *   group ──collect──▶ ┐                                            ┌──deliver──▶ group
 *   group ──collect──▶ ├─ one beat to each node ───────▶ beat ──────┤
 *   tick, nothing sent ┘                                            └── heard: the link is up
 *                                     missed `missedTicksMax` ticks ──── the link is down
 *
 * So a group that sleeps hears of a dead node without a heartbeat of its own. A link notice is a hint, never a proof.
 * Heartbeats are repeated by those who send them, so whatever is over a bound is dropped and counted.
 *
 *   A14  a beat of a node that no group here names is answered: whoever names this one must hear that it is there, or a
 *        group that sleeps would never wake for a member that starts with nothing
 *   A16  a replica that lost its store, and with it the names of its members, is heard by everybody whose beats come here
 *   A11  a group is told of a link when it changes, and once when it begins to care while the link is down
 */
import { buggify, limit, sometimes } from '../../base/fault-points.ts'
import type { NodeId, PeerMessage } from './messages.ts'
import { beatItems, beatsWaiting, dropBeat, missedTicks, noEmptyBeat } from './replica-fault-sites.ts'
import { beatDropped, calledForLeader, linkDown, linkUp } from './replica-probes.ts'

export interface BeatLimits {
  readonly nodesMax: number
  readonly groupsMax: number
  /** Heartbeats in one message; more make further messages. */
  readonly itemsPerBeatMax: number
  /** Heartbeats that wait for one node. */
  readonly itemsMax: number
  readonly missedTicksMax: number
}

export const beatLimits: BeatLimits = {
  nodesMax: 1_024,
  groupsMax: 65_536,
  itemsPerBeatMax: 1_024,
  itemsMax: 65_536,
  missedTicksMax: 10,
}

export type BeatItem = readonly [group: string, message: PeerMessage]

/** Between the same services of two nodes. */
export interface Beat {
  readonly type: 'beat'
  readonly from: NodeId
  /** Which of the sender's services this is of: one an executor, numbered from 0. */
  readonly lane: number
  /** How many such services the sender has. */
  readonly lanes: number
  /** An answer to a node that no group of ours is with; never answered, so that two strangers do not go on for ever. */
  readonly echo: boolean
  readonly items: readonly BeatItem[]
}

export type BeatEffect =
  | { readonly type: 'send'; readonly to: NodeId; readonly lane: number; readonly beat: Beat }
  | { readonly type: 'deliver'; readonly group: string; readonly message: PeerMessage }
  | { readonly type: 'link'; readonly group: string; readonly node: NodeId; readonly up: boolean }

interface Neighbour {
  readonly node: NodeId
  lanes: number
  items: BeatItem[]
  /** Something was sent since the last tick. */
  sent: boolean
  missedTicks: number
  up: boolean
  readonly groups: Set<string>
}

export interface NodeBeats {
  readonly node: NodeId
  readonly lane: number
  readonly lanes: number
  readonly limits: BeatLimits
  readonly neighbours: Map<NodeId, Neighbour>
  readonly groups: Map<string, readonly NodeId[]>
  /** Nodes that no group here names and whose beats came, with how many services each has. */
  readonly strangers: Map<NodeId, number>
  droppedTotal: number
}

export function createNodeBeats(node: NodeId, lane: number, lanes: number, limits: BeatLimits = beatLimits): NodeBeats {
  return { node, lane, lanes, limits, neighbours: new Map(), groups: new Map(), strangers: new Map(), droppedTotal: 0 }
}

/** `group` has these members now. Safe to repeat, and repeated by groups, so that a restart here is healed. */
export function onMembers(beats: NodeBeats, group: string, nodes: readonly NodeId[], out: BeatEffect[]): void {
  if (!beats.groups.has(group) && beats.groups.size >= beats.limits.groupsMax) {
    beats.droppedTotal += 1
    return
  }
  const before = beats.groups.get(group) ?? []
  beats.groups.set(group, nodes)
  for (const node of before) if (!nodes.includes(node)) unbind(beats, group, node)
  for (const node of nodes) {
    if (node === beats.node) continue
    const neighbour = neighbourOf(beats, node)
    if (neighbour === undefined || neighbour.groups.has(group)) continue
    neighbour.groups.add(group)
    if (!neighbour.up) out.push({ type: 'link', group, node, up: false })
  }
}

/** True when this is the first heartbeat that waits for `to`: the caller sees to it that `flushBeats` is called soon. */
export function collectBeat(beats: NodeBeats, group: string, to: NodeId, message: PeerMessage): boolean {
  const neighbour = neighbourOf(beats, to)
  const itemsMax = limit(beatsWaiting, beats.limits.itemsMax, 1)
  if (neighbour === undefined || neighbour.items.length >= itemsMax || buggify(dropBeat, 0.1)) {
    sometimes(beatDropped)
    beats.droppedTotal += 1
    return false
  }
  neighbour.items.push([group, message])
  return neighbour.items.length === 1
}

export function flushBeats(beats: NodeBeats, out: BeatEffect[]): void {
  for (const neighbour of beats.neighbours.values()) {
    const itemsPerBeatMax = limit(beatItems, beats.limits.itemsPerBeatMax, 1)
    const main = mainLane(beats, neighbour)
    for (let at = 0; at < neighbour.items.length; at += itemsPerBeatMax) {
      sendBeat(beats, neighbour.node, main, neighbour.items.slice(at, at + itemsPerBeatMax), out)
      neighbour.sent = true
    }
    neighbour.items = []
  }
}

/** A16: at once, to each node that was heard. */
export function callAll(beats: NodeBeats, group: string, message: PeerMessage, out: BeatEffect[]): void {
  const items: readonly BeatItem[] = [[group, message]]
  sometimes(calledForLeader)
  for (const neighbour of beats.neighbours.values())
    sendBeat(beats, neighbour.node, mainLane(beats, neighbour), items, out)
  for (const [node, lanes] of beats.strangers) sendBeat(beats, node, beats.lane % lanes, items, out)
}

export function onBeat(beats: NodeBeats, beat: Beat, out: BeatEffect[]): void {
  const neighbour = beats.neighbours.get(beat.from)
  // A node of no group of ours: its heartbeats may still be for a group that is just being opened.
  if (neighbour !== undefined) {
    neighbour.lanes = beat.lanes
    neighbour.missedTicks = 0
    turn(neighbour, true, out)
  } else {
    meet(beats, beat)
    answer(beats, beat, out)
  }
  for (const [group, message] of beat.items) out.push({ type: 'deliver', group, message })
}

function meet({ strangers, limits }: NodeBeats, { from, lanes }: Beat): void {
  if (strangers.has(from) || strangers.size < limits.nodesMax) strangers.set(from, lanes)
}

/** A14. */
function answer({ node: from, lane, lanes }: NodeBeats, beat: Beat, out: BeatEffect[]): void {
  if (beat.echo || beat.lane >= beat.lanes) return
  const echo: Beat = { type: 'beat', from, lane, lanes, echo: true, items: [] }
  out.push({ type: 'send', to: beat.from, lane: beat.lane, beat: echo })
}

export function onBeatTick(beats: NodeBeats, out: BeatEffect[]): void {
  for (const neighbour of beats.neighbours.values()) {
    const silent = !neighbour.sent && neighbour.items.length === 0
    if (silent && !buggify(noEmptyBeat, 0.2)) sendBeat(beats, neighbour.node, mainLane(beats, neighbour), [], out)
    for (let lane = beats.lane + beats.lanes; lane < neighbour.lanes; lane += beats.lanes)
      sendBeat(beats, neighbour.node, lane, [], out)
    neighbour.sent = false
    neighbour.missedTicks += 1
    if (neighbour.missedTicks >= limit(missedTicks, beats.limits.missedTicksMax, 1)) turn(neighbour, false, out)
  }
}

/** The beat when it is well formed; undefined otherwise. Its items are judged by the groups they are for. */
export function checkBeat(value: unknown): Beat | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { from, lane, lanes, echo, items } = value as Record<string, unknown>
  if (!Number.isSafeInteger(from) || (from as number) < 1) return undefined
  if (!Number.isSafeInteger(lanes) || (lanes as number) < 1 || (lanes as number) > 1_024) return undefined
  if (!Number.isSafeInteger(lane) || (lane as number) < 0 || typeof echo !== 'boolean') return undefined
  if (!Array.isArray(items) || items.length > beatLimits.itemsMax) return undefined
  if (!items.every((item) => Array.isArray(item) && item.length === 2 && typeof item[0] === 'string')) return undefined
  return value as Beat
}

/**
 * The service of the other node that gets our heartbeats. Nodes may run on different numbers of executors, and each service must
 * hear of the other node from at least one of its services: so ours also keeps those informed that are as many lanes further on
 * as it has.
 */
function mainLane(beats: NodeBeats, neighbour: Neighbour): number {
  return beats.lane % neighbour.lanes
}

function sendBeat(beats: NodeBeats, to: NodeId, lane: number, items: readonly BeatItem[], out: BeatEffect[]): void {
  const { node: from, lane: ownLane, lanes } = beats
  out.push({ type: 'send', to, lane, beat: { type: 'beat', from, lane: ownLane, lanes, echo: false, items } })
}

function turn(neighbour: Neighbour, up: boolean, out: BeatEffect[]): void {
  if (neighbour.up === up) return
  sometimes(up ? linkUp : linkDown)
  neighbour.up = up
  for (const group of neighbour.groups) out.push({ type: 'link', group, node: neighbour.node, up })
}

function neighbourOf(beats: NodeBeats, node: NodeId): Neighbour | undefined {
  const known = beats.neighbours.get(node)
  if (known !== undefined) return known
  if (beats.neighbours.size >= beats.limits.nodesMax) return undefined
  const neighbour: Neighbour = { node, lanes: 1, items: [], sent: false, missedTicks: 0, up: true, groups: new Set() }
  beats.neighbours.set(node, neighbour)
  beats.strangers.delete(node)
  return neighbour
}

function unbind(beats: NodeBeats, group: string, node: NodeId): void {
  const neighbour = beats.neighbours.get(node)
  neighbour?.groups.delete(group)
  if (neighbour?.groups.size === 0) beats.neighbours.delete(node)
}
