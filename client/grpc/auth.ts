/** etcd's Auth service, called. */
import type { Permission } from '../../actors/auth/messages.ts'
import type { EtcdChannels } from '../etcd-connection.ts'
import { headerFromWire, numberOf, plainBytes } from '../etcd-outbound.ts'
import type { WireHeaderOnly } from '../etcd-wire.ts'
import type {
  WireAuthenticateResponse,
  WireAuthRoleGetResponse,
  WireAuthRoleListResponse,
  WireAuthStatusResponse,
  WireAuthUserGetResponse,
  WireAuthUserListResponse,
  WirePermission,
} from '../etcd-wire-auth.ts'
import type { AuthApi, CallOptions, Header } from '../interface.ts'
import { methodOf, readCall, writeCall } from './method.ts'

export function authOver(channels: EtcdChannels): AuthApi {
  const ask = <Wire>(name: string, message: object, options: CallOptions | undefined): Promise<Wire> =>
    channels.unary<Wire>(methodOf('auth', name), message, options, readCall)
  const change = async (
    name: string,
    message: object,
    options: CallOptions | undefined,
  ): Promise<{ readonly header: Header }> => {
    const answer = await channels.unary<WireHeaderOnly>(methodOf('auth', name), message, options, writeCall)
    return { header: headerFromWire(answer.header) }
  }
  return {
    authenticate: async (request, options) => {
      const answer = await ask<WireAuthenticateResponse>('Authenticate', request, options)
      return { header: headerFromWire(answer.header), token: answer.token }
    },
    authEnable: (options) => change('AuthEnable', {}, options),
    authDisable: (options) => change('AuthDisable', {}, options),
    authStatus: async (options) => {
      const { header, enabled, authRevision } = await ask<WireAuthStatusResponse>('AuthStatus', {}, options)
      return { header: headerFromWire(header), enabled, authRevision: numberOf(authRevision) }
    },
    userAdd: ({ name, password }, options) => {
      const noPassword = password === undefined
      return change('UserAdd', { name, password: password ?? '', options: { no_password: noPassword } }, options)
    },
    userDelete: ({ name }, options) => change('UserDelete', { name }, options),
    userChangePassword: (request, options) => change('UserChangePassword', request, options),
    userGet: async ({ name }, options) => {
      const { header, roles } = await ask<WireAuthUserGetResponse>('UserGet', { name }, options)
      return { header: headerFromWire(header), roles }
    },
    userList: async (options) => {
      const { header, users } = await ask<WireAuthUserListResponse>('UserList', {}, options)
      return { header: headerFromWire(header), users }
    },
    userGrantRole: (request, options) => change('UserGrantRole', request, options),
    userRevokeRole: ({ user, role }, options) => change('UserRevokeRole', { name: user, role }, options),
    roleAdd: ({ name }, options) => change('RoleAdd', { name }, options),
    roleDelete: ({ role }, options) => change('RoleDelete', { role }, options),
    roleGet: async ({ role }, options) => {
      const { header, perm } = await ask<WireAuthRoleGetResponse>('RoleGet', { role }, options)
      return { header: headerFromWire(header), permissions: perm.map(permissionFromWire) }
    },
    roleList: async (options) => {
      const { header, roles } = await ask<WireAuthRoleListResponse>('RoleList', {}, options)
      return { header: headerFromWire(header), roles }
    },
    roleGrantPermission: ({ role, permission }, options) =>
      change('RoleGrantPermission', { name: role, perm: permissionToWire(permission) }, options),
    roleRevokePermission: ({ role, key, rangeEnd }, options) =>
      change('RoleRevokePermission', { role, key, ...(rangeEnd !== undefined && { range_end: rangeEnd }) }, options),
  }
}

const permissionTypes = { READ: 'read', WRITE: 'write', READWRITE: 'readwrite' } as const
const wireTypes = { read: 'READ', write: 'WRITE', readwrite: 'READWRITE' } as const

function permissionFromWire({ permType, key, range_end }: WirePermission): Permission {
  if (typeof permType === 'number')
    throw new TypeError(`the server names a kind of permission unknown here: ${permType}`)
  const end = range_end === undefined || range_end.length === 0 ? {} : { rangeEnd: plainBytes(range_end) }
  return { type: permissionTypes[permType], key: plainBytes(key), ...end }
}

function permissionToWire({ type, key, rangeEnd }: Permission): WirePermission {
  return { permType: wireTypes[type], key, ...(rangeEnd !== undefined && { range_end: rangeEnd }) }
}
