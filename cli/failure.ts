/**
 * How a command ends when it does not succeed: 1 when what was asked could not be done, 2 when it was asked wrongly.
 */

/** It could not be done; the message is for the person who asked. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure'
}

/** It was asked wrongly: what was wanted, what was found. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export const exitCodes: { readonly done: 0; readonly failed: 1; readonly usage: 2 } = { done: 0, failed: 1, usage: 2 }

/** One line for people, whatever was thrown. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const details =
    'details' in error && typeof error.details === 'string' && error.details !== '' ? error.details : undefined
  return (details ?? error.message) || error.name
}
