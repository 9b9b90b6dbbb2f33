/**
 * `aspen replay FILE`: plays the recording of an actor back against the actor's code and says whether it does the same.
 * 0: it does; 1: it does not, and this is where; 2: asked wrongly.
 */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Command } from 'commander'
import { aspenVersion } from '../client/version.ts'
import type { AnyDefinition } from '../runtime/kernel/cell.ts'
import {
  digestText,
  type RecordedDelivery,
  type Recording,
  readRecording,
  type StateDigest,
} from '../runtime/kernel/flight/recording.ts'
import type { ReplayedDelivery, ReplayResult } from '../sim/replay-actor.ts'
import type { CommandContext } from './context.ts'
import { CommandFailure, reasonOf } from './failure.ts'
import type { Output } from './output.ts'
import { endingText } from './record.ts'

interface ReplayFlags {
  readonly step?: boolean
  readonly json?: boolean
  readonly module?: string
  readonly export?: string
}

const help = `
The actor's code is loaded from where the recording found it, or from --module. It runs in a world that is nothing but the
recording: the same clocks, the same chance, the same answers of the store and of other actors. A handler that reads the
real clock or real chance differs, and is named.`

export function addReplayCommand(program: Command, { output }: CommandContext): void {
  program
    .command('replay')
    .summary('Play the recording of an actor back')
    .description('Plays a recording of "aspen record" back against the actor\'s code.')
    .argument('<file>', 'the recording')
    .option('--step', 'show every delivery: what came, what the actor did')
    .option('--module <file>', 'the module that defines the actor, where it is not the one that was recorded')
    .option('--export <name>', 'the name that it exports the definition under')
    .option('--json', 'the answer as one JSON document')
    .addHelpText('after', help)
    .action(async (file: string, _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<ReplayFlags>()
      const recording = await open(file)
      const definition = await definitionOf(recording, flags)
      const { replayActor } = await import('../sim/replay-actor.ts')
      const { withTripwires } = await import('./tripwires.ts')
      const steps: ReplayedDelivery[] = []
      const step = flags.step === true ? (delivery: ReplayedDelivery) => steps.push(delivery) : undefined
      const result = withTripwires(() => replayActor(recording, definition, step === undefined ? {} : { step }))
      if (flags.json === true) output.json(document(file, recording, result, steps))
      else show(output, recording, result, steps)
      if (result.outcome.type !== 'same') throw new CommandFailure(verdict(result))
    })
}

async function open(file: string): Promise<Recording> {
  const bytes = await readFile(file).catch((error: unknown) => {
    throw new CommandFailure(`replay: ${file} cannot be read: ${reasonOf(error)}`)
  })
  try {
    return readRecording(bytes)
  } catch (error) {
    throw new CommandFailure(`replay ${file}: ${reasonOf(error)}`)
  }
}

/** The code of the actor, with what its thread ran before it. */
async function definitionOf({ header }: Recording, flags: ReplayFlags): Promise<AnyDefinition> {
  const { runBoot } = await import('../runtime/node/thread/boot.ts')
  const exportName = flags.export ?? header.exportName
  const module = flags.module === undefined ? header.module : pathToFileURL(resolve(flags.module)).href
  try {
    if (header.boot !== undefined) await runBoot(header.boot)
  } catch (error) {
    throw new CommandFailure(`replay: what runs before actor '${header.name}' cannot be loaded: ${reasonOf(error)}`)
  }
  let exports: Record<string, unknown>
  try {
    exports = (await import(module)) as Record<string, unknown>
  } catch (error) {
    throw new CommandFailure(
      `replay: module ${module} of actor '${header.name}' cannot be loaded: ${reasonOf(error)}; name the file with --module`,
    )
  }
  const definition = exports[exportName] as Partial<AnyDefinition> | undefined
  if (typeof definition?.init === 'function') return definition as AnyDefinition
  throw new CommandFailure(`replay: module ${module} exports no actor definition '${exportName}'`)
}

