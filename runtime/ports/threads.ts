/** Batches of packed envelopes between the executors of one node. Ordered and reliable until a thread dies. */
export interface ThreadLinks {
  /** Number of executors of the node, the host's own (0) included. */
  readonly executors: number
  /** Ships one packed batch; ownership of `batch` passes on. */
  send(executor: number, batch: Uint8Array): void
  onBatch(deliver: (executor: number, batch: Uint8Array) => void): void
  /** A thread died (`up` false) or its replacement is ready (`up` true, with a new incarnation number). */
  onThread(notice: (executor: number, up: boolean, incarnation: number) => void): void
}
