/**
 * The log of a node: one line an event on stderr, as JSON for machines or as text for people.
 */
import type { Logger } from 'pino'
import pino from 'pino'
import type { NodeConfig } from '../aspen/config.ts'
import type { Sink } from './output.ts'

export function createLogger(config: Pick<NodeConfig, 'logLevel' | 'logFormat' | 'name'>, stderr: Sink): Logger {
  const options = { level: config.logLevel, base: { member: config.name }, timestamp: pino.stdTimeFunctions.isoTime }
  if (config.logFormat === 'json') return pino(options, { write: (line) => void stderr.write(line) })
  return pino(options, { write: (line) => void stderr.write(textOf(line)) })
}

const levelWords: ReadonlyMap<unknown, string> = new Map(
  Object.entries(pino.levels.values).map(([name, number]): [unknown, string] => [number, name.toUpperCase().padEnd(5)]),
)

/** `12:00:00.123 INFO  became leader keyspace=default term=2`, of one JSON line. */
export function textOf(line: string): string {
  const { time, level, msg, member: _member, err, ...fields } = JSON.parse(line) as Record<string, unknown>
  const clock = typeof time === 'string' ? time.slice(11, 23) : ''
  const shown = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  const head = [clock, levelWords.get(level) ?? String(level), ...(msg === undefined ? [] : [msg]), ...shown].join(' ')
  const stack = typeof err === 'object' && err !== null && 'stack' in err ? `\n${String(err.stack)}` : ''
  return `${head}${stack}\n`
}
