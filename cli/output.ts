/**
 * The one place of the command that writes to the terminal. Results go to stdout, everything said about them to stderr,
 * so that a pipe receives data alone.
 */
import { Presets, SingleBar } from 'cli-progress'
import Table from 'cli-table3'

export interface Output {
  /** Whether a person watches stdout: live tables and progress bars are for them. */
  readonly interactive: boolean
  /** A line of a result. */
  line(text?: string): void
  /** A piece of a result as it is: values need not be text. */
  bytes(bytes: Uint8Array): void
  /** A whole result as one JSON document. */
  json(document: unknown): void
  /** One event of a stream: one JSON document a line. */
  event(document: unknown): void
  /** Something said beside the result. */
  note(text: string): void
  /** Why nothing came of it. */
  problem(text: string): void
  /** Shows `text` in the place of what was on the screen; only when `interactive`. */
  redraw(text: string): void
  /** A bar on stderr for what takes long; nothing at all when nobody watches. */
  progress(what: string): Progress
}

export interface Progress {
  /** `total` may still grow; 0 when it is not known yet. */
  update(done: number, total: number): void
  stop(): void
}

/** What of a stream the output needs; `process.stdout` is one. */
export interface Sink {
  write(chunk: string | Uint8Array): unknown
  readonly isTTY?: boolean
}

export function outputTo(stdout: Sink, stderr: Sink): Output {
  return {
    interactive: stdout.isTTY === true,
    line: (text = '') => void stdout.write(`${text}\n`),
    bytes: (bytes) => void stdout.write(bytes),
    json: (document) => void stdout.write(`${JSON.stringify(document, null, 2)}\n`),
    event: (document) => void stdout.write(`${JSON.stringify(document)}\n`),
    note: (text) => void stderr.write(`${text}\n`),
    problem: (text) => void stderr.write(`aspen: ${text}\n`),
    // Home first and clear to the end last: a screen cleared beforehand flickers.
    progress: (what) => (stderr.isTTY === true ? barOf(what) : { update: () => {}, stop: () => {} }),
    redraw: (text) => void stdout.write(`\u001b[H${text.replaceAll('\n', '\u001b[K\n')}\u001b[K\n\u001b[J`),
  }
}

function barOf(what: string): Progress {
  const format = `${what} {bar} {percentage}% | {value}/{total} bytes | {eta_formatted} left`
  const bar = new SingleBar({ format, hideCursor: true, clearOnComplete: true }, Presets.shades_classic)
  let started = false
  return {
    update: (done, total) => {
      if (!started) bar.start(total, done)
      else {
        bar.setTotal(total)
        bar.update(done)
      }
      started = true
    },
    stop: () => {
      if (started) bar.stop()
      started = false
    },
  }
}

/** A table with a frame, as `-w table` and the live views show it. */
export function framedTable(
  head: readonly string[],
  rows: readonly (readonly (string | number | boolean)[])[],
): string {
  // Without colours: the same text on a terminal, in a file and in a test.
  const table = new Table({ head: [...head], style: { head: [], border: [] } })
  for (const row of rows) table.push(row.map(String))
  return table.toString()
}

/** 12.3 MB, as etcdctl writes sizes: steps of a thousand. */
export function sizeText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 1_000 && unit < units.length - 1) {
    value /= 1_000
    unit += 1
  }
  return unit === 0 ? `${bytes} B` : `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`
}

/** Ids of members and clusters are hexadecimal wherever people read them. */
export function idText(id: number): string {
  return id.toString(16)
}
