/** Reads how many tests of one process passed from what node:test printed, and words the verdict of a run. */

export interface Counts {
  passed: number
  failed: number
  skipped: number
}

/**
 * Reads the summary at the end of node:test's `spec` report. Only the last value of each kind counts: a test may itself
 * print the report of another run.
 */
export function countsOf(output: string): Counts {
  return {
    passed: lastValue(output, 'pass'),
    failed: lastValue(output, 'fail') + lastValue(output, 'cancelled'),
    skipped: lastValue(output, 'skipped') + lastValue(output, 'todo'),
  }
}

function lastValue(output: string, kind: string): number {
  let value = 0
  for (const match of output.matchAll(new RegExp(`^ℹ ${kind} (\\d+)$`, 'gm'))) value = Number(match[1])
  return value
}

/** The line that ends a run; tools read it. */
export function verdict(counts: Readonly<Counts>): string {
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
  return `${counts.passed} passed, ${counts.failed} failed${skipped}`
}
