/** Bugs of coordination: who holds, what a late write does, who has a message, which number comes next. */
import type { Area } from './mutation.ts'

const recipes = 'client/coordination/recipes'

export const coordination: Area = {
  area: 'coordination',
  mutations: [
    {
      name: 'turn-without-second-look',
      history:
        'A waiter takes the end of the one before it for its own turn, though that one only gave up waiting (G1; the lock recipes of other coordinators got this wrong).',
      file: `${recipes}/place.ts`,
      find: "if (woken === 'stopped') return { type: 'stopped' }",
      replace: "ORIGINAL\n    if (MUTANT) return { type: 'turn', revision: seen.revision }",
      expects: ['G2', 'G1', 'G4'],
      scenario: 'G1',
    },
    {
      name: 'wrong-predecessor',
      history: 'A waiter does not see who came right before it, and waits for the one before that (G1).',
      file: `${recipes}/place.ts`,
      find: 'maxCreateRevision: place.token - 1',
      replace: 'maxCreateRevision: place.token - (MUTANT ? 2 : 1)',
      expects: ['G1', 'G4', 'G2'],
      scenario: 'G1',
    },
    {
      name: 'waiter-without-key-holds',
      history: 'A waiter whose lease ended meanwhile is told that it holds, as etcd 3.4 tells it (G2).',
      file: `${recipes}/place.ts`,
      find: '[createdAt(place.key, place.token)],\n      [\n        {',
      replace: '(MUTANT ? [] : [createdAt(place.key, place.token)]),\n      [\n        {',
      expects: ['G2'],
      scenario: 'G10',
    },
    {
      name: 'no-fencing-compare',
      history: 'A guarded write lands whoever holds by then (G3): what a lock without fencing cannot prevent.',
      file: `${recipes}/fence.ts`,
      find: 'return createdAt(key, token)',
      replace:
        "return MUTANT ? { key, result: 'greater', target: { type: 'create', value: -1 } } : createdAt(key, token)",
      expects: ['G3'],
      scenario: 'G1',
    },
    {
      name: 'key-without-lease',
      history: 'The key of a holder hangs on no lease, and stays when the holder has died (G7).',
      file: `${recipes}/place.ts`,
      find: "[{ type: 'put', key, value, lease }], [{ type: 'range', key }]",
      replace: "[{ type: 'put', key, value, lease: MUTANT ? '0' : lease }], [{ type: 'range', key }]",
      expects: ['G7'],
      scenario: 'G1',
    },
    {
      name: 'unlock-by-name',
      history: 'Whoever unlocks takes away all keys of the lock, those of others too (G7).',
      file: `${recipes}/place.ts`,
      find: "[createdAt(key, token)], [{ type: 'deleteRange', key }]",
      replace:
        "(MUTANT ? [] : [createdAt(key, token)]), [MUTANT ? { type: 'deleteRange', key: key.subarray(0, key.lastIndexOf(47) + 1), rangeEnd: Uint8Array.from([...key.subarray(0, key.lastIndexOf(47)), 48]) } : { type: 'deleteRange', key }]",
      expects: ['G7', 'G1'],
      scenario: 'G1',
    },
    {
      name: 'one-permit-too-many',
      history: 'A semaphore gives out one permit more than it has (G5).',
      file: `${recipes}/semaphore.ts`,
      find: 'limit: permits, keysOnly: true',
      replace: 'limit: permits + (MUTANT ? 1 : 0), keysOnly: true',
      expects: ['G5'],
      scenario: 'G1',
    },
    {
      name: 'writer-ignores-readers',
      history: 'A writer waits for other writers alone (G4).',
      file: `${recipes}/rw-lock.ts`,
      find: "mode === 'read' ? under(name, 'write') : under(name)",
      replace: "MUTANT || mode === 'read' ? under(name, 'write') : under(name)",
      expects: ['G4'],
      scenario: 'G1',
    },
    {
      name: 'finish-without-token',
      history: 'A receiver that was late finishes a message that another has by now (G12).',
      file: `${recipes}/queue.ts`,
      find: "[createdAt(claim, token)],\n    [\n      { type: 'deleteRange', key: partOf(name, 'item', place) },",
      replace:
        "(MUTANT ? [] : [createdAt(claim, token)]),\n    [\n      { type: 'deleteRange', key: partOf(name, 'item', place) },",
      expects: ['G12'],
      scenario: 'G11',
    },
    {
      name: 'message-finished-when-delivered',
      history: 'A message is gone as soon as somebody has it: who dies with it takes it along (G11).',
      file: `${recipes}/queue.ts`,
      find: "{ type: 'put', key: item.key, value: emptyBytes, ignoreValue: true },",
      replace:
        "{ type: 'put', key: item.key, value: emptyBytes, ignoreValue: true, ...(MUTANT ? { lease: leaseId } : {}) },",
      expects: ['G11'],
      scenario: 'G11',
    },
    {
      name: 'dead-letter-lost',
      history: 'What was delivered too often leaves the queue and arrives nowhere (G11).',
      file: `${recipes}/queue.ts`,
      find: "{ type: 'put', key: partOf(name, 'dead', place), value: kv.value },",
      replace: "{ type: 'put', key: partOf(name, MUTANT ? 'gone' : 'dead', place), value: kv.value },",
      expects: ['G11'],
      scenario: 'G11',
    },
    {
      name: 'number-read-then-put',
      history: 'A number is read, changed and put, whoever put another in between (G14, G15).',
      file: `${recipes}/update.ts`,
      find: '[kv === undefined ? absent(key) : unchangedSince(key, kv.modRevision)],',
      replace: '(MUTANT ? [] : [kv === undefined ? absent(key) : unchangedSince(key, kv.modRevision)]),',
      expects: ['G14', 'G15'],
      scenario: 'G14',
    },
  ],
}
