/** What the kernel promises to any actor (K…, L…, B…, U…), on a node of a simulated cluster. */

import { draw } from '../../base/draw.ts'
import type { ActorRef, Answer, AnyActor } from '../../runtime/kernel/actor.ts'
import { edgeAsk, edgeSpawn, edgeStop, edgeTell, edgeWatch } from '../../runtime/kernel/edge.ts'
import type { Executor } from '../../runtime/kernel/executor.ts'
import { check } from '../../sim/checkers/violation.ts'
import type { SimCluster } from '../../sim/cluster.ts'
import { calm } from '../../sim/faults.ts'
import type { AnyDefinition } from '../../supervisors/spec.ts'
import {
  answerer,
  type Burst,
  type Contents,
  hopeless,
  lazyLedger,
  ledger,
  listener,
  pulse,
  queue,
  type Step,
  tower,
} from './rule-actors.ts'
import { scenario } from './scenario.ts'

const seeds = [1, 2, 3, 5]
const slow = { ...calm, diskMs: 4, diskSlowMs: 150 }
const keys = ['a', 'b', 'c', 'd', 'e']
const node = 1

scenario(
  'K1: an actor sees all it wrote and nothing that it took back, however slow the disk',
  { seeds, nodes: 1, faults: slow },
  (cluster) => {
    prepare(cluster)
    for (const [name, definition] of [
      ['ledger', ledger],
      ['lazy', lazyLedger],
    ] as const) {
      const ref = supervised(cluster, name, definition)
      const board = new Map<string, string>()
      const wrong: string[] = []
      let open = 0
      for (let step = 0; step < 150; step++) {
        const roll = rolls(cluster, name, step)
        const burst = drawBurst(roll, step)
        if (!burst.fails) write(board, burst)
        const wanted = text([...board].sort())
        const message = roll('read') < 0.3 ? { type: 'each', argument: keys } : { type: 'all' }
        open += 2
        ask(cluster, ref, { type: 'burst', argument: burst }, 600_000, (answer) => {
          open -= 1
          const right = burst.fails
            ? answer.type === 'failed'
            : answer.type === 'reply' && text(answer.value) === wanted
          if (!right) wrong.push(`step ${step}: ${text(burst)} was answered ${text(answer)}, wanted ${wanted}`)
        })
        ask(cluster, ref, message, 600_000, (answer) => {
          open -= 1
          const right = answer.type === 'reply' && text(answer.value) === wanted
          if (!right) wrong.push(`step ${step}: ${message.type} was answered ${text(answer)}, wanted ${wanted}`)
        })
        cluster.run({ ms: 4 * roll('pause') })
      }
      cluster.await('every ask is answered', () => open === 0, { withinMs: 200_000 })
      check(wrong.length === 0, 'K1', () => wrong[0] as string)
    }
  },
)

scenario(
  'K1.2: what an actor finds after a crash is what it had at some moment, and all that it had promised',
  { seeds, nodes: 1, faults: slow },
  (cluster) => {
    prepare(cluster)
    for (const [name, definition, promises] of [
      ['ledger', ledger, true],
      ['lazy', lazyLedger, false],
    ] as const) {
      const board = new Map<string, string>()
      for (let life = 0; life < 6; life++) {
        const ref = supervised(cluster, name, definition)
        const moments = [text([...board].sort())]
        let promised = 0
        for (let step = 0; step < 40; step++) {
          const roll = rolls(cluster, `${name} ${life}`, step)
          const burst = { ...drawBurst(roll, step), fails: false }
          write(board, burst)
          moments.push(text([...board].sort()))
          const moment = moments.length - 1
          ask(cluster, ref, { type: 'burst', argument: burst }, 60_000, (answer) => {
            if (promises && answer.type === 'reply') promised = moment
          })
          cluster.run({ ms: 3 * roll('pause') })
        }
        cluster.crash(node)
        cluster.restart(node)
        cluster.run({ ms: 200 })

        const found = replyOf(cluster, supervised(cluster, name, definition), { type: 'all' }) as Contents
        const at = moments.lastIndexOf(text(found))
        check(at >= promised, 'K1', () => `${name}: ${text(found)} is of moment ${at}, ${promised} was promised`)
        board.clear()
        for (const [key, value] of found) board.set(key, value)
        stopChild(cluster, name)
      }
    }
  },
)

