/**
 * Whether the history of one register could have happened in one order: the search of Wing and Gong with Lowe's memory of
 * what was tried before. Operations of which nobody knows the outcome may take effect at any time after they began, or never.
 *
 *   put(v)          sets v
 *   get() → v       finds v
 *   cas(e, v) → ok  sets v where it finds e; tells whether it did
 */

export type RegisterValue = string | undefined

export type RegisterOperation = {
  readonly beganMs: number
  /** Undefined: nobody knows whether it happened. A get without an answer says nothing and is left out. */
  readonly endedMs: number | undefined
} & (
  | { readonly type: 'put'; readonly value: RegisterValue }
  | { readonly type: 'get'; readonly found: RegisterValue }
  | {
      readonly type: 'cas'
      readonly expected: RegisterValue
      readonly value: RegisterValue
      readonly ok: boolean | undefined
    }
)

export type LinearizabilityVerdict =
  | { readonly type: 'linearizable' }
  | { readonly type: 'impossible'; readonly longest: number }
  /** The search was given up after `stepsMax`. */
  | { readonly type: 'undecided' }

/** @param stepsMax - Operations tried before the search is given up. */
export function checkRegister(
  history: readonly RegisterOperation[],
  initial: RegisterValue,
  stepsMax: number = 200_000,
): LinearizabilityVerdict {
  const operations = [...history].sort((a, b) => a.beganMs - b.beganMs)
  const count = operations.length
  const done = new Array<boolean>(count).fill(false)
  const mustEnd = operations.filter(({ endedMs }) => endedMs !== undefined).length
  const tried = new Set<string>()
  let steps = 0
  let longest = 0

  const search = (value: RegisterValue, ended: number): 'yes' | 'no' | 'unknown' => {
    longest = Math.max(longest, ended)
    if (ended === mustEnd) return 'yes'
    // Only what began before every open operation ended can be next.
    let firstEnd = Number.POSITIVE_INFINITY
    let lowest = count
    for (let i = 0; i < count; i++) {
      if (done[i] === true) continue
      const { beganMs, endedMs } = operations[i] as RegisterOperation
      if (i < lowest) lowest = i
      if (beganMs > firstEnd) break
      if (endedMs !== undefined && endedMs < firstEnd) firstEnd = endedMs
    }
    const memory = keyOf(done, lowest, value)
    if (tried.has(memory)) return 'no'
    tried.add(memory)
    for (let i = lowest; i < count; i++) {
      const operation = operations[i] as RegisterOperation
      if (operation.beganMs > firstEnd) break
      if (done[i] === true) continue
      const next = apply(operation, value)
      if (next === impossible) continue
      steps += 1
      if (steps > stepsMax) return 'unknown'
      done[i] = true
      const found = search(next.value, ended + (operation.endedMs === undefined ? 0 : 1))
      done[i] = false
      if (found !== 'no') return found
    }
    return 'no'
  }

  switch (search(initial, 0)) {
    case 'yes':
      return { type: 'linearizable' }
    case 'no':
      return { type: 'impossible', longest }
    case 'unknown':
      return { type: 'undecided' }
  }
}

const impossible = undefined

function apply(
  operation: RegisterOperation,
  value: RegisterValue,
): { readonly value: RegisterValue } | typeof impossible {
  switch (operation.type) {
    case 'put':
      return { value: operation.value }
    case 'get':
      return operation.found === value ? { value } : impossible
    case 'cas': {
      const matches = operation.expected === value
      if (operation.ok !== undefined && operation.ok !== matches) return impossible
      return { value: matches ? operation.value : value }
    }
  }
}

/** What is done from the first that is not, in groups of 16, and the value. */
function keyOf(done: readonly boolean[], lowest: number, value: RegisterValue): string {
  let key = `${lowest} ${value ?? '\u0000'} `
  for (let from = lowest; from < done.length; from += 16) {
    let bits = 0
    for (let i = 0; i < 16; i++) if (done[from + i] === true) bits |= 1 << i
    key += String.fromCharCode(bits)
  }
  return key
}
