import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { LocalNode } from '../../../cli/cluster-nodes.ts'
import { choosePorts, localNodes } from '../../../cli/cluster-nodes.ts'

/** In the place of `aspen serve`: writes its settings down, then lives, or ends as its last setting says. */
const standIn = `
import { writeFileSync } from 'node:fs'
const [command, ...settings] = process.argv.slice(2)
const dir = settings.find((word) => word.startsWith('--data-dir=')).slice('--data-dir='.length)
process.on('SIGTERM', () => process.exit(0))
process.on('disconnect', () => process.exit(0))
if (settings.includes('--fail')) {
  console.error('aspen: the address is in use')
  process.exit(1)
}
const environment = Object.keys(process.env).filter((name) => name.startsWith('ASPEN_'))
writeFileSync(dir + '.settings', JSON.stringify({ command, settings, environment }))
setInterval(() => {}, 1_000)
`

let dir = ''
let nodes: readonly LocalNode[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'aspen-test-'))
  writeFileSync(join(dir, 'main.mjs'), standIn)
})
afterEach(async () => {
  await Promise.all(nodes.map((node) => node.stop()))
  rmSync(dir, { recursive: true, force: true })
})

const ports = [
  { client: 21, peer: 22 },
  { client: 31, peer: 32 },
]

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}

function settingsOf(name: string): { command: string; settings: string[]; environment: string[] } | undefined {
  try {
    return JSON.parse(readFileSync(join(dir, `${name}.settings`), 'utf8'))
  } catch {
    return undefined
  }
}

describe('the nodes of a local cluster', () => {
  test('are founders of one cluster, each with ports and a directory of its own, and no setting from outside', async () => {
    process.env['ASPEN_NAME'] = 'from outside'
    nodes = localNodes(ports, dir, join(dir, 'main.mjs'), ['--snapshot-count=5'])

    for (const node of nodes) node.start()
    await until(() => settingsOf('n1') !== undefined && settingsOf('n2') !== undefined)
    delete process.env['ASPEN_NAME']

    assert.deepEqual(settingsOf('n2'), {
      command: 'serve',
      settings: [
        '--name=n2',
        `--data-dir=${join(dir, 'n2')}`,
        '--listen-client-urls=http://127.0.0.1:31',
        '--listen-peer-urls=http://127.0.0.1:32',
        '--initial-cluster=n1=http://127.0.0.1:22,n2=http://127.0.0.1:32',
        '--initial-cluster-token=aspen-local',
        '--snapshot-count=5',
      ],
      environment: [],
    })
    assert.deepEqual(
      nodes.map((node) => node.endpoint),
      ['127.0.0.1:21', '127.0.0.1:31'],
    )
    assert.equal(new Set(nodes.map((node) => node.pid)).size, 2)
  })

  test('can be killed and started again', async () => {
    nodes = localNodes(ports.slice(0, 1), dir, join(dir, 'main.mjs'), [])
    const node = nodes[0] as LocalNode
    node.start()
    await until(() => settingsOf('n1') !== undefined)
    const first = node.pid

    node.kill()
    await until(() => node.pid === undefined)
    assert.equal(node.reason, 'killed by SIGKILL')

    node.start()
    assert.notEqual(node.pid, undefined)
    assert.notEqual(node.pid, first)
    assert.equal(node.reason, '')
  })

  test('end when asked', async () => {
    nodes = localNodes(ports.slice(0, 1), dir, join(dir, 'main.mjs'), [])
    const node = nodes[0] as LocalNode
    node.start()
    await until(() => settingsOf('n1') !== undefined)

    await node.stop()

    assert.deepEqual([node.pid, node.reason], [undefined, 'ended'])
  })

  test('that end by themselves say why', async () => {
    nodes = localNodes(ports.slice(0, 1), dir, join(dir, 'main.mjs'), ['--fail'])
    const node = nodes[0] as LocalNode

    node.start()
    await until(() => node.pid === undefined)

    assert.equal(node.reason, 'exited with code 1: the address is in use')
  })
})

test('ports are all different, and nobody listens there', async () => {
  const chosen = (await choosePorts(9)).flatMap((one) => [one.client, one.peer])

  assert.equal(new Set(chosen).size, 18)
  for (const port of chosen.slice(0, 4)) {
    const refused = await new Promise<string | undefined>((resolve) => {
      connect(port, '127.0.0.1')
        .once('error', (error: NodeJS.ErrnoException) => resolve(error.code))
        .once('connect', () => resolve(undefined))
    })
    assert.equal(refused, 'ECONNREFUSED')
  }
})
