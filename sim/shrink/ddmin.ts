/**
 * Delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002): the list made smaller as
 * long as it still fails. Chunks are left out, coarse ones first; what is left in the end is needed piece by piece, unless
 * time ran out.
 */

/** @param fails - Whether the run still fails in the same way with these alone. */
export function ddmin<T>(
  items: readonly T[],
  fails: (kept: readonly T[]) => boolean,
  goOn: () => boolean,
): readonly T[] {
  if (items.length === 0 || !goOn()) return items
  if (fails([])) return []
  let kept = items
  let chunks = 2
  while (kept.length > 1 && goOn()) {
    const smaller = withoutOneChunk(kept, Math.min(chunks, kept.length), fails, goOn)
    if (smaller !== undefined) {
      kept = smaller
      chunks = Math.max(2, chunks - 1)
    } else if (chunks < kept.length) {
      chunks *= 2
    } else {
      break
    }
  }
  return kept
}

function withoutOneChunk<T>(
  items: readonly T[],
  chunks: number,
  fails: (kept: readonly T[]) => boolean,
  goOn: () => boolean,
): readonly T[] | undefined {
  const size = Math.ceil(items.length / chunks)
  // From the end: what happened late is seldom the cause.
  for (let from = size * (Math.ceil(items.length / size) - 1); from >= 0 && goOn(); from -= size) {
    const rest = [...items.slice(0, from), ...items.slice(from + size)]
    if (rest.length > 0 && fails(rest)) return rest
  }
  return undefined
}
