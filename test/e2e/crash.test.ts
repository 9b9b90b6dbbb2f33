// The crash rounds, short. `npm run torture` is the same at length.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crashRounds, summaryOf } from '../torture/rounds.ts'
import { withCluster } from './cluster.ts'

test('kill -9 under load: every acknowledged write stays, no transaction is torn, replicas stay equal', () =>
  withCluster({ nodes: 3, flags: ['--snapshot-count=200'] }, async (cluster) => {
    const outcome = await crashRounds(cluster, { rounds: 4, writers: 6, valueBytes: 100, seed: 4 })

    assert.deepEqual(outcome.wrong, [], summaryOf(outcome))
    assert.ok(outcome.acknowledged > 100, summaryOf(outcome))
  }))
