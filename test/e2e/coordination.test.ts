// Locks, elections and queues of real nodes: by our own client, by etcd's services, and by etcdctl, all on the same keys.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { Client, credentials, type ServiceError } from '@grpc/grpc-js'
import { fromUtf8, utf8 } from '../../base/bytes.ts'
import { type Coordination, coordinate } from '../../client/coordination/coordination.ts'
import { aspenServices } from '../../client/etcd-proto.ts'
import { Cluster, eventually } from './cluster.ts'
import { noEtcdctl } from './commands.ts'
import { plainEnvironment } from './process.ts'

describe('coordination', () => {
  let cluster: Cluster
  const children: ChildProcess[] = []
  before(async () => {
    cluster = await Cluster.create({ nodes: 3 })
    await cluster.start()
  })
  after(async () => {
    for (const child of children) child.kill('SIGKILL')
    await cluster.close()
  })

  const at = (member: number): Coordination => coordinate(cluster.client(cluster.member(member)))
  const keysUnder = async (prefix: string): Promise<readonly string[]> => {
    const { kvs } = await cluster
      .client(cluster.member(0))
      .range({ key: utf8(`${prefix}/`), rangeEnd: utf8(`${prefix}0`) })
    return kvs.map(({ key }) => fromUtf8(key))
  }
  const etcdctl = (...words: string[]): { readonly child: ChildProcess; readonly output: () => string } => {
    const child = spawn('etcdctl', ['--endpoints', cluster.endpoints, ...words], {
      env: { ...plainEnvironment(), ETCDCTL_API: '3' },
    })
    children.push(child)
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    return { child, output: () => output }
  }

  test('G1, G2: holders on different nodes follow one another with growing tokens', async () => {
    const holders = [0, 1, 2].map((member) => at(member).locks)
    const tokens: number[] = []
    let inside = 0

    await Promise.all(
      holders.map(async (locks) => {
        for (let round = 0; round < 4; round++) {
          await using lock = await locks.acquire('busy')
          inside += 1
          assert.equal(inside, 1)
          assert.equal(
            (await lock.write([{ type: 'put', key: utf8('busy!'), value: utf8(`${lock.token}`) }])).type,
            'written',
          )
          tokens.push(lock.token)
          inside -= 1
        }
      }),
    )

    assert.equal(tokens.length, 12)
    assert.deepEqual(
      tokens,
      [...tokens].sort((a, b) => a - b),
    )
    assert.deepEqual(await keysUnder('busy'), [])
  })

  test('G3: what was released writes nothing any more, and its signal says so', async () => {
    const lock = await at(0).locks.acquire('once', { ttlSeconds: 5 })
    assert.equal(lock.held, true)
    await lock.release()

    assert.equal(lock.signal.aborted, true)
    assert.deepEqual(await lock.write([{ type: 'put', key: utf8('late'), value: utf8('late') }]), { type: 'lost' })
  })

  test('who gives up waiting leaves no key: by time, by signal', async () => {
    await using _holder = await at(0).locks.acquire('given-up')
    const abort = new AbortController()
    const waiting = at(1).locks.acquire('given-up', { signal: abort.signal })
    await eventually('two stand in line', async () => ((await keysUnder('given-up')).length === 2 ? true : undefined))

    abort.abort(new Error('enough'))
    await assert.rejects(waiting, /enough/)
    await assert.rejects(at(1).locks.acquire('given-up', { timeoutMs: 100 }), { code: 'timeout' })

    assert.equal(await at(2).locks.tryAcquire('given-up'), undefined)
    assert.equal((await keysUnder('given-up')).length, 1)
  })

  test('etcdctl lock and ours exclude each other', { skip: noEtcdctl }, async () => {
    const ours = await at(1).locks.acquire('shared-lock')
    const theirs = etcdctl('lock', 'shared-lock', 'echo', 'inside')
    await eventually('etcdctl stands in line', async () =>
      (await keysUnder('shared-lock')).length === 2 ? true : undefined,
    )
    assert.equal(theirs.output(), '')

    await ours.release()
    const [code] = await once(theirs.child, 'close')

    assert.equal(code, 0)
    assert.equal(theirs.output(), 'inside\n')
  })

  test('etcdctl elect and ours see the same leaders', { skip: noEtcdctl }, async () => {
    const { elections } = at(2)
    const seen: string[] = []
    const stop = new AbortController()
    const watching = (async () => {
      for await (const { value } of elections.observe('seat', { signal: stop.signal })) seen.push(value)
    })()
    const theirs = etcdctl('elect', 'seat', 'theirs')
    await eventually('etcdctl leads', async () =>
      (await elections.leader('seat'))?.value === 'theirs' ? true : undefined,
    )
    const waiting = at(0).elections.campaign('seat', { value: 'ours' })
    await eventually('ours stands in line', async () => ((await keysUnder('seat')).length === 2 ? true : undefined))

    await eventually('the observer is told', async () => (seen.includes('theirs') ? true : undefined))

    theirs.child.kill('SIGINT')
    await using leadership = await waiting
    await eventually('the observer is told', async () => (seen.includes('ours') ? true : undefined))
    const listening = etcdctl('elect', '--listen', 'seat')
    await eventually('etcdctl hears of ours', async () => (listening.output().includes('ours') ? true : undefined))
    assert.equal(await leadership.proclaim('ours still'), true)
    await eventually('both are told', async () =>
      seen.includes('ours still') && listening.output().includes('ours still') ? true : undefined,
    )

    stop.abort()
    await watching
    assert.deepEqual(seen, ['theirs', 'ours', 'ours still'])
  })

  test('etcd’s Lock service: waits, answers with its key, and leaves none when the call is canceled', async () => {
    const service = new Service(cluster.member(0).endpoint, 'lock')
    const client = cluster.client(cluster.member(0))
    const [one, two] = [await client.leaseGrant({ ttlSeconds: 60 }), await client.leaseGrant({ ttlSeconds: 60 })]
    const hex = (id: string): string => BigInt(id).toString(16)

    const first = await service.call('Lock', { name: utf8('rpc'), lease: one.id })
    assert.equal(String(first['key']), `rpc/${hex(one.id)}`)
    const canceled = service.call('Lock', { name: utf8('rpc'), lease: two.id }, 300)
    await assert.rejects(canceled, (error: ServiceError) => error.code === 4)
    await eventually('its key is gone', async () => ((await keysUnder('rpc')).length === 1 ? true : undefined))

    const waiting = service.call('Lock', { name: utf8('rpc'), lease: two.id })
    await service.call('Unlock', { key: first['key'] })
    assert.equal(String((await waiting)['key']), `rpc/${hex(two.id)}`)
    await assert.rejects(service.call('Lock', { name: utf8('rpc'), lease: '99' }), {
      details: 'etcdserver: requested lease not found',
    })
    await service.call('Unlock', { key: utf8('nothing') })
    service.close()
  })

  test('etcd’s Lock service: who waited on a lease that ended is not told that it holds', async () => {
    const service = new Service(cluster.member(1).endpoint, 'lock')
    const client = cluster.client(cluster.member(1))
    const [one, two] = [await client.leaseGrant({ ttlSeconds: 60 }), await client.leaseGrant({ ttlSeconds: 60 })]
    const first = await service.call('Lock', { name: utf8('ended'), lease: one.id })
    const waiting = service.call('Lock', { name: utf8('ended'), lease: two.id })
    await eventually('it stands in line', async () => ((await keysUnder('ended')).length === 2 ? true : undefined))

    await client.leaseRevoke({ id: two.id })
    const refused = assert.rejects(waiting, { details: 'etcdserver: requested lease not found' })
    await service.call('Unlock', { key: first['key'] })

    await refused
    service.close()
  })

  test('etcd’s Election service: campaign, proclaim, leader, observe, resign, in etcd’s words', async () => {
    const service = new Service(cluster.member(2).endpoint, 'election')
    const client = cluster.client(cluster.member(2))
    const [one, two] = [await client.leaseGrant({ ttlSeconds: 60 }), await client.leaseGrant({ ttlSeconds: 60 })]
    const name = utf8('chair')
    await assert.rejects(service.call('Leader', { name }), { code: 2, details: 'election: no leader' })
    const observed = service.observe({ name })

    const first = await service.call('Campaign', { name, lease: one.id, value: utf8('a') })
    await eventually('the observer is told', async () => (observed.values.at(-1) === 'a' ? true : undefined))
    const leader = first['leader']
    await service.call('Proclaim', { leader, value: utf8('b') })
    await eventually('the observer is told', async () => (observed.values.at(-1) === 'b' ? true : undefined))
    const next = service.call('Campaign', { name, lease: two.id, value: utf8('c') })
    await eventually('two stand in line', async () => ((await keysUnder('chair')).length === 2 ? true : undefined))
    assert.equal(String(((await service.call('Leader', { name }))['kv'] as { value: Buffer }).value), 'b')
    await service.call('Resign', { leader })
    await next

    await assert.rejects(service.call('Proclaim', { leader, value: utf8('late') }), {
      code: 2,
      details: 'election: not leader',
    })
    await assert.rejects(service.call('Resign', {}), { code: 2, details: '"leader" field must be provided' })
    await eventually('all were told', async () => (observed.values.at(-1) === 'c' ? true : undefined))
    assert.deepEqual(observed.values, ['a', 'b', 'c'])
    observed.cancel()
    service.close()
  })

  test('queue, counter, sequence, limiter and registry across nodes', async () => {
    const [here, there] = [at(0), at(1)]
    await here.queue('post').send('first')
    const waiting = there.queue('post').receive()
    const message = await waiting
    assert.equal(message === undefined ? undefined : fromUtf8(message.value), 'first')
    const late = there.queue('post').receive()
    await here.queue('post').send('second')
    assert.equal((await late)?.deliveries, 1)
    assert.equal(await message?.finish(), true)
    assert.equal(await message?.finish(), false)
    assert.deepEqual(await here.queue('post').depth(), { waiting: 0, taken: 1, dead: 0 })

    await Promise.all([here, there].flatMap((side) => [1, 2, 3, 4].map((amount) => side.counter('sum').add(amount))))
    assert.equal(await there.counter('sum').value(), 20)
    const numbers = await Promise.all([here, there, here].map((side) => side.sequence('serial').next({ count: 2 })))
    assert.deepEqual(
      numbers.sort((a, b) => a - b),
      [1, 3, 5],
    )

    const limiter = here.rateLimiter('calls', { perSecond: 0.01, capacity: 2 })
    assert.deepEqual([(await limiter.tryTake(2)).type, (await limiter.tryTake()).type], ['permitted', 'limited'])

    await using me = await here.services.register('mail', 'mail-1', { address: '10.0.0.7:25' })
    await me.report('draining')
    assert.deepEqual(
      (await there.services.list('mail')).map(({ id, health }) => [id, health]),
      [['mail-1', 'draining']],
    )
  })

  test('barriers and meetings across nodes', async () => {
    const barrier = at(0).barrier('gate')
    await barrier.raise()
    const passing = at(1).barrier('gate').pass()
    await barrier.lift()
    await passing

    const parties = [0, 1, 2].map((member) => at(member).meeting('summit', 3))
    const inside = await Promise.all(parties.map((party) => party.enter()))
    await Promise.all(inside.map((attendance) => attendance.leave()))
    assert.deepEqual(await keysUnder('summit'), [])
  })

  // The last one: it ends a node.
  test('G10, G18: a leader that cannot be reached any more stops, and another leads with a greater term', async () => {
    const follower = cluster.members.findIndex((member) => member !== undefined && member !== cluster.member(0))
    const terms: number[] = []
    const stopped: boolean[] = []
    const first = coordinate(cluster.client(cluster.member(0)), { persistMs: 1_000 })
    const abort = new AbortController()
    const leading = first.elections.runAsLeader(
      'duty',
      async (signal, term) => {
        terms.push(term)
        await once(signal, 'abort')
        stopped.push(true)
      },
      { ttlSeconds: 3, signal: abort.signal },
    )
    const ended = assert.rejects(leading)
    await eventually('the first leads', async () => (terms.length === 1 ? true : undefined))
    const second = at(follower).elections.runAsLeader('duty', async (signal, term) => {
      // By then the first has been told.
      terms.push(term)
      return stopped.length === 1 && !signal.aborted
    })

    cluster.member(0).kill()

    assert.equal(await second, true)
    assert.ok((terms[1] as number) > (terms[0] as number))
    abort.abort(new Error('over'))
    await ended
  })
})

