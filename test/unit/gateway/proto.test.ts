import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { loadSync, type PackageDefinition } from '@grpc/proto-loader'
import { protoFolder } from '../../../client/etcd-proto.ts'

interface Field {
  readonly name: string
  readonly number: number
  readonly type: string
  readonly label: string
  readonly typeName: string
}

/** From here on etcd has no fields. */
const oursFrom = 1_000
/** What is newer than that client, from etcd 3.5 and 3.6. */
const newer: ReadonlySet<string> = new Set([
  'etcdserverpb.SnapshotResponse.version',
  'etcdserverpb.HashKVResponse.hash_revision',
  'etcdserverpb.AuthUserAddRequest.hashedPassword',
  'etcdserverpb.AuthUserChangePasswordRequest.hashedPassword',
])

const ours = definitions(protoFolder())
const theirs = definitions(join(dirname(createRequire(import.meta.url).resolve('etcd3/package.json')), 'proto'))

test('every message has the field names, numbers and types that the etcd3 client has', () => {
  const messages = Object.keys(ours).filter((name) => 'type' in entry(ours, name) && fieldsOf(ours, name) !== undefined)
  assert.ok(messages.length > 40, `only ${messages.length} messages found`)

  for (const name of messages) {
    const known = fieldsOf(ours, name) ?? []
    if (isOursAlone(name)) continue
    const comparable = known.filter((field) => !newer.has(`${name}.${field.name}`) && field.number < oursFrom)
    assert.deepEqual(byNumber(comparable), byNumber(fieldsOf(theirs, name) ?? []), name)
  }
})

test('what is ours alone has numbers that etcd does not use', () => {
  const extended = Object.keys(ours).filter((name) =>
    (fieldsOf(ours, name) ?? []).some((one) => one.number >= oursFrom),
  )

  assert.deepEqual(extended, ['etcdserverpb.WatchCreateRequest'])
  for (const name of Object.keys(theirs)) {
    for (const field of fieldsOf(theirs, name) ?? []) assert.ok(field.number < oursFrom, `${name}.${field.name}`)
  }
})

test('locks and elections have the fields and paths of etcd, which that client does not carry', () => {
  const all = loadSync(['lock.proto', 'election.proto'], { includeDirs: [protoFolder()], keepCase: true })
  const fields = (name: string): string =>
    (fieldsOf(all, name) ?? []).map((field) => `${field.name}=${field.number}:${field.type.slice(5)}`).join(' ')

  assert.equal(fields('v3lockpb.LockRequest'), 'name=1:BYTES lease=2:INT64')
  assert.equal(fields('v3lockpb.LockResponse'), 'header=1:MESSAGE key=2:BYTES')
  assert.equal(fields('v3lockpb.UnlockRequest'), 'key=1:BYTES')
  assert.equal(fields('v3lockpb.UnlockResponse'), 'header=1:MESSAGE')
  assert.equal(fields('v3electionpb.CampaignRequest'), 'name=1:BYTES lease=2:INT64 value=3:BYTES')
  assert.equal(fields('v3electionpb.CampaignResponse'), 'header=1:MESSAGE leader=2:MESSAGE')
  assert.equal(fields('v3electionpb.LeaderKey'), 'name=1:BYTES key=2:BYTES rev=3:INT64 lease=4:INT64')
  assert.equal(fields('v3electionpb.LeaderRequest'), 'name=1:BYTES')
  assert.equal(fields('v3electionpb.LeaderResponse'), 'header=1:MESSAGE kv=2:MESSAGE')
  assert.equal(fields('v3electionpb.ResignRequest'), 'leader=1:MESSAGE')
  assert.equal(fields('v3electionpb.ProclaimRequest'), 'leader=1:MESSAGE value=2:BYTES')
  assert.deepEqual(
    [...methodsOf(all, 'v3lockpb.Lock'), ...methodsOf(all, 'v3electionpb.Election')].map((method) => method.path),
    [
      '/v3lockpb.Lock/Lock',
      '/v3lockpb.Lock/Unlock',
      '/v3electionpb.Election/Campaign',
      '/v3electionpb.Election/Proclaim',
      '/v3electionpb.Election/Leader',
      '/v3electionpb.Election/Observe',
      '/v3electionpb.Election/Resign',
    ],
  )
})

test('every enum has the values that the etcd3 client has', () => {
  const known = Object.keys(ours).flatMap((name) => enumsOf(ours, name))
  const other = new Map(Object.keys(theirs).flatMap((name) => enumsOf(theirs, name)))
  assert.ok(known.length >= 7, `only ${known.length} enums found`)

  for (const [name, values] of known) {
    if (name !== 'etcdserverpb.WatchCreateRequest.ChangeKind') assert.deepEqual(values, other.get(name), name)
  }
})

test('every method has the path, the kind and the messages that the etcd3 client has', () => {
  for (const service of ['KV', 'Watch', 'Lease', 'Cluster', 'Maintenance', 'Auth'].map(
    (one) => `etcdserverpb.${one}`,
  )) {
    assert.deepEqual(methodsOf(ours, service), methodsOf(theirs, service), service)
  }
})

function definitions(folder: string): PackageDefinition {
  return loadSync(['rpc.proto', 'kv.proto'], { includeDirs: [folder], keepCase: true })
}

/** The messages inside the fields that etcd does not have. */
function isOursAlone(name: string): boolean {
  return /^etcdserverpb\.WatchCreateRequest\.(Range|JsonTest|ValueTest)$/.test(name)
}

function entry(all: PackageDefinition, name: string): object {
  return all[name] ?? {}
}

function fieldsOf(all: PackageDefinition, name: string): readonly Field[] | undefined {
  const { type } = entry(all, name) as { type?: { field?: readonly Field[] } }
  return type?.field?.map((field) => ({
    name: field.name,
    number: field.number,
    type: field.type,
    label: field.label,
    typeName: field.typeName.replace(/^\.?(etcdserverpb|mvccpb|authpb)\./, ''),
  }))
}

interface Enum {
  readonly name: string
  readonly value: readonly { readonly name: string; readonly number: number }[]
}

/** The enum `name` is, or those inside the message it is. */
function enumsOf(all: PackageDefinition, name: string): readonly [string, readonly object[]][] {
  const { type } = entry(all, name) as { type?: { enumType?: readonly Enum[] } & Partial<Enum> }
  const own = type?.value === undefined ? [] : [{ name: '', value: type.value }]
  return [...own, ...(type?.enumType ?? [])].map((one) => [
    `${name}.${one.name}`,
    // The client writes `NotEqual` where etcd writes `NOT_EQUAL`.
    one.value.map((each) => ({ name: each.name.replaceAll('_', '').toLowerCase(), number: each.number })),
  ])
}

function byNumber(fields: readonly Field[]): readonly Field[] {
  return [...fields].sort((a, b) => a.number - b.number)
}

interface Method {
  readonly path: string
  readonly requestStream: boolean
  readonly responseStream: boolean
  readonly requestType: { readonly type: { readonly name: string } }
  readonly responseType: { readonly type: { readonly name: string } }
}

function methodsOf(all: PackageDefinition, service: string): { readonly path: string }[] {
  return Object.values(all[service] as unknown as Record<string, Method>).map((method) => ({
    path: method.path,
    streams: [method.requestStream, method.responseStream],
    messages: [method.requestType.type.name, method.responseType.type.name],
  }))
}
