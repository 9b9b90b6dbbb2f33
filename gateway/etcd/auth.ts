/** etcdserverpb.Auth: users, roles, what they may touch, and logging in. */
import type { Permission } from '../../actors/auth/messages.ts'
import type { WireHeaderOnly } from '../../client/etcd-wire.ts'
import type {
  WireAuthenticateRequest,
  WireAuthenticateResponse,
  WireAuthNameRequest,
  WireAuthRoleGetResponse,
  WireAuthRoleGrantPermissionRequest,
  WireAuthRoleListResponse,
  WireAuthRoleRequest,
  WireAuthRoleRevokePermissionRequest,
  WireAuthStatusResponse,
  WireAuthUserAddRequest,
  WireAuthUserChangePasswordRequest,
  WireAuthUserGetResponse,
  WireAuthUserGrantRoleRequest,
  WireAuthUserListResponse,
  WireAuthUserRevokeRoleRequest,
  WirePermission,
} from '../../client/etcd-wire-auth.ts'
import { AspenError, type Header } from '../../client/interface.ts'
import type { GatewayContext, ServiceHandlers, UnaryHandler } from './call.ts'
import { encodeHeader } from './encode.ts'

export function authService(context: GatewayContext): ServiceHandlers {
  return { unary: { ...switches(context), ...users(context), ...roles(context) } }
}

type Handlers = Readonly<Record<string, UnaryHandler>>

function switches({ node }: GatewayContext): Handlers {
  return {
    AuthEnable: async (_wire: object, { options }) => done(await node.authEnable(options)),
    AuthDisable: async (_wire: object, { options }) => done(await node.authDisable(options)),
    AuthStatus: async (_wire: object, { options }): Promise<WireAuthStatusResponse> => {
      const { header, enabled, authRevision } = await node.authStatus(options)
      return { header: encodeHeader(header), enabled, authRevision: String(authRevision) }
    },
    Authenticate: async (
      { name, password }: WireAuthenticateRequest,
      { options },
    ): Promise<WireAuthenticateResponse> => {
      const { header, token } = await node.authenticate({ name, password }, options)
      return { header: encodeHeader(header), token }
    },
  }
}

function users({ node }: GatewayContext): Handlers {
  return {
    UserAdd: async ({ name, password, options: chosen }: WireAuthUserAddRequest, { options }) => {
      const noPassword = chosen?.no_password === true
      return done(await node.userAdd(noPassword ? { name } : { name, password }, options))
    },
    UserGet: async ({ name }: WireAuthNameRequest, { options }): Promise<WireAuthUserGetResponse> => {
      const { header, roles: granted } = await node.userGet({ name }, options)
      return { header: encodeHeader(header), roles: granted }
    },
    UserList: async (_wire: object, { options }): Promise<WireAuthUserListResponse> => {
      const { header, users: all } = await node.userList(options)
      return { header: encodeHeader(header), users: all }
    },
    UserDelete: async ({ name }: WireAuthNameRequest, { options }) => done(await node.userDelete({ name }, options)),
    UserChangePassword: async ({ name, password }: WireAuthUserChangePasswordRequest, { options }) =>
      done(await node.userChangePassword({ name, password }, options)),
    UserGrantRole: async ({ user, role }: WireAuthUserGrantRoleRequest, { options }) =>
      done(await node.userGrantRole({ user, role }, options)),
    UserRevokeRole: async ({ name, role }: WireAuthUserRevokeRoleRequest, { options }) =>
      done(await node.userRevokeRole({ user: name, role }, options)),
  }
}

function roles({ node }: GatewayContext): Handlers {
  return {
    RoleAdd: async ({ name }: WireAuthNameRequest, { options }) => done(await node.roleAdd({ name }, options)),
    RoleGet: async ({ role }: WireAuthRoleRequest, { options }): Promise<WireAuthRoleGetResponse> => {
      const { header, permissions } = await node.roleGet({ role }, options)
      return { header: encodeHeader(header), perm: permissions.map(encodePermission) }
    },
    RoleList: async (_wire: object, { options }): Promise<WireAuthRoleListResponse> => {
      const { header, roles: all } = await node.roleList(options)
      return { header: encodeHeader(header), roles: all }
    },
    RoleDelete: async ({ role }: WireAuthRoleRequest, { options }) => done(await node.roleDelete({ role }, options)),
    RoleGrantPermission: async ({ name, perm }: WireAuthRoleGrantPermissionRequest, { options }) => {
      if (perm === null || perm === undefined) throw new AspenError('permissionNotGiven')
      return done(await node.roleGrantPermission({ role: name, permission: decodePermission(perm) }, options))
    },
    RoleRevokePermission: async (
      { role, key, range_end: rangeEnd }: WireAuthRoleRevokePermissionRequest,
      { options },
    ) => done(await node.roleRevokePermission({ role, ...rangeOf(key, rangeEnd) }, options)),
  }
}

function done({ header }: { readonly header: Header }): WireHeaderOnly {
  return { header: encodeHeader(header) }
}

const types = { READ: 'read', WRITE: 'write', READWRITE: 'readwrite' } as const
const wireTypes = { read: 'READ', write: 'WRITE', readwrite: 'READWRITE' } as const

/** @throws {AspenError} `invalidAuthManagement`: a kind of permission that there is not. */
function decodePermission({ permType, key, range_end: rangeEnd }: WirePermission): Permission {
  const type = typeof permType === 'string' ? types[permType] : undefined
  if (type === undefined) throw new AspenError('invalidAuthManagement')
  return { type, ...rangeOf(key, rangeEnd) }
}

function encodePermission({ type, key, rangeEnd }: Permission): WirePermission {
  return { permType: wireTypes[type], key, ...(rangeEnd !== undefined && { range_end: rangeEnd }) }
}

/** Bytes of our own: what the decoder gives may be a view of a larger buffer. */
function rangeOf(
  key: Uint8Array,
  rangeEnd: Uint8Array | undefined,
): { readonly key: Uint8Array; readonly rangeEnd?: Uint8Array } {
  const end = rangeEnd === undefined || rangeEnd.length === 0 ? {} : { rangeEnd: new Uint8Array(rangeEnd) }
  return { key: new Uint8Array(key), ...end }
}
