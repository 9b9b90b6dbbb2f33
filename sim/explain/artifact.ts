/**
 * A failing seed as one file: the run written down, as scenario files are, with who made it and what led to the failure in
 * words, for whoever finds the file. It is played back from what is in it alone, not from the seed.
 */
import { type Capture, replay } from '../capture.ts'
import type { Scenario, SeedResult } from '../scenario.ts'
import { scenarioFileText } from '../scenario-file.ts'

export interface ArtifactMeta {
  /** Of the package that made it. */
  readonly version: string
  /** The Node.js it ran on. */
  readonly runtime: string
  /** The command that runs the seed again. */
  readonly command: string
}

/** To be read by `readScenarioFile`. */
export function artifactText(capture: Capture, meta: ArtifactMeta, story: readonly string[]): string {
  const artifact: Capture & { readonly meta: ArtifactMeta; readonly story: readonly string[] } = {
    ...capture,
    meta,
    story,
  }
  return scenarioFileText(artifact)
}

export interface Verdict {
  /** It ended by the same rule; by another; not at all; or it was never said to fail, and does not. */
  readonly type: 'same' | 'otherRule' | 'passed' | 'passedAsRecorded'
  readonly result: SeedResult
  /** Not one delivery differs from what was written down. */
  readonly identical: boolean
}

/** Plays the capture and says whether it ended as it was written down. */
export function judgeReplay(scenario: Scenario, capture: Capture): Verdict {
  const result = replay(scenario, capture)
  const { failure } = result
  const identical = result.digest === capture.digest && result.deliveries === capture.deliveries
  if (failure === undefined)
    return { type: capture.invariant === undefined ? 'passedAsRecorded' : 'passed', result, identical }
  return { type: failure.invariant === capture.invariant ? 'same' : 'otherRule', result, identical }
}

export function verdictText({ type, result, identical }: Verdict, { invariant, text }: Capture): string {
  const how = identical ? 'delivery by delivery the same' : 'on another way than recorded'
  const [was, is] = [text.split('\n')[0] ?? '', result.failure?.text.split('\n')[0] ?? '']
  switch (type) {
    case 'same':
      return `the same rule is broken (${invariant}), ${how}, after ${result.deliveries} deliveries: ${is}`
    case 'otherRule':
      return `another rule is broken, ${result.failure?.invariant} instead of ${invariant}: ${is}\n  recorded: ${was}`
    case 'passed':
      return `no rule is broken any more; recorded was ${invariant}: ${was}`
    case 'passedAsRecorded':
      return `no rule is broken, as recorded, ${how}`
  }
}
