import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { textOf } from '../../../cli/logger.ts'
import { outputTo } from '../../../cli/output.ts'
import type { EndSignal, ServedNode } from '../../../cli/serve.ts'
import { closeMsMax, serve } from '../../../cli/serve.ts'
import type { KeyspaceInfo, Member, NodeClient } from '../../../client/interface.ts'
import { header, Recorder } from './harness.ts'

/** The process ended: everything after it would not have happened. */
class Exit extends Error {
  readonly code: number
  constructor(code: number) {
    super(`exit ${code}`)
    this.code = code
  }
}

interface Options {
  readonly argv?: readonly string[]
  readonly members?: readonly Member[]
  readonly keyspaces?: readonly KeyspaceInfo[]
  readonly moveLeader?: (keyspace: string, target: number) => Promise<void>
  readonly startNode?: () => Promise<ServedNode>
  readonly startGateway?: () => Promise<never>
  readonly closeNode?: () => Promise<void>
}

interface Run {
  readonly done: Promise<number>
  readonly steps: string[]
  readonly stdout: Recorder
  readonly stderr: Recorder
  signal(name: EndSignal): void
  die(reason: string): void
  /** Lets the time for closing pass. */
  timeOut(): void
  serving(): Promise<void>
}

const self: Member = { id: header.memberId, name: 'n1', peerUrls: ['http://h:1'], clientUrls: [], learner: false }
const keyspace: KeyspaceInfo = { name: 'default', id: 1, leader: header.memberId, term: 1, revision: 1, executor: 0 }

function start(options: Options = {}): Run {
  const steps: string[] = []
  const [stdout, stderr] = [new Recorder(), new Recorder()]
  let signal: (name: EndSignal) => void = () => {}
  let timeOut: () => void = () => {}
  let die: (death: { reason: string }) => void = () => {}
  let up: () => void = () => {}
  const serving = new Promise<void>((resolve) => {
    up = resolve
  })
  const client = {
    memberList: () => Promise.resolve({ header, members: options.members ?? [self] }),
    keyspaceList: () => Promise.resolve(options.keyspaces ?? [keyspace]),
    moveLeader: async ({ target }: { target: number }, { keyspace: name = '' }: { keyspace?: string }) => {
      steps.push(`move ${name} to ${target.toString(16)}`)
      await options.moveLeader?.(name, target)
    },
  } as unknown as NodeClient
  const node: ServedNode = {
    client,
    memberId: header.memberId,
    clusterId: header.clusterId,
    died: new Promise((resolve) => {
      die = resolve
    }),
    close: async () => {
      steps.push('node closed')
      await options.closeNode?.()
    },
  }
  // A process that was told to exit does so once, whichever part of the program says it first.
  const done = new Promise<number>((resolve, reject) => {
    const finish = (error: unknown): void => (error instanceof Exit ? resolve(error.code) : reject(error as Error))
    serve({
      argv: options.argv ?? ['--name=n1', '--log-level=silent'],
      env: {},
      cores: 2,
      output: outputTo(stdout, stderr),
      stderr,
      program: 'aspen',
      readFile: () => '',
      holdsData: () => false,
      onSignal: (listener) => {
        signal = listener
      },
      startNode: () => options.startNode?.() ?? Promise.resolve(node),
      startGateway: async () => {
        await options.startGateway?.()
        setImmediate(up)
        return { urls: ['http://0.0.0.0:2479'], close: async () => void steps.push('gateway closed') }
      },
      exit: (code) => {
        resolve(code)
        throw new Exit(code)
      },
      after: (ms, callback) => {
        assert.equal(ms, closeMsMax)
        timeOut = callback
      },
    }).then(() => resolve(-1), finish)
  })
  const ignoringExit = (act: () => void): void => {
    try {
      act()
    } catch (error) {
      if (!(error instanceof Exit)) throw error
    }
  }
  return {
    done,
    steps,
    stdout,
    stderr,
    signal: (name) => ignoringExit(() => signal(name)),
    die: (reason) => die({ reason }),
    timeOut: () => ignoringExit(() => timeOut()),
    serving: () => serving,
  }
}