scenario('L1: a restarted actor has no timers but its own', { seeds, nodes: 1 }, (cluster) => {
  prepare(cluster)
  const ref = supervised(cluster, 'pulse', pulse)
  for (let life = 0; life < 2; life++) {
    cluster.run({ ms: 120 })
    tell(cluster, ref, { type: 'fail' })
  }
  cluster.run({ ms: 1_000 })

  const before = replyOf(cluster, ref, { type: 'beats' }) as number
  cluster.run({ ms: 3_000 })
  const beats = (replyOf(cluster, ref, { type: 'beats' }) as number) - before
  check(beats >= 28 && beats <= 32, 'L1', () => `${beats} beats in 3 s of an actor that beats every 100 ms`)
})

scenario('L2: every watch is answered once, whatever the end', { seeds, nodes: 1, executors: 2 }, (cluster) => {
  prepare(cluster)
  const ears = edgeSpawn(host(cluster), listener, null, {})
  const watch = (ref: ActorRef, name: string): void => tell(cluster, ears, { type: 'watch', argument: { ref, name } })
  const there = cluster.world.node(node).executor(1)
  const stops = edgeSpawn(there, queue as AnyActor<{ readonly open: boolean }>, { open: true }, { name: 'stops' })
  const dies = edgeSpawn(there, queue as AnyActor<{ readonly open: boolean }>, { open: true }, { name: 'dies' })
  const gone = edgeSpawn(host(cluster), queue as AnyActor<{ readonly open: boolean }>, { open: true }, {})
  edgeStop(host(cluster), gone)
  cluster.run({ ms: 50 })
  watch(stops, 'stops')
  watch(dies, 'dies')
  watch(gone, 'gone')
  cluster.run({ ms: 50 })

  edgeStop(host(cluster), stops)
  cluster.run({ ms: 50 })
  cluster.world.crashThread(node, 1, 100)
  cluster.run({ ms: 1_000 })

  const { downs } = replyOf(cluster, ears, { type: 'heard' }) as { readonly downs: readonly string[] }
  check(
    text([...downs].sort()) === text(['dies threadLost', 'gone unknown', 'stops normal']),
    'L2',
    () => `heard ${downs.join(', ')}`,
  )
})

scenario(
  'L3: whoever bears a name after another finds all that the other wrote',
  { seeds, nodes: 1, faults: slow },
  (cluster) => {
    prepare(cluster)
    for (let life = 0; life < 6; life++) {
      const ref = spawnSoon(cluster, ledger, 'heir')
      const found = replyOf(cluster, ref, { type: 'all' }) as Contents
      check(
        text(found) === text(life === 0 ? [] : [['k', `${life - 1}`]]),
        'L3',
        () => `life ${life} finds ${text(found)}`,
      )
      const burst: Burst = { steps: [{ type: 'put', key: 'k', value: `${life}` }], fails: false }
      cluster.world.slowDisks(node, 100)
      tell(cluster, ref, { type: 'burst', argument: burst })
      cluster.run({ ms: 1 })
      edgeStop(host(cluster), ref)
    }
  },
)

