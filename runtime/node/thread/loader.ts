/** Loads definitions by module address. A module is imported once per thread; what it exports stays. */
const loaded = new Map<string, Promise<Record<string, unknown>>>()

/** Calls `done` in a later turn with the export, or with undefined and the reason. */
export function loadExport(module: string, exportName: string, done: (value: unknown, reason: string) => void): void {
  let promise = loaded.get(module)
  if (promise === undefined) {
    promise = import(module) as Promise<Record<string, unknown>>
    loaded.set(module, promise)
  }
  promise.then(
    (exports) => {
      const value = exports[exportName]
      done(value, value === undefined ? `module ${module} has no export '${exportName}'` : '')
    },
    (error: unknown) => {
      // A failed import may succeed later (a file that was just being written): it is not remembered.
      loaded.delete(module)
      done(undefined, `module ${module} cannot be loaded: ${String(error)}`)
    },
  )
}
