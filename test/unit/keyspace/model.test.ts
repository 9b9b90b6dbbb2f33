import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compactStep } from '../../../actors/keyspace/compact.ts'
import type {
  Compare,
  KeyspaceCommand,
  RangeRequest,
  TxnOperation,
  TxnRequest,
} from '../../../actors/keyspace/messages.ts'
import { Reference } from './reference.ts'
import { Replica } from './replica.ts'

const leases = ['7', '9007199254740993']

// Few and short, so that histories of one key grow and ranges overlap.
const byte = fc.constantFrom(0x00, 0x61, 0x62, 0xff)
const key = fc.array(byte, { minLength: 1, maxLength: 2 }).map((bytes) => new Uint8Array(bytes))
const value = fc.uint8Array({ minLength: 0, maxLength: 6 })
const selection = fc.oneof(
  { weight: 2, arbitrary: fc.record({ key }) },
  { weight: 2, arbitrary: fc.record({ key, rangeEnd: key }) },
  { weight: 1, arbitrary: fc.record({ key, rangeEnd: fc.constant(new Uint8Array([0])) }) },
)
const leaseId = fc.constantFrom('0', '0', '0', ...leases, '5')

/** Revisions relative to the present one, mapped when the command is run. */
const revision = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.nat(40) })
const bound = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 30 }) },
)

const range = fc
  .tuple(
    selection,
    fc.record({
      revision,
      limit: fc.nat(3),
      sortOrder: fc.constantFrom('none' as const, 'ascend' as const, 'descend' as const),
      sortTarget: fc.constantFrom('key', 'version', 'create', 'mod', 'value') as fc.Arbitrary<
        NonNullable<RangeRequest['sortTarget']>
      >,
      keysOnly: fc.boolean(),
      countOnly: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
      minModRevision: bound,
      maxModRevision: bound,
      minCreateRevision: bound,
      maxCreateRevision: bound,
    }),
  )
  .map(([selected, options]): RangeRequest => ({ type: 'range', ...selected, ...options }))

const put = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('put' as const), key, value, lease: leaseId, prevKv: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('put' as const),
      key,
      value: fc.constant(new Uint8Array(0)),
      prevKv: fc.boolean(),
      ignoreValue: fc.boolean(),
      ignoreLease: fc.constant(true),
    }),
  },
)

const deletion = fc
  .tuple(selection, fc.boolean())
  .map(([selected, prevKv]) => ({ type: 'deleteRange' as const, ...selected, prevKv }))

const target: fc.Arbitrary<Compare['target']> = fc.oneof(
  fc.record({ type: fc.constantFrom('version' as const, 'create' as const, 'mod' as const), value: fc.nat(6) }),
  fc.record({ type: fc.constant('value' as const), value }),
  fc.record({
    type: fc.constant('lease' as const),
    value: fc.constantFrom('0', '-3', ...leases, '12345678901234567890'),
  }),
)
const compare = fc
  .tuple(selection, target, fc.constantFrom('equal' as const, 'greater' as const, 'less' as const, 'notEqual' as const))
  .map(([selected, wanted, result]): Compare => ({ ...selected, target: wanted, result }))

function txnOf(operation: fc.Arbitrary<TxnOperation>): fc.Arbitrary<TxnRequest> {
  return fc.record({
    type: fc.constant('txn' as const),
    compare: fc.array(compare, { maxLength: 2 }),
    success: fc.array(operation, { maxLength: 3 }),
    failure: fc.array(operation, { maxLength: 3 }),
  })
}
const { operation } = fc.letrec<{ operation: TxnOperation; txn: TxnRequest }>((tie) => ({
  operation: fc.oneof({ depthSize: 'small', maxDepth: 2 }, range, put, deletion, tie('txn')),
  txn: txnOf(tie('operation')),
}))
const reads = fc.oneof(range, txnOf(range))

type Step =
  | { readonly type: 'command'; readonly command: KeyspaceCommand }
  | { readonly type: 'query'; readonly query: RangeRequest | TxnRequest }
  | { readonly type: 'compact'; readonly back: number }
  | { readonly type: 'remove'; readonly records: number }
  | { readonly type: 'restart' }
  | { readonly type: 'restore' }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: put.map((command) => ({ type: 'command' as const, command })) },
  { weight: 4, arbitrary: deletion.map((command) => ({ type: 'command' as const, command })) },
  { weight: 8, arbitrary: txnOf(operation).map((command) => ({ type: 'command' as const, command })) },
  { weight: 8, arbitrary: reads.map((query) => ({ type: 'query' as const, query })) },
  { weight: 2, arbitrary: fc.integer({ min: -2, max: 8 }).map((back) => ({ type: 'compact' as const, back })) },
  { weight: 2, arbitrary: fc.nat(6).map((records) => ({ type: 'remove' as const, records })) },
  { weight: 1, arbitrary: fc.constant({ type: 'restart' as const }) },
  { weight: 1, arbitrary: fc.constant({ type: 'restore' as const }) },
)

function open(cacheBytesMax: number): Replica {
  const replica = new Replica(cacheBytesMax)
  withLeases(replica)
  return replica
}

function withLeases(replica: Replica): void {
  replica.state.leaseExists = (lease) => leases.includes(lease)
}

test('M1, K2 to K9, K13, K14: every answer is the reference’s, whatever a replica went through', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }), (steps) => {
      // `busy` removes, restarts and moves over snapshots; `calm` only applies. Neither may show.
      const busy = open(600)
      const calm = open(0)
      const reference = new Reference(leases)

      for (const each of steps) take(each, busy, calm, reference)

      assert.equal(busy.digest, calm.digest)
      assert.deepEqual({ ...busy.status, removable: 0 }, { ...calm.status, removable: 0 })
      for (let at = Math.max(1, calm.status.compactRevision); at <= calm.state.revision; at++) {
        assert.equal(busy.hashKv(at), calm.hashKv(at), `hashKv at ${at}`)
      }
    }),
    { numRuns: 300 },
  )
})

function take(each: Step, busy: Replica, calm: Replica, reference: Reference): void {
  switch (each.type) {
    case 'command':
      applyAlike(each.command, busy, calm, reference)
      break
    case 'compact':
      applyAlike({ type: 'compact', revision: reference.revision - each.back }, busy, calm, reference)
      break
    case 'query': {
      const expected = reference.query(each.query)
      assert.deepEqual(busy.query(each.query), expected)
      assert.deepEqual(calm.query(each.query), expected)
      break
    }
    case 'remove':
      compactStep(busy.state, each.records)
      break
    case 'restart':
      busy.restart()
      withLeases(busy)
      break
    case 'restore':
      busy.restore(busy.snapshot())
      withLeases(busy)
      break
  }
}

function applyAlike(command: KeyspaceCommand, busy: Replica, calm: Replica, reference: Reference): void {
  const expected = reference.apply(command)
  assert.deepEqual(busy.apply(command), expected)
  assert.deepEqual(calm.apply(command), expected)
}