/** One of etcd's services, called as any gRPC client calls it. */
class Service {
  readonly #client: Client
  readonly #methods: ReturnType<typeof aspenServices>['lock']

  constructor(endpoint: string, name: 'lock' | 'election') {
    this.#client = new Client(endpoint, credentials.createInsecure())
    this.#methods = aspenServices()[name]
  }

  call(method: string, request: object, withinMs: number = 20_000): Promise<Record<string, unknown>> {
    const { path, requestSerialize, responseDeserialize } = this.#method(method)
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        { deadline: Date.now() + withinMs },
        (error, answer) => (error === null ? resolve(answer as Record<string, unknown>) : reject(error)),
      )
    })
  }

  observe(request: object): { readonly values: readonly string[]; cancel(): void } {
    const { path, requestSerialize, responseDeserialize } = this.#method('Observe')
    const values: string[] = []
    const stream = this.#client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request)
    stream.on('data', ({ kv }: { readonly kv: { readonly value: Buffer } }) => values.push(String(kv.value)))
    stream.on('error', () => undefined)
    return { values, cancel: () => stream.cancel() }
  }

  close(): void {
    this.#client.close()
  }

  #method(name: string): NonNullable<ReturnType<typeof aspenServices>['lock'][string]> {
    const method = this.#methods[name]
    if (method === undefined) throw new Error(`there is no method ${name}`)
    return method
  }
}
