/**
 * `aspen member`: who forms the cluster, and changes of it, one at a time.
 */
import type { Command } from 'commander'
import { parseNodeUrl } from '../aspen/config-urls.ts'
import type { Header, Member } from '../client/interface.ts'
import type { CommandContext, RemoteClient } from './context.ts'
import { remoteCommand, sharedOf, withClient } from './context.ts'
import { UsageError } from './failure.ts'
import { framedTable, idText } from './output.ts'
import { headerDocument } from './render.ts'

export function addMemberCommands(program: Command, context: CommandContext): void {
  const member = program
    .command('member')
    .summary('Show or change who forms the cluster')
    .description('Show or change who forms the cluster.')
  addList(member, context)
  addAdd(member, context)
  addUpdate(member, context)
  addChange(member, context, 'remove', 'Take a member out of the cluster', (client, id) => client.memberRemove({ id }))
  addChange(member, context, 'promote', 'Make a learner a voting member', (client, id) => client.memberPromote({ id }))
}

function addList(parent: Command, context: CommandContext): void {
  remoteCommand(parent, 'list', 'All members').action(async (_options: unknown, command: Command) => {
    const shared = sharedOf(command, context, ['simple', 'json', 'table'])
    const { header, members } = await withClient(context, shared, (client) => client.memberList())
    const { output } = context
    const head = ['ID', 'STATUS', 'NAME', 'PEER ADDRS', 'CLIENT ADDRS', 'IS LEARNER']
    if (shared.form === 'json') output.json(membersDocument(header, members))
    else if (shared.form === 'table') output.line(framedTable(head, members.map(rowOf)))
    else for (const one of members) output.line(rowOf(one).join(', '))
  })
}

function addAdd(parent: Command, context: CommandContext): void {
  remoteCommand(parent, 'add', 'Add a member; start it afterwards')
    .argument('<name>', 'the name that the new member will be started with')
    .requiredOption('--peer-urls <list>', 'where the new member will serve its peers, comma-separated')
    .option('--learner', 'receives the data but has no vote until it is promoted')
    .action(
      async (name: string, options: { readonly peerUrls: string; readonly learner?: boolean }, command: Command) => {
        const shared = sharedOf(command, context)
        const peerUrls = parsePeerUrls(options.peerUrls)
        const { header, member, members } = await withClient(context, shared, (client) =>
          client.memberAdd({ peerUrls, learner: options.learner === true }),
        )
        const { output } = context
        if (shared.form === 'json') {
          output.json({ ...membersDocument(header, members), member: memberDocument(member) })
          return
        }
        output.line(`Member ${idText(member.id)} added to cluster ${idText(header.clusterId)}`)
        output.line()
        // The lines a new member is started with: to be copied.
        const founders = members.flatMap((one) =>
          one.peerUrls.map((url) => `${one.id === member.id ? name : one.name}=${url}`),
        )
        output.line(`ASPEN_NAME=${JSON.stringify(name)}`)
        output.line(`ASPEN_INITIAL_CLUSTER=${JSON.stringify(founders.join(','))}`)
        output.line(`ASPEN_INITIAL_ADVERTISE_PEER_URLS=${JSON.stringify(member.peerUrls.join(','))}`)
        output.line('ASPEN_INITIAL_CLUSTER_STATE="existing"')
      },
    )
}

function addUpdate(parent: Command, context: CommandContext): void {
  remoteCommand(parent, 'update', 'Change the peer URLs of a member')
    .argument('<id>', 'of the member, in hexadecimal')
    .requiredOption('--peer-urls <list>', 'where the member serves its peers, comma-separated')
    .action(async (written: string, options: { readonly peerUrls: string }, command: Command) => {
      const shared = sharedOf(command, context)
      const id = parseMemberId(written)
      const peerUrls = parsePeerUrls(options.peerUrls)
      const { header, members } = await withClient(context, shared, (client) => client.memberUpdate({ id, peerUrls }))
      if (shared.form === 'json') context.output.json(membersDocument(header, members))
      else context.output.line(`Member ${idText(id)} updated in cluster ${idText(header.clusterId)}`)
    })
}

function addChange(
  parent: Command,
  context: CommandContext,
  name: 'remove' | 'promote',
  summary: string,
  change: (
    client: RemoteClient,
    id: number,
  ) => Promise<{ readonly header: Header; readonly members: readonly Member[] }>,
): void {
  const done = name === 'remove' ? 'removed from' : 'promoted in'
  remoteCommand(parent, name, summary)
    .argument('<id>', 'of the member, in hexadecimal')
    .action(async (written: string, _options: unknown, command: Command) => {
      const shared = sharedOf(command, context)
      const id = parseMemberId(written)
      const { header, members } = await withClient(context, shared, (client) => change(client, id))
      if (shared.form === 'json') context.output.json(membersDocument(header, members))
      else context.output.line(`Member ${idText(id)} ${done} cluster ${idText(header.clusterId)}`)
    })
}

/** Reads a member id as `member list` shows it. */
export function parseMemberId(text: string): number {
  const id = Number.parseInt(text, 16)
  if (!/^(0x)?[0-9a-fA-F]{1,16}$/.test(text) || !Number.isSafeInteger(id)) {
    throw new UsageError(`wanted a member id in hexadecimal, as member list shows it, found ${JSON.stringify(text)}`)
  }
  return id
}

function parsePeerUrls(text: string): readonly string[] {
  return text.split(',').map((part) => {
    const parsed = parseNodeUrl(part.trim(), 'advertise')
    if (typeof parsed === 'string') throw new UsageError(`--peer-urls: wanted http://HOST:PORT, found ${parsed}`)
    return parsed.url
  })
}

function rowOf(member: Member): readonly (string | boolean)[] {
  const status = member.name === '' ? 'unstarted' : 'started'
  return [
    idText(member.id),
    status,
    member.name,
    member.peerUrls.join(','),
    member.clientUrls.join(','),
    member.learner,
  ]
}

function memberDocument(member: Member): Readonly<Record<string, unknown>> {
  const { id, name, peerUrls, clientUrls, learner } = member
  return { id, name, peerUrls, clientUrls, learner }
}

function membersDocument(header: Header, members: readonly Member[]): Readonly<Record<string, unknown>> {
  return { header: headerDocument(header), members: members.map(memberDocument) }
}
