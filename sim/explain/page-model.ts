/**
 * A recorded run as the page of `cli/explain` wants it: rows instead of objects, names as numbers into lists, so that
 * twenty thousand deliveries stay a file of a few megabytes.
 */
import type { Change } from '../trace/raft-view.ts'
import type { Json, RunTrace } from '../trace/record.ts'
import { causesOf, coneOf, type Link } from './cone.ts'
import { decisionLabel, decisionText, type Sentence, sentenceOf, storyOf } from './story.ts'

export type DeliveryRow = readonly [
  atMs: number,
  node: number,
  executor: number,
  actor: number,
  message: number,
  previous: number,
  lamport: number,
  hash: string,
  reborn: 0 | 1,
  effects: readonly string[],
]

export type MessageRow = readonly [
  kind: number,
  via: string,
  sentAtMs: number,
  sender: number,
  fromNode: number,
  fromExecutor: number,
  toNode: number,
  toActor: number,
  cut: 0 | 1,
  body: Json,
]

export type DecisionRow = readonly [
  seq: number,
  node: number,
  group: number,
  label: string,
  text: string,
  state: { readonly [field: string]: unknown } | null,
  diff: readonly Change[],
]

export interface PageModel {
  readonly scenario: string
  readonly seed: number
  readonly digest: string
  readonly simulatedMs: number
  readonly command: string
  readonly nodes: RunTrace['nodes']
  readonly actors: readonly string[]
  readonly kinds: readonly string[]
  readonly groups: readonly string[]
  readonly deliveries: readonly DeliveryRow[]
  readonly messages: readonly MessageRow[]
  readonly decisions: readonly DecisionRow[]
  /** By delivery: what led to it, flat: a number, then whether it is a message (0) or earlier state (1). */
  readonly causes: readonly (readonly number[])[]
  readonly happened: RunTrace['happened']
  readonly spans: RunTrace['spans']
  readonly asked: RunTrace['asked']
  readonly broken: RunTrace['broken']
  readonly cone: readonly (readonly [seq: number, link: Link])[]
  readonly story: readonly Sentence[]
}

export function pageModel(trace: RunTrace, command: string): PageModel {
  const actors = new Names()
  const kinds = new Names()
  const groups = new Names()
  const { scenario, seed, digest, simulatedMs, nodes, happened, spans, asked, broken } = trace
  // A rule about the whole run is broken by no delivery: the page then begins with the whole run.
  const cone = broken === null || broken.seq === 0 ? undefined : coneOf(trace)
  const decided = new Map(trace.decisions.map((decision) => [decision.seq, decision]))
  return {
    scenario,
    seed,
    digest,
    simulatedMs: short(simulatedMs),
    command,
    nodes,
    deliveries: trace.deliveries.map(
      ({ atMs, node, executor, actor, message, previous, lamport, hash, reborn, effects }): DeliveryRow => [
        short(atMs),
        node,
        executor,
        actors.of(actor),
        message,
        previous,
        lamport,
        hash,
        reborn ? 1 : 0,
        effects,
      ],
    ),
    messages: trace.messages.map(
      ({ kind, via, sentAtMs, sender, fromNode, fromExecutor, toNode, toActor, cut, body }): MessageRow => [
        kinds.of(kind),
        via,
        short(sentAtMs),
        sender,
        fromNode,
        fromExecutor,
        toNode,
        actors.of(toActor),
        cut ? 1 : 0,
        body,
      ],
    ),
    decisions: trace.decisions.map((decision): DecisionRow => {
      const { seq, node, group, state, diff } = decision
      const label = decisionLabel(decision)
      return [seq, node, groups.of(group), label, decisionText(decision), state === null ? null : { ...state }, diff]
    }),
    causes: causesOf(trace).map((causes) =>
      causes.flatMap(({ seq: cause, link }) => [cause, link === 'state' ? 1 : 0]),
    ),
    actors: actors.all,
    kinds: kinds.all,
    groups: groups.all,
    happened: happened.map((one) => ({ ...one, atMs: short(one.atMs) })),
    spans: spans.map((one) => ({ ...one, fromMs: short(one.fromMs), toMs: short(one.toMs) })),
    asked,
    broken,
    cone: (cone?.steps ?? []).map(({ seq: step, link }) => [step, link]),
    story: cone === undefined ? decisionsAsStory(trace, decided) : storyOf(trace, cone),
  }
}

/** A run in which nothing broke has no cone: its elections are its story. */
function decisionsAsStory(trace: RunTrace, decided: ReadonlyMap<number, RunTrace['decisions'][number]>): Sentence[] {
  const told: Sentence[] = []
  for (const [seq, decision] of decided) {
    const { kinds, state } = decision
    const change = kinds.includes('configuration') && state?.role === 'leader'
    if (!change && !kinds.includes('leadershipWon') && !kinds.includes('leadershipLost')) continue
    const delivery = trace.deliveries[seq - 1]
    if (delivery === undefined) continue
    const text = `${decision.group}: ${sentenceOf(trace, delivery, decision)}`
    told.push({ atMs: short(delivery.atMs), seq, link: 'state', text })
  }
  return told
}

class Names {
  readonly all: string[] = []
  readonly #numbers = new Map<string, number>()

  of(name: string): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    this.all.push(name)
    this.#numbers.set(name, this.all.length - 1)
    return this.all.length - 1
  }
}

/** To a tenth of a microsecond. */
function short(ms: number): number {
  return Math.round(ms * 1e4) / 1e4
}
