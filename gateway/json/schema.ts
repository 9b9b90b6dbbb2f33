/**
 * The messages of `client/proto` as JSON sees them: their fields in the order in which they are declared, each found by
 * its name or by its name in camel case, as Protobuf's mapping to JSON has it.
 */
import { aspenDefinitions } from '../../client/etcd-proto.ts'

export type JsonScalar = 'bytes' | 'string' | 'bool' | 'int64' | 'uint64' | 'int32' | 'uint32' | 'double'

export type JsonType =
  | { readonly type: 'scalar'; readonly scalar: JsonScalar }
  | { readonly type: 'message'; readonly message: JsonMessage }
  | { readonly type: 'enum'; readonly name: string; readonly numbers: ReadonlyMap<string, number> }

export interface JsonField {
  readonly name: string
  readonly repeated: boolean
  readonly of: JsonType
}

export interface JsonMessage {
  readonly name: string
  readonly fields: readonly JsonField[]
  readonly byName: ReadonlyMap<string, JsonField>
}

interface FieldFacts {
  readonly name: string
  readonly type: string
  readonly label: string
  readonly typeName: string
}

interface EnumFacts {
  readonly name: string
  readonly value: readonly { readonly name: string; readonly number: number }[]
}

interface MessageFacts {
  readonly name: string
  readonly field: readonly FieldFacts[]
  readonly nestedType: readonly MessageFacts[]
  readonly enumType: readonly EnumFacts[]
}

const scalars: Readonly<Record<string, JsonScalar>> = {
  TYPE_BYTES: 'bytes',
  TYPE_STRING: 'string',
  TYPE_BOOL: 'bool',
  TYPE_INT64: 'int64',
  TYPE_UINT64: 'uint64',
  TYPE_INT32: 'int32',
  TYPE_UINT32: 'uint32',
  TYPE_DOUBLE: 'double',
}

/** A message by its full name, such as `etcdserverpb.RangeRequest`. @throws {Error} There is none. */
export function jsonMessage(name: string): JsonMessage {
  known ??= readAll()
  const message = known.messages.get(name)
  if (message === undefined) throw new Error(`client/proto defines no message ${name}`)
  return message
}

interface Known {
  readonly messages: Map<string, JsonMessage>
  readonly enums: Map<string, Extract<JsonType, { type: 'enum' }>>
}

let known: Known | undefined

function readAll(): Known {
  const messageFacts = new Map<string, MessageFacts>()
  const enumFacts = new Map<string, EnumFacts>()
  const collect = (fullName: string, facts: MessageFacts): void => {
    messageFacts.set(fullName, facts)
    for (const one of facts.enumType) enumFacts.set(`${fullName}.${one.name}`, one)
    for (const one of facts.nestedType) collect(`${fullName}.${one.name}`, one)
  }
  for (const [fullName, definition] of Object.entries(aspenDefinitions())) {
    if (!('format' in definition)) continue
    const facts = definition.type as MessageFacts | EnumFacts
    if ('value' in facts) enumFacts.set(fullName, facts)
    else collect(fullName, facts)
  }
  const enums = new Map(Array.from(enumFacts, ([name, facts]) => [name, enumOf(name, facts)]))
  const messages = new Map<string, JsonMessage>()
  // In two rounds, for messages may hold each other.
  for (const name of messageFacts.keys()) messages.set(name, { name, fields: [], byName: new Map() })
  for (const [name, facts] of messageFacts) fill(messages.get(name) as JsonMessage, facts, { messages, enums })
  return { messages, enums }
}

function fill(message: JsonMessage, facts: MessageFacts, all: Known): void {
  const fields = message.fields as JsonField[]
  const byName = message.byName as Map<string, JsonField>
  for (const { name, type, label, typeName } of facts.field) {
    const scalar = scalars[type]
    const of = scalar === undefined ? resolve(message.name, typeName, all) : ({ type: 'scalar', scalar } as const)
    const field: JsonField = { name, repeated: label === 'LABEL_REPEATED', of }
    fields.push(field)
    byName.set(name, field)
    byName.set(camelCase(name), field)
  }
}

/** A type is named as seen from the message that uses it: the innermost scope that has it counts. */
function resolve(from: string, typeName: string, { messages, enums }: Known): JsonType {
  const scopes = from.split('.')
  for (let depth = scopes.length; depth >= 0; depth--) {
    const name = [...scopes.slice(0, depth), typeName.replace(/^\./, '')].join('.')
    const message = messages.get(name)
    if (message !== undefined) return { type: 'message', message }
    const found = enums.get(name)
    if (found !== undefined) return found
  }
  throw new Error(`client/proto defines no type ${typeName}, which ${from} uses`)
}

/** Named as etcd's own messages of refusal name it: package, then the way down with underlines. */
function enumOf(fullName: string, facts: EnumFacts): Extract<JsonType, { type: 'enum' }> {
  const [packageName, ...way] = fullName.split('.')
  return {
    type: 'enum',
    name: `${packageName}.${way.join('_')}`,
    numbers: new Map(facts.value.map((value) => [value.name, value.number])),
  }
}

function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase())
}
