/**
 * `aspen role`: what users may read and write, by ranges of keys. Words and lines are etcdctl's.
 */
import type { Command } from 'commander'
import type { Permission, PermissionType } from '../actors/auth/messages.ts'
import { equalBytes, prefixEnd, utf8 } from '../base/bytes.ts'
import { change } from './auth.ts'
import type { CommandContext } from './context.ts'
import { remoteCommand, sharedOf, withClient } from './context.ts'
import { UsageError } from './failure.ts'
import { headerDocument, textOrNull } from './render.ts'

const types: readonly PermissionType[] = ['read', 'write', 'readwrite']
const oneZeroByte = new Uint8Array(1)

export function addRoleCommands(program: Command, context: CommandContext): void {
  const role = program
    .command('role')
    .summary('Manage roles of a keyspace, and what they allow')
    .description('Manage roles of a keyspace, and what they allow.')
  change(
    role,
    context,
    'add <role>',
    'Add a role',
    (client, name) => client.roleAdd({ name }),
    (name) => `Role ${name} created`,
  )
  change(
    role,
    context,
    'delete <role>',
    'Delete a role, and take it from everybody',
    (client, name) => client.roleDelete({ role: name }),
    (name) => `Role ${name} deleted`,
  )
  addGet(role, context)
  remoteCommand(role, 'list', 'All roles').action(async (_options: unknown, command: Command) => {
    const shared = sharedOf(command, context)
    const { header, roles } = await withClient(context, shared, (client) => client.roleList())
    if (shared.form === 'json') context.output.json({ header: headerDocument(header), roles })
    else for (const name of roles) context.output.line(name)
  })
  addGrant(role, context)
  addRevoke(role, context)
}

interface RangeOptions {
  readonly prefix?: boolean
  readonly fromKey?: boolean
}

interface Range {
  readonly key: Uint8Array
  readonly rangeEnd?: Uint8Array
}

function addGrant(parent: Command, context: CommandContext): void {
  withRange(remoteCommand(parent, 'grant-permission', 'Let a role read or write keys'))
    .argument('<role>', 'the role')
    .argument('<type>', 'read, write or readwrite')
    .argument('<key>', 'the key, or the start of the range')
    .argument('[endkey]', 'the first key after the range')
    .action(
      async (role: string, written: string, key: string, end: string | undefined, options: RangeOptions, command) => {
        const type = types.find((each) => each === written.toLowerCase())
        if (type === undefined)
          throw new UsageError(`wanted a permission of read, write or readwrite, found ${JSON.stringify(written)}`)
        const permission = { type, ...rangeOf(key, end, options) }
        const shared = sharedOf(command, context)
        const { header } = await withClient(context, shared, (client) =>
          client.roleGrantPermission({ role, permission }),
        )
        if (shared.form === 'json') context.output.json({ header: headerDocument(header) })
        else context.output.line(`Role ${role} updated`)
      },
    )
}

function addRevoke(parent: Command, context: CommandContext): void {
  withRange(remoteCommand(parent, 'revoke-permission', 'Take a permission from a role, by the range it was given with'))
    .argument('<role>', 'the role')
    .argument('<key>', 'the key, or the start of the range')
    .argument('[endkey]', 'the first key after the range')
    .action(async (role: string, key: string, end: string | undefined, options: RangeOptions, command) => {
      const range = rangeOf(key, end, options)
      const shared = sharedOf(command, context)
      const { header } = await withClient(context, shared, (client) => client.roleRevokePermission({ role, ...range }))
      if (shared.form === 'json') context.output.json({ header: headerDocument(header) })
      else {
        const what = range.rangeEnd === undefined ? `key ${key}` : `range ${rangeText(range)}`
        context.output.line(`Permission of ${what} is revoked from role ${role}`)
      }
    })
}

function addGet(parent: Command, context: CommandContext): void {
  remoteCommand(parent, 'get', 'What a role allows')
    .argument('<role>', 'the role')
    .action(async (role: string, _options: unknown, command: Command) => {
      const shared = sharedOf(command, context)
      const { header, permissions } = await withClient(context, shared, (client) => client.roleGet({ role }))
      const { output } = context
      if (shared.form === 'json') {
        output.json({ header: headerDocument(header), permissions: permissions.map(permissionDocument) })
        return
      }
      output.line(`Role ${role}`)
      for (const [title, type] of [
        ['KV Read:', 'read'],
        ['KV Write:', 'write'],
      ] as const) {
        output.line(title)
        for (const each of permissions) {
          if (each.type === type || each.type === 'readwrite') output.line(`\t${permissionText(each)}`)
        }
      }
    })
}

function withRange(command: Command): Command {
  return command
    .option('--prefix', 'all keys that start with <key>')
    .option('--from-key', 'all keys from <key> on, by byte order')
}

function rangeOf(key: string, end: string | undefined, { prefix, fromKey }: RangeOptions): Range {
  const ways = [end !== undefined, prefix === true, fromKey === true].filter(Boolean).length
  if (ways > 1) throw new UsageError('wanted one of [endkey], --prefix and --from-key, found several')
  const bytes = utf8(key)
  if (end !== undefined) return { key: bytes, rangeEnd: utf8(end) }
  if (prefix !== true && fromKey !== true) return { key: bytes }
  // No key is empty: what begins with nothing is everything.
  if (key === '') return { key: oneZeroByte, rangeEnd: oneZeroByte }
  return { key: bytes, rangeEnd: fromKey === true ? oneZeroByte : (prefixEnd(bytes) ?? oneZeroByte) }
}

function permissionText(permission: Permission): string {
  const { key, rangeEnd } = permission
  if (rangeEnd === undefined || rangeEnd.length === 0) return textOf(key)
  const end = key.length === 0 ? undefined : prefixEnd(key)
  const isPrefix = end !== undefined && equalBytes(end, rangeEnd)
  return `${rangeText({ key, rangeEnd })}${isPrefix ? ` (prefix ${textOf(key)})` : ''}`
}

function rangeText({ key, rangeEnd = oneZeroByte }: Range): string {
  return equalBytes(rangeEnd, oneZeroByte) ? `[${textOf(key)}, <open ended>` : `[${textOf(key)}, ${textOf(rangeEnd)})`
}

function permissionDocument({ type, key, rangeEnd }: Permission): Readonly<Record<string, string | null>> {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
  return {
    type,
    key: textOrNull(key),
    keyBase64: base64(key),
    ...(rangeEnd !== undefined && { rangeEnd: textOrNull(rangeEnd), rangeEndBase64: base64(rangeEnd) }),
  }
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}
