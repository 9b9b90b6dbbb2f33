/**
 * What may befall the frames between two executors, as numbers. Each is a share of all frames, unless it says otherwise.
 *
 * Judged by what a link of the real world lets through (`runtime/node/peer`): it is a TCP connection behind a handshake,
 * with a checksum over every frame and a header that names the executors.
 *
 *   lost, slow, queued     pass as they are: queues are bounded, sockets stall and end
 *   damaged, misdirected   never reach an actor: the receiver finds the checksum or the header wrong, and ends the connection.
 *                          Raft's messages do not name their addressee, so nothing above the link could tell
 *   doubled, out of order, replayed   pass no single connection, but do pass two that follow each other, and any proxy that
 *                          repeats. The product promises to bear them: nothing above the link relies on the order. So they
 *                          are delivered here, yet never past the end of either process: a connection does not outlive it
 */
export interface NetworkFaults {
  loss: number
  duplicate: number
  reorder: number
  corrupt: number
  /** Arrives where it was not sent to. */
  misdirect: number
  /** Comes once more, up to `replayMs` later, when everybody has long moved on. */
  replay: number
  replayMs: number
  /** This share takes up to `slowMs` longer. */
  slow: number
  slowMs: number
  /** Every frame takes at least `latencyMinMs`, on average about `latencyMeanMs` more. */
  latencyMinMs: number
  latencyMeanMs: number
  /** Frames that a link carries in a millisecond; 0: as many as there are. */
  framesPerMs: number
  /** Those that wait for a link at most; one more is refused to its sender. */
  queueFrames: number
}

export const calmNetwork: NetworkFaults = {
  loss: 0,
  duplicate: 0,
  reorder: 0,
  corrupt: 0,
  misdirect: 0,
  replay: 0,
  replayMs: 0,
  slow: 0,
  slowMs: 0,
  latencyMinMs: 0.2,
  latencyMeanMs: 0.3,
  framesPerMs: 0,
  queueFrames: 0,
}

export interface NetworkCounts {
  sent: number
  delivered: number
  /** Sent once more by the network, soon or late. */
  duplicated: number
  replayed: number
  /** Lost, cut off, addressed to nobody, refused by a full link, or of a connection that ended. */
  dropped: number
  /** Found damaged, or for somebody else. */
  corrupted: number
  misdirected: number
}
