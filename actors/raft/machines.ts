/**
 * The state machines this thread can run, by the address that travels in a replica's arguments. A thread imports a
 * machine's module (which defines it) and registers it before it spawns a replica of it; nothing here loads code.
 */
import type { StateMachine } from './state-machine.ts'

/** A machine whose types only its own module knows. */
export type AnyMachine = StateMachine<unknown, unknown, unknown, unknown, unknown, unknown>

export interface MachineAddress {
  readonly module: string
  readonly exportName: string
}

const machines = new Map<string, AnyMachine>()

/** Safe to repeat; the newest definition under an address wins. */
// biome-ignore lint/suspicious/noExplicitAny: a machine's own types are contravariant; no other type accepts every machine.
export function registerMachine(machine: StateMachine<any, any, any, any, any, any>): void {
  machines.set(`${machine.module}#${machine.exportName}`, machine)
}

/**
 * @throws {RangeError} No machine was registered under that address on this thread.
 */
export function machineOf(address: MachineAddress): AnyMachine {
  const machine = machines.get(`${address.module}#${address.exportName}`)
  if (machine === undefined) {
    throw new RangeError(
      `replica: no state machine '${address.exportName}' of ${address.module} is registered on this thread; ` +
        `registered: ${[...machines.keys()].join(', ') || 'none'}`,
    )
  }
  return machine
}
