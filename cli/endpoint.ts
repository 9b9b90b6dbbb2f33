/**
 * `aspen endpoint`: one answer from each node, asked directly, so that nodes can be compared with each other.
 */
import type { Command } from 'commander'
import type { Header, MemberStatus } from '../client/interface.ts'
import type { CommandContext, Form, RemoteClient, Shared } from './context.ts'
import { parseEndpoints, remoteCommand, sharedOf, withClient } from './context.ts'
import { CommandFailure, reasonOf } from './failure.ts'
import { framedTable, idText, sizeText } from './output.ts'
import { headerDocument } from './render.ts'
import { wholeNumber } from './requests.ts'

type Answer<T> = { readonly endpoint: string } & ({ readonly value: T } | { readonly error: string })

const forms: readonly Form[] = ['simple', 'json', 'table']

export function addEndpointCommands(program: Command, context: CommandContext): void {
  const endpoint = program
    .command('endpoint')
    .summary('Ask each node about itself')
    .description('Ask each node about itself.')
  addStatus(endpoint, context)
  addHealth(endpoint, context)
  addHashKv(endpoint, context)
}

function addStatus(parent: Command, context: CommandContext): void {
  endpointCommand(parent, 'status', 'Version, size, leader, term and indexes of each node').action(
    async (options: EndpointOptions, command: Command) => {
      const shared = sharedOf(command, context, forms)
      const answers = await askEach(context, shared, options, (client) => client.status())
      const head = [
        'ENDPOINT',
        'ID',
        'VERSION',
        'DB SIZE',
        'IS LEADER',
        'IS LEARNER',
        'RAFT TERM',
        'RAFT INDEX',
        'RAFT APPLIED INDEX',
        'ERRORS',
      ]
      const document = (status: MemberStatus & { readonly header: Header }): object => ({
        ...status,
        header: headerDocument(status.header),
      })
      show(context, shared.form, answers, head, statusCells, document)
    },
  )
}

function statusCells(status: MemberStatus & { readonly header: Header }): readonly (string | number | boolean)[] {
  const { header, version, dbSizeBytes, leader, learner, raftTerm, raftIndex, raftAppliedIndex, errors } = status
  const id = idText(header.memberId)
  return [
    id,
    version,
    sizeText(dbSizeBytes),
    leader === header.memberId,
    learner,
    raftTerm,
    raftIndex,
    raftAppliedIndex,
    errors.join('; '),
  ]
}

function addHealth(parent: Command, context: CommandContext): void {
  endpointCommand(parent, 'health', 'Whether each node answers a linearizable read').action(
    async (options: EndpointOptions, command: Command) => {
      const shared = sharedOf(command, context, forms)
      // What counts is that a majority stands behind the answer; the key need not exist.
      const answers = await askEach(context, shared, options, async (client) => {
        const from = context.now()
        await client.range({ key: new TextEncoder().encode('health') })
        return { tookMs: Math.round((context.now() - from) * 100) / 100 }
      })
      if (shared.form === 'simple') {
        for (const answer of answers) {
          if ('value' in answer)
            context.output.line(`${answer.endpoint} is healthy: linearizable read in ${answer.value.tookMs} ms`)
          else context.output.line(`${answer.endpoint} is unhealthy: ${answer.error}`)
        }
        failIfAny(answers, 'unhealthy')
        return
      }
      if (shared.form === 'json') {
        context.output.json(answers.map((one) => ({ health: 'value' in one, ...flat(one) })))
      } else {
        const rows = answers.map((one) =>
          'value' in one ? [one.endpoint, true, `${one.value.tookMs}ms`, ''] : [one.endpoint, false, '', one.error],
        )
        context.output.line(framedTable(['ENDPOINT', 'HEALTH', 'TOOK', 'ERROR'], rows))
      }
      failIfAny(answers, 'unhealthy')
    },
  )
}

function addHashKv(parent: Command, context: CommandContext): void {
  endpointCommand(parent, 'hashkv', 'The hash of the keyspace on each node: equal at equal revision')
    .option('--rev <revision>', 'as it was at this revision; 0 for now', wholeNumber('--rev'))
    .action(async (options: EndpointOptions & { readonly rev?: number }, command: Command) => {
      const shared = sharedOf(command, context, forms)
      const answers = await askEach(context, shared, options, (client) => client.hashKv({ revision: options.rev ?? 0 }))
      const head = ['ENDPOINT', 'HASH', 'HASH REVISION', 'COMPACT REVISION']
      const document = (value: { readonly header: Header }): object => ({
        ...value,
        header: headerDocument(value.header),
      })
      show(context, shared.form, answers, head, (one) => [one.hash, one.hashRevision, one.compactRevision], document)
    })
}

interface EndpointOptions {
  readonly cluster?: boolean
}

function endpointCommand(parent: Command, name: string, summary: string): Command {
  return remoteCommand(parent, name, summary).option(
    '--cluster',
    'ask all members of the cluster, not only --endpoints',
  )
}

/** Asks all at once: one dead node must not hold up the others. */
async function askEach<T>(
  context: CommandContext,
  shared: Shared,
  options: EndpointOptions,
  ask: (client: RemoteClient) => Promise<T>,
): Promise<readonly Answer<T>[]> {
  const endpoints = options.cluster === true ? await endpointsOfCluster(context, shared) : shared.endpoints
  return Promise.all(
    endpoints.map(async (endpoint): Promise<Answer<T>> => {
      try {
        return { endpoint, value: await withClient(context, { ...shared, endpoints: [endpoint] }, ask) }
      } catch (error) {
        return { endpoint, error: reasonOf(error) }
      }
    }),
  )
}

async function endpointsOfCluster(context: CommandContext, shared: Shared): Promise<readonly string[]> {
  const { members } = await withClient(context, shared, (client) => client.memberList())
  const urls = members.flatMap((member) => member.clientUrls)
  if (urls.length === 0) throw new CommandFailure('no member of the cluster advertises a client URL')
  return parseEndpoints(urls.join(','), shared.secure)
}

function show<T>(
  context: CommandContext,
  form: Form,
  answers: readonly Answer<T>[],
  head: readonly string[],
  cells: (value: T) => readonly (string | number | boolean)[],
  document: (value: T) => object,
): void {
  const { output } = context
  const answered = answers.flatMap((one) => ('value' in one ? [[one.endpoint, ...cells(one.value)]] : []))
  if (form === 'json') {
    output.json(answers.map((one) => ('value' in one ? { endpoint: one.endpoint, ...document(one.value) } : one)))
  } else if (form === 'table') output.line(framedTable(head, answered))
  else for (const row of answered) output.line(row.join(', '))
  if (form !== 'json') {
    for (const one of answers) if ('error' in one) output.note(`${one.endpoint}: ${one.error}`)
  }
  failIfAny(answers, 'without an answer')
}

function flat<T extends object>(answer: Answer<T>): object {
  return 'value' in answer ? { endpoint: answer.endpoint, ...answer.value } : answer
}

function failIfAny(answers: readonly Answer<unknown>[], what: string): void {
  const failed = answers.filter((one) => 'error' in one).length
  if (failed > 0) throw new CommandFailure(`${failed} of ${answers.length} endpoints ${what}`)
}
