/**
 * `hasleader`: callers who would rather have an error than wait for a leader. A call is refused when there is none; a
 * stream is ended when there was none for three election timeouts, for to open streams anew costs everybody more than
 * to wait out an election. One question a timeout serves all streams of a keyspace, and none is asked when nobody cares.
 */
import { AspenError, type CallOptions, type NodeClient } from '../../client/interface.ts'

/** As etcd has it. */
const missesMax = 3

type Keyspace = Pick<CallOptions, 'keyspace'>

interface Guarded {
  readonly keyspace: Keyspace
  readonly onLost: Set<() => void>
  misses: number
}

export class LeaderWatch {
  readonly #node: Pick<NodeClient, 'status'>
  readonly #everyMs: number
  readonly #guarded = new Map<string, Guarded>()
  #timer: NodeJS.Timeout | undefined
  #asking = false

  /** @param everyMs - The election timeout. */
  constructor(node: Pick<NodeClient, 'status'>, everyMs: number) {
    this.#node = node
    this.#everyMs = everyMs
  }

  /** @throws {AspenError} `noLeader`, or why the keyspace cannot be asked. */
  async require(options: CallOptions): Promise<void> {
    const { leader } = await this.#node.status({
      ...keyspaceOf(options),
      ...(options.signal !== undefined && { signal: options.signal }),
      ...(options.deadlineMs !== undefined && { deadlineMs: options.deadlineMs }),
    })
    if (leader === 0) throw new AspenError('noLeader')
  }

  /** Calls `onLost` once when the leader is lost, unless the returned function was called before. */
  guard(options: CallOptions, onLost: () => void): () => void {
    const name = options.keyspace ?? ''
    let guarded = this.#guarded.get(name)
    if (guarded === undefined) {
      guarded = { keyspace: keyspaceOf(options), onLost: new Set(), misses: 0 }
      this.#guarded.set(name, guarded)
    }
    const { onLost: listeners } = guarded
    listeners.add(onLost)
    this.#schedule()
    return () => {
      listeners.delete(onLost)
      if (listeners.size === 0 && this.#guarded.get(name)?.onLost === listeners) this.#guarded.delete(name)
      if (this.#guarded.size === 0) this.stop()
    }
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#asking) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#asking = true
      void Promise.all(Array.from(this.#guarded, ([name, guarded]) => this.#look(name, guarded))).then(() => {
        this.#asking = false
        if (this.#guarded.size > 0) this.#schedule()
      })
    }, this.#everyMs)
    this.#timer.unref()
  }

  async #look(name: string, guarded: Guarded): Promise<void> {
    // A member that cannot say who leads is as good as one that knows of nobody.
    const found = await this.#node.status({ ...guarded.keyspace, deadlineMs: this.#everyMs }).then(
      ({ leader }) => leader !== 0,
      () => false,
    )
    guarded.misses = found ? 0 : guarded.misses + 1
    if (guarded.misses < missesMax || guarded.onLost.size === 0) return
    if (this.#guarded.get(name) === guarded) this.#guarded.delete(name)
    for (const onLost of [...guarded.onLost]) onLost()
  }
}

function keyspaceOf({ keyspace }: CallOptions): Keyspace {
  return keyspace === undefined ? {} : { keyspace }
}