describe('a node that serves', () => {
  test('says what is where and what to try next', async () => {
    const node = start()
    await node.serving()

    assert.match(node.stdout.text, /member n1 \(a1\) of cluster c1/)
    assert.match(node.stdout.text, /clients +http:\/\/0\.0\.0\.0:2479/)
    assert.match(node.stdout.text, /etcdctl --endpoints 127\.0\.0\.1:2479 put hello world/)

    node.signal('SIGTERM')
    await node.done
  })

  for (const name of ['SIGTERM', 'SIGINT', 'disconnect'] as const) {
    test(`ends in order at ${name} and exits with 0`, async () => {
      const node = start()
      await node.serving()

      node.signal(name)

      assert.equal(await node.done, 0)
      assert.deepEqual(node.steps, ['gateway closed', 'node closed'])
    })
  }

  test('hands over every keyspace it leads, first, to a started voter, and to another when one refuses', async () => {
    const members = [
      self,
      { ...self, id: 0xb, learner: true },
      { ...self, id: 0xc, name: '' },
      { ...self, id: 0xd },
      { ...self, id: 0xe },
    ]
    const keyspaces = [keyspace, { ...keyspace, name: 'theirs', leader: 0xd }, { ...keyspace, name: 'ours' }]
    const moveLeader = (name: string, target: number): Promise<void> =>
      name === 'default' && target === 0xd ? Promise.reject(new Error('not in sync')) : Promise.resolve()
    const node = start({ members, keyspaces, moveLeader })
    await node.serving()

    node.signal('SIGTERM')

    assert.equal(await node.done, 0)
    assert.deepEqual(node.steps, [
      'move default to d',
      'move ours to d',
      'move default to e',
      'gateway closed',
      'node closed',
    ])
  })

  test('closes all the same when nobody takes over', async () => {
    const node = start({ members: [self, { ...self, id: 0xd }], moveLeader: () => Promise.reject(new Error('no')) })
    await node.serving()

    node.signal('SIGTERM')

    assert.equal(await node.done, 0)
    assert.deepEqual(node.steps, ['move default to d', 'gateway closed', 'node closed'])
  })

  for (const [name, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    test(`a second ${name} ends it at once with ${code}`, async () => {
      const node = start({ closeNode: () => new Promise(() => {}) })
      await node.serving()

      node.signal('SIGTERM')
      node.signal(name)

      assert.equal(await node.done, code)
    })
  }

  test('a node that does not close in time is given up, with 1', async () => {
    const node = start({ closeNode: () => new Promise(() => {}) })
    await node.serving()

    node.signal('SIGTERM')
    node.timeOut()

    assert.equal(await node.done, 1)
    assert.match(node.stderr.text, /not closed within 5000 ms/)
  })
})

describe('a node that cannot serve', () => {
  test('exits with 2 and all problems of its settings', async () => {
    const node = start({ argv: ['--nmae=x', '--workers=many'] })

    assert.equal(await node.done, 2)
    assert.equal(
      node.stderr.text,
      'aspen: --nmae is unknown; did you mean --name?\naspen: --workers: wanted a whole number from 0 to 256, found "many"\nSee aspen serve --help\n',
    )
  })

  test('exits with 1 and one line when it does not start', async () => {
    const node = start({ startNode: () => Promise.reject(new Error('the data directory is in use by process 7')) })

    assert.equal(await node.done, 1)
    assert.equal(node.stderr.text, 'aspen: the data directory is in use by process 7\n')
  })

  test('exits with 1 and the reason when it dies while it serves', async () => {
    const node = start()
    await node.serving()

    node.die('a commit failed twice')

    assert.equal(await node.done, 1)
    assert.equal(node.stderr.text, 'aspen: the node died: a commit failed twice\n')
  })

  test('closes what was started when its address is in use', async () => {
    const node = start({ startGateway: () => Promise.reject(new Error('cannot listen on http://127.0.0.1:2379')) })

    assert.equal(await node.done, 1)
    assert.deepEqual(node.steps, ['node closed'])
  })

  test('ends at a signal while it still starts', async () => {
    const node = start({ startNode: () => new Promise(() => {}) })

    node.signal('SIGTERM')

    assert.equal(await node.done, 0)
  })

  test('shows its settings when asked, and starts nothing', async () => {
    const node = start({ argv: ['--help'], startNode: () => Promise.reject(new Error('started')) })

    assert.equal(await node.done, -1)
    assert.match(node.stdout.text, /--listen-client-urls/)
  })
})

test('a log line for people has time, level, words, fields and a trace', () => {
  const line =
    '{"level":40,"time":"2026-01-02T03:04:05.678Z","member":"n1","term":2,"name":"x","err":{"stack":"Error: a\\n  at b"},"msg":"lost"}'

  assert.equal(textOf(line), '03:04:05.678 WARN  lost term=2 name=x\nError: a\n  at b\n')
})
