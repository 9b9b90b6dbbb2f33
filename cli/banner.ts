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
  const threads =
    config.workers === 0
      ? 'everything on the main thread'
      : `${config.workers} worker thread${config.workers === 1 ? '' : 's'}`
  const at = isUsual ? '' : `--endpoints ${endpoint} `
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
    `  curl ${client}/health`,
    '',
  ].join('\n')
}
