/**
 * Writes switches into source texts, pure. Whatever does not fit is a fault with the name of the mutant: a source that moved
 * away under a mutant must be seen at once, not be tried as if nothing had been planted.
 */
import { type Edit, editsOf, type Mutation } from './mutation.ts'

/** The text that asks whether `name` is awake; `globalThis.aspenMutant` holds the name of the one that is. */
export function switchOf(name: string): string {
  return `(globalThis.aspenMutant === '${name}')`
}

export interface Planted {
  /** By path: the text with all its switches. Files without a mutant are not named. */
  readonly texts: ReadonlyMap<string, string>
  readonly faults: readonly string[]
}

interface Place {
  readonly at: number
  readonly find: string
  readonly edits: { readonly name: string; readonly replace: string }[]
}

/** @param read - The text of a source; undefined when there is none. */
export function plant(mutations: readonly Mutation[], read: (path: string) => string | undefined): Planted {
  const faults = faultsOfNames(mutations)
  const texts = new Map<string, string>()
  for (const [path, edits] of byFile(mutations)) {
    const text = read(path)
    if (text === undefined) {
      for (const { name } of edits) faults.push(`${name}: there is no file ${path}`)
      continue
    }
    texts.set(path, bend(path, text, placesOf(path, text, edits, faults), faults))
  }
  return { texts, faults }
}

function faultsOfNames(mutations: readonly Mutation[]): string[] {
  const names = mutations.map(({ name }) => name)
  const faults = names.filter((name, at) => names.indexOf(name) !== at).map((name) => `${name}: named twice`)
  for (const mutation of mutations) {
    if (!/^[a-z0-9-]+$/.test(mutation.name)) faults.push(`${mutation.name}: a name is lower case, digits and dashes`)
    for (const { find, replace } of editsOf(mutation)) {
      if (!replace.includes('MUTANT')) faults.push(`${mutation.name}: nothing asks whether the mutant is awake`)
      if (find.trim() === '') faults.push(`${mutation.name}: there is nothing to find`)
    }
  }
  return faults
}

function byFile(mutations: readonly Mutation[]): Map<string, (Edit & { readonly name: string })[]> {
  const files = new Map<string, (Edit & { readonly name: string })[]>()
  for (const mutation of mutations) {
    for (const { file, find, replace } of editsOf(mutation)) {
      const edits = files.get(file) ?? []
      files.set(file, edits)
      edits.push({ name: mutation.name, file, find, replace })
    }
  }
  return files
}

function placesOf(
  path: string,
  text: string,
  edits: readonly (Edit & { readonly name: string })[],
  faults: string[],
): Place[] {
  const places = new Map<string, Place>()
  for (const { name, find, replace } of edits) {
    const at = text.indexOf(find)
    const count = at < 0 ? 0 : text.split(find).length - 1
    if (count !== 1) {
      faults.push(`${name}: ${path} must hold this exactly once, found ${count} times: ${JSON.stringify(find)}`)
      continue
    }
    const place = places.get(find) ?? { at, find, edits: [] }
    places.set(find, place)
    place.edits.push({ name, replace })
    if (place.edits.length > 1 && !place.edits.every((each) => each.replace.includes('ORIGINAL')))
      faults.push(`${name}: shares its place in ${path} with another, so both must keep ORIGINAL`)
  }
  return [...places.values()].sort((a, b) => a.at - b.at)
}

function bend(path: string, text: string, places: readonly Place[], faults: string[]): string {
  let bent = ''
  let end = 0
  for (const { at, find, edits } of places) {
    if (at < end) {
      faults.push(`${edits[0]?.name}: overlaps with another mutant in ${path}: ${JSON.stringify(find)}`)
      continue
    }
    let made = find
    for (const { name, replace } of edits)
      made = replace.split('ORIGINAL').join(made).split('MUTANT').join(switchOf(name))
    bent += text.slice(end, at) + made
    end = at + find.length
  }
  return bent + text.slice(end)
}
