/** Figures of two threads of the real runtime, worker to worker: pool, ports, stores and all. */
import type { ActorRef, Answer, AnyActor } from '../../runtime/kernel/actor.ts'
import { edgeSpawn } from '../../runtime/kernel/edge.ts'
import { openRealNode, type RealNode } from '../../test/contract/real-node.ts'
import { type BareThreads, bareThreads } from './bare-threads.ts'
import type { Step } from './here.ts'
import { type Figure, figure, quantile, rateElsewhere } from './phase.ts'
import { asking, echo, sink, source } from './thread-pair.ts'

const floodMessages = 262_144
const asksPerBatch = 65_536
const asksInFlight = 256
const roundTrips = 2_000

export interface ThreadSteps {
  readonly steps: readonly Step[]
  close(): Promise<void>
}

export async function threadSteps(): Promise<ThreadSteps> {
  const node = await openRealNode(2)
  const bare = await bareThreads()
  const spawn = (definition: AnyActor<undefined>, executor: number): ActorRef =>
    edgeSpawn(node.host, definition, undefined, { place: { type: 'executor', executor } })
  const refs = { source: spawn(source, 1), sink: spawn(sink, 2), asking: spawn(asking, 1), echo: spawn(echo, 2) }
  return {
    steps: [...floods(node, bare, refs.source, refs.sink), ...asks(node, bare, refs.asking, refs.echo)],
    close: async () => {
      await bare.close()
      await node.close()
    },
  }
}

function floods(node: RealNode, bare: BareThreads, from: ActorRef, to: ActorRef): Step[] {
  const ceiling = 'bare threads, packed batches'
  const head = { name: 'tell, thread to thread', unit: 'msg/s', goal: { at: 'least', value: 3e6 }, ceiling } as const
  return [
    [
      ceiling,
      (seconds) =>
        rateElsewhere({ name: ceiling, unit: 'msg/s' }, floodMessages, seconds, () => bare.flood(floodMessages)),
    ],
    [
      head.name,
      (seconds) =>
        rateElsewhere(head, floodMessages, seconds, async () => {
          replied(await node.ask(from, { type: 'flood', to, count: floodMessages }, 60_000))
        }),
    ],
  ]
}

function asks(node: RealNode, bare: BareThreads, from: ActorRef, to: ActorRef): Step[] {
  const start = async (count: number, inFlight: number): Promise<number[]> =>
    replied(await node.ask(from, { type: 'start', to, count, inFlight }, 60_000)) as number[]
  const rate = { name: 'ask, thread to thread', unit: 'ask/s', goal: { at: 'least', value: 3e5 } } as const
  const ceiling = 'bare round trip, p50'
  const half = { name: 'ask, one at a time, p50', unit: 'µs', goal: { at: 'most', value: 15 }, ceiling } as const
  return [
    [
      rate.name,
      (seconds) =>
        rateElsewhere(rate, asksPerBatch, seconds, async () => void (await start(asksPerBatch, asksInFlight))),
    ],
    [ceiling, (seconds) => medians({ name: ceiling, unit: 'µs' }, seconds, () => bare.roundTrips(roundTrips))],
    [half.name, (seconds) => medians(half, seconds, async () => (await start(roundTrips, 1)).map((ms) => ms * 1_000))],
  ]
}

/** A figure whose samples are the medians of many short runs. */
async function medians(
  head: Parameters<typeof figure>[0],
  seconds: number,
  run: () => Promise<readonly number[]>,
): Promise<Figure> {
  const samples: number[] = []
  for (const until = performance.now() + seconds * 1_000; samples.length < 5 || performance.now() < until; ) {
    samples.push(
      quantile(
        [...(await run())].sort((a, b) => a - b),
        0.5,
      ),
    )
  }
  return figure(head, samples)
}

function replied(answer: Answer): unknown {
  if (answer.type !== 'reply') throw new Error(`bench: wanted a reply, got ${JSON.stringify(answer)}`)
  return answer.value
}
