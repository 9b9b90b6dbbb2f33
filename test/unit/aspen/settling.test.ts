import assert from 'node:assert/strict'
import { test } from 'node:test'
import { executorOf, metaGroup } from '../../../aspen/plan.ts'
import type { Replicas } from '../../../aspen/replicas.ts'
import { settleStores } from '../../../aspen/settling.ts'

const executors = 3
const groups = ['default', 'orders', 'users', 'stock']
const of = (executor: number): string[] =>
  [metaGroup, ...groups].filter((group) => executorOf(group, executors) === executor)

test('R25: the mark of a lost store goes when every group on it is trusted, by the list that a quorum has', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let version = 0
  let leads = false
  const trusted = new Set<string>()
  const asked: string[] = []
  const replicas = {
    read: async (_group: string, _query: unknown, consistency: string) => {
      assert.equal(consistency, 'linearizable')
      if (!leads) throw new Error('no leader')
      return {
        answer: { version, members: [], removed: [], groups: groups.map((name) => ({ name })) },
        index: 1,
        term: 1,
      }
    },
    progress: async (node: number, group: string) => {
      assert.equal(node, 7)
      asked.push(group)
      return { type: 'progress', lastIndex: 0, forgetful: !trusted.has(group), followers: [] }
    },
  } as unknown as Replicas
  const settled: number[] = []
  const look = async (): Promise<void> => {
    t.mock.timers.tick(500)
    for (let n = 0; n < 20; n++) await Promise.resolve()
  }
  assert.ok(of(1).length >= 2 && of(2).length >= 1, 'the names spread over both workers')

  const stop = settleStores({
    node: 7,
    executors,
    wiped: [1, 2],
    replicas,
    settled: (executor) => settled.push(executor),
  })
  await look()
  leads = true
  for (const group of [metaGroup, ...groups]) trusted.add(group)
  await look()
  assert.deepEqual(settled, [], 'a list nobody founded says nothing')

  version = 4
  trusted.delete(of(1)[0] as string)
  await look()
  assert.deepEqual(settled, [2])

  asked.length = 0
  trusted.add(of(1)[0] as string)
  await look()
  assert.deepEqual(settled, [2, 1])
  assert.deepEqual(asked, of(1))
  await look()
  assert.deepEqual(asked, of(1), 'nothing is left to look for')
  stop()
})
