/**
 * Carries out a program in the simulation: the third driver of recipes, beside the client's and none at all. Requests go to
 * replicas and lessors as those of any client do, again and again under the same number. A wait is a look now and then, which
 * recipes must bear: they may be woken for no reason (G21).
 */
import { isReadOnly } from '../../actors/keyspace/check.ts'
import type { RangeResponse, TxnResponse } from '../../actors/keyspace/messages.ts'
import type { ReplicaReply, ReplicaRequest } from '../../actors/raft/replica-messages.ts'
import type { StrictCommand, StrictReply } from '../../actors/strict/messages.ts'
import { unreachable } from '../../base/assert.ts'
import type { LeaseStep, Recipe, Step, StepAnswer } from '../../client/coordination/recipes/step.ts'
import type { LessorAsker } from '../lessor-asker.ts'
import type { ReplicaAsker } from '../replica-asker.ts'
import type { SimWorld } from '../world.ts'
import { type Observation, type Program, stepsOf } from './coordination-program.ts'

export interface ProgramLinks {
  readonly world: SimWorld
  readonly replicas: ReplicaAsker
  readonly lessors: LessorAsker
  /** The name under which its requests are numbered, and the next number. */
  readonly client: string
  readonly number: () => number
  /** Between two looks of one that waits. */
  readonly lookMs: number
}

export interface ProgramLimits {
  /** From here on whoever waits is told to stop. */
  readonly stopMs: number
  /** From here on nothing is asked any more. */
  readonly endMs: number
}

/** Calls `done` once, with whether the program came to its own end. */
export function runProgram(
  program: Program,
  links: ProgramLinks,
  limits: ProgramLimits,
  done: (seen: readonly Observation[], ended: boolean) => void,
): void {
  new ProgramRun(program, links, limits, done).start()
}

class ProgramRun {
  readonly #program: Program
  readonly #links: ProgramLinks
  readonly #limits: ProgramLimits
  readonly #done: (seen: readonly Observation[], ended: boolean) => void
  readonly #steps: Recipe<void>
  readonly #seen: Observation[] = []
  #leases = 0
  #over = false

  constructor(
    program: Program,
    links: ProgramLinks,
    limits: ProgramLimits,
    done: (seen: readonly Observation[], ended: boolean) => void,
  ) {
    this.#program = program
    this.#links = links
    this.#limits = limits
    this.#done = done
    this.#steps = stepsOf(program)
  }

  start(): void {
    this.#go(this.#steps.next())
  }

