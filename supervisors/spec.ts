/**
 * What a supervisor is told to do, as data: which children, in which order, and what happens when one of them fails.
 *
 *   child('raft/7', raftGroup, config.raft, { restart: 'permanent', stopWithinMs: 5_000 })
 *     │        │         │                         └─ when to restart it, how long it may take to stop
 *     │        │         └─ its arguments: plain data, they may cross threads
 *     │        └─ an actor definition, or the definition of another supervisor (a subtree)
 *     └─ the name it holds on the node: what is stored and addressed under a name survives every restart
 *
 * A subtree is named by the definition that `defineSupervisor` made of it, never written in place: a definition has a
 * module address, so any thread can load it, and its configuration crosses as data like the arguments of any actor.
 */
import type { ActorDefinition, Placement } from '../runtime/kernel/actor.ts'

/**
 * Who restarts with a child that failed.
 * `oneForOne`: nobody. `oneForAll`: every sibling. `restForOne`: the siblings started after it.
 */
export type Strategy = 'oneForOne' | 'oneForAll' | 'restForOne'

/** `permanent`: always restarted. `transient`: unless it ended in order. `temporary`: never, it is forgotten. */
export type RestartKind = 'permanent' | 'transient' | 'temporary'

/** The delay before a restart doubles with every failure in a row, from `baseMs` to `maxMs`, halved at random. */
export interface Backoff {
  /** 0 (restart at once) to `maxMs`. */
  readonly baseMs: number
  /** At most `restartsWindowMs`: a longer pause would forget that there was a failure before. */
  readonly maxMs: number
}

// biome-ignore lint/suspicious/noExplicitAny: children of one supervisor have nothing in common but being actors.
export type AnyDefinition = ActorDefinition<any, any, any>

export interface ChildSpec {
  /** Unique on the node, 1 to 256 characters, none of them a zero byte. */
  readonly name: string
  readonly definition: AnyDefinition
  readonly args: unknown
  readonly restart: RestartKind
  /** How long the child may take to stop, 1 to 600_000 ms of this node's clock. */
  readonly stopWithinMs: number
  /** By default the executor of the supervisor. */
  readonly place?: Placement
}

/** Room for children that are started and stopped by message. */
export interface DynamicChildren {
  /** 1 to 1_000_000, the children of the spec included. */
  readonly childrenMax: number
}

export interface SupervisorSpec {
  readonly name: string
  readonly strategy: Strategy
  /** 0 to 1_000_000: the failure after this many restarts within the window is passed up instead. */
  readonly restartsMax: number
  /** 1 to 86_400_000. */
  readonly restartsWindowMs: number
  /** Start order; stop order is the reverse. */
  readonly children: readonly ChildSpec[]
  /** Without it 10 ms doubling to 2 s, or to the window where that is shorter. */
  readonly backoff?: Backoff
  /** Without it, `startChild` is refused. */
  readonly dynamic?: DynamicChildren
}

export interface ChildOptions {
  readonly restart: RestartKind
  readonly stopWithinMs: number
  readonly place?: Placement
}

/** A child whose arguments are checked against its definition by the compiler. */
export function child<Args>(
  name: string,
  // biome-ignore lint/suspicious/noExplicitAny: only the arguments matter here; the state is the actor's own.
  definition: ActorDefinition<Args, any, any>,
  args: Args,
  options: ChildOptions,
): ChildSpec {
  return { name, definition, args, ...options }
}

/** Whether a definition is a supervisor's own (`defineSupervisor`): such a child understands `shutDown` and `threadReady`. */
export function isSubtree(definition: AnyDefinition): boolean {
  return 'spec' in definition && typeof definition.spec === 'function'
}

/** The delays of `spec`, the default ones where it names none. */
export function backoffOf(spec: SupervisorSpec): Backoff {
  if (spec.backoff !== undefined) return spec.backoff
  const maxMs = Math.min(2_000, spec.restartsWindowMs)
  return { baseMs: Math.min(10, maxMs), maxMs }
}

const strategies: readonly string[] = ['oneForOne', 'oneForAll', 'restForOne']
const restartKinds: readonly string[] = ['permanent', 'transient', 'temporary']

/**
 * Checks a whole spec before anything of it starts.
 *
 * @returns The spec it was given.
 * @throws {TypeError} A value of the wrong kind. @throws {RangeError} A value out of bounds, or two that exclude each other.
 */
export function validateSpec(spec: SupervisorSpec): SupervisorSpec {
  const fault = faultOfSpec(spec)
  if (fault !== undefined) throw fault
  return spec
}

