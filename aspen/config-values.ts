/**
 * How the values of settings are written: durations, counts, choices and switches, as text on a command line, in the
 * environment or in a file. Each reader is a zod schema from text to a value; `settings.ts` says which setting uses which.
 */
import { z } from 'zod'

/** Reads one setting from its text. */
export type ValueReader<T> = z.ZodType<T, string>

/** One row of the table of settings. */
export interface Setting<T> {
  /** Without dashes; the key in a file too. The environment has it in capitals: `ASPEN_LISTEN_CLIENT_URLS`. */
  readonly flag: string
  readonly reader: ValueReader<T>
  /** In the form in which it would be written; undefined when it follows from other settings. */
  readonly fallback: string | undefined
  /** What a value must be, as a noun phrase: it ends the sentence "wanted ...". */
  readonly wanted: string
  readonly help: string
  readonly group: 'Member' | 'Clients' | 'Cluster' | 'Security' | 'Storage' | 'Raft' | 'Runtime'
}

const unitMs: ReadonlyMap<string, number> = new Map([
  ['ns', 1e-6],
  ['us', 1e-3],
  ['µs', 1e-3],
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
])

/**
 * Milliseconds of a duration such as `1h`, `1h30m`, `250ms` or `0`, rounded down.
 *
 * @returns undefined when `text` is no duration: a number without a unit is none, except 0.
 */
export function parseDurationMs(text: string): number | undefined {
  if (text === '0') return 0
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined
  let total = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(amount) * (unitMs.get(unit as string) as number)
  }
  return Number.isSafeInteger(Math.floor(total)) ? Math.floor(total) : undefined
}

/** A whole number within bounds, both included. */
export function integer(min: number, max: number): ValueReader<number> {
  return z
    .string()
    .regex(/^[+-]?\d+$/)
    .transform(Number)
    .pipe(z.number().int().min(min).max(max))
}

/** One of a few words. */
export function choice<T extends string>(...words: readonly [T, ...T[]]): ValueReader<T> {
  return z.enum(words) as unknown as ValueReader<T>
}

/** A switch, in every spelling that Go's flag package takes. */
export function toggle(): ValueReader<boolean> {
  return z
    .enum(['true', 'TRUE', 'True', 't', 'T', '1', 'false', 'FALSE', 'False', 'f', 'F', '0'])
    .transform((word) => /^[tT1]/.test(word)) as unknown as ValueReader<boolean>
}

/** Text of at least one character, none of them a control character. */
export function text(charactersMax: number): ValueReader<string> {
  return z
    .string()
    .min(1)
    .max(charactersMax)
    .refine((written) => !/\p{Cc}/u.test(written))
}

/** The retention of auto-compaction, before the mode has given a plain number its meaning. */
export type Retention =
  | { readonly type: 'number'; readonly value: number }
  | { readonly type: 'duration'; readonly ms: number }

export function retention(): ValueReader<Retention> {
  return z.string().transform((written, context): Retention => {
    if (/^\d+$/.test(written)) return { type: 'number', value: Number(written) }
    const ms = parseDurationMs(written)
    if (ms !== undefined) return { type: 'duration', ms }
    context.addIssue({ code: 'custom', message: 'neither a number nor a duration' })
    return z.NEVER
  })
}
