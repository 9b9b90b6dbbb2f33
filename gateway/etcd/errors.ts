/** What a gRPC caller is told when a call did not do what was asked. */
import { status } from '@grpc/grpc-js'
import { deadlineExceeded, type EtcdStatus, etcdStatuses } from '../../client/etcd-errors.ts'
import { AspenError } from '../../client/interface.ts'

/** A refusal that already is a status: of a call's form rather than of the store. */
export class StatusError extends Error {
  override readonly name = 'StatusError'
  readonly status: EtcdStatus
  constructor(code: status, details: string) {
    super(details)
    this.status = { code, details }
  }
}

/**
 * The status for whatever was thrown. `internal` and errors that are none of ours become UNKNOWN with their message, and
 * never with a stack.
 *
 * @param deadlinePassed - The call's own deadline is over: a `timeout` is then the caller's, as etcd reports it.
 */
export function statusOf(thrown: unknown, deadlinePassed: boolean): EtcdStatus {
  if (thrown instanceof StatusError) return thrown.status
  if (thrown instanceof AspenError && thrown.code !== 'internal') {
    if (deadlinePassed && (thrown.code === 'timeout' || thrown.code === 'timeoutLeaderFail')) return deadlineExceeded
    // A code from a newer inside than this gateway falls through to UNKNOWN.
    const known: EtcdStatus | undefined = etcdStatuses[thrown.code]
    if (known !== undefined) return known
  }
  const reason = thrown instanceof Error ? thrown.message : String(thrown)
  return { code: status.UNKNOWN, details: `aspen: ${reason === '' ? 'no reason given' : reason}` }
}

/** Whether the log should hear of it: our own mistakes, not the callers'. */
export function isOurMistake(answer: EtcdStatus): boolean {
  // Some refusals of etcd's are UNKNOWN too; those of ours that nobody foresaw begin like this.
  const unforeseen = answer.code === status.UNKNOWN && answer.details.startsWith('aspen: ')
  return unforeseen || answer.code === status.DATA_LOSS
}
