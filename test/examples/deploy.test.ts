// What is copied to a machine and never run here goes wrong in silence: an alert on a metric that does not exist never fires.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { readConfig } from '../../aspen/config.ts'
import { houseRoot } from '../tidy/house.ts'

const read = (path: string): string => readFileSync(join(houseRoot, path), 'utf8')
const ours = /\b(?:aspen|etcd|grpc)_[a-z_]+\b/g
const exposed = new Set(
  [...read('aspen/metrics.ts').matchAll(ours), ...read('gateway/metrics.ts').matchAll(ours)].map(String),
)

test('alerts ask for metrics that exist', () => {
  const { groups } = parse(read('deploy/prometheus/alerts.yaml')) as { groups: { rules: { expr: string }[] }[] }
  const asked = groups.flatMap(({ rules }) => rules.flatMap(({ expr }) => [...expr.matchAll(ours)].map(String)))

  assert.ok(asked.length >= 5, `only ${asked.length} metrics are asked for`)
  assert.deepEqual(
    asked.filter((metric) => !exposed.has(metric)),
    [],
  )
})

test('the page of metrics names all of ours that exist, and no other', () => {
  const page = read('docs/operations.md')
  // `etcd_disk_*` is named there as what is missing, and `…_keys_total` is short for the family of the name before it.
  const named = new Set([...page.matchAll(/`((?:aspen|etcd|grpc)_[a-z_]+)`/g)].map(([, metric = '']) => metric))
  const short = [...page.matchAll(/`…(_[a-z_]+)`/g)].map(([, ending = '']) => ending)

  assert.deepEqual(
    [...named].filter((metric) => !exposed.has(metric)),
    [],
  )
  const metrics = [...exposed].filter((metric) => /^(?:aspen_(?!version)|etcd_|grpc_server_)/.test(metric))
  assert.deepEqual(
    metrics.filter((metric) => !named.has(metric) && !short.some((ending) => metric.endsWith(ending))),
    [],
  )
})

test('the settings of the service are settings', () => {
  const path = '/etc/aspen/aspen.yaml'

  const { config, warnings } = readConfig({
    argv: ['--config-file', path],
    env: {},
    readFile: () => read('deploy/systemd/aspen.yaml'),
    cores: 2,
  })

  assert.ok(read('deploy/systemd/aspen.service').includes(`serve --config-file ${path}`))
  assert.deepEqual([config.name, config.initialCluster.length, warnings], ['n1', 3, []])
})