function show(output: Output, recording: Recording, result: ReplayResult, steps: readonly ReplayedDelivery[]): void {
  const { header, end } = recording
  const recorded = new Date(header.wallMs).toISOString()
  output.line(`${header.name}: ${end.deliveries} deliveries, recorded ${recorded} on node ${header.node.toString(16)}`)
  if (header.product !== aspenVersion)
    output.note(`recorded by aspen ${header.product || 'of no version'}, played back by aspen ${aspenVersion}`)
  if (end.ending !== 'asked') output.note(`the recording ended early: ${endingText(end.ending, end.reason)}`)
  for (const step of steps) output.line(stepText(step, header.nowMs))
  const { outcome } = result
  if (outcome.type === 'same') {
    output.line(`the same: digest ${result.digest}, state ${stateText(result.state)}`)
  } else if (outcome.type === 'stateDiffers') {
    output.line(`the state differs: expected ${stateText(outcome.expected)}, found ${stateText(outcome.actual)}`)
  } else {
    const { delivery } = outcome
    output.line(`differs at delivery ${delivery.number} of ${end.deliveries}: ${deliveryText(delivery.recorded)}`)
    output.line(`  ${outcome.reason}`)
    output.line(`  expected ${digestText(delivery.recorded.digest)}, found ${digestText(delivery.digest)}`)
  }
}

function verdict({ outcome }: ReplayResult): string {
  return outcome.type === 'differs'
    ? `replay: the actor does otherwise than recorded, first at delivery ${outcome.delivery.number}`
    : 'replay: the actor did the same, and its state is another'
}

function document(
  file: string,
  { header, end }: Recording,
  result: ReplayResult,
  steps: readonly ReplayedDelivery[],
): object {
  const { outcome } = result
  return {
    file,
    actor: header.name,
    definition: header.definition,
    module: header.module,
    product: header.product,
    ending: end.ending,
    reason: end.reason,
    deliveries: result.deliveries,
    expected: { deliveries: end.deliveries, digest: end.digest, state: end.state },
    digest: result.digest,
    state: result.state,
    outcome:
      outcome.type === 'differs'
        ? { ...outcome, delivery: stepDocument(outcome.delivery, header.nowMs) }
        : { ...outcome },
    ...(steps.length > 0 && { steps: steps.map((step) => stepDocument(step, header.nowMs)) }),
  }
}

function stepDocument({ number, recorded, digest, thrown }: ReplayedDelivery, fromMs: number): object {
  return {
    number,
    kind: recorded.kind,
    message: nameOf(recorded),
    afterMs: recorded.atMs - fromMs,
    lane: recorded.lane,
    from: senderOf(recorded),
    calls: recorded.calls.map(({ call }) => call),
    outcome: recorded.outcome,
    ...(thrown !== undefined && { thrown }),
    expected: digestText(recorded.digest),
    digest: digestText(digest),
  }
}

function stepText({ number, recorded, digest, thrown }: ReplayedDelivery, fromMs: number): string {
  const seconds = `+${((recorded.atMs - fromMs) / 1_000).toFixed(3)} s`
  const expected = digest === recorded.digest ? '' : `, expected ${digestText(recorded.digest)}`
  const how = thrown === undefined ? '' : `  throws ${thrown}`
  return `${String(number).padStart(6)}  ${seconds.padStart(11)}  ${deliveryText(recorded)}${callsText(recorded)}${how}  ${digestText(digest)}${expected}`
}

function deliveryText(recorded: RecordedDelivery): string {
  const name = nameOf(recorded)
  const from = senderOf(recorded)
  return `${recorded.kind}${name === '' ? '' : ` ${name}`}${from === '' ? '' : ` from ${from}`}`
}

/** What a message calls itself, and what it carries. */
function nameOf({ kind, body }: RecordedDelivery): string {
  if (kind === 'start' || kind === 'stop' || typeof body !== 'object' || body === null) return ''
  const { type, message } = body as { readonly type?: unknown; readonly message?: { readonly type?: unknown } | null }
  const inner = typeof message === 'object' ? message?.type : undefined
  return typeof type === 'string' ? `${type}${typeof inner === 'string' ? `.${inner}` : ''}` : ''
}

function senderOf({ origin, asker }: RecordedDelivery): string {
  if (asker !== undefined) return `node ${asker.node.toString(16)}, executor ${asker.executor}`
  return origin < 0 ? '' : `executor ${origin}`
}

function callsText({ calls }: RecordedDelivery): string {
  const counts = new Map<string, number>()
  for (const { call } of calls) counts.set(call, (counts.get(call) ?? 0) + 1)
  const parts = [...counts].map(([call, count]) => (count === 1 ? call : `${call} ×${count}`))
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`
}

function stateText(state: StateDigest): string {
  return state.type === 'unknown' ? 'unknown' : `${state.value.toString(16).padStart(8, '0')} (by its ${state.type})`
}
