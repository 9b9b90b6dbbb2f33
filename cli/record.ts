/**
 * `aspen record NAME`: what one actor of a running node does for a while, as a file that `aspen replay` plays back.
 */
import { writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { parseDurationMs } from '../aspen/config-values.ts'
import { readRecording } from '../runtime/kernel/flight/recording.ts'
import type { CommandContext } from './context.ts'
import { remoteCommand, sharedOf, withClient } from './context.ts'
import { UsageError } from './failure.ts'
import { sizeText } from './output.ts'
import { wholeNumber } from './requests.ts'

interface RecordFlags {
  readonly for: number
  readonly out?: string
  readonly limit?: number
}

/** A supervisor may pause before it starts the actor anew. */
const restartMsMax = 20_000

const help = `
The actor starts anew first, as after a failure: it fails, its supervisor starts it again, and it reads its state from its
store. What it had promised to answer is answered "failed"; a Raft group (raft/NAME) elects a leader again. So an actor
without a supervisor, or a temporary one, is refused. A recording that reaches its limit begins at a later start of the
actor, where there is one; otherwise it ends there, and says so.`

export function addRecordCommand(program: Command, context: CommandContext): void {
  remoteCommand(program, 'record', 'Record an actor of a node, to play it back')
    .description('Records what one actor of a node does, for a while, as a file for "aspen replay".')
    .argument('<name>', 'the actor, such as raft/default, replica/default or keeper; see "aspen actors"')
    .option('--for <duration>', 'how long, 1ms to 10m, from its new start', durationMs, 5_000)
    .option('--out <file>', 'the file to write; replaced when it exists (NAME.recording)')
    .option('--limit <bytes>', 'about as large as the file may become (64 MiB)', wholeNumber('--limit'))
    .addHelpText('after', help)
    .action(async (name: string, flags: RecordFlags, command: Command) => {
      const shared = sharedOf(command, context)
      // An actor of that name runs on every node: of several, which one would it be?
      if (shared.endpoints.length !== 1)
        throw new UsageError(`record: wanted one endpoint, found ${shared.endpoints.length}`)
      const file = flags.out ?? `${name.replaceAll(/[^\w.-]/g, '-')}.recording`
      const request = { name, forMs: flags.for, ...(flags.limit !== undefined && { bytesMax: flags.limit }) }
      const deadlineMs = shared.deadlineMs + restartMsMax + flags.for
      const bytes = await withClient(context, shared, (client) => client.record(request, { deadlineMs }))
      const { end } = readRecording(bytes)
      await writeFile(file, bytes)
      const { output } = context
      if (shared.form === 'json') output.json({ file, sizeBytes: bytes.length, ...end })
      else output.line(`Recording saved at ${file} (${end.deliveries} deliveries, ${sizeText(bytes.length)})`)
      if (end.dropped > 0) output.note(`it begins at a later start of the actor: ${end.dropped} deliveries had no room`)
      if (end.ending !== 'asked') output.note(`it ended early: ${endingText(end.ending, end.reason)}`)
    })
}

export function endingText(ending: 'full' | 'stopped' | 'unplayable' | 'asked', reason: string): string {
  switch (ending) {
    case 'full':
      return reason === '' ? 'it reached its limit' : `it reached its limit, for ${reason}`
    case 'stopped':
      return 'the actor was stopped'
    case 'unplayable':
      return `the actor did what cannot be played back: ${reason}`
    case 'asked':
      return 'its time was over'
  }
}

function durationMs(text: string): number {
  const ms = parseDurationMs(text)
  if (ms === undefined || ms < 1 || ms > 600_000)
    throw new UsageError(`--for: wanted a duration from 1ms to 10m, such as 5s, found ${JSON.stringify(text)}`)
  return Math.round(ms)
}
