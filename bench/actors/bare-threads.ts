/**
 * The ceiling for two threads: packed batches over a MessagePort, with the same messages and window, and nothing around it;
 * and for asks the smallest message there and back.
 */
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { pack, unpack } from '../../mailbox/codec.ts'

const batchMessages = 256
const windowBatches = 32

export interface BareThreads {
  /** Resolves when the other thread has unpacked `count` messages. */
  flood(count: number): Promise<void>
  /** Microseconds of `count` round trips, one after another. */
  roundTrips(count: number): Promise<number[]>
  close(): Promise<void>
}

export async function bareThreads(): Promise<BareThreads> {
  const worker = new Worker(fileURLToPath(import.meta.url))
  let onMessage: (message: unknown) => void = () => {}
  worker.on('message', (message) => onMessage(message))
  await new Promise((resolve) => worker.once('online', resolve))
  return {
    flood: (count) =>
      new Promise((resolve) => {
        let left = Math.ceil(count / batchMessages)
        let out = 0
        const send = (): void => {
          for (; out < windowBatches && left > 0; out++, left--) worker.postMessage(batch())
        }
        onMessage = () => {
          out -= 1
          if (left === 0 && out === 0) resolve()
          else send()
        }
        send()
      }),
    roundTrips: (count) =>
      new Promise((resolve) => {
        const took: number[] = []
        let sentAt = performance.now()
        onMessage = () => {
          const now = performance.now()
          took.push((now - sentAt) * 1_000)
          if (took.length === count) resolve(took)
          else {
            sentAt = performance.now()
            worker.postMessage(0)
          }
        }
        worker.postMessage(0)
      }),
    close: async () => {
      await worker.terminate()
    },
  }
}

function batch(): Uint8Array {
  const messages: unknown[] = [-1]
  for (let i = 0; i < batchMessages; i++) {
    messages.push([
      2 ** 46 + i,
      2,
      { type: 'item', at: i, from: { type: 'local', executor: 1, id: 2 ** 46 + 1, name: 'source-1' } },
    ])
  }
  // Bytes of its own: a view would drag the packer's whole buffer along.
  return new Uint8Array(pack(messages))
}

if (!isMainThread && parentPort !== null) {
  const port = parentPort
  port.on('message', (message: number | Uint8Array) => {
    // What came is read, so that nothing is left undone that a receiver must do.
    port.postMessage(typeof message === 'number' ? message : (unpack(message) as unknown[]).length)
  })
}
