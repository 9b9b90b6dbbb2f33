/**
 * The `aspen` command: its parts, and how it ends. 0: done, 1: could not be done, 2: was asked wrongly.
 */
import { Command, CommanderError } from 'commander'
import { aspenVersion, etcdVersion } from '../client/version.ts'
import { addActorsCommand } from './actors.ts'
import { addAuthCommands, addUserCommands } from './auth.ts'
import { addCertsCommand } from './certs.ts'
import type { CommandContext } from './context.ts'
import { withSharedOptions } from './context.ts'
import { addEndpointCommands } from './endpoint.ts'
import { exitCodes, reasonOf, UsageError } from './failure.ts'
import { addKeyspaceCommands } from './keyspace.ts'
import { addKeyValueCommands } from './kv.ts'
import { addMemberCommands } from './member.ts'
import { addRecordCommand } from './record.ts'
import { addReplayCommand } from './replay.ts'
import { addRoleCommands } from './role.ts'
import type { SnapshotTools } from './snapshot.ts'
import { addSnapshotCommands } from './snapshot.ts'

export interface ProgramParts {
  readonly context: CommandContext
  /** Runs a node with the words after `serve`; these are settings, not options of this program. */
  readonly serve: (words: readonly string[]) => Promise<void>
  /** Adds `cluster`, which starts processes. */
  readonly addCluster: (program: Command, context: CommandContext) => void
  readonly snapshotTools: () => Promise<SnapshotTools>
}

/**
 * Runs one command.
 *
 * @param words - The command line without the program.
 * @returns The exit code.
 */
export async function runProgram(words: readonly string[], parts: ProgramParts): Promise<number> {
  const { output } = parts.context
  try {
    await createProgram(parts).parseAsync([...words], { from: 'user' })
    return exitCodes.done
  } catch (error) {
    if (error instanceof CommanderError) return exitCodeOf(error)
    output.problem(reasonOf(error))
    if (error instanceof UsageError) return exitCodes.usage
    // An error without a name of ours is a mistake of ours: its trace helps to find it.
    if (error instanceof TypeError || error instanceof ReferenceError) output.note(error.stack ?? '')
    return exitCodes.failed
  }
}

export function createProgram(parts: ProgramParts): Command {
  const { context } = parts
  const { output } = context
  const program = new Command('aspen')
    .description('An actor runtime and the replicated, etcd-compatible store built on it.')
    // Options after a command belong to the command; those before it are defaults for it.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => output.bytes(new TextEncoder().encode(text)),
      writeErr: (text) => output.note(text.replace(/\n$/, '')),
      outputError: (text) => output.problem(text.replace(/^error: /, '').trimEnd()),
    })
    .showSuggestionAfterError()
  withSharedOptions(program).version(`aspen ${aspenVersion}`, '-V, --version')
  program
    .command('serve [settings...]')
    .summary('Run a node')
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action((settings: readonly string[]) => parts.serve(settings))
  parts.addCluster(program, context)
  addKeyValueCommands(program, context)
  addMemberCommands(program, context)
  addEndpointCommands(program, context)
  addKeyspaceCommands(program, context)
  addAuthCommands(program, context)
  addUserCommands(program, context)
  addRoleCommands(program, context)
  addSnapshotCommands(program, context, parts.snapshotTools)
  addActorsCommand(program, context)
  addCertsCommand(program, context)
  addRecordCommand(program, context)
  addReplayCommand(program, context)
  addVersion(program, context)
  return program
}

function addVersion(program: Command, { output }: CommandContext): void {
  program
    .command('version')
    .summary('Show the version')
    .option('--json', 'as one JSON document')
    .action((_options: unknown, command: Command) => {
      if (command.optsWithGlobals()['json'] === true) output.json({ aspen: aspenVersion, etcdApi: etcdVersion })
      else output.line(`aspen ${aspenVersion} (etcd API ${etcdVersion})`)
    })
}

/** Help and version are answers; everything else that the parser throws is a mistake of usage. */
function exitCodeOf(error: CommanderError): number {
  const answers = ['commander.helpDisplayed', 'commander.version']
  // A bare `aspen help` is an answer too; a bare `aspen member` is not: it shows help but asks for more.
  if (error.code === 'commander.help') return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
  return answers.includes(error.code) ? exitCodes.done : exitCodes.usage
}
