/**
 * `aspen keyspace`: the keyspaces of the cluster. Each is a Raft group of its own, with its own revision.
 */
import type { Command } from 'commander'
import type { KeyspaceInfo } from '../client/interface.ts'
import type { CommandContext } from './context.ts'
import { remoteCommand, sharedOf, withClient } from './context.ts'
import { framedTable, idText } from './output.ts'

export function addKeyspaceCommands(program: Command, context: CommandContext): void {
  const keyspace = program
    .command('keyspace')
    .summary('Show, create or drop keyspaces')
    .description('Show, create or drop keyspaces.')
  addList(keyspace, context)
  remoteCommand(keyspace, 'create', 'Create a keyspace')
    .argument('<name>', 'the new keyspace')
    .action(async (name: string, _options: unknown, command: Command) => {
      const shared = sharedOf(command, context)
      const created = await withClient(context, shared, (client) => client.keyspaceCreate({ name }))
      if (shared.form === 'json') context.output.json(documentOf(created))
      else context.output.line(`Keyspace ${created.name} created`)
    })
  remoteCommand(keyspace, 'drop', 'Drop a keyspace with all that is in it')
    .argument('<name>', 'the keyspace')
    .action(async (name: string, _options: unknown, command: Command) => {
      const shared = sharedOf(command, context)
      await withClient(context, shared, (client) => client.keyspaceDrop({ name }))
      if (shared.form === 'json') context.output.json({ dropped: name })
      else context.output.line(`Keyspace ${name} dropped`)
    })
}

function addList(parent: Command, context: CommandContext): void {
  remoteCommand(parent, 'list', 'All keyspaces with their leaders').action(
    async (_options: unknown, command: Command) => {
      const shared = sharedOf(command, context, ['simple', 'json', 'table'])
      const keyspaces = await withClient(context, shared, (client) => client.keyspaceList())
      const { output } = context
      if (shared.form === 'json') output.json({ keyspaces: keyspaces.map(documentOf) })
      else if (shared.form === 'table') {
        const rows = keyspaces.map((one) => [one.name, one.id, leaderText(one), one.term, one.revision, one.executor])
        output.line(framedTable(['NAME', 'ID', 'LEADER', 'TERM', 'REVISION', 'THREAD'], rows))
      } else for (const one of keyspaces) output.line(one.name)
    },
  )
}

/** 0 stands for no leader. */
export function leaderText(keyspace: KeyspaceInfo): string {
  return keyspace.leader === 0 ? 'none' : idText(keyspace.leader)
}

function documentOf({ name, id, leader, term, revision, executor }: KeyspaceInfo): object {
  return { name, id, leader, term, revision, executor }
}
