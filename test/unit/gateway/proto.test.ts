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

const ours = definitions(protoFolder())
const theirs = definitions(join(dirname(createRequire(import.meta.url).resolve('etcd3/package.json')), 'proto'))

test('every message has the field names, numbers and types that the etcd3 client has', () => {
  const messages = Object.keys(ours).filter((name) => 'type' in entry(ours, name) && fieldsOf(ours, name) !== undefined)
  assert.ok(messages.length > 40, `only ${messages.length} messages found`)

  for (const name of messages) {
    const known = fieldsOf(ours, name) ?? []
    // What is newer than that client, from etcd 3.6.
    const newer = new Set(['etcdserverpb.SnapshotResponse.version', 'etcdserverpb.HashKVResponse.hash_revision'])
    const comparable = known.filter((field) => !newer.has(`${name}.${field.name}`))
    assert.deepEqual(byNumber(comparable), byNumber(fieldsOf(theirs, name) ?? []), name)
  }
})

test('every enum has the values that the etcd3 client has', () => {
  const known = Object.keys(ours).flatMap((name) => enumsOf(ours, name))
  const other = new Map(Object.keys(theirs).flatMap((name) => enumsOf(theirs, name)))
  assert.ok(known.length >= 7, `only ${known.length} enums found`)

  for (const [name, values] of known) assert.deepEqual(values, other.get(name), name)
})

test('every method has the path, the kind and the messages that the etcd3 client has', () => {
  for (const service of ['etcdserverpb.KV', 'etcdserverpb.Cluster', 'etcdserverpb.Maintenance']) {
    assert.deepEqual(methodsOf(ours, service), methodsOf(theirs, service), service)
  }
})

function definitions(folder: string): PackageDefinition {
  return loadSync(['rpc.proto', 'kv.proto'], { includeDirs: [folder], keepCase: true })
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
    typeName: field.typeName.replace(/^\.?(etcdserverpb|mvccpb)\./, ''),
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

function methodsOf(all: PackageDefinition, service: string): object[] {
  interface Method {
    readonly path: string
    readonly requestStream: boolean
    readonly responseStream: boolean
    readonly requestType: { readonly type: { readonly name: string } }
    readonly responseType: { readonly type: { readonly name: string } }
  }
  return Object.values(all[service] as unknown as Record<string, Method>).map((method) => ({
    path: method.path,
    streams: [method.requestStream, method.responseStream],
    messages: [method.requestType.type.name, method.responseType.type.name],
  }))
}
