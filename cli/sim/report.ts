/** The last page of a run of seeds: one HTML file that opens from disk. */
import type { CoverageReport, ProbeRow, SiteRow } from '../../sim/coverage-report.ts'
import type { KeptFailure } from './failures.ts'

export interface ReportFacts {
  readonly scenario: string
  readonly seeds: number
  readonly deliveries: number
  readonly simulatedSeconds: number
  readonly wallSeconds: number
  readonly hash: string
  readonly failures: readonly KeptFailure[]
  readonly coverage: CoverageReport
}

export function reportPage(facts: ReportFacts): string {
  const { scenario, seeds, failures, coverage } = facts
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>${inHtml(scenario)}: ${seeds} seeds, ${failures.length} failed</title>
<style>${style}</style>
<main>
<h1>${inHtml(scenario)} <small>${seeds.toLocaleString('en')} seeds</small></h1>
<p class="${failures.length === 0 ? 'good' : 'bad'}">${failures.length === 0 ? 'No failure.' : `${failures.length} failed.`}</p>
<dl>${numbersOf(facts)}</dl>
${failures.length === 0 ? '' : `<h2>Failures</h2>${failureTable(failures)}`}
<h2>Fault sites</h2>${coverageTable(coverage.sites, seeds)}
<h2>Probes</h2>${coverageTable(coverage.probes, seeds)}
</main>
</html>
`
}

function numbersOf({ seeds, deliveries, simulatedSeconds, wallSeconds, hash }: ReportFacts): string {
  const wall = Math.max(wallSeconds, 0.001)
  const numbers: readonly (readonly [string, string])[] = [
    ['seeds a second', (seeds / wall).toFixed(1)],
    ['deliveries', deliveries.toLocaleString('en')],
    ['deliveries a second', Math.round(deliveries / wall).toLocaleString('en')],
    ['simulated', `${simulatedSeconds.toFixed(0)} s`],
    ['simulated per wall second', `${(simulatedSeconds / wall).toFixed(1)} s`],
    ['wall', `${wallSeconds.toFixed(1)} s`],
    ['hash', hash],
  ]
  return numbers.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join('')
}

function failureTable(failures: readonly KeptFailure[]): string {
  const rows = failures.map(
    ({ seed, invariant, text, file }) =>
      `<tr><td>${seed}</td><td>${inHtml(invariant)}</td><td><pre>${inHtml(text)}</pre><code>${inHtml(file)}</code></td></tr>`,
  )
  return `<table><tr><th>seed</th><th>rule</th><th>what</th></tr>${rows.join('')}</table>`
}

function coverageTable(places: readonly (SiteRow | ProbeRow)[], seeds: number): string {
  const rows = places.map((place) => {
    const { name, text } = place
    const [activated, runs] = 'fired' in place ? [place.activated, place.fired] : ['', place.reached]
    const share = seeds === 0 ? 0 : (100 * runs) / seeds
    const bar = `<div class="bar"><i style="width:${share.toFixed(2)}%"></i></div>`
    return `<tr class="${runs === 0 ? 'dead' : ''}"><td><code>${inHtml(name)}</code><br><small>${inHtml(text)}</small></td><td>${activated}</td><td>${runs}</td><td>${bar}</td></tr>`
  })
  const head = '<tr><th>name</th><th>active</th><th>runs</th><th>share of the seeds</th></tr>'
  return `<table>${head}${rows.join('')}</table>`
}

function inHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

const style = `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); --good: #1a7f4b; --bad: #c0362c }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 }
main { max-width: 68rem; margin: 0 auto; padding: 2rem 1.25rem }
h1 { font-size: 1.6rem; margin: 0 } h1 small, td small { opacity: .65; font-weight: 400 }
h2 { margin: 2.5rem 0 .5rem; font-size: 1.1rem }
.good { color: var(--good) } .bad { color: var(--bad); font-weight: 600 }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .75rem }
dl div { border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem }
dt { opacity: .65; font-size: .8rem } dd { margin: 0; font-variant-numeric: tabular-nums; font-size: 1.1rem; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top }
th { opacity: .65; font-weight: 500; font-size: .8rem }
td:nth-child(2), td:nth-child(3) { white-space: nowrap } td:last-child { width: 30% }
.dead td { color: var(--bad) }
.bar { background: var(--line); border-radius: 3px; height: .5rem; margin-top: .5rem } .bar i { display: block; height: 100%; min-width: 1px; background: var(--good); border-radius: 3px }
pre { white-space: pre-wrap; margin: 0; font-size: .85rem }
`
