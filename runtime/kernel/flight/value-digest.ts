/**
 * A number for any value, the same for equal values: what two runs of an actor are compared by. Functions and private
 * fields count for nothing, so that a state that holds its context has the same digest in both worlds.
 */
import { hash32, hashText, mix32 } from '../../../base/digest.ts'

/** The folder that this installation's modules lie in: what two installations of one version differ in. */
export const houseUrl: string = import.meta.url.slice(0, import.meta.url.lastIndexOf('runtime/kernel/flight/'))

const depthMax = 200
const halves = new DataView(new ArrayBuffer(8))

class Walk {
  hash = 0
  left: number

  constructor(valuesMax: number) {
    this.left = valuesMax
  }

  add(value: number): void {
    const mixed = Math.imul(this.hash ^ value, 0x9e3779b1)
    this.hash = mixed ^ (mixed >>> 15)
  }
}

/** Of all `values`, in order, 32 bits. A value nested without end counts as far as it is looked at. */
export function digestOf(...values: readonly unknown[]): number {
  const walk = new Walk(Number.POSITIVE_INFINITY)
  for (const value of values) addValue(walk, value, 0)
  return mix32(walk.hash)
}

/** As `digestOf`, but undefined where more than `valuesMax` values would have to be looked at. */
export function digestWithin(value: unknown, valuesMax: number): number | undefined {
  const walk = new Walk(valuesMax)
  addValue(walk, value, 0)
  return walk.left < 0 ? undefined : mix32(walk.hash)
}

function addValue(walk: Walk, value: unknown, depth: number): void {
  walk.left -= 1
  if (walk.left < 0) return
  switch (typeof value) {
    case 'number':
      addNumber(walk, value)
      break
    case 'string':
      walk.add(2)
      walk.add(hashText(value.startsWith(houseUrl) ? value.slice(houseUrl.length) : value))
      break
    case 'boolean':
      walk.add(value ? 3 : 4)
      break
    case 'undefined':
      walk.add(5)
      break
    case 'bigint':
      walk.add(6)
      walk.add(hashText(value.toString()))
      break
    case 'object':
      if (value === null) walk.add(7)
      else if (depth < depthMax) addObject(walk, value, depth + 1)
      break
    default:
      walk.add(8)
  }
}

function addNumber(walk: Walk, value: number): void {
  if ((value | 0) === value) {
    walk.add(1)
    walk.add(value)
    return
  }
  halves.setFloat64(0, value)
  walk.add(9)
  walk.add(halves.getInt32(0))
  walk.add(halves.getInt32(4))
}

function addObject(walk: Walk, value: object, depth: number): void {
  if (value instanceof Uint8Array) {
    walk.add(10)
    walk.add(hash32(value))
  } else if (Array.isArray(value)) {
    walk.add(11)
    walk.add(value.length)
    for (const item of value) addValue(walk, item, depth)
  } else if (value instanceof Map || value instanceof Set) {
    walk.add(value instanceof Map ? 12 : 13)
    for (const item of value) addValue(walk, item, depth)
  } else if (value instanceof Error) {
    walk.add(14)
    addValue(walk, value.message, depth)
  } else {
    addFields(walk, value as Record<string, unknown>, depth)
  }
}

function addFields(walk: Walk, value: Record<string, unknown>, depth: number): void {
  walk.add(15)
  const time = value['getTime']
  if (typeof time === 'function') addValue(walk, Number(time.call(value)), depth)
  for (const name of Object.keys(value)) {
    const field = value[name]
    if (typeof field === 'function') continue
    walk.add(hashText(name))
    addValue(walk, field, depth)
  }
}
