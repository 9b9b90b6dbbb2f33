/**
 * `aspen actors`: the actors of a node, live: on which thread, how deep their mailboxes, how many messages a second.
 */
import type { Command } from 'commander'
import type { ActorInfo } from '../client/interface.ts'
import type { CommandContext, RemoteClient, Shared } from './context.ts'
import { remoteCommand, sharedOf, withClient } from './context.ts'
import { UsageError } from './failure.ts'
import { framedTable } from './output.ts'
import { wholeNumber } from './requests.ts'

interface ActorsOptions {
  readonly once?: boolean
  readonly top?: number
  readonly sort?: string
  readonly recent?: string
}

/** One look at all actors. */
interface Look {
  readonly atMs: number
  readonly actors: readonly ActorInfo[]
}

export interface ActorRow extends ActorInfo {
  /** Undefined on the first look at it: a rate needs two. */
  readonly messagesPerSecond: number | undefined
}

const refreshMs = 1_000

const sorts: ReadonlyMap<string, (row: ActorRow) => number> = new Map<string, (row: ActorRow) => number>([
  ['rate', (row) => row.messagesPerSecond ?? 0],
  ['mailbox', (row) => row.mailboxDepth],
  ['total', (row) => row.messagesTotal],
  ['restarts', (row) => row.restarts],
])

export function addActorsCommand(program: Command, context: CommandContext): void {
  remoteCommand(program, 'actors', 'The actors of a node, live')
    .option('--once', 'show them once: two looks, a second apart, for the rates')
    .option('--top <n>', 'at most so many rows; 0 for all', wholeNumber('--top'))
    .option('--sort <column>', 'rate, mailbox, total, restarts or name')
    .option('--recent <name>', 'instead, what this actor received last, as far as its thread remembers')
    .action(async (options: ActorsOptions, command: Command) => {
      const shared = sharedOf(command, context, ['simple', 'json', 'table'])
      const { sort, recent } = options
      if (recent !== undefined) {
        await showRecent(recent, options.top || recentMax, shared, context)
        return
      }
      if (sort !== undefined && sort !== 'name' && !sorts.has(sort)) {
        throw new UsageError(`--sort: wanted rate, mailbox, total, restarts or name, found ${JSON.stringify(sort)}`)
      }
      // A document is one: who wants a stream of them asks again.
      const once = options.once === true || shared.form === 'json' || !context.output.interactive
      await withClient(context, shared, async (client) => {
        let before = await look(client, context)
        do {
          await context.sleep(refreshMs)
          const now = await look(client, context)
          const rows = sorted(rowsOf(before, now), sort ?? 'rate').slice(0, options.top || undefined)
          before = now
          if (shared.form === 'json')
            context.output.json({
              actors: rows.map((row) => ({ ...row, messagesPerSecond: row.messagesPerSecond ?? null })),
            })
          else if (once) context.output.line(tableOf(rows))
          else context.output.redraw(`${now.actors.length} actors, ctrl-c to end\n${tableOf(rows)}`)
        } while (!once)
      })
    })
}

const recentMax = 50

async function showRecent(name: string, linesMax: number, shared: Shared, context: CommandContext): Promise<void> {
  const lines = await withClient(context, shared, (client) => client.recentDeliveries(name, linesMax))
  if (shared.form === 'json') context.output.json({ actor: name, lines })
  else for (const line of lines) context.output.line(line)
}

/** The actors of the later look, with the rates since the earlier one. */
export function rowsOf(before: Look, now: Look): readonly ActorRow[] {
  const earlier = new Map(before.actors.map((actor) => [actor.name, actor]))
  const seconds = (now.atMs - before.atMs) / 1_000
  return now.actors.map((actor) => {
    const past = earlier.get(actor.name)
    // A restarted actor may count from 0 again: its rate is not known, and surely not negative.
    const known = past !== undefined && past.messagesTotal <= actor.messagesTotal && seconds > 0
    return {
      ...actor,
      messagesPerSecond: known ? Math.round((actor.messagesTotal - past.messagesTotal) / seconds) : undefined,
    }
  })
}

function sorted(rows: readonly ActorRow[], sort: string): readonly ActorRow[] {
  const key = sorts.get(sort)
  const byName = (a: ActorRow, b: ActorRow): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
  return [...rows].sort((a, b) => (key === undefined ? 0 : key(b) - key(a)) || byName(a, b))
}

function tableOf(rows: readonly ActorRow[]): string {
  return framedTable(
    ['ACTOR', 'DEFINITION', 'THREAD', 'MAILBOX', 'MSG/S', 'MESSAGES', 'RESTARTS', 'STATE'],
    rows.map((row) => [
      row.name,
      row.definition,
      row.executor,
      row.mailboxDepth,
      row.messagesPerSecond ?? '-',
      row.messagesTotal,
      row.restarts,
      row.state,
    ]),
  )
}

async function look(client: RemoteClient, context: CommandContext): Promise<Look> {
  const actors = await client.actors()
  return { atMs: context.now(), actors }
}
