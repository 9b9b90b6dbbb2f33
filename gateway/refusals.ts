/** Tells of connections that were refused, without letting whoever knocks fill the disk. */
import type { GatewayLogger } from './etcd/call.ts'

const toldPerPeriod = 10
const periodMs = 10_000

export function refusalLog(logger: GatewayLogger): (remote: string, reason: string) => void {
  let periodEndsMs = 0
  let count = 0
  return (remote, reason) => {
    const nowMs = performance.now()
    if (nowMs >= periodEndsMs) {
      if (count > toldPerPeriod) logger.warn({ refused: count - toldPerPeriod }, 'more connections were refused')
      periodEndsMs = nowMs + periodMs
      count = 0
    }
    count += 1
    if (count <= toldPerPeriod) logger.warn({ remote, reason }, 'refused a connection')
  }
}
