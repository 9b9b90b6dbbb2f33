/**
 * A failing seed as one file: the run written down (`sim/capture.ts`), and enough around it for whoever finds the file to
 * know what it is. Played back from what is in it alone, not from the seed.
 */
import { type Capture, replay } from '../capture.ts'
import type { Scenario, SeedResult } from '../scenario.ts'

export interface ArtifactMeta {
  /** Of the package that made it. */
  readonly version: string
  readonly runtime: string
  /** How to run the seed again, as a command. */
  readonly command: string
}

export interface Artifact {
  readonly format: 'aspen-run/1'
  readonly meta: ArtifactMeta
  readonly capture: Capture
  /** The causal cone in words, for whoever opens the file. */
  readonly story: readonly string[]
}

export function artifactText(meta: ArtifactMeta, capture: Capture, story: readonly string[]): string {
  const artifact: Artifact = { format: 'aspen-run/1', meta, story, capture }
  return `${JSON.stringify(artifact, undefined, 1)}\n`
}

/**
 * Reads an artifact, or a bare capture.
 *
 * @throws {RangeError} The text is neither.
 */
export function readArtifact(text: string): Artifact {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new RangeError(`replay: wanted a JSON file, ${error instanceof Error ? error.message : String(error)}`)
  }
  const found = (value ?? {}) as Partial<Artifact> & Partial<Capture>
  const capture = found.capture ?? (found as Partial<Capture>)
  if ((found.format as unknown) !== 'aspen-run/1' && (found.format as unknown) !== 1)
    throw new RangeError(`replay: wanted the format 'aspen-run/1', found ${JSON.stringify(found.format)}`)
  if (
    typeof capture.scenario !== 'string' ||
    typeof capture.seed !== 'number' ||
    !Array.isArray(capture.script?.decisions)
  )
    throw new RangeError('replay: wanted a capture with a scenario, a seed and a script')
  const unknown = { version: 'unknown', runtime: 'unknown', command: '' }
  return { format: 'aspen-run/1', meta: found.meta ?? unknown, story: found.story ?? [], capture: capture as Capture }
}

export interface Verdict {
  readonly type: 'same' | 'otherRule' | 'passed' | 'passedAsRecorded'
  readonly result: SeedResult
  /** Not one delivery differs. */
  readonly identical: boolean
}

/** Plays the capture and says whether it ended as it was recorded. */
export function judgeReplay(scenario: Scenario, { capture }: Artifact): Verdict {
  const result = replay(scenario, capture)
  const identical = result.digest === capture.digest && result.deliveries === capture.deliveries
  const { failure } = result
  if (failure === undefined)
    return { type: capture.invariant === undefined ? 'passedAsRecorded' : 'passed', result, identical }
  return { type: failure.invariant === capture.invariant ? 'same' : 'otherRule', result, identical }
}
