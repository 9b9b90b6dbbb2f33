/** What the simulated network is made of: the ends of links, the links, and what is on its way over them. */

export interface Link {
  readonly key: number
  /** The node it leads to. */
  readonly to: number
  /** How often each content was sent, for the key of its draws. */
  readonly copies: Map<number, number>
  lastArrivalMs: number
  /** When it has carried what it was given, where it carries so much a moment. */
  freeMs: number
  /** Grows when the connection ends. */
  connection: number
  /** Between whom it stands: who dials says who it is, and where. */
  greeted: { readonly by: Endpoint; readonly of: Endpoint } | undefined
}

export interface Endpoint {
  readonly node: number
  readonly incarnation: number
  /** The nodes it was told of. */
  readonly peers: Set<number>
  /** Links from here that are up. */
  readonly live: Set<Link>
  deliver: ((node: number, executor: number, frame: Uint8Array) => void) | undefined
  notice: ((node: number, up: boolean) => void) | undefined
}

export interface Flying {
  readonly sender: Endpoint
  /** The executor of `sender`. */
  readonly source: number
  readonly to: number
  readonly at: number
  readonly bytes: Uint8Array
  /** Not as it was sent, perhaps: its checksum is looked at. */
  readonly touched: boolean
  /** The checksum that travels with it. */
  readonly contents: number
  /** It comes to somebody else, whose side of the connection reads in the header that it is not his. */
  readonly astray: boolean
  readonly replayed: boolean
}

/** A frame that came to a clogged way. */
export interface HeldBack {
  readonly link: Link
  readonly connection: number
  readonly receiver: Endpoint | undefined
  readonly frame: Flying
}

/** A node is up for an executor as long as one link to it is. */
export function reaches({ live }: Endpoint, node: number): boolean {
  for (const link of live) if (link.to === node) return true
  return false
}
