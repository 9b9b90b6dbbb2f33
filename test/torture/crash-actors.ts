/**
 * Ten thousand crashing actors on real threads, whose threads die as well:
 *
 *   node dist/test/torture/crash-actors.js --seconds 120 --actors 10000
 *
 * When the storm is over every actor and every supervisor must answer. The verdict is the last line of stdout; exit code 1
 * when anybody was lost.
 */
import { parseArgs } from 'node:util'
import type { Answer } from '../../runtime/kernel/actor.ts'
import { edgeSpawn, edgeTell } from '../../runtime/kernel/edge.ts'
import { openRealNode, type RealNode } from '../contract/real-node.ts'
import { type CrashPlan, crashRoot, namesOf } from '../soak/crashers.ts'

/** A pool gives up after more than five deaths in a minute, so they come rarer than that. */
const deathEveryMs = 15_000
const calmMs = 15_000
const crashersPerNursery = 100

process.exitCode = await main(process.argv.slice(2))

async function main(words: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...words],
    options: { seconds: { type: 'string', default: '60' }, actors: { type: 'string', default: '10000' } },
  })
  const seconds = Number(values.seconds)
  const nurseriesPerWing = Math.round(Number(values.actors) / 2 / crashersPerNursery)
  if (!(seconds >= 1 && nurseriesPerWing >= 1)) {
    process.stderr.write('crash-actors: wanted --seconds of at least 1 and --actors of at least 200\n')
    return 2
  }
  const node = await openRealNode(2)
  const stormEndsMs = node.host.world.clock.nowMs() + seconds * 1_000
  const plan: CrashPlan = {
    executors: [1, 2],
    nurseriesPerWing,
    crashersPerNursery,
    beatMs: 2_000,
    crashShare: 0.05,
    stormEndsMs,
  }
  try {
    await storm(node, plan)
    await pause(calmMs)
    const lost = [...(await muteOf(node, plan)), ...node.notices.filter((notice) => notice.startsWith('fatal'))]
    for (const name of lost.slice(0, 50)) process.stdout.write(`lost: ${name}\n`)
    const deaths = node.notices.filter((notice) => notice.startsWith('death')).length
    const rssMb = Math.round(process.memoryUsage().rss / 2 ** 20)
    process.stdout.write(`crash-actors: ${deaths} threads died, ${lost.length} lost, ${rssMb} MB in the end\n`)
    return lost.length === 0 ? 0 : 1
  } finally {
    await node.close()
  }
}

/** Lets everything crash until the storm is over, a thread every now and then. */
async function storm(node: RealNode, plan: CrashPlan): Promise<void> {
  const root = edgeSpawn(node.host, crashRoot, plan, { name: 'crash' })
  const leftMs = (): number => plan.stormEndsMs - node.host.world.clock.nowMs()
  for (let deaths = 0; leftMs() > 0; ) {
    await pause(Math.min(deathEveryMs, Math.max(0, leftMs())))
    await report(node, leftMs())
    if (leftMs() <= deathEveryMs / 2) continue
    const executor = 1 + (deaths % 2)
    // Its answer may die with it, so nobody waits for one.
    void node.pool.control(executor)?.crash(deaths % 4 < 2 ? 'throw' : 'exit')
    deaths += 1
    // Each life of a thread is one `up`: the first of all, and one for each death of this executor.
    await node.noticed(`up ${executor}`, 1 + Math.ceil(deaths / 2))
    edgeTell(node.host, root, { type: 'threadReady', executor }, 'control')
  }
}

async function report(node: RealNode, leftMs: number): Promise<void> {
  const stats = await Promise.all(node.pool.executors.map((executor) => node.pool.control(executor)?.stats()))
  const told = stats.map((one) => `${one?.actors} actors, ${one?.turns} turns, ${one?.commits} commits`).join('; ')
  process.stderr.write(`${Math.max(0, Math.round(leftMs / 1_000))} s left: ${told}\n`)
}

/** Whoever does not answer. */
async function muteOf(node: RealNode, plan: CrashPlan): Promise<string[]> {
  const { supervisors, crashers } = namesOf(plan)
  const asked: readonly (readonly [string, unknown])[] = [
    ...supervisors.map((name) => [name, { type: 'listChildren' }] as const),
    ...crashers.map((name) => [name, { type: 'ping' }] as const),
  ]
  const answers = await Promise.all(
    asked.map(
      async ([name, message]): Promise<readonly [string, Answer]> => [
        name,
        await node.ask({ type: 'named', node: 1, name }, message, 30_000),
      ],
    ),
  )
  return answers.filter(([, answer]) => answer.type !== 'reply').map(([name, answer]) => `${name} (${answer.type})`)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
