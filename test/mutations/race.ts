/** Tries mutants against seeds, a child process each, some at a time; a child that stands still is ended and has found it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Grown } from './grow.ts'
import type { Mutation } from './mutation.ts'
import type { TrialNews, TrialOrder } from './trial.ts'

export interface Verdict {
  readonly name: string
  /** Undefined: it lived through all seeds. `endless`: a seed did not end; `crash`: the process died of it. */
  readonly killedBy: string | undefined
  readonly scenario: string
  /** The seed that found it, and how many were run for that. */
  readonly seed: number | undefined
  readonly seeds: number
  readonly seconds: number
  readonly text: string
}

export interface RaceOptions {
  readonly seeds: number
  readonly jobs: number
  /** Undefined: the scenario that each names, else the mix. */
  readonly scenario: string | undefined
  /** Called often: how far each of those under way is. */
  readonly moved: (running: ReadonlyMap<string, number>) => void
  readonly judged: (verdict: Verdict) => void
}

/** No seed takes so long on any machine; a bug that makes the world spin shows itself so. */
const standstillMs = 60_000
const firstSeed = 1

export async function race(grown: Grown, mutations: readonly Mutation[], options: RaceOptions): Promise<Verdict[]> {
  const verdicts: Verdict[] = []
  const waiting = [...mutations]
  const running = new Map<string, number>()
  const lane = async (): Promise<void> => {
    for (let mutation = waiting.shift(); mutation !== undefined; mutation = waiting.shift()) {
      const verdict = await tryOne(grown, mutation, options, running)
      running.delete(mutation.name)
      verdicts.push(verdict)
      options.judged(verdict)
    }
  }
  await Promise.all(Array.from({ length: options.jobs }, lane))
  return verdicts
}

async function tryOne(
  grown: Grown,
  mutation: Mutation,
  options: RaceOptions,
  running: Map<string, number>,
): Promise<Verdict> {
  const scenario = options.scenario ?? mutation.scenario ?? 'mix'
  const order: TrialOrder = { mutant: mutation.name, scenario, first: firstSeed, seeds: options.seeds }
  const startedMs = performance.now()
  const child = spawn(process.execPath, [join(grown.folder, 'test/mutations/trial.js'), JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let seed = firstSeed
  let last: TrialNews | undefined
  const watch = guard(child)
  child.stderr.on('data', (text: Buffer) => watch.heard(text.toString()))
  for await (const line of createInterface({ input: child.stdout })) {
    last = JSON.parse(line) as TrialNews
    watch.moved()
    if (last.type !== 'seed') continue
    seed = last.seed
    running.set(mutation.name, seed)
    options.moved(running)
  }
  const { stoodStill, stderr } = await watch.ended
  const seconds = (performance.now() - startedMs) / 1_000
  const base = { name: mutation.name, scenario, seconds }
  switch (last?.type) {
    case 'killed':
      return { ...base, killedBy: last.invariant, seed: last.seed, seeds: last.seed - firstSeed + 1, text: last.text }
    case 'survived':
      return { ...base, killedBy: undefined, seed: undefined, seeds: last.seeds, text: '' }
    case 'seed': {
      const killedBy = stoodStill ? 'endless' : 'crash'
      return { ...base, killedBy, seed, seeds: seed - firstSeed + 1, text: stderr }
    }
    default:
      throw new Error(`the trial of ${mutation.name} said nothing: ${stderr}`)
  }
}

interface Guard {
  moved(): void
  heard(stderr: string): void
  readonly ended: Promise<{ readonly stoodStill: boolean; readonly stderr: string }>
}

function guard(child: ChildProcess): Guard {
  let stoodStill = false
  let stderr = ''
  let timer: NodeJS.Timeout | undefined
  const moved = (): void => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      stoodStill = true
      child.kill('SIGKILL')
    }, standstillMs)
  }
  moved()
  const ended = new Promise<{ stoodStill: boolean; stderr: string }>((done) => {
    child.on('close', () => {
      clearTimeout(timer)
      done({ stoodStill, stderr })
    })
  })
  const heard = (text: string): void => {
    stderr = (stderr + text).slice(-2_000)
  }
  return { moved, heard, ended }
}
