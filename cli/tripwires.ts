/**
 * While a simulated world runs, nothing may touch the real one: its clocks, randomness and timers throw, and name
 * themselves. Laid around a run by whoever starts it, since the simulator's own room cannot even name them.
 */

/** Something of the real world was touched within a simulated step. */
export class TripwireError extends Error {
  override readonly name = 'TripwireError'
}

type Owner = Record<string, unknown>

const wires: readonly (readonly [owner: object, member: string, name: string])[] = [
  [Math, 'random', 'Math.random'],
  [performance, 'now', 'performance.now'],
  [globalThis, 'setTimeout', 'setTimeout'],
  [globalThis, 'setInterval', 'setInterval'],
  [globalThis, 'setImmediate', 'setImmediate'],
  [globalThis, 'queueMicrotask', 'queueMicrotask'],
  [process, 'nextTick', 'process.nextTick'],
  [process, 'hrtime', 'process.hrtime'],
  [process, 'memoryUsage', 'process.memoryUsage'],
  [globalThis.crypto, 'getRandomValues', 'crypto.getRandomValues'],
  [globalThis.crypto, 'randomUUID', 'crypto.randomUUID'],
]

/** Runs `run`, which is synchronous, with all wires laid; takes them up again whatever comes of it. */
export function withTripwires<T>(run: () => T): T {
  const taken = wires.map(([owner, member]) => Object.getOwnPropertyDescriptor(owner, member))
  const date = globalThis.Date
  for (const [owner, member, name] of wires) {
    const trip = (): never => touched(name)
    Object.defineProperty(owner, member, { value: trip, configurable: true, writable: true })
  }
  globalThis.Date = new Proxy(date, {
    // A date made of a number is arithmetic; one made of nothing is the present.
    construct: (target, words) => (words.length === 0 ? touched('new Date()') : Reflect.construct(target, words)),
    apply: () => touched('Date()'),
    get: (target, member) => (member === 'now' ? () => touched('Date.now') : Reflect.get(target, member)),
  })
  try {
    return run()
  } finally {
    globalThis.Date = date
    for (const [at, [owner, member]] of wires.entries()) {
      const descriptor = taken[at]
      if (descriptor === undefined) delete (owner as Owner)[member]
      else Object.defineProperty(owner, member, descriptor)
    }
  }
}

function touched(name: string): never {
  throw new TripwireError(`${name} was used within a simulated step`)
}