  #go(next: IteratorResult<Step, void>): void {
    let present = next
    while (present.done !== true && present.value.type === 'tell') {
      this.#seen.push(present.value.told as Observation)
      present = this.#steps.next({ type: 'woken' })
    }
    if (present.done === true) this.#end(true)
    else this.#carryOut(present.value)
  }

  /** Undefined: nobody knows, or there is no answer that a recipe could use. */
  #answer(answer: StepAnswer | undefined): void {
    if (answer === undefined) this.#end(false)
    else this.#go(this.#steps.next(answer))
  }

  #end(ended: boolean): void {
    this.#over = true
    this.#done(this.#seen, ended)
  }

  #carryOut(step: Step): void {
    switch (step.type) {
      case 'range':
        this.#ask({ type: 'read', query: step, consistency: 'linearizable' }, rangeAnswer)
        break
      case 'txn':
        if (isReadOnly(step)) this.#ask({ type: 'read', query: step, consistency: 'linearizable' }, txnAnswer)
        else this.#propose(step, txnAnswer)
        break
      case 'leaseGrant':
      case 'leaseRevoke':
      case 'leaseKeepAlive':
      case 'leaseTimeToLive':
        this.#lease(step)
        break
      case 'awaitChange':
        this.#pause(this.#links.lookMs)
        break
      case 'sleep':
        this.#pause(step.ms)
        break
      case 'tell':
        break
      default:
        unreachable(step)
    }
  }

  #pause(ms: number): void {
    const { world } = this.#links
    const { stopMs } = this.#limits
    if (world.nowMs >= stopMs) world.later(1, () => this.#answer({ type: 'stopped' }))
    else world.later(Math.max(1, Math.min(ms, stopMs - world.nowMs)), () => this.#answer({ type: 'woken' }))
  }

  #propose(command: StrictCommand, answer: (reply: StrictReply) => StepAnswer | undefined): void {
    const { client, number } = this.#links
    this.#ask({ type: 'propose', command, request: { client, number: number() } }, answer)
  }

  #ask(request: ReplicaRequest, answer: (reply: StrictReply) => StepAnswer | undefined): void {
    this.#links.replicas.ask(request, this.#limits.endMs, (reply) => {
      const said = saidIn(reply)
      this.#answer(said === undefined ? undefined : answer(said))
    })
  }

  #lease(step: LeaseStep): void {
    switch (step.type) {
      case 'leaseGrant': {
        const id = step.id ?? this.#ownLease()
        const { ttlSeconds } = step
        this.#propose({ type: 'leaseGrant', id, ttlSeconds }, (reply) => {
          if (reply.type === 'refused') return undefined
          this.#keepAlive(id, ttlSeconds * 1_000)
          return { type: 'lease', id, ttlSeconds }
        })
        break
      }
      case 'leaseRevoke':
        this.#propose({ type: 'leaseRevoke', id: step.id }, () => ({ type: 'lease', id: step.id, ttlSeconds: 0 }))
        break
      case 'leaseKeepAlive':
        this.#links.lessors.ask({ type: 'keepAlive', ids: [step.id] }, this.#limits.endMs, (told) => {
          const ttlSeconds = told?.reply.type === 'kept' ? (told.reply.ttlSeconds[0] ?? 0) : 0
          this.#answer(told === undefined ? undefined : { type: 'lease', id: step.id, ttlSeconds })
        })
        break
      case 'leaseTimeToLive':
        this.#links.lessors.ask({ type: 'timeToLive', ids: [step.id] }, this.#limits.endMs, (told) => {
          const leftMs = told?.reply.type === 'timeToLive' ? told.reply.remainingMs[0] : undefined
          this.#answer(
            leftMs === undefined ? undefined : { type: 'lease', id: step.id, ttlSeconds: this.#shown(leftMs) },
          )
        })
        break
      default:
        unreachable(step)
    }
  }

  /** In seconds, rounded down: to whole ones in the product, and to what stands for them in a world that runs faster. */
  #shown(leftMs: number): number {
    const program = this.#program
    if (leftMs < 0) return -1
    const grainMs = 'grainMs' in program ? program.grainMs : 1_000
    return (Math.floor(leftMs / grainMs) * grainMs) / 1_000
  }

  /** A lease that the recipe leaves to the server to name. */
  #ownLease(): string {
    const program = this.#program
    this.#leases += 1
    return 'lease' in program ? String(Number(program.lease ?? 0) + this.#leases) : String(this.#leases)
  }

  /** Where the program wants it, as a client does in the background: for as long as it runs. */
  #keepAlive(id: string, ttlMs: number): void {
    const program = this.#program
    if (!('keepAlive' in program) || !program.keepAlive) return
    const { world, lessors } = this.#links
    world.later(ttlMs / 3, () => {
      if (this.#over) return
      lessors.ask({ type: 'keepAlive', ids: [id] }, world.nowMs + ttlMs, (told) => {
        const gone = told === undefined || (told.reply.type === 'kept' && told.reply.ttlSeconds[0] === 0)
        if (!this.#over && !gone) this.#keepAlive(id, ttlMs)
      })
    })
  }
}

function saidIn(reply: ReplicaReply | undefined): StrictReply | undefined {
  if (reply?.type === 'applied') return reply.reply as StrictReply
  return reply?.type === 'answer' ? (reply.answer as StrictReply) : undefined
}

function rangeAnswer(reply: StrictReply): StepAnswer | undefined {
  if (reply.type === 'refused') return undefined
  return { type: 'range', revision: reply.revision, response: reply.response as RangeResponse }
}

function txnAnswer(reply: StrictReply): StepAnswer | undefined {
  if (reply.type === 'refused') return reply.error === 'leaseNotFound' ? { type: 'leaseGone' } : undefined
  return { type: 'txn', revision: reply.revision, response: reply.response as TxnResponse }
}
