/**
 * `aspen put`, `get`, `del`, `txn` and `compact`: the store by hand, in the manner of etcdctl.
 */
import type { Command } from 'commander'
import { utf8 } from '../base/bytes.ts'
import type { CommandContext } from './context.ts'
import { remoteCommand, sharedOf, withClient } from './context.ts'
import { UsageError } from './failure.ts'
import { headerDocument, responseDocument, showResponse } from './render.ts'
import type { DelOptions, GetOptions, PutOptions } from './requests.ts'
import { delRequest, describeDel, describeGet, describePut, getRequest, putRequest } from './requests.ts'
import { parseTxn } from './txn-text.ts'
import { TxnTextError } from './txn-words.ts'

export function addKeyValueCommands(program: Command, context: CommandContext): void {
  addGet(program, context)
  addPut(program, context)
  addDel(program, context)
  addTxn(program, context)
  addCompact(program, context)
}

function addGet(program: Command, context: CommandContext): void {
  describeGet(remoteCommand(program, 'get', 'Read a key or a range of keys')).action(
    async (key: string, end: string | undefined, options: GetOptions, command: Command) => {
      const shared = sharedOf(command, context)
      const request = getRequest(key, end, options, utf8)
      const { output } = context
      const { header, ...response } = await withClient(context, shared, (client) => client.range(request))
      const answer = { type: 'range' as const, ...response }
      if (shared.form === 'json') output.json({ header: headerDocument(header), ...responseDocument(answer) })
      else {
        const { keysOnly = false, countOnly = false, printValueOnly: valuesOnly = false } = options
        showResponse(output, answer, { hex: shared.hex, keysOnly, countOnly, valuesOnly })
      }
    },
  )
}

function addPut(program: Command, context: CommandContext): void {
  describePut(remoteCommand(program, 'put', 'Write a key')).action(
    async (key: string, written: string | undefined, options: PutOptions, command: Command) => {
      const shared = sharedOf(command, context)
      const value =
        written === undefined ? (options.ignoreValue === true ? undefined : await context.readStdin()) : utf8(written)
      const request = putRequest(key, value, options, utf8)
      const { header, ...response } = await withClient(context, shared, (client) => client.put(request))
      const answer = { type: 'put' as const, ...response }
      if (shared.form === 'json') context.output.json({ header: headerDocument(header), ...responseDocument(answer) })
      else showResponse(context.output, answer, { hex: shared.hex })
    },
  )
}

function addDel(program: Command, context: CommandContext): void {
  describeDel(remoteCommand(program, 'del', 'Delete a key or a range of keys')).action(
    async (key: string, end: string | undefined, options: DelOptions, command: Command) => {
      const shared = sharedOf(command, context)
      const request = delRequest(key, end, options, utf8)
      const { header, ...response } = await withClient(context, shared, (client) => client.deleteRange(request))
      const answer = { type: 'deleteRange' as const, ...response }
      if (shared.form === 'json') context.output.json({ header: headerDocument(header), ...responseDocument(answer) })
      else showResponse(context.output, answer, { hex: shared.hex })
    },
  )
}

const txnForm = `
Read from stdin: comparisons, an empty line, what to do when all hold, an empty line, what to do otherwise.

  aspen txn <<'END'
  mod("config") > "0"

  put config "new value"
  get config

  put config "first value"
  END`

function addTxn(program: Command, context: CommandContext): void {
  remoteCommand(program, 'txn', 'Do several things at once, or others, by comparison')
    .option('-i, --interactive', 'say what is expected while reading a terminal')
    .addHelpText('after', txnForm)
    .action(async (options: { readonly interactive?: boolean }, command: Command) => {
      const shared = sharedOf(command, context)
      const { output } = context
      if (options.interactive === true) {
        output.note(
          'compares, an empty line, success requests, an empty line, failure requests (get, put, del), then ctrl-d:',
        )
      }
      const request = readTxn(new TextDecoder().decode(await context.readStdin()))
      const { header, ...response } = await withClient(context, shared, (client) => client.txn(request))
      const answer = { type: 'txn' as const, ...response }
      if (shared.form === 'json') output.json({ header: headerDocument(header), ...responseDocument(answer) })
      else showResponse(output, answer, { hex: shared.hex })
    })
}

/** A transaction that cannot be read is a mistake of the caller like a flag that cannot be read. */
function readTxn(text: string): ReturnType<typeof parseTxn> {
  try {
    return parseTxn(text)
  } catch (error) {
    if (error instanceof TxnTextError) throw new UsageError(`txn: ${error.message}`)
    throw error
  }
}

function addCompact(program: Command, context: CommandContext): void {
  remoteCommand(program, 'compact', 'Forget history before a revision')
    .alias('compaction')
    .argument('<revision>', 'the oldest revision that stays readable')
    .option('--physical', 'answer only when the space is given back')
    .action(async (written: string, options: { readonly physical?: boolean }, command: Command) => {
      const shared = sharedOf(command, context)
      const revision = Number(written)
      if (!/^\d+$/.test(written) || !Number.isSafeInteger(revision) || revision < 1) {
        throw new UsageError(`compact: wanted a revision of 1 or more, found ${JSON.stringify(written)}`)
      }
      const { header } = await withClient(context, shared, (client) =>
        client.compact({ revision, ...(options.physical === true ? { physical: true } : {}) }),
      )
      if (shared.form === 'json') context.output.json({ header: headerDocument(header), compactedRevision: revision })
      else context.output.line(`compacted revision ${revision}`)
    })
}
