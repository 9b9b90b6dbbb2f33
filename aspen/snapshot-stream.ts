/** A keyspace's snapshot, pulled from its replica chunk by chunk while the replica goes on. */
import type { OpenSnapshotReply, SnapshotChunkReply } from '../actors/raft/replica-messages.ts'
import { AspenError, type Header } from '../client/interface.ts'
import { snapshotEnd, snapshotFrame, snapshotHead } from './snapshot-blob.ts'

export interface SnapshotSource {
  readonly header: () => Promise<Header>
  readonly open: () => Promise<OpenSnapshotReply>
  readonly next: (id: number) => Promise<SnapshotChunkReply>
  readonly close: (id: number) => Promise<void>
}

export async function* streamSnapshot(
  source: SnapshotSource,
): AsyncGenerator<{ readonly header: Header; readonly remainingBytes: number; readonly blob: Uint8Array }> {
  const opened = await source.open()
  if (opened.type === 'dropped')
    throw new AspenError('tooManyRequests', `no snapshot can be opened now: ${opened.reason}`)
  const header = await source.header()
  try {
    // How much is to come is not known: the state is walked as it is sent.
    yield { header, remainingBytes: 0, blob: snapshotHead(opened.manifest) }
    for (;;) {
      const reply = await source.next(opened.id)
      if (reply.type === 'notFound')
        throw new AspenError('internal', 'the snapshot was given up on the way: its replica restarted')
      if (reply.type === 'end') break
      yield { header, remainingBytes: 0, blob: snapshotFrame(reply) }
    }
    yield { header, remainingBytes: 0, blob: snapshotEnd() }
  } finally {
    await source.close(opened.id).catch(() => undefined)
  }
}
