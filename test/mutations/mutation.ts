/**
 * A planted bug: a small named switch that exists in a build made for it and nowhere else.
 *
 *   source ──find, exactly once──▶ replace ──`MUTANT` becomes a test of the switch──▶ a tree that holds all mutants, asleep
 *
 * `find` is text of the TypeScript source as it stands, so a reader sees which line of ours is bent. In `replace`,
 *   MUTANT     is true while this mutant is awake, and false otherwise
 *   ORIGINAL   is the text that was found, with whatever other mutants of the same place made of it
 *
 * Two mutants may share a place when they name the same `find` and both keep ORIGINAL; they must not overlap otherwise.
 */

/** One place that is bent. */
export interface Edit {
  /** From the root of the house. */
  readonly file: string
  readonly find: string
  readonly replace: string
}

export interface Mutation extends Edit {
  /** Unique, as said on the command line. */
  readonly name: string
  /** Which known bug of somebody's, or which rule of ours, it breaks. */
  readonly history: string
  /** Numbers of the rules that ought to notice, likeliest first. */
  readonly expects: readonly string[]
  /** Where one place is not enough. */
  readonly also?: readonly Edit[]
  /** The scenario whose seeds it is tried with; the default mix when absent. */
  readonly scenario?: string
}

/** Mutants of one part of the house. */
export interface Area {
  readonly area: string
  readonly mutations: readonly Mutation[]
}

export function editsOf(mutation: Mutation): readonly Edit[] {
  return [mutation, ...(mutation.also ?? [])]
}