scenario('L4: every ask is answered, and once', { seeds, nodes: 1, faults: slow }, (cluster) => {
  prepare(cluster)
  const ears = edgeSpawn(host(cluster), listener, null, {})
  const other = edgeSpawn(host(cluster), answerer, null, { name: 'other' })
  const askFor = (name: string, message: unknown, deadlineMs: number): void =>
    tell(cluster, ears, { type: 'ask', argument: { ref: other, message, deadlineMs, name } })
  // The answer waits for a disk that is slower than the deadline.
  cluster.world.slowDisks(node, 10_000)
  for (let i = 0; i < 8; i++) {
    askFor(`write${i}`, { type: 'write', argument: `${i}` }, 20)
    cluster.run({ ms: 200 })
  }
  askFor('held', { type: 'hold' }, 30)
  cluster.run({ ms: 500 })
  tell(cluster, other, { type: 'letGo' })
  cluster.run({ ms: 500 })
  askFor('left', { type: 'hold' }, 60_000)
  cluster.run({ ms: 50 })
  edgeStop(host(cluster), other)
  cluster.run({ ms: 1_000 })

  const { answers } = replyOf(cluster, ears, { type: 'heard' }) as { readonly answers: readonly string[] }
  const names = answers.map((each) => each.split(' ')[0])
  check(new Set(names).size === names.length, 'L4', () => `answered twice: ${answers.join(', ')}`)
  check(answers.includes('held timeout'), 'L4', () => `a deadline passed, and this was heard: ${answers.join(', ')}`)
  check(
    answers.includes('left failed'),
    'L4',
    () => `an actor ended with an open ask, and this was heard: ${answers.join(', ')}`,
  )
  check(names.length === 10, 'L4', () => `ten were asked, ${names.length} answered: ${answers.join(', ')}`)
})

scenario('B2: messages of one sender arrive in their order, put aside or not', { seeds, nodes: 1 }, (cluster) => {
  prepare(cluster)
  for (const open of [true, false]) {
    const ref = edgeSpawn(host(cluster), queue, { open }, {})
    for (let number = 0; number < 50; number++) {
      tell(cluster, ref, { type: 'item', argument: number })
      if (number % 7 === 0) cluster.run({ ms: 0.05 })
    }
    tell(cluster, ref, { type: 'open' })

    const seen = replyOf(cluster, ref, { type: 'seen' }) as readonly number[]
    check(
      seen.length === 50 && seen.every((number, at) => number === at),
      'B2',
      () => `seen in this order: ${seen.join(' ')}`,
    )
  }
})

scenario('B3: who finds a mailbox full is told so at once', { seeds: [1], nodes: 1 }, (cluster) => {
  prepare(cluster)
  const ref = edgeSpawn(host(cluster), answerer, null, { name: 'narrow' })
  const answers: string[] = []
  for (let i = 0; i < 20; i++)
    ask(cluster, ref, { type: 'write', argument: `${i}` }, 60_000, ({ type }) => answers.push(type))
  cluster.run({ ms: 500 })

  check(answers.length === 20, 'B3', () => `20 were asked, ${answers.length} answered`)
  check(answers.includes('overloaded') && answers.includes('reply'), 'B3', () => answers.join())
})

scenario('U1: a supervisor whose child keeps failing gives up and passes it on', { seeds, nodes: 1 }, (cluster) => {
  prepare(cluster)
  const ref = edgeSpawn(host(cluster), hopeless as AnyActor<null>, null, { name: 'hopeless' })
  let ended: string | undefined
  edgeWatch(host(cluster), ref, ({ type }) => {
    ended = type
  })

  cluster.run({ ms: 5_000 })
  check(ended === 'failed', 'U1', () => `after hundreds of failures it is ${ended ?? 'still there'}`)
})

scenario(
  'U3: with the one that failed restart those that stand on it, and nobody else',
  { seeds, nodes: 1 },
  (cluster) => {
    prepare(cluster)
    edgeSpawn(host(cluster), tower as AnyActor<null>, null, { name: 'tower' })
    cluster.run({ ms: 100 })
    const named = (name: string): ActorRef => ({ type: 'named', node, name: `tower/${name}` })
    const starts = (): string =>
      ['base', 'middle', 'top'].map((name) => String(replyOf(cluster, named(name), { type: 'starts' }))).join(' ')
    tell(cluster, named('quitter'), { type: 'quit' })
    cluster.run({ ms: 500 })
    check(
      host(cluster).registry.holder('tower/quitter') === undefined,
      'U6',
      () => 'it ended in order, and is there again',
    )
    check(starts() === '1 1 1', 'U3', () => `the end of a sibling restarted some: ${starts()}`)

    for (let round = 1; round <= 3; round++) {
      tell(cluster, named('middle'), { type: 'fail' })
      cluster.run({ ms: 3_000 })
      check(
        starts() === `1 ${1 + round} ${1 + round}`,
        'U3',
        () => `after ${round} failures of the middle: ${starts()}`,
      )
    }
  },
)

