/**
 * The two ways our own mistakes end: `invariant` when a numbered rule is broken, `unreachable` when a closed union was
 * not handled to the end. Both kill the actor; its supervisor restarts it from disk.
 */

/** A rule of ours that did not hold. The message starts with the number of the rule, e.g. `R2: ...`. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/**
 * Checks one claim.
 *
 * @param claim - What must hold.
 * @param message - The number of the rule, what must hold, and the values present. A function where building the text
 *   costs more than the check.
 * @throws {InvariantError} `claim` is false.
 */
export function invariant(claim: boolean, message: string | (() => string)): asserts claim {
  if (!claim) throw new InvariantError(typeof message === 'string' ? message : message())
}

/** Ends a `switch` over a closed union: a member without a case does not compile. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${String((value as { type?: unknown })?.type ?? value)}`)
}
