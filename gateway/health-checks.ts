/**
 * The questions an orchestrator asks over HTTP, as etcd answers them: `/livez` (restart me?) and `/readyz` (send me
 * traffic?), each a list of named checks that can be left out one by one or asked one by one, and the older `/health`.
 *
 * A check never waits longer than its bound: no answer is an answer.
 */
import type { NodeClient } from '../client/interface.ts'
import type { CheckOutcome } from './metrics.ts'

export interface Answer {
  readonly code: number
  readonly type: string
  readonly body: string
}

type Verdict = Awaited<ReturnType<NodeClient['health']>>
type Question = Parameters<NodeClient['health']>[0]

const checkWithinMs = 5_000

const questions: Readonly<Record<string, Question>> = {
  data_corruption: { linearizable: false, excludeAlarms: ['NOSPACE'] },
  serializable_read: { linearizable: false, excludeAlarms: ['NOSPACE', 'CORRUPT'] },
  linearizable_read: { linearizable: true, excludeAlarms: ['NOSPACE', 'CORRUPT'] },
}

const checksOf: Readonly<Record<CheckOutcome['kind'], readonly string[]>> = {
  livez: ['serializable_read'],
  readyz: ['data_corruption', 'serializable_read', 'linearizable_read'],
}

/** `/health`: one verdict as JSON. */
export async function health(
  node: NodeClient,
  query: URLSearchParams,
): Promise<Answer & { readonly healthy: boolean }> {
  const excluded = new Set(query.getAll('exclude'))
  const excludeAlarms = (['NOSPACE', 'CORRUPT'] as const).filter((alarm) => excluded.has(alarm))
  const linearizable = query.get('serializable') !== 'true'
  const { healthy, reason } = await ask(node, { linearizable, excludeAlarms })
  const body = JSON.stringify({ health: String(healthy), reason: healthy ? '' : reason })
  return { healthy, code: healthy ? 200 : 503, type: 'application/json', body }
}

/**
 * `/livez`, `/readyz` and `/readyz/<check>`.
 *
 * @param only - One check by name; undefined when the kind has none of that name.
 */
export async function namedChecks(
  node: NodeClient,
  kind: CheckOutcome['kind'],
  only: string | undefined,
  query: URLSearchParams,
  told: (outcome: CheckOutcome) => void,
): Promise<Answer | undefined> {
  const known = checksOf[kind]
  if (only !== undefined && !known.includes(only)) return undefined
  const excluded = new Set(only === undefined ? query.getAll('exclude') : [])
  const allowed = new Set(only === undefined ? query.getAll('allowlist') : [])
  const names = (only === undefined ? known : [only]).filter((name) => allowed.size === 0 || allowed.has(name))
  const outcomes = await Promise.all(
    names.map(async (name) => {
      if (excluded.has(name)) return { line: `[+]${name} excluded: ok`, healthy: true }
      const { healthy, reason } = await ask(node, questions[name] ?? { linearizable: true, excludeAlarms: [] })
      told({ kind, name, healthy })
      return { line: healthy ? `[+]${name} ok` : `[-]${name} failed: ${reason}`, healthy }
    }),
  )
  const healthy = outcomes.every((outcome) => outcome.healthy)
  const strangers = [...excluded]
    .filter((name) => !known.includes(name))
    .map((name) => `warn: no check is named ${name}`)
  const details = [...outcomes.map(({ line }) => line), ...strangers]
  const last = healthy ? 'ok' : `${kind} check failed`
  const lines = healthy && !query.has('verbose') ? [last] : [...details, last]
  return { code: healthy ? 200 : 503, type: 'text/plain; charset=utf-8', body: `${lines.join('\n')}\n` }
}

async function ask(node: NodeClient, question: Question): Promise<Verdict> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Verdict>((resolve) => {
    timer = setTimeout(() => resolve({ healthy: false, reason: 'no answer in time' }), checkWithinMs)
  })
  try {
    return await Promise.race([node.health(question), late])
  } catch (thrown) {
    return { healthy: false, reason: thrown instanceof Error ? thrown.message : String(thrown) }
  } finally {
    clearTimeout(timer)
  }
}
