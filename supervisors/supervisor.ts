/**
 * The actor that supervises: it carries events of the kernel to the core and the core's effects back.
 *
 *   kernel ──childFailed{ref}──▶ shell ──childFailed{name}──▶ core ──restart{name}──▶ shell ──ctx.restart(ref)──▶ kernel
 *
 * A supervisor is defined like an actor: by module address, export name and a configuration that is data. Its spec
 * holds functions and never travels: it is built from the configuration on the thread where the supervisor runs, by
 * the definition that thread loaded. A subtree is therefore a child like any other, and can be placed like any other.
 *
 * Passing a failure up is a throw: the kernel stops the children of an actor that failed and tells its parent. So a
 * supervisor that restarts begins with nothing, and its `init` may use the same names again.
 */
import { unreachable } from '../base/assert.ts'
import { type ActorContext, type ActorDefinition, type ActorRef, defineActor } from '../runtime/kernel/actor.ts'
import { begin, createSupervision, type Supervision, step } from './core.ts'
import type { DefinitionAddress, SupervisionEffect, SupervisionEvent, SupervisorMessage } from './messages.ts'
import { type AnyDefinition, type SupervisorSpec, validateSpec } from './spec.ts'

export interface SupervisorState {
  readonly core: Supervision
  /** The present incarnation of each child, by name and back. */
  readonly refs: Map<string, ActorRef>
  readonly names: Map<string, string>
}

/** An actor definition whose behaviour is a spec. */
export interface SupervisorDefinition<Config> extends ActorDefinition<Config, SupervisorState, SupervisorMessage> {
  /** The spec for a configuration: for tools that show the tree before it runs. */
  readonly spec: (config: Config) => SupervisorSpec
}

export interface SupervisorOptions {
  /** Finds a definition by its address among those loaded on this thread, for `startChild` from other threads. */
  readonly resolve?: (address: DefinitionAddress) => AnyDefinition | undefined
}

/** Too many failures, or a child that does not stop: a matter for the supervisor above. */
export class SupervisionFailed extends Error {
  override readonly name = 'SupervisionFailed'
}

/**
 * Makes the definition of a supervisor.
 *
 * @param module - `import.meta.url` of the module that exports it.
 * @param exportName - The exported constant's name.
 * @param build - Makes the spec. No code runs in it but what computes the data.
 *
 * @example
 * export const shardTree: SupervisorDefinition<ShardConfig> = defineSupervisor(import.meta.url, 'shardTree', (config) => ({
 *   name: `shard/${config.id}`,
 *   strategy: 'restForOne',
 *   restartsMax: 3,
 *   restartsWindowMs: 10_000,
 *   children: [child(`raft/${config.id}`, raftGroup, config.raft, { restart: 'permanent', stopWithinMs: 5_000 })],
 * }))
 */
export function defineSupervisor<Config>(
  module: string,
  exportName: string,
  build: (config: Config) => SupervisorSpec,
  options: SupervisorOptions = {},
): SupervisorDefinition<Config> {
  const spec = (config: Config): SupervisorSpec => validateSpec(build(config))
  const definition = defineActor(module, {
    name: exportName,
    // What the kernel tells a parent passes on the system lane and is never refused; this bounds the requests.
    mailbox: { messagesMax: 16_384, whenFull: 'reject' },
    supervises: true,
    init: (ctx: ActorContext, config: Config): SupervisorState => start(spec(config), ctx),
    receive: (state: SupervisorState, message: SupervisorMessage, ctx: ActorContext): void =>
      receive(state, message, ctx, options),
  })
  return { ...definition, spec } as unknown as SupervisorDefinition<Config>
}

function start(spec: SupervisorSpec, ctx: ActorContext): SupervisorState {
  const state: SupervisorState = { core: createSupervision(spec, ctx.node), refs: new Map(), names: new Map() }
  for (const effect of begin(state.core, ctx.now())) perform(state, effect, ctx)
  return state
}

function receive(
  state: SupervisorState,
  message: SupervisorMessage,
  ctx: ActorContext,
  options: SupervisorOptions,
): void {
  const moment = { nowMs: ctx.now(), draw: ctx.random('supervisor.restart-delay'), asker: ctx.defer() }
  for (const effect of step(state.core, eventOf(state, message, ctx, options), moment)) perform(state, effect, ctx)
}

/** Puts names in the place of refs: a ref of an earlier incarnation has none any more. */
function eventOf(
  state: SupervisorState,
  message: SupervisorMessage,
  ctx: ActorContext,
  options: SupervisorOptions,
): SupervisionEvent {
  switch (message.type) {
    case 'childFailed':
      return { type: 'childFailed', name: state.names.get(refKey(message.child)), error: message.error }
    case 'childStopped':
      return {
        type: 'childStopped',
        name: state.names.get(refKey(message.child)),
        reason: message.reason,
        executor: message.child.type === 'local' ? message.child.executor : undefined,
      }
    case 'startChild':
      return {
        ...message,
        definition: loaded(message.child.definition, options),
        nameTaken: ctx.lookup(message.child.name) !== undefined,
      }
    default:
      return message
  }
}

function loaded(address: DefinitionAddress, { resolve }: SupervisorOptions): AnyDefinition | undefined {
  // From the same thread the definition itself may come: then there is nothing to find.
  const whole = 'init' in address && typeof address.init === 'function'
  return whole ? (address as AnyDefinition) : resolve?.(address)
}

function perform(state: SupervisorState, effect: SupervisionEffect, ctx: ActorContext): void {
  switch (effect.type) {
    case 'spawn': {
      const { name, definition, args, place } = effect.child
      drop(state, name)
      const ref = ctx.spawn(definition, args, place === undefined ? { name } : { name, place })
      state.refs.set(name, ref)
      state.names.set(refKey(ref), name)
      break
    }
    case 'restart':
      ctx.restart(present(state, effect.name))
      break
    case 'stop':
      ctx.stop(present(state, effect.name))
      break
    case 'shutDownSubtree':
      ctx.tell(present(state, effect.name), { type: 'shutDown' }, { lane: 'control' })
      break
    case 'passDown':
      ctx.tell(present(state, effect.name), effect.notice, { lane: 'control' })
      break
    case 'forget':
      drop(state, effect.name)
      break
    case 'wake':
      ctx.after(effect.afterMs, { type: 'wake', atMs: effect.atMs })
      break
    case 'reply':
      ctx.replyTo(effect.to, effect.reply)
      break
    case 'escalate':
      throw new SupervisionFailed(effect.reason)
    case 'end':
      ctx.stop()
      break
    default:
      unreachable(effect)
  }
}

function present(state: SupervisorState, name: string): ActorRef {
  return state.refs.get(name) as ActorRef
}

function drop(state: SupervisorState, name: string): void {
  const ref = state.refs.get(name)
  if (ref === undefined) return
  state.refs.delete(name)
  state.names.delete(refKey(ref))
}

function refKey(ref: ActorRef): string {
  return ref.type === 'local' ? `${ref.executor}/${ref.id}` : `@${ref.node}/${ref.name}`
}
