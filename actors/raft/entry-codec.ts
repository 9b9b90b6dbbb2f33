/**
 * What a log entry of type `normal` holds: a batch of commands of one replica, with who proposed it and when.
 *
 *   [version, node, incarnation, number, wallMs, [[command, client?, number?], …]]
 *
 * `node`, `incarnation` and `number` name the entry for ever: the proposer finds its waiting clients by them, and every
 * replica refuses a second copy that a network or an impatient forwarder made (`origins.ts`).
 */
import { invariant } from '../../base/assert.ts'
import { pack, unpack } from '../../mailbox/codec.ts'
import type { NodeId } from './messages.ts'
import type { RequestId } from './replica-messages.ts'

const version = 1

export interface BatchCommand {
  readonly command: unknown
  readonly request: RequestId | undefined
}

export interface Batch {
  readonly node: NodeId
  /** Of the proposing replica: never used twice by a node. */
  readonly incarnation: number
  /** Of the entry, within the incarnation. */
  readonly number: number
  /** The proposer's wall clock. */
  readonly wallMs: number
  readonly commands: readonly BatchCommand[]
}

export function encodeBatch(batch: Batch): Uint8Array {
  const items = batch.commands.map(({ command, request }) =>
    request === undefined ? [command] : [command, request.client, request.number],
  )
  return pack([version, batch.node, batch.incarnation, batch.number, batch.wallMs, items])
}

/**
 * @throws {InvariantError} The bytes are no batch. They come out of the committed log, so there is nobody to refuse them
 *   to: going on without them would make this replica differ from the others.
 */
export function decodeBatch(data: Uint8Array): Batch {
  const fields = unpack(data)
  invariant(
    Array.isArray(fields) && fields.length === 6 && fields[0] === version,
    'A1: a committed entry is a batch of version 1',
  )
  const [, node, incarnation, number, wallMs, items] = fields as readonly unknown[]
  invariant(
    isCount(node) && isCount(incarnation) && isCount(number) && typeof wallMs === 'number' && Array.isArray(items),
    'A1: a committed batch names its node, incarnation, number and time',
  )
  return { node, incarnation, number, wallMs, commands: items.map(decodeCommand) }
}

function decodeCommand(item: unknown): BatchCommand {
  invariant(
    Array.isArray(item) && (item.length === 1 || item.length === 3),
    'A1: a command stands alone or with its request',
  )
  if (item.length === 1) return { command: item[0] as unknown, request: undefined }
  const [command, client, number] = item as readonly unknown[]
  invariant(typeof client === 'string' && isCount(number), 'A1: a request is a client and a number')
  return { command, request: { client, number } }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
