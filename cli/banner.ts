/**
 * What a node says when it is up: what is where, and what to try next.
 */
import { resolve } from 'node:path'
import type { NodeConfig } from '../aspen/config.ts'
import { aspenVersion, etcdVersion } from '../client/version.ts'
import { idText } from './output.ts'

/** `urls` are the addresses in use, client addresses first. */
export function bannerOf(
  config: NodeConfig,
  node: { readonly memberId: number; readonly clusterId: number },
  urls: readonly string[],
  program: string,
): string {
  const clients = urls.slice(0, config.listenClientUrls.length)
  // Whoever reads this sits on this machine, where a wildcard is reached by the loopback address.
  const client = (clients[0] ?? '').replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:')
  const endpoint = client.replace('http://', '')
  const isUsual = endpoint === '127.0.0.1:2379'
  const tls = client.startsWith('https:') ? tlsOptions(config.clientTls) : ''
  const threads =
    config.workers === 0
      ? 'everything on the main thread'
      : `${config.workers} worker thread${config.workers === 1 ? '' : 's'}`
  const at = isUsual ? '' : `--endpoints ${endpoint} ${tls}`
  return [
    `aspen ${aspenVersion} (etcd API ${etcdVersion}): member ${config.name} (${idText(node.memberId)}) of cluster ${idText(node.clusterId)}`,
    '',
    `  clients   ${clients.join(', ')}  (etcd v3 gRPC, and /health /version over HTTP)`,
    `  metrics   ${urls.map((url) => `${url}/metrics`).join(', ')}`,
    `  peers     ${config.listenPeerUrls.map((url) => url.url).join(', ')}`,
    `  data      ${resolve(config.dataDir)}`,
    `  threads   ${threads}`,
    '',
    'Try, in another terminal:',
    '',
    `  etcdctl ${at}put hello world`,
    `  ${program} get hello${at === '' ? '' : ` ${at.trim()}`}`,
    `  ${program} endpoint status -w table${at === '' ? '' : ` ${at.trim()}`}`,
    `  curl ${tls}${client}/health`,
    '',
  ].join('\n')
}

/** What a client of this node is called with, as etcdctl, curl and `aspen` all have it. Names in capitals are for the reader. */
function tlsOptions(tls: NodeConfig['clientTls']): string {
  if (tls === undefined) return ''
  // Who vouches for himself is his own authority.
  const authority = `--cacert ${tls.selfSigned === undefined ? 'CA.pem' : tls.certFile} `
  const asked = tls.clientCertAuth || tls.trustedCaFile !== undefined
  return asked ? `${authority}--cert CLIENT.pem --key CLIENT-KEY.pem ` : authority
}
