import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { defineActor } from '../../../runtime/kernel/actor.ts'
import { backoffOf, type ChildSpec, child, type SupervisorSpec, validateSpec } from '../../../supervisors/spec.ts'
import { defineSupervisor } from '../../../supervisors/supervisor.ts'
import { rootSpec } from '../../../supervisors/thread-supervisor.ts'

const worker = defineActor(import.meta.url, { name: 'worker', init: () => ({}), receive: () => undefined })

function aChild(changes: Record<string, unknown> = {}): ChildSpec {
  const base = child('a', worker, { n: 1 }, { restart: 'permanent', stopWithinMs: 100 })
  return { ...base, ...changes } as ChildSpec
}

function aSpec(changes: Record<string, unknown> = {}): SupervisorSpec {
  const base = { name: 'top', strategy: 'oneForOne', restartsMax: 3, restartsWindowMs: 1_000, children: [aChild()] }
  return { ...base, ...changes } as SupervisorSpec
}

describe('validateSpec', () => {
  test('a good spec comes back as it was', () => {
    const spec = aSpec()

    assert.equal(validateSpec(spec), spec)
  })

  const place = { type: 'executor', executor: 1 }
  const faults: [Record<string, unknown>, ErrorConstructor, RegExp][] = [
    [{ name: '' }, TypeError, /supervisor: name must be 1 to 256 characters without a zero byte, not ''/],
    [{ strategy: 'allForOne' }, TypeError, /'top': strategy must be one of .*oneForAll.*, not 'allForOne'/],
    [{ children: {} }, TypeError, /children must be a list, not an object/],
    [{ restartsMax: -1 }, RangeError, /restartsMax must be a whole number of 0 to 1000000, not -1/],
    [{ restartsMax: 1.5 }, TypeError, /restartsMax must be a whole number .*, not 1.5/],
    [{ restartsMax: '3' }, TypeError, /restartsMax must be a whole number .*, not '3'/],
    [{ restartsWindowMs: 0 }, RangeError, /restartsWindowMs must be a whole number of 1 to 86400000, not 0/],
    [{ backoff: { baseMs: 20, maxMs: 10 } }, RangeError, /baseMs must be at most backoff.maxMs \(10\), not 20/],
    [{ backoff: { baseMs: 1, maxMs: 1_001 } }, RangeError, /maxMs must be at most restartsWindowMs \(1000\), not 1001/],
    [
      { strategy: 'restForOne', dynamic: { childrenMax: 5 } },
      RangeError,
      /dynamic children need strategy oneForOne, not restForOne/,
    ],
    [
      { dynamic: { childrenMax: 1 }, children: [aChild(), aChild({ name: 'b' })] },
      RangeError,
      /at least the 2 children .* not 1/,
    ],
    [{ children: [aChild(), aChild()] }, RangeError, /names must differ .*'a' is there twice/],
    [
      { children: [aChild({ name: 'a\0b' })] },
      TypeError,
      /a child's name must be 1 to 256 characters without a zero byte/,
    ],
    [{ children: [aChild({ name: 'top' })] }, RangeError, /'top' is there twice/],
    [{ children: [aChild({ definition: () => 1 })] }, TypeError, /child 'a': definition must come from defineActor/],
    [
      { children: [aChild({ restart: 'always' })] },
      TypeError,
      /child 'a': restart must be one of permanent.*, not 'always'/,
    ],
    [{ children: [aChild({ stopWithinMs: 0 })] }, RangeError, /child 'a': stopWithinMs must be .* 1 to 600000, not 0/],
    [
      { children: [aChild({ place, args: { on: { done: () => 1 } } })] },
      TypeError,
      /args.on.done \(a function\) is not/,
    ],
  ]
  for (const [changes, kind, text] of faults) {
    test(`refuses: ${text.source}`, () => {
      assert.throws(
        () => validateSpec(aSpec(changes)),
        (error: Error) => error.constructor === kind && text.test(error.message),
      )
    })
  }

  test('functions in arguments are the business of children that stay on the thread of their supervisor', () => {
    assert.ok(validateSpec(aSpec({ children: [aChild({ args: { done: () => 1 } })] })))
  })

  test('a spec without delays gets ones that fit its window', () => {
    assert.deepEqual(backoffOf(aSpec()), { baseMs: 10, maxMs: 1_000 })
    assert.deepEqual(backoffOf(aSpec({ restartsWindowMs: 60_000 })), { baseMs: 10, maxMs: 2_000 })
    assert.deepEqual(backoffOf(aSpec({ restartsWindowMs: 4 })), { baseMs: 4, maxMs: 4 })
  })
})

test('rootSpec: one subtree per executor, placed on it', () => {
  const subtree = defineSupervisor(import.meta.url, 'subtree', (config: { readonly on: number }) =>
    aSpec({ name: `threads/${config.on}` }),
  )

  const spec = validateSpec(
    rootSpec({
      name: 'node',
      executors: [0, 2],
      subtree,
      configOf: (on) => ({ on }),
      restartsMax: 5,
      restartsWindowMs: 10_000,
      stopWithinMs: 1_000,
    }),
  )

  assert.deepEqual(
    spec.children.map(({ name, args, place }) => [name, args, place]),
    [
      ['node/0', { on: 0 }, { type: 'executor', executor: 0 }],
      ['node/2', { on: 2 }, { type: 'executor', executor: 2 }],
    ],
  )
})
