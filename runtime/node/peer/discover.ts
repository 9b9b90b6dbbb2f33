/**
 * One question to a node that does not know us yet, at its peer URL: how a joining node fetches the list of members.
 * The cluster id is part of what is asked for, so there is no hello; the listener answers once and closes.
 */
import { readTlsFiles } from '../tls/files.ts'
import type { TlsSettings } from '../tls/settings.ts'
import { Connection, createPeerCounters } from './connection.ts'
import { dialPeer } from './dial.ts'
import { encodeControl, handshakeBytesMax } from './handshake.ts'
import { parsePeerUrl } from './url.ts'

export interface PeerRequest {
  /** 1 to 255 bytes. */
  readonly kind: string
  /** At most 63 KiB: a listener gives strangers no more room. */
  readonly body: Uint8Array
  readonly timeoutMs?: number
  /** Longest answer taken; 1 MiB by default. */
  readonly replyBytesMax?: number
  /** Of this node, for URLs that begin with https. */
  readonly tls?: TlsSettings
}

export type PeerAnswer =
  | { readonly type: 'answered'; readonly body: Uint8Array }
  /** The node understood and will not. */
  | { readonly type: 'refused'; readonly reason: string }
  /** No node, no answer in time, or an answer that is none. */
  | { readonly type: 'unreachable'; readonly reason: string }

const requestBytesMax = handshakeBytesMax - 1_024

/**
 * Asks the node at `url`.
 *
 * @throws {TypeError} `url` is no peer URL. @throws {RangeError} The request is too long.
 * @throws {TlsFileError} A file of `tls` cannot be used.
 */
export function askPeer(url: string, request: PeerRequest): Promise<PeerAnswer> {
  const address = parsePeerUrl(url)
  const { kind, body, timeoutMs = 5_000, replyBytesMax = 1024 * 1024 } = request
  if (body.length > requestBytesMax) {
    throw new RangeError(
      `ask ${url} for '${kind}': the body must be at most ${requestBytesMax} bytes, not ${body.length}`,
    )
  }
  const { tls } = request
  const dial = tls && address.secure && { settings: tls, current: readTlsFiles(tls) }
  const asked = encodeControl({ type: 'request', kind, body })
  return new Promise((resolve) => {
    let answer: PeerAnswer | undefined
    const settle = (value: PeerAnswer): void => {
      answer ??= value
      connection.destroy('the answer is here')
    }
    const socket = dialPeer(address, dial, () => connection.write(asked))
    // One byte of the reply's frame is its code.
    const connection: Connection = new Connection(socket, replyBytesMax + 1, createPeerCounters(), {
      onFrame: () => settle({ type: 'unreachable', reason: `${url} sent a frame where an answer was due` }),
      onControl: (frame) => {
        if (frame.type === 'response') settle({ type: 'answered', body: frame.body })
        else if (frame.type === 'refusal') settle({ type: 'refused', reason: frame.refusal.text })
        else settle({ type: 'unreachable', reason: `${url} sent a ${frame.type} where an answer was due` })
      },
      onClosed: (reason) => {
        clearTimeout(timer)
        resolve(answer ?? { type: 'unreachable', reason: `${url}: ${reason}` })
      },
    })
    const timer = setTimeout(
      () => settle({ type: 'unreachable', reason: `${url}: no answer within ${timeoutMs} ms` }),
      timeoutMs,
    )
  })
}
