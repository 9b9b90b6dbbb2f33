/**
 * What every thread of a node knows before its first actor: the state machines it may be asked to replicate. Called on each
 * worker and on the host's thread with the addresses of all of them.
 */
import { type MachineAddress, registerMachine } from '../actors/raft/machines.ts'

/** @throws {TypeError} A module does not export the machine it is said to. */
export async function bootMachines(addresses: readonly MachineAddress[]): Promise<void> {
  for (const { module, exportName } of addresses) {
    const exports = (await import(module)) as Record<string, unknown>
    const machine = exports[exportName] as Parameters<typeof registerMachine>[0] | undefined
    if (typeof machine?.apply !== 'function')
      throw new TypeError(`module ${module} exports no state machine '${exportName}'`)
    registerMachine(machine)
  }
}
