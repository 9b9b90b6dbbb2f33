/**
 * Frames between executors of different nodes. Who was told of a node can send to it, and so can whoever it has connected to:
 * a member that missed the news of another one must be able to answer it. Delivery is at most once, in order per link while it lives, and never
 * promised: Raft and the callers above repeat what matters.
 */
export interface PeerNetwork {
  /** Sends one frame to the given executor of `node`. False when it was dropped (unknown node, link down, queue full). */
  send(node: number, executor: number, frame: Uint8Array): boolean
  /** Tells the network where a node is; an empty list forgets it. */
  setPeer(node: number, urls: readonly string[]): void
  /** Called once by the executor: where to bring what arrives. `frame` may be kept: it is not reused. */
  onFrame(deliver: (node: number, executor: number, frame: Uint8Array) => void): void
  /** Called when a link to a node came up or went down. */
  onLink(notice: (node: number, up: boolean) => void): void
}
