/** Which path is which method. All are asked with POST; those of etcd 3.3 and before begin with `/v3beta`. */
import type { ServedServices } from '../services.ts'

interface Target {
  readonly service: keyof ServedServices
  readonly method: string
}

function table(service: keyof ServedServices, methods: Readonly<Record<string, string>>): [string, Target][] {
  return Object.entries(methods).map(([path, method]) => [path, { service, method }])
}

const targets: ReadonlyMap<string, Target> = new Map([
  ...table('kv', {
    'kv/range': 'Range',
    'kv/put': 'Put',
    'kv/deleterange': 'DeleteRange',
    'kv/txn': 'Txn',
    'kv/compaction': 'Compact',
  }),
  ...table('watch', { watch: 'Watch' }),
  ...table('lease', {
    'lease/grant': 'LeaseGrant',
    'lease/revoke': 'LeaseRevoke',
    'kv/lease/revoke': 'LeaseRevoke',
    'lease/keepalive': 'LeaseKeepAlive',
    'lease/timetolive': 'LeaseTimeToLive',
    'kv/lease/timetolive': 'LeaseTimeToLive',
    'lease/leases': 'LeaseLeases',
    'kv/lease/leases': 'LeaseLeases',
  }),
  ...table('cluster', {
    'cluster/member/add': 'MemberAdd',
    'cluster/member/remove': 'MemberRemove',
    'cluster/member/update': 'MemberUpdate',
    'cluster/member/list': 'MemberList',
    'cluster/member/promote': 'MemberPromote',
  }),
  ...table('maintenance', {
    'maintenance/alarm': 'Alarm',
    'maintenance/status': 'Status',
    'maintenance/defragment': 'Defragment',
    'maintenance/hash': 'Hash',
    'maintenance/hashkv': 'HashKV',
    'maintenance/snapshot': 'Snapshot',
    'maintenance/transfer-leadership': 'MoveLeader',
    'maintenance/downgrade': 'Downgrade',
  }),
  ...table('auth', {
    'auth/enable': 'AuthEnable',
    'auth/disable': 'AuthDisable',
    'auth/status': 'AuthStatus',
    'auth/authenticate': 'Authenticate',
    'auth/user/add': 'UserAdd',
    'auth/user/get': 'UserGet',
    'auth/user/list': 'UserList',
    'auth/user/delete': 'UserDelete',
    'auth/user/changepw': 'UserChangePassword',
    'auth/user/grant': 'UserGrantRole',
    'auth/user/revoke': 'UserRevokeRole',
    'auth/role/add': 'RoleAdd',
    'auth/role/get': 'RoleGet',
    'auth/role/list': 'RoleList',
    'auth/role/delete': 'RoleDelete',
    'auth/role/grant': 'RoleGrantPermission',
    'auth/role/revoke': 'RoleRevokePermission',
  }),
  ...table('lock', { 'lock/lock': 'Lock', 'lock/unlock': 'Unlock' }),
  ...table('election', {
    'election/campaign': 'Campaign',
    'election/proclaim': 'Proclaim',
    'election/leader': 'Leader',
    'election/observe': 'Observe',
    'election/resign': 'Resign',
  }),
])

/** Whether a path belongs to the JSON gateway, be there something or not. */
export function isJsonPath(path: string): boolean {
  return /^\/v3(?:beta)?(?:\/|$)/.test(path)
}

export function targetOf(path: string): Target | undefined {
  return targets.get(path.replace(/^\/v3(?:beta)?\//, ''))
}

/** Every path, for what wants to see that none is missing. */
export function allTargets(): ReadonlyMap<string, Target> {
  return targets
}
