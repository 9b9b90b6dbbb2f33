/**
 * A state machine of a user's, replicated over the simulated nodes: proposed to and read as by clients outside, and looked
 * into, replica by replica, for invariants.
 */
import type { ReplicaReply } from '../actors/raft/replica-messages.ts'
import type { StateMachine } from '../actors/raft/state-machine.ts'
import { machineGroup } from '../aspen/plan.ts'
import { hashText } from '../base/digest.ts'
import { check } from './checkers/violation.ts'
import type { SimCluster } from './cluster.ts'
import type { Within } from './cluster-body.ts'
import { decisionSite } from './decisions.ts'
import { ReplicaAsker } from './replica-asker.ts'

/** What came of a command that was proposed once. */
export type Proposed<Reply> =
  | { readonly type: 'applied'; readonly reply: Reply }
  /** It may have been applied, or may still be. */
  | { readonly type: 'unknown' }

export interface ProposeOptions extends Partial<Within> {
  /** Makes the command safe to repeat: the same pair is applied once and always gets the same reply. */
  readonly request?: { readonly client: string; readonly number: number }
}

export interface GroupReadOptions extends Partial<Within> {
  /** `linearizable` when absent; `serializable` is what some replica has applied so far. */
  readonly consistency?: 'linearizable' | 'serializable'
}

/** Lets time pass in `wait`, and refuses where time passes already. */
export type Pass = (what: string, wait: () => void) => void

const attemptMs = 600
/** Of virtual time, which costs little: enough for whatever the faults of a seed do meanwhile. */
export const patienceMs = 60_000
const nodeSite = decisionSite('scenario.node')

export class SimulatedGroup<State, Command, Reply, Query, Answer> {
  readonly name: string
  readonly #cluster: SimCluster
  readonly #pass: Pass
  readonly #asker: ReplicaAsker
  #requests = 0

  constructor(cluster: SimCluster, pass: Pass, name: string) {
    this.#cluster = cluster
    this.#pass = pass
    this.name = name
    this.#asker = new ReplicaAsker({
      world: cluster.world,
      group: machineGroup(name),
      nodes: () => [...cluster.members],
      attemptMs,
      site: nodeSite,
      key: hashText(name),
    })
  }

  /**
   * Proposes until it is known to be applied, which happens once however often it is sent; lets time pass until then.
   *
   * @throws {Violation} I23: it was not answered within `withinMs`, 60_000 when absent.
   */
  propose(command: Command, { withinMs = patienceMs, request = this.#ownRequest() }: ProposeOptions = {}): Reply {
    const proposed = this.tryPropose(command, { withinMs, request })
    check(proposed.type === 'applied', 'I23', () => `${this.#what('propose')}: no answer within ${withinMs} ms`)
    return proposed.reply
  }

  /** Like `propose`, for when it may go either way. Without a `request` it is sent once: a repeated command would be another. */
  tryPropose(command: Command, options: ProposeOptions = {}): Proposed<Reply> {
    let proposed: Proposed<Reply> | undefined
    this.begin(command, options, (ended) => {
      proposed = ended
    })
    this.#wait('propose', () => proposed !== undefined, options.withinMs ?? patienceMs)
    return proposed ?? { type: 'unknown' }
  }

  /** Proposes and lets no time pass: `done` hears what came of it, in the middle of whatever runs then. */
  begin(
    command: Command,
    { withinMs = patienceMs, request }: ProposeOptions,
    done: (proposed: Proposed<Reply>) => void,
  ): void {
    this.#asker.ask(
      { type: 'propose', command, ...(request === undefined ? {} : { request }) },
      this.#cluster.world.nowMs + withinMs,
      (reply) => {
        this.#note('propose', reply)
        done(reply?.type === 'applied' ? { type: 'applied', reply: reply.reply as Reply } : { type: 'unknown' })
      },
    )
  }

  /** @throws {Violation} I23: it was not answered within `withinMs`, 60_000 when absent. */
  read(query: Query, { withinMs = patienceMs, consistency = 'linearizable' }: GroupReadOptions = {}): Answer {
    let found: ReplicaReply | undefined
    this.#asker.ask({ type: 'read', query, consistency }, this.#cluster.world.nowMs + withinMs, (reply) => {
      this.#note('read', reply)
      found = reply
    })
    this.#wait('read', () => found !== undefined, withinMs)
    check(found?.type === 'answer', 'I23', () => `${this.#what('read')}: no answer within ${withinMs} ms`)
    return found.answer as Answer
  }

  /** The node that leads it, as far as it knows. */
  get leader(): number | undefined {
    return this.#cluster.leader(machineGroup(this.name))
  }

  /** What the replica of `node` holds now; undefined while it is not open. For reading alone. */
  stateOn(node: number): State | undefined {
    const replica = this.#cluster.replica(node, machineGroup(this.name))
    return replica?.open === true ? (replica.machineState as State) : undefined
  }

  /** Of every replica that is open, in order of the nodes. */
  get states(): readonly State[] {
    return this.#cluster.nodes.flatMap((node) => this.stateOn(node) ?? [])
  }

  #ownRequest(): { readonly client: string; readonly number: number } {
    this.#requests += 1
    return { client: `scenario/${this.name}`, number: this.#requests }
  }

  #what(verb: string): string {
    return `${verb} to group '${this.name}'`
  }

  #note(verb: string, reply: ReplicaReply | undefined): void {
    const { world } = this.#cluster
    world.trace.event(world.nowMs, `${this.#what(verb)}: ${reply?.type ?? 'nobody knows'}`)
  }

  #wait(verb: string, answered: () => boolean, withinMs: number): void {
    this.#pass(this.#what(verb), () => this.#cluster.world.runUntil(answered, withinMs + attemptMs))
  }
}

/** The group that replicates a machine: `SimulatedGroupOf<typeof bank>`. */
export type SimulatedGroupOf<M> =
  M extends StateMachine<infer _Args, infer State, infer Command, infer Reply, infer Query, infer Answer>
    ? SimulatedGroup<State, Command, Reply, Query, Answer>
    : never
