/**
 * `aspen auth` and `aspen user`: whether a keyspace knows users, and who they are. Words and lines are etcdctl's.
 */
import type { Command } from 'commander'
import { AspenError, type Header } from '../client/interface.ts'
import type { CommandContext, RemoteClient } from './context.ts'
import { remoteCommand, sharedOf, withClient } from './context.ts'
import { UsageError } from './failure.ts'
import { headerDocument } from './render.ts'

type Answer = { readonly header: Header }

const root = 'root'

export function addAuthCommands(program: Command, context: CommandContext): void {
  const auth = program
    .command('auth')
    .summary('Switch users of a keyspace on or off')
    .description('Switch users of a keyspace on or off.')
  change(
    auth,
    context,
    'enable',
    'From now on, hear users alone; needs a user root',
    enable,
    () => 'Authentication Enabled',
  )
  change(
    auth,
    context,
    'disable',
    'Hear everybody',
    (client) => client.authDisable(),
    () => 'Authentication Disabled',
  )
  remoteCommand(auth, 'status', 'Whether users are on').action(async (_options: unknown, command: Command) => {
    const shared = sharedOf(command, context)
    const { header, enabled, authRevision } = await withClient(context, shared, (client) => client.authStatus())
    const { output } = context
    if (shared.form === 'json') output.json({ header: headerDocument(header), enabled, authRevision })
    else {
      output.line(`Authentication Status: ${enabled}`)
      output.line(`AuthRevision: ${authRevision}`)
    }
  })
}

export function addUserCommands(program: Command, context: CommandContext): void {
  const user = program.command('user').summary('Manage users of a keyspace').description('Manage users of a keyspace.')
  addUserAdd(user, context)
  addUserPassword(user, context)
  addUserGet(user, context)
  remoteCommand(user, 'list', 'All users').action(async (_options: unknown, command: Command) => {
    const shared = sharedOf(command, context)
    const { header, users } = await withClient(context, shared, (client) => client.userList())
    if (shared.form === 'json') context.output.json({ header: headerDocument(header), users })
    else for (const name of users) context.output.line(name)
  })
  change(
    user,
    context,
    'delete <name>',
    'Delete a user',
    (client, name) => client.userDelete({ name }),
    (name) => `User ${name} deleted`,
  )
  change(
    user,
    context,
    'grant-role <user> <role>',
    'Give a role to a user',
    (client, name, role) => client.userGrantRole({ user: name, role }),
    (name, role) => `Role ${role} is granted to user ${name}`,
  )
  change(
    user,
    context,
    'revoke-role <user> <role>',
    'Take a role from a user',
    (client, name, role) => client.userRevokeRole({ user: name, role }),
    (name, role) => `Role ${role} is revoked from user ${name}`,
  )
}

/** A command whose words go to one call, and whose answer is one line. */
export function change(
  parent: Command,
  context: CommandContext,
  nameAndArguments: string,
  summary: string,
  act: (client: RemoteClient, ...words: string[]) => Promise<Answer>,
  done: (...words: string[]) => string,
): void {
  const command = remoteCommand(parent, nameAndArguments, summary)
  command.action(async () => {
    const words = command.processedArgs as string[]
    const shared = sharedOf(command, context)
    const { header } = await withClient(context, shared, (client) => act(client, ...words))
    if (shared.form === 'json') context.output.json({ header: headerDocument(header) })
    else context.output.line(done(...words))
  })
}

/** As etcdctl does it: what root lacks for it is given to it. */
async function enable(client: RemoteClient): Promise<Answer> {
  try {
    return await client.authEnable()
  } catch (error) {
    if (!isCode(error, 'rootRoleNotGranted')) throw error
    await client.roleAdd({ name: root }).catch((reason: unknown) => {
      if (!isCode(reason, 'roleExists')) throw reason
    })
    await client.userGrantRole({ user: root, role: root })
    return client.authEnable()
  }
}

interface PasswordOptions {
  readonly newUserPassword?: string
  readonly interactive?: string
  /** `--no-password` makes it false. */
  readonly password?: boolean | string
}

function addUserAdd(parent: Command, context: CommandContext): void {
  withPassword(remoteCommand(parent, 'add', 'Add a user'))
    .argument('<name[:password]>', 'the name; everything after the first colon is the password')
    .option('--no-password', 'without a password: known by a client certificate alone')
    .action(async (written: string, options: PasswordOptions, command: Command) => {
      const { name, password } = splitUser(written)
      const secret =
        options.password === false ? undefined : await passwordOf(options, password, context, 'or --no-password')
      const request = secret === undefined ? { name } : { name, password: secret }
      const shared = sharedOf(command, context)
      const { header } = await withClient(context, shared, (client) => client.userAdd(request))
      if (shared.form === 'json') context.output.json({ header: headerDocument(header) })
      else context.output.line(`User ${name} created`)
    })
}

function addUserPassword(parent: Command, context: CommandContext): void {
  withPassword(remoteCommand(parent, 'passwd', 'Change the password of a user; his tokens are void then'))
    .argument('<name>', 'the user')
    .action(async (name: string, options: PasswordOptions, command: Command) => {
      const password = await passwordOf(options, undefined, context, 'to change it')
      const shared = sharedOf(command, context)
      const { header } = await withClient(context, shared, (client) => client.userChangePassword({ name, password }))
      if (shared.form === 'json') context.output.json({ header: headerDocument(header) })
      else context.output.line('Password updated')
    })
}

function addUserGet(parent: Command, context: CommandContext): void {
  remoteCommand(parent, 'get', 'The roles of a user')
    .argument('<name>', 'the user')
    .action(async (name: string, _options: unknown, command: Command) => {
      const shared = sharedOf(command, context)
      const { header, roles } = await withClient(context, shared, (client) => client.userGet({ name }))
      if (shared.form === 'json') context.output.json({ header: headerDocument(header), roles })
      else {
        context.output.line(`User: ${name}`)
        context.output.line(`Roles: ${roles.join(' ')}`)
      }
    })
}

function withPassword(command: Command): Command {
  return command
    .option('--new-user-password <password>', 'the password; others on this machine may see it')
    .option('--interactive <yes>', 'false: the password is the first line of standard input')
}

async function passwordOf(
  { newUserPassword, interactive }: PasswordOptions,
  written: string | undefined,
  { readStdin }: CommandContext,
  otherwise: string,
): Promise<string> {
  const given = written ?? newUserPassword
  if (given !== undefined) return given
  if (interactive !== 'false')
    throw new UsageError(
      `wanted a password: --interactive=false with a line on standard input, --new-user-password, ${otherwise}`,
    )
  const [line = ''] = new TextDecoder().decode(await readStdin()).split(/\r?\n/)
  return line
}

/** `name:password`, or a name alone. */
export function splitUser(written: string): { readonly name: string; readonly password: string | undefined } {
  const at = written.indexOf(':')
  return at < 0
    ? { name: written, password: undefined }
    : { name: written.slice(0, at), password: written.slice(at + 1) }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof AspenError && error.code === code
}
