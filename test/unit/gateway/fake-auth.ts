/** Users and roles of the fake node: names, roles and permissions are kept, and nobody is ever refused for them. */
import type { Permission } from '../../../actors/auth/messages.ts'
import { AspenError, type AuthApi, type CallOptions, type Header } from '../../../client/interface.ts'

type Step = (method: string, request: unknown, options: CallOptions | undefined) => Promise<void>

export function fakeAuth(step: Step, header: () => Header): AuthApi {
  const users = new Map<string, Set<string>>()
  const roles = new Map<string, Permission[]>()
  let enabled = false
  const done = (): { header: Header } => ({ header: header() })
  const rolesOf = (name: string): Set<string> => {
    const found = users.get(name)
    if (found === undefined) throw new AspenError('userNotFound')
    return found
  }
  const permissionsOf = (role: string): Permission[] => {
    const found = roles.get(role)
    if (found === undefined) throw new AspenError('roleNotFound')
    return found
  }
  return {
    authenticate: async (request, options) => {
      await step('authenticate', request, options)
      if (!enabled) throw new AspenError('authNotEnabled')
      rolesOf(request.name)
      return { ...done(), token: `${request.name}.1` }
    },
    authEnable: async (options) => {
      await step('authEnable', undefined, options)
      if (!users.has('root')) throw new AspenError('rootUserNotExist')
      enabled = true
      return done()
    },
    authDisable: async (options) => {
      await step('authDisable', undefined, options)
      enabled = false
      return done()
    },
    authStatus: async (options) => {
      await step('authStatus', undefined, options)
      return { ...done(), enabled, authRevision: 1 }
    },
    userAdd: async (request, options) => {
      await step('userAdd', request, options)
      if (request.name === '') throw new AspenError('userEmpty')
      if (users.has(request.name)) throw new AspenError('userExists')
      users.set(request.name, new Set())
      return done()
    },
    userDelete: async ({ name }, options) => {
      await step('userDelete', { name }, options)
      rolesOf(name)
      users.delete(name)
      return done()
    },
    userChangePassword: async (request, options) => {
      await step('userChangePassword', request, options)
      rolesOf(request.name)
      return done()
    },
    userGet: async ({ name }, options) => {
      await step('userGet', { name }, options)
      return { ...done(), roles: [...rolesOf(name)] }
    },
    userList: async (options) => {
      await step('userList', undefined, options)
      return { ...done(), users: [...users.keys()] }
    },
    userGrantRole: async ({ user, role }, options) => {
      await step('userGrantRole', { user, role }, options)
      rolesOf(user).add(role)
      return done()
    },
    userRevokeRole: async ({ user, role }, options) => {
      await step('userRevokeRole', { user, role }, options)
      if (!rolesOf(user).delete(role)) throw new AspenError('roleNotGranted')
      return done()
    },
    roleAdd: async ({ name }, options) => {
      await step('roleAdd', { name }, options)
      if (roles.has(name)) throw new AspenError('roleExists')
      roles.set(name, [])
      return done()
    },
    roleDelete: async ({ role }, options) => {
      await step('roleDelete', { role }, options)
      permissionsOf(role)
      roles.delete(role)
      return done()
    },
    roleGet: async ({ role }, options) => {
      await step('roleGet', { role }, options)
      return { ...done(), permissions: permissionsOf(role) }
    },
    roleList: async (options) => {
      await step('roleList', undefined, options)
      return { ...done(), roles: [...roles.keys()] }
    },
    roleGrantPermission: async ({ role, permission }, options) => {
      await step('roleGrantPermission', { role, permission }, options)
      permissionsOf(role).push(permission)
      return done()
    },
    roleRevokePermission: async ({ role, key }, options) => {
      await step('roleRevokePermission', { role, key }, options)
      roles.set(
        role,
        permissionsOf(role).filter((permission) => Buffer.compare(permission.key, key) !== 0),
      )
      return done()
    },
  }
}
