/**
 * The rooms of the house, low to high, as data. A file imports its own floor or a lower one; strangers never meet, on
 * whatever floor they are. ARCHITECTURE.md tells the same story in words.
 */

export interface Room {
  readonly folder: string
  readonly floor: number
  /** Folders this room must not import, though the floors would allow it. */
  readonly strangers: readonly string[]
  /** Sees no Node.js: no `node:` import, and no road, however long, to a room that does. */
  readonly pure: boolean
}

function room(folder: string, floor: number, more: Partial<Omit<Room, 'folder' | 'floor'>> = {}): Room {
  return { folder, floor, strangers: [], pure: false, ...more }
}

export const rooms: readonly Room[] = [
  room('base', 1, { pure: true }),
  room('mailbox', 2, { pure: true }),
  room('runtime/ports', 3.1, { pure: true }),
  room('runtime/kernel', 3.2, { pure: true }),
  room('runtime/node', 3.3, { strangers: ['sim'] }),
  room('supervisors', 4, { pure: true, strangers: ['runtime/node', 'actors'] }),
  room('actors/raft', 4.1, { pure: true, strangers: ['runtime/node'] }),
  // What stands on the Raft seam knows the seam, and nothing of its neighbours.
  ...['keyspace', 'lease', 'watch', 'auth', 'placement'].map((name, _at, all) =>
    room(`actors/${name}`, 4.2, {
      pure: true,
      strangers: ['runtime/node', ...all.filter((other) => other !== name).map((other) => `actors/${other}`)],
    }),
  ),
  room('actors/strict', 4.3, { pure: true, strangers: ['runtime/node'] }),
  room('actors/shard', 4.3, { pure: true, strangers: ['runtime/node'] }),
  // Sans I/O, so that clients, gateways and the simulator run the same.
  room('client/coordination/recipes', 4.4, { pure: true, strangers: ['runtime/node', 'actors/raft'] }),
  room('client', 5),
  room('aspen', 6, { strangers: ['sim'] }),
  room('gateway', 7, { strangers: ['sim'] }),
  room('sim', 7, { pure: true, strangers: ['runtime/node', 'gateway'] }),
  room('cli', 8),
  room('bench', 8),
  room('test', 8),
  room('examples', 8),
]

/**
 * Files that decide and never act. Whatever they call lies beside them or in `base`, and so does whatever that calls;
 * types, which leave no trace, may come from lower floors as well. A shell reached from here would be a decision that
 * can only be tested with a world.
 */
export const pureCores: readonly string[] = [
  'actors/raft/core.ts',
  'actors/raft/membership.ts',
  'actors/raft/progress.ts',
  'actors/raft/quorum.ts',
  'supervisors/restart.ts',
]

/** Names of the language that a pure room may not say: each reads something outside the program's own state. */
export const forbiddenInPureRooms: readonly {
  readonly pattern: RegExp
  readonly name: string
  readonly instead: string
}[] = [
  { pattern: /\bDate\b(?!\s*:)/, name: 'Date', instead: 'ctx.now() or the clock port' },
  { pattern: /\bMath\s*\.\s*random\b/, name: 'Math.random', instead: 'ctx.random(site) or a keyed draw' },
  { pattern: /\bnew\s+Promise\b|\bPromise\s*\./, name: 'Promise', instead: 'a message' },
  { pattern: /\bset(?:Timeout|Interval|Immediate)\s*\(/, name: 'a timer', instead: 'ctx.after or ctx.every' },
  { pattern: /\bqueueMicrotask\s*\(/, name: 'queueMicrotask', instead: 'a message to oneself' },
  { pattern: /\b(?:performance|crypto)\s*\./, name: 'performance or crypto', instead: 'a port' },
  { pattern: /\bprocess\s*\.\s*\w/, name: 'process', instead: 'a port' },
]

/** The room of a path: the longest folder that holds it. */
export function roomOf(path: string): Room | undefined {
  let best: Room | undefined
  for (const candidate of rooms) {
    const holds = path.startsWith(`${candidate.folder}/`)
    if (holds && (best === undefined || candidate.folder.length > best.folder.length)) best = candidate
  }
  return best
}
