/**
 * While a simulated world runs, nothing may touch the real one: its clocks, randomness, timers, files, sockets and processes
 * throw, and name themselves and the line that used them. Laid around a run by whoever starts it, since the simulator's own
 * room cannot even name them.
 */
import childProcess from 'node:child_process'
import crypto from 'node:crypto'
import fs from 'node:fs'
import http from 'node:http'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import timers from 'node:timers'
import workers from 'node:worker_threads'

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
  [globalThis, 'fetch', 'fetch'],
  [Atomics, 'wait', 'Atomics.wait'],
  [workers.MessagePort.prototype, 'postMessage', 'MessagePort.postMessage'],
  ...functionsOf('fs', fs, /./),
  ...functionsOf('net', net, /^(connect|createConnection|createServer)$/),
  ...functionsOf('http', http, /^(request|get|createServer)$/),
  ...functionsOf('child_process', childProcess, /^(exec|fork|spawn)/),
  ...functionsOf('crypto', crypto, /^random/),
  ...functionsOf('timers', timers, /^set/),
]

/** The functions of a module that are called to do something: those whose names begin small, and match. */
function functionsOf(module: string, owner: object, names: RegExp): [owner: object, member: string, name: string][] {
  const members = Object.entries(owner).filter(
    ([member, value]) => typeof value === 'function' && /^[a-z]/.test(member),
  )
  return members.filter(([member]) => names.test(member)).map(([member]) => [owner, member, `${module}.${member}`])
}

/** Runs `run`, which is synchronous, with all wires laid; takes them up again whatever comes of it. */
export function withTripwires<T>(run: () => T): T {
  const taken = wires.map(([owner, member]) => Object.getOwnPropertyDescriptor(owner, member))
  const date = globalThis.Date
  for (const [owner, member, name] of wires) {
    const trip = (): never => touched(name)
    Object.defineProperty(owner, member, { value: trip, configurable: true, writable: true })
  }
  // What was imported by name is to be the wire, too.
  syncBuiltinESMExports()
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
    syncBuiltinESMExports()
  }
}

function touched(name: string): never {
  const lines = new Error().stack?.split('\n').slice(1) ?? []
  const where = lines.find((line) => !line.includes('/tripwires.'))?.trim() ?? 'at a place unknown'
  throw new TripwireError(`${name} was used within a simulated step, ${where}`)
}
