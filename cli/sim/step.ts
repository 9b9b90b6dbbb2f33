/**
 * `--step`: a terminal around the walker of `sim/explain`. Single keys where there is a terminal, a command a line where
 * there is a pipe; with a number, that step alone.
 */
import { createInterface } from 'node:readline'
import { KeyReader, stepLines, Walker, walkerHelp } from '../../sim/explain/walker.ts'
import type { Delivery, Json, RunTrace } from '../../sim/trace/record.ts'
import type { Recording } from '../../sim/trace/recording.ts'
import { atLength, sketch } from '../../sim/trace/sketch.ts'
import type { Output } from '../output.ts'

/** @param run - Runs it again, up to the end of a delivery. */
export async function walk(
  trace: RunTrace,
  only: number | undefined,
  run: (stopAfter: number) => Recording,
  output: Output,
): Promise<void> {
  if (only !== undefined) {
    for (const line of stepLines(trace, only)) output.line(line)
    return
  }
  const walker = new Walker(trace, trace.broken?.seq || 1, { stateAfter: (delivery) => stateAfter(run, delivery) })
  for (const line of walkerHelp) output.line(line)
  obey(walker, 'w', output)
  if (process.stdin.isTTY === true) await byKey(walker, output)
  else await byLine(walker, output)
}

/** The state of the delivery's actor at its end, in a run that ends there. */
function stateAfter(run: (stopAfter: number) => Recording, { seq, node, executor, actor }: Delivery): Json {
  const { world } = run(seq).cluster
  const simNode = world.nodes.get(node)
  if (simNode === undefined || !simNode.runs(executor)) return null
  const { registry, cells } = simNode.executor(executor)
  const holder = registry.holder(actor)
  const cell = holder === undefined ? undefined : cells.get(holder.id)
  return cell === undefined ? null : sketch(cell.state, atLength)
}

/** False when it is the end. */
function obey(walker: Walker, command: string, output: Output): boolean {
  const walked = walker.do(command)
  if (walked.type === 'end') return false
  for (const line of walked.lines) output.line(line)
  return true
}

async function byLine(walker: Walker, output: Output): Promise<void> {
  for await (const command of createInterface({ input: process.stdin })) if (!obey(walker, command, output)) return
}

async function byKey(walker: Walker, output: Output): Promise<void> {
  const { stdin, stdout } = process
  const reader = new KeyReader()
  stdin.setRawMode(true)
  stdin.setEncoding('utf8')
  try {
    for await (const typed of stdin) {
      // Keys that are pressed fast come together; an arrow comes alone, as several characters.
      const keys = String(typed).startsWith('\u001b') ? [String(typed)] : [...String(typed)]
      for (const key of keys) {
        const command = reader.press(key)
        stdout.write(`\r\u001b[K${reader.typed}`)
        if (command !== undefined && !obey(walker, command, output)) return
      }
    }
  } finally {
    stdin.setRawMode(false)
  }
}
