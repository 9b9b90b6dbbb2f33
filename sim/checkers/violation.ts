/**
 * A broken rule, found from outside. Its number is what a failing seed is known by: a run that fails for another reason is
 * another bug.
 *
 *   I0  no actor fails, no process gives up, unless a fault of the run explains it
 *   I1  at most one leader a term                           I12  a leader's view of a follower's log is not ahead of its disk
 *   I2  a leader never cuts its own log                     I13  elections and commits have a quorum of every active voter set
 *   I3  logs that share (index, term) are equal up to it    I14  a pre-vote changes no term
 *   I4  a leader holds everything committed before          I16  histories of clients are linearizable
 *   I5  equal applied index, equal state                    I20  a request is applied once, however often it was sent
 *   I6  a term is on disk before anybody hears of it        I21  what was acknowledged is never lost
 *   I7  one vote a term, on disk before it is sent          I22  what arrives was sent
 *   I8  commit never falls, and stays within the log        I23  after the faults end: a leader, answers, equal replicas
 *   I9  what is committed is on the disks of a quorum       I25  mailboxes keep their bounds
 *   I10 applied in order, once, and never beyond commit     I26 callers are judged by the users of their place in the log
 *   I17 no lease ends before its time, and every lease ends
 *   I27 whoever waits, waits quietly
 *
 * README.md says where each is checked, and which test shows that it can fail.
 *
 * A rule of a core (R…, A…, K…, M…) that a checker or an actor reports keeps its own number.
 */
export class Violation extends Error {
  override readonly name = 'Violation'
  readonly invariant: string

  constructor(invariant: string, text: string) {
    super(`${invariant}: ${text}`)
    this.invariant = invariant
  }
}

export function check(claim: boolean, invariant: string, text: () => string): asserts claim {
  if (!claim) throw new Violation(invariant, text())
}

/** The number at the head of a message of ours, e.g. `R8: …`; I0 where there is none. */
export function invariantOf(text: string): string {
  return /(?:^|\W)([A-Z]\d{1,2}): /.exec(text)?.[1] ?? 'I0'
}