/** What is wrong with one child, of a spec or of a `startChild`; undefined when nothing is. `where` opens the text. */
export function faultOfChild(where: string, spec: ChildSpec): TypeError | RangeError | undefined {
  if (!isName(spec.name)) {
    return new TypeError(
      `${where}: a child's name must be 1 to 256 characters without a zero byte, not ${shown(spec.name)}`,
    )
  }
  const who = `${where}, child '${spec.name}'`
  const { module, exportName } = spec.definition ?? {}
  if (typeof module !== 'string' || typeof exportName !== 'string') {
    return new TypeError(
      `${who}: definition must come from defineActor or defineSupervisor, not ${shown(spec.definition)}`,
    )
  }
  if (!restartKinds.includes(spec.restart)) {
    return new TypeError(`${who}: restart must be one of ${restartKinds.join(', ')}, not ${shown(spec.restart)}`)
  }
  const fault = faultOfNumber(who, 'stopWithinMs', spec.stopWithinMs, 1, 600_000)
  if (fault !== undefined || spec.place === undefined) return fault
  // A placed child may start on another thread, today or after its thread was lost: what cannot be copied cannot go.
  const path = pathOfCode(spec.args, 'args', 0)
  if (path === undefined) return undefined
  return new TypeError(`${who}: args must be plain data because the child has a place; ${path} is not`)
}

function faultOfSpec(spec: SupervisorSpec): TypeError | RangeError | undefined {
  if (!isName(spec.name))
    return new TypeError(`supervisor: name must be 1 to 256 characters without a zero byte, not ${shown(spec.name)}`)
  const where = `supervisor '${spec.name}'`
  if (!strategies.includes(spec.strategy)) {
    return new TypeError(`${where}: strategy must be one of ${strategies.join(', ')}, not ${shown(spec.strategy)}`)
  }
  if (!Array.isArray(spec.children)) {
    return new TypeError(`${where}: children must be a list, not ${shown(spec.children)}`)
  }
  return (
    faultOfNumber(where, 'restartsMax', spec.restartsMax, 0, 1_000_000) ??
    faultOfNumber(where, 'restartsWindowMs', spec.restartsWindowMs, 1, 86_400_000) ??
    faultOfBackoff(where, spec) ??
    faultOfDynamic(where, spec) ??
    faultOfChildren(where, spec)
  )
}

function faultOfBackoff(
  where: string,
  { backoff, restartsWindowMs }: SupervisorSpec,
): TypeError | RangeError | undefined {
  if (backoff === undefined) return undefined
  const { baseMs, maxMs } = backoff
  const fault =
    faultOfNumber(where, 'backoff.baseMs', baseMs, 0, 86_400_000) ??
    faultOfNumber(where, 'backoff.maxMs', maxMs, 0, 86_400_000)
  if (fault !== undefined) return fault
  if (baseMs > maxMs) {
    return new RangeError(`${where}: backoff.baseMs must be at most backoff.maxMs (${maxMs}), not ${baseMs}`)
  }
  if (maxMs > restartsWindowMs) {
    return new RangeError(
      `${where}: backoff.maxMs must be at most restartsWindowMs (${restartsWindowMs}), not ${maxMs}`,
    )
  }
  return undefined
}

function faultOfDynamic(where: string, spec: SupervisorSpec): TypeError | RangeError | undefined {
  const { dynamic, strategy, children } = spec
  if (dynamic === undefined) return undefined
  if (strategy !== 'oneForOne') {
    // A child that comes and goes by message has no place in an order that others depend on.
    return new RangeError(`${where}: dynamic children need strategy oneForOne, not ${strategy}`)
  }
  const fault = faultOfNumber(where, 'dynamic.childrenMax', dynamic.childrenMax, 1, 1_000_000)
  if (fault !== undefined || dynamic.childrenMax >= children.length) return fault
  return new RangeError(
    `${where}: dynamic.childrenMax must be at least the ${children.length} children of the spec, not ${dynamic.childrenMax}`,
  )
}

function faultOfChildren(where: string, spec: SupervisorSpec): TypeError | RangeError | undefined {
  const names = new Set<string>([spec.name])
  for (const each of spec.children) {
    const fault = faultOfChild(where, each)
    if (fault !== undefined) return fault
    if (names.has(each.name)) {
      return new RangeError(
        `${where}: names must differ among the children and the supervisor; '${each.name}' is there twice`,
      )
    }
    names.add(each.name)
  }
  return undefined
}

function faultOfNumber(
  where: string,
  field: string,
  value: unknown,
  min: number,
  max: number,
): TypeError | RangeError | undefined {
  const text = `${where}: ${field} must be a whole number of ${min} to ${max}, not ${shown(value)}`
  if (typeof value !== 'number' || !Number.isInteger(value)) return new TypeError(text)
  return value < min || value > max ? new RangeError(text) : undefined
}

function isName(name: unknown): boolean {
  return typeof name === 'string' && name.length > 0 && name.length <= 256 && !name.includes('\0')
}

const depthMax = 32

/** Where in `value` something sits that cannot be copied to another thread; undefined when all of it can. */
function pathOfCode(value: unknown, path: string, depth: number): string | undefined {
  if (typeof value === 'function' || typeof value === 'symbol') return `${path} (a ${typeof value})`
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return undefined
  if (depth === depthMax) return `${path} (nested deeper than ${depthMax})`
  for (const [key, inner] of Object.entries(value)) {
    const found = pathOfCode(inner, `${path}.${key}`, depth + 1)
    if (found !== undefined) return found
  }
  return undefined
}

function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
