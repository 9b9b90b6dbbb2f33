/** The versions this gateway reports. */

/**
 * The etcd whose API this is. Clients gate on it: Kubernetes wants 3.5.13 or later before it trusts progress
 * notifications for consistent lists.
 */
export const etcdVersion = '3.5.21'

/** The version every member of an etcd cluster agrees on: the minor, as etcd reports it. */
export const etcdClusterVersion = '3.5.0'

/** Aspen's own; a test holds it equal to package.json's. */
export const aspenVersion = '0.1.0'