type Roll = (site: string) => number

function rolls(cluster: SimCluster, name: string, step: number): Roll {
  return (site) => draw(cluster.world.seed, `scenario.${name}.${site}`, step)
}

function drawBurst(roll: Roll, step: number): Burst {
  const steps = Array.from({ length: 1 + Math.floor(roll('steps') * 4) }, (_, at): Step => {
    const key = keys[Math.floor(roll(`key.${at}`) * keys.length)] as string
    const kind = roll(`kind.${at}`)
    if (kind < 0.65) return { type: 'put', key, value: `${step}.${at}` }
    return kind < 0.88 ? { type: 'delete', key } : { type: 'deleteRange', from: 'b', to: 'd' }
  })
  return { steps, fails: roll('fails') < 0.15 }
}

function write(board: Map<string, string>, { steps }: Burst): void {
  for (const step of steps) {
    if (step.type === 'put') board.set(step.key, step.value)
    else if (step.type === 'delete') board.delete(step.key)
    else for (const key of [...board.keys()]) if (key >= step.from && key < step.to) board.delete(key)
  }
}

/** Actors here fail on purpose. */
function prepare(cluster: SimCluster): void {
  cluster.world.checkers.failureExplained = () => true
  cluster.awaitLeader({ withinMs: 5_000 })
  cluster.run({ ms: 200 })
}

function host(cluster: SimCluster): Executor {
  return cluster.world.node(node).executor(0)
}

function ask(
  cluster: SimCluster,
  ref: ActorRef,
  message: unknown,
  deadlineMs: number,
  then: (answer: Answer) => void,
): void {
  edgeAsk(host(cluster), ref, message, { deadlineMs }, then)
}

function tell(cluster: SimCluster, ref: ActorRef, message: unknown): void {
  edgeTell(host(cluster), ref, message)
}

function replyOf(cluster: SimCluster, ref: ActorRef, message: unknown): unknown {
  let answer: Answer | undefined
  ask(cluster, ref, message, 10_000, (given) => {
    answer = given
  })
  cluster.await(`an answer of ${ref.name}`, () => answer !== undefined, { withinMs: 11_000 })
  const given = answer as Answer | undefined
  check(given?.type === 'reply', 'L4', () => `${ref.name} was asked ${text(message)}: ${text(given)}`)
  return given.value
}

/** Below the supervisor of users' actors, which restarts it whenever it fails. */
function supervised(cluster: SimCluster, name: string, definition: AnyDefinition): ActorRef {
  const spec = { name, definition, args: null, restart: 'permanent', stopWithinMs: 1_000 }
  replyOf(cluster, users, { type: 'startChild', child: spec })
  return { type: 'named', node, name }
}

function stopChild(cluster: SimCluster, name: string): void {
  replyOf(cluster, users, { type: 'stopChild', name })
}

const users: ActorRef = { type: 'named', node, name: 'users' }

/** As soon as the name is free. */
function spawnSoon(cluster: SimCluster, definition: AnyDefinition, name: string): ActorRef {
  for (let attempt = 0; attempt < 5_000; attempt++) {
    if (host(cluster).registry.holder(name) === undefined)
      return edgeSpawn(host(cluster), definition as AnyActor<null>, null, { name })
    cluster.run({ ms: 0.2 })
  }
  check(false, 'L3', () => `the name '${name}' is never free again`)
}

function text(value: unknown): string {
  return JSON.stringify(value)
}
