/** Runs what a thread must know before its first actor (the state machines it may be asked to replicate, say). */
import type { WorkerBoot } from './control.ts'

export async function runBoot({ module, exportName, argument }: WorkerBoot): Promise<void> {
  const exports = (await import(module)) as Record<string, unknown>
  const boot = exports[exportName]
  if (typeof boot !== 'function') throw new TypeError(`boot: module ${module} has no function '${exportName}'`)
  await boot(argument)
}
