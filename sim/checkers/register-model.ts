/**
 * One register: what it holds is what was put last.
 *
 *   put(v)          sets v
 *   get() → v       finds v
 *   cas(e, v) → ok  sets v where it finds e; tells whether it did
 */
import { type Interval, type LinearizabilityVerdict, linearize, type Model, searchStepsMax } from './linearizability.ts'

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

/** What a register holds, as a state of its own: two registers that hold the same are the same. */
export class RegisterModel implements Model<{ readonly value: RegisterValue }, RegisterOperation> {
  readonly initial: { readonly value: RegisterValue }

  constructor(initial: RegisterValue) {
    this.initial = { value: initial }
  }

  step(
    state: { readonly value: RegisterValue },
    call: RegisterOperation,
  ): { readonly value: RegisterValue } | undefined {
    switch (call.type) {
      case 'put':
        return { value: call.value }
      case 'get':
        return call.found === state.value ? state : undefined
      case 'cas': {
        const matches = call.expected === state.value
        if (call.ok !== undefined && call.ok !== matches) return undefined
        return matches ? { value: call.value } : state
      }
    }
  }

  reads(call: RegisterOperation): boolean {
    return call.type === 'get' || (call.type === 'cas' && call.ok === false)
  }

  key({ value }: { readonly value: RegisterValue }): string {
    return value === undefined ? '' : `=${value}`
  }
}

/** @param stepsMax - Calls tried before the search is given up. */
export function checkRegister(
  history: readonly RegisterOperation[],
  initial: RegisterValue,
  stepsMax: number = searchStepsMax,
): LinearizabilityVerdict {
  const calls = history.map((call): Interval<RegisterOperation> => ({ call, began: call.beganMs, ended: call.endedMs }))
  return linearize(new RegisterModel(initial), calls, stepsMax)
}
