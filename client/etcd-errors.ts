/**
 * Every refusal of Aspen as etcd's clients know it: a gRPC code and an exact text, which some of them compare letter by
 * letter. The gateway reads this table from left to right, the client from right to left.
 */
import { status } from '@grpc/grpc-js'
import { AspenError, type AspenErrorCode } from './interface.ts'

export interface EtcdStatus {
  readonly code: status
  readonly details: string
}

export const etcdStatuses: Readonly<Record<Exclude<AspenErrorCode, 'internal'>, EtcdStatus>> = {
  emptyKey: etcd(status.INVALID_ARGUMENT, 'key is not provided'),
  keyNotFound: etcd(status.INVALID_ARGUMENT, 'key not found'),
  valueProvided: etcd(status.INVALID_ARGUMENT, 'value is provided'),
  leaseProvided: etcd(status.INVALID_ARGUMENT, 'lease is provided'),
  tooManyOperations: etcd(status.INVALID_ARGUMENT, 'too many operations in txn request'),
  duplicateKey: etcd(status.INVALID_ARGUMENT, 'duplicate key given in txn request'),
  invalidSortOption: etcd(status.INVALID_ARGUMENT, 'invalid sort option'),
  invalidPeerUrls: etcd(status.INVALID_ARGUMENT, 'given member URLs are invalid'),
  requestTooLarge: etcd(status.INVALID_ARGUMENT, 'request is too large'),
  compacted: etcd(status.OUT_OF_RANGE, 'mvcc: required revision has been compacted'),
  futureRevision: etcd(status.OUT_OF_RANGE, 'mvcc: required revision is a future revision'),
  noSpace: etcd(status.RESOURCE_EXHAUSTED, 'mvcc: database space exceeded'),
  tooManyRequests: etcd(status.RESOURCE_EXHAUSTED, 'too many requests'),
  leaseNotFound: etcd(status.NOT_FOUND, 'requested lease not found'),
  memberNotFound: etcd(status.NOT_FOUND, 'member not found'),
  memberExists: etcd(status.FAILED_PRECONDITION, 'member ID already exist'),
  peerUrlExists: etcd(status.FAILED_PRECONDITION, 'Peer URLs already exists'),
  notEnoughStartedMembers: etcd(
    status.FAILED_PRECONDITION,
    're-configuration failed due to not enough started members',
  ),
  memberNotLearner: etcd(status.FAILED_PRECONDITION, 'can only promote a learner member'),
  learnerNotReady: etcd(status.FAILED_PRECONDITION, 'can only promote a learner member which is in sync with leader'),
  tooManyLearners: etcd(status.FAILED_PRECONDITION, 'too many learner members in cluster'),
  learnerUnsupported: etcd(status.FAILED_PRECONDITION, 'rpc not supported for learner'),
  notLeader: etcd(status.FAILED_PRECONDITION, 'not leader'),
  badLeaderTransferee: etcd(status.FAILED_PRECONDITION, 'bad leader transferee'),
  corrupt: etcd(status.DATA_LOSS, 'corrupt cluster'),
  canceled: etcd(status.CANCELLED, 'request canceled'),
  noLeader: etcd(status.UNAVAILABLE, 'no leader'),
  leaderChanged: etcd(status.UNAVAILABLE, 'leader changed'),
  stopped: etcd(status.UNAVAILABLE, 'server stopped'),
  timeout: etcd(status.UNAVAILABLE, 'request timed out'),
  timeoutLeaderFail: etcd(status.UNAVAILABLE, 'request timed out, possibly due to previous leader failure'),
  unhealthy: etcd(status.UNAVAILABLE, 'unhealthy cluster'),
  leaseTtlTooLarge: etcd(status.OUT_OF_RANGE, 'too large lease TTL'),
  leaseExists: etcd(status.FAILED_PRECONDITION, 'lease already exists'),
  rootUserNotExist: etcd(status.FAILED_PRECONDITION, 'root user does not exist'),
  rootRoleNotGranted: etcd(status.FAILED_PRECONDITION, 'root user does not have root role'),
  userExists: etcd(status.FAILED_PRECONDITION, 'user name already exists'),
  userEmpty: etcd(status.INVALID_ARGUMENT, 'user name is empty'),
  userNotFound: etcd(status.FAILED_PRECONDITION, 'user name not found'),
  roleExists: etcd(status.FAILED_PRECONDITION, 'role name already exists'),
  roleNotFound: etcd(status.FAILED_PRECONDITION, 'role name not found'),
  roleEmpty: etcd(status.INVALID_ARGUMENT, 'role name is empty'),
  roleNotGranted: etcd(status.FAILED_PRECONDITION, 'role is not granted to the user'),
  permissionNotGranted: etcd(status.FAILED_PRECONDITION, 'permission is not granted to the role'),
  permissionNotGiven: etcd(status.INVALID_ARGUMENT, 'permission not given'),
  permissionDenied: etcd(status.PERMISSION_DENIED, 'permission denied'),
  authFailed: etcd(status.INVALID_ARGUMENT, 'authentication failed, invalid user ID or password'),
  authNotEnabled: etcd(status.FAILED_PRECONDITION, 'authentication is not enabled'),
  authOldRevision: etcd(status.INVALID_ARGUMENT, 'revision of auth store is old'),
  invalidAuthToken: etcd(status.UNAUTHENTICATED, 'invalid auth token'),
  invalidAuthManagement: etcd(status.INVALID_ARGUMENT, 'invalid auth management'),
  // etcd has no keyspaces, so these texts are ours and say so by their prefix.
  keyspaceNotFound: { code: status.NOT_FOUND, details: 'aspen: keyspace not found' },
  keyspaceExists: { code: status.ALREADY_EXISTS, details: 'aspen: keyspace already exists' },
  invalidKeyspaceName: { code: status.INVALID_ARGUMENT, details: 'aspen: invalid keyspace name' },
}

/** The caller's own deadline passed first: a text of etcd's that no server state stands behind. */
export const deadlineExceeded: EtcdStatus = { code: status.DEADLINE_EXCEEDED, details: 'context deadline exceeded' }

const codesByDetails = new Map<string, AspenErrorCode>(
  Object.entries(etcdStatuses).map(([code, { details }]) => [details, code as AspenErrorCode]),
)

/** A call that ended with a status outside the table: another server's, or the transport's. */
export class EtcdCallError extends Error {
  override readonly name = 'EtcdCallError'
  readonly grpcCode: status
  constructor(grpcCode: status, details: string) {
    super(details === '' ? `gRPC status ${status[grpcCode] ?? grpcCode}` : details)
    this.grpcCode = grpcCode
  }
}

/** What a client throws for the status a server answered. */
export function errorOfStatus(answer: EtcdStatus): AspenError | EtcdCallError {
  // By text and not by code: etcd itself sends some of these texts as UNKNOWN.
  const known = codesByDetails.get(answer.details)
  if (known !== undefined) return new AspenError(known, answer.details)
  if (answer.code === status.DEADLINE_EXCEEDED) return new AspenError('timeout', deadlineExceeded.details)
  if (answer.code === status.CANCELLED) return new AspenError('canceled', answer.details)
  return new EtcdCallError(answer.code, answer.details)
}

function etcd(code: status, text: string): EtcdStatus {
  return { code, details: `etcdserver: ${text}` }
}
