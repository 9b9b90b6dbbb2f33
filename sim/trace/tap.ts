/**
 * Listening in on a method of one object: whoever calls it from now on calls what `make` makes of it. The product knows
 * nothing of it, and a run that is not recorded pays nothing for it.
 */

type Callable = (...words: never[]) => unknown

export function tap<T extends object, K extends keyof T>(target: T, name: K, make: (original: T[K]) => T[K]): void {
  const original = (target[name] as Callable).bind(target) as T[K]
  // A method lies on the class; a property of the object itself stands in front of it.
  target[name] = make(original)
}
