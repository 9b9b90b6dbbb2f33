// The page that draws a run, in a real browser without a screen: it must open from disk, say at once what broke and why, and
// stay usable when the run is long. Skipped where there is no Chromium.
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { pageOf } from '../../cli/sim/explain.ts'
import { defineScenario } from '../../sim/scenario.ts'
import type { Delivery, Message, RunTrace } from '../../sim/trace/record.ts'
import { recordRun } from '../../sim/trace/recording.ts'

const run = promisify(execFile)
const chromium = ['chromium', 'chromium-browser', 'google-chrome'].find(isThere)
const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-dev-shm-usage',
  '--hide-scrollbars',
  '--virtual-time-budget=4000',
  '--window-size=1500,900',
]

function isThere(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** A follower's commit index is turned back: found at its next delivery, two elections and a crash after the start. */
const broken = defineScenario('E1: a commit index falls', { seeds: [1], nodes: 3 }, (cluster) => {
  const first = cluster.awaitLeader({ withinMs: 3_000 })
  cluster.client('alice').put('a', 'one')
  cluster.crash(first)
  const second = cluster.awaitLeader({ withinMs: 5_000, among: cluster.others(first) })
  cluster.client('alice').put('a', 'two')
  const core = cluster.core(second)
  assert.ok(core !== undefined)
  core.commit -= 1
  cluster.run({ ms: 200 })
})

const long = defineScenario('E2: a long run', { seeds: [1], nodes: 5, tickMs: 10 }, (cluster) => {
  cluster.awaitLeader({ withinMs: 3_000 })
  for (let at = 0; at < 40; at++) cluster.client('alice').put(`key-${at}`, 'x')
  cluster.run({ ms: 5_000 })
})

interface Dom {
  readonly html: string
  /** What the page says of itself. */
  readonly data: { readonly [name: string]: string }
}

const skip = chromium === undefined ? 'chromium is not installed: apt-get install chromium' : false

describe('the page that draws a run', { skip }, () => {
  let folder = ''
  let trace: RunTrace

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'aspen-explain-'))
    trace = recordRun(broken, 1).trace
    writeFileSync(join(folder, 'run.html'), pageOf(trace, 'npm run sim -- --seed 1'))
  })

  after(() => rmSync(folder, { recursive: true, force: true }))

  async function open(file: string, hash = ''): Promise<Dom> {
    const profile = mkdtempSync(join(folder, 'profile-'))
    const url = `file://${join(folder, file)}${hash}`
    const words = [...flags, `--user-data-dir=${profile}`, '--dump-dom', url]
    const { stdout } = await run(chromium ?? '', words, { maxBuffer: 256 * 1_024 * 1_024, timeout: 60_000 })
    const head = /<html[^>]*>/.exec(stdout)?.[0] ?? ''
    const data = Object.fromEntries(
      [...head.matchAll(/data-([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
    )
    return { html: stdout, data }
  }

  test('it opens at the violation, with the rule, the story and only what led to it', async () => {
    const { html, data } = await open('run.html')

    assert.equal(data['error'], undefined)
    assert.equal(data['ready'], 'yes')
    assert.equal(data['selected'], String(trace.broken?.seq))
    assert.match(html, new RegExp(`<span id="rule">${trace.broken?.invariant}</span>`))
    assert.doesNotMatch(html, /<section id="banner" hidden/)
    const story = [...html.matchAll(/<li class="(\w+)[^"]*"/g)].map(([, link]) => link)
    assert.ok(story.includes('violation'))
    assert.ok(Number(data['shown']) < trace.deliveries.length / 4)
    assert.equal(story.filter((link) => link !== 'fault').length, Number(data['shown']))
    assert.ok(Number(data['dots']) >= Number(data['shown']))
    assert.match(html, /Here the rule was broken/)
  })

  test('it shows the state of every node at the cursor, and a crashed one as down', async () => {
    const { html } = await open('run.html')
    const states = /<div id="states"[^>]*>(.*?)<\/div>/s.exec(html)?.[1] ?? ''
    assert.equal([...states.matchAll(/<th>node \d<\/th>/g)].length, 3)
    assert.match(states, /class="role down">down/)
    assert.match(states, /class="role leader">leader/)
  })

  test('everything is shown on request, and filtered by words', async () => {
    const all = await open('run.html', '#view=all')
    assert.equal(all.data['shown'], String(trace.deliveries.length))
    assert.ok(Number(all.data['arrows']) > 10)

    const some = await open('run.html', '#view=all&filter=leads')
    const told = trace.decisions.filter(({ kinds }) => kinds.some((kind) => kind.startsWith('leadership')))
    assert.equal(some.data['shown'], String(told.length))
  })

  test('keys walk: back, on, to the cause, to the violation', async () => {
    const seq = trace.broken?.seq ?? 0
    assert.equal((await open('run.html', '#view=all&keys=ppn')).data['selected'], String(seq - 1))
    assert.equal((await open('run.html', '#view=all&keys=ppnv')).data['selected'], String(seq))
    const start = trace.deliveries.find(({ parents }) => parents.length > 0)
    const cause = await open('run.html', `#view=all&seq=${start?.seq}&keys=[`)
    assert.equal(cause.data['selected'], String(start?.parents[0]))
  })

  test('the theme is chosen, and the drawing is not empty', async () => {
    assert.equal((await open('run.html', '#theme=dark')).data['theme'], 'dark')

    const picture = join(folder, 'run.png')
    const profile = mkdtempSync(join(folder, 'profile-'))
    const words = [...flags, `--user-data-dir=${profile}`, `--screenshot=${picture}`]
    await run(chromium ?? '', [...words, `file://${join(folder, 'run.html')}#theme=light`], { timeout: 60_000 })
    assert.ok(statSync(picture).size > 40_000, `only ${statSync(picture).size} bytes`)
  })

  test('it loads nothing: no address, no source, and a policy that forbids both', () => {
    const html = readFileSync(join(folder, 'run.html'), 'utf8')
    const [page = ''] = html.split('<script type="application/json"')
    assert.match(page, /Content-Security-Policy" content="default-src 'none'/)
    assert.doesNotMatch(page, /https?:\/\//)
    assert.doesNotMatch(html, /<(?:script|link|img|iframe)[^>]+(?:src|href)=/)
    for (const script of html.matchAll(/<script>(.*?)<\/script>/gs))
      assert.doesNotMatch(script[1] ?? '', /\bfetch\(|XMLHttpRequest|WebSocket|import\(/)
  })

  test('a run of twenty thousand deliveries is drawn, whole and in part', async () => {
    const made = repeated(recordRun(long, 1).trace, 20_000)
    writeFileSync(join(folder, 'long.html'), pageOf(made, 'npm run sim'))

    const whole = await open('long.html')
    assert.equal(whole.data['error'], undefined)
    assert.equal(whole.data['ready'], 'yes')
    assert.equal(whole.data['shown'], String(made.deliveries.length))
    // What lies on the same pixel is drawn once.
    assert.ok(Number(whole.data['dots']) > 500 && Number(whole.data['dots']) < made.deliveries.length)

    const near = await open('long.html', '#scale=steps&seq=15000')
    assert.equal(near.data['selected'], '15000')
    assert.ok(Number(near.data['dots']) < 2_000)
  })
})

/** The same run again and again, until it has `count` deliveries. */
function repeated(trace: RunTrace, count: number): RunTrace {
  const deliveries: Delivery[] = []
  const messages: Message[] = []
  const { length } = trace.deliveries
  for (let round = 0; deliveries.length < count; round++) {
    const [seqs, ids] = [round * length, round * trace.messages.length]
    const later = (seq: number): number => (seq === 0 ? 0 : seq + seqs)
    for (const one of trace.deliveries)
      deliveries.push({
        ...one,
        seq: one.seq + seqs,
        atMs: one.atMs + round * trace.simulatedMs,
        message: one.message + ids,
        parents: one.parents.map(later),
        previous: later(one.previous),
      })
    for (const one of trace.messages)
      messages.push({
        ...one,
        id: one.id + ids,
        sentAtMs: one.sentAtMs + round * trace.simulatedMs,
        sender: later(one.sender),
        deliveries: one.deliveries.map(later),
      })
  }
  return { ...trace, deliveries, messages, simulatedMs: deliveries[deliveries.length - 1]?.atMs ?? 0 }
}
