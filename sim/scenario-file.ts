/**
 * A captured run as text that a person can read and commit: JSON, with a line for each act, operation and choice.
 *
 *   { "format": 1, "scenario": "mix", "seed": 42, "invariant": "I7", "text": "…", …
 *     "plan": { … },
 *     "acts": [
 *       {"atMs":812,"act":{"type":"crash","nodes":[2],"forMs":300}}
 *     ], …
 */
import type { Capture } from './capture.ts'
import type { Script } from './run-plan.ts'

/** A file that is none of ours, or is cut short. */
export class ScenarioFileError extends Error {
  override readonly name = 'ScenarioFileError'
}

export function scenarioFileText({ script, ...about }: Capture): string {
  const head = Object.entries(about).map(
    ([name, value]) => `  ${JSON.stringify(name)}: ${JSON.stringify(value ?? null)}`,
  )
  const plan = `    "plan": ${JSON.stringify(script.plan)}`
  const lists = (['acts', 'operations', 'decisions'] as const).map((name) => `    "${name}": ${linesOf(script[name])}`)
  return `{\n${head.join(',\n')},\n  "script": {\n${[plan, ...lists].join(',\n')}\n  }\n}\n`
}

/**
 * Reads what `scenarioFileText` wrote.
 *
 * @throws {ScenarioFileError} It is not JSON, of another format, or lacks a part.
 */
export function readScenarioFile(text: string, name: string): Capture {
  const read = parse(text, name) as Partial<Capture> | null
  if (typeof read !== 'object' || read === null)
    throw new ScenarioFileError(`${name}: wanted an object, found ${String(read)}`)
  if (read.format !== 1) throw new ScenarioFileError(`${name}: wanted format 1, found ${JSON.stringify(read.format)}`)
  const { scenario, seed, script } = read
  if (typeof scenario !== 'string' || typeof seed !== 'number')
    throw new ScenarioFileError(
      `${name}: wanted the name of a scenario and a seed, found ${JSON.stringify({ scenario, seed })}`,
    )
  if (!isScript(script))
    throw new ScenarioFileError(`${name}: wanted a script with a plan, acts, operations and decisions`)
  const { invariant, text: said = '', deliveries = 0, endedMs = 0, digest = '' } = read
  return {
    format: 1,
    scenario,
    seed,
    invariant: invariant ?? undefined,
    text: said,
    deliveries,
    endedMs,
    digest,
    script,
  }
}

function isScript(script: unknown): script is Script {
  if (typeof script !== 'object' || script === null) return false
  const { plan, acts, operations, decisions } = script as Partial<Script>
  return typeof plan === 'object' && Array.isArray(acts) && Array.isArray(operations) && Array.isArray(decisions)
}

function parse(text: string, name: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new ScenarioFileError(`${name}: wanted JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function linesOf(items: readonly unknown[]): string {
  if (items.length === 0) return '[]'
  return `[\n${items.map((item) => `      ${JSON.stringify(item)}`).join(',\n')}\n    ]`
}
