/** Time as the runtime may know it. Two readings, because neither alone survives a suspend or a step of the wall clock. */
export interface Clock {
  /** Milliseconds, monotonic within the process, with a fraction; the same origin on every thread of the process. */
  nowMs(): number
  /** Milliseconds since 1970 by the wall clock: may step either way. For people and TTLs shown to them, never for safety. */
  wallMs(): number
}
