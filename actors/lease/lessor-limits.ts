/** The numbers of a lessor, each with its reason. */

export interface LessorLimits {
  /**
   * How far a clock may be from true time: between two readings it shows at most so much more, as a share, than has passed.
   * Real clocks are a thousand times better; a virtual machine that catches up after a stop is not.
   */
  readonly clockDrift: number
  /** Ends of leases in one command: each may take many keys along, and a command is one turn of every replica. */
  readonly endsPerCommandMax: number
  readonly endsPerSecond: number
  readonly endCommandsMax: number
  /** After a change of leaders at most so many leases come due in a second, so that ends of others find room. */
  readonly pileEndsPerSecond: number
  /** A lease that was neither begun anew nor written down for so long, and has longer to go, is written down. */
  readonly checkpointEveryMs: number
  readonly checkpointsPerCommandMax: number
  /** A request with more is refused. */
  readonly idsPerRequestMax: number
  /** Of all requests that wait; what finds no room is told `busy`. */
  readonly idsMax: number
  /** A request that could not be answered for so long is told `busy`: whoever asked has given up. */
  readonly requestMs: number
  /** What was lost, or refused for a reason that passes, is said again after so long. */
  readonly retryMs: number
  /** How long one question to the replica may take. */
  readonly readMs: number
  readonly proposeMs: number
  /** The lessor compares itself with its table, or asks who leads, so often. */
  readonly auditMs: number
  /** Ends come at multiples of it, many in one command; nobody can tell a lease's end more closely. */
  readonly grainMs: number
}

export const lessorLimits: LessorLimits = {
  clockDrift: 0.1,
  endsPerCommandMax: 64,
  endsPerSecond: 1_000,
  endCommandsMax: 4,
  pileEndsPerSecond: 750,
  checkpointEveryMs: 300_000,
  checkpointsPerCommandMax: 1_000,
  idsPerRequestMax: 1_024,
  idsMax: 65_536,
  requestMs: 7_000,
  retryMs: 50,
  readMs: 3_000,
  proposeMs: 8_000,
  auditMs: 10_000,
  grainMs: 20,
}
