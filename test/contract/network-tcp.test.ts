import { setTimeout as sleep } from 'node:timers/promises'
import { TcpPeerNetwork } from '../../runtime/node/peer/tcp-network.ts'
import { type NetworkShape, type NetworkUnderTest, networkContract } from './network.ts'

const tuning = { backoffBaseMs: 5, backoffMaxMs: 50 }

/** Nodes of one process on loopback: each executor an instance of its own, as on threads. */
async function overTcp({ nodes, executors }: NetworkShape): Promise<NetworkUnderTest> {
  const instances = new Map<number, TcpPeerNetwork[]>()
  const firstPorts = new Map<number, number>()
  const ids = [...Array(nodes).keys()].map((i) => i + 1)

  const open = async (node: number): Promise<void> => {
    const own: TcpPeerNetwork[] = []
    for (let executor = 0; executor < executors; executor++) {
      const port = executor === 0 ? (firstPorts.get(node) ?? 0) : 0
      const found = own[0]?.port ?? firstPorts.get(node)
      own.push(
        await TcpPeerNetwork.open({
          clusterId: 77,
          nodeId: node,
          executor,
          executors,
          listen: { host: '127.0.0.1', port },
          ports: () => own.map((each) => each.port),
          urls: found === undefined ? [] : [`http://127.0.0.1:${found}`],
          tuning,
        }),
      )
    }
    firstPorts.set(node, (own[0] as TcpPeerNetwork).port)
    instances.set(node, own)
  }
  const urls = (node: number): readonly string[] => [`http://127.0.0.1:${firstPorts.get(node)}`]
  const introduce = (node: number): void => {
    for (const other of ids) {
      if (other !== node) for (const each of instances.get(node) ?? []) each.setPeer(other, urls(other))
    }
  }

  for (const node of ids) await open(node)
  for (const node of ids) introduce(node)
  return {
    at: (node, executor) => instances.get(node)?.[executor] as TcpPeerNetwork,
    urls,
    until: async (done, what) => {
      const deadlineMs = Date.now() + 10_000
      while (!done()) {
        if (Date.now() > deadlineMs) throw new Error(`waited in vain for ${what}`)
        await sleep(2)
      }
    },
    kill: async (node) => {
      await Promise.all((instances.get(node) ?? []).map((each) => each.close()))
    },
    start: async (node) => {
      await open(node)
      introduce(node)
    },
    close: async () => {
      await Promise.all([...instances.values()].flat().map((each) => each.close()))
    },
  }
}

networkContract('TCP', overTcp)
