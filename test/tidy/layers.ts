/**
 * Judges imports: which file may know which other.
 *
 *   T1  no import runs up: a file imports its own floor or a lower one
 *   T2  strangers never import each other
 *   T3  no circle of imports between files, types included
 *   T4  index.ts stands only where package.json exports names it, and nobody imports it from inside
 *   T5  a pure room imports nothing of Node.js, directly or by any road of value imports
 *   T6  a pure core takes its values, by any road, from base and from files beside it alone
 *   T7  every file lies in a room, and every relative import names a file that exists
 */
import { posix } from 'node:path'
import { pureCores, roomOf } from './rooms.ts'
import type { Import, SourceFile } from './source.ts'

export interface Fault {
  readonly rule: string
  readonly path: string
  readonly line: number
  readonly text: string
}

export function describeFault(fault: Fault): string {
  return `${fault.rule}: ${fault.path}:${fault.line}: ${fault.text}`
}

/** All faults of a tree of files. `entries`: the sources that `exports` of package.json names. */
export function judgeLayers(files: readonly SourceFile[], entries: readonly string[]): readonly Fault[] {
  const byPath = new Map(files.map((file) => [file.path, file]))
  return [
    ...files.flatMap((file) => judgeFile(file, byPath)),
    ...judgeIndexes(files, entries),
    ...judgeRoadsToNode(files, byPath),
    ...judgeCores(files, byPath),
    ...judgeCircles(files, byPath),
  ]
}

/** The path an import leads to within the house; undefined for a package. */
export function target(file: SourceFile, { specifier }: Import): string | undefined {
  return specifier.startsWith('.') ? posix.join(posix.dirname(file.path), specifier) : undefined
}

function judgeFile(file: SourceFile, byPath: ReadonlyMap<string, SourceFile>): readonly Fault[] {
  const room = roomOf(file.path)
  if (room === undefined) return [{ rule: 'T7', path: file.path, line: 1, text: 'lies in no room of the house' }]
  const faults: Fault[] = []
  for (const found of file.imports) {
    const to = target(file, found)
    const fault = (rule: string, text: string): void => {
      faults.push({ rule, path: file.path, line: found.line, text })
    }
    if (to === undefined) {
      if (room.pure && found.specifier.startsWith('node:')) fault('T5', `a pure room imports ${found.specifier}`)
      continue
    }
    const other = roomOf(to)
    if (other === undefined || !byPath.has(to)) {
      fault('T7', `imports ${to}, which is no file of the house`)
      continue
    }
    if (other.floor > room.floor) {
      fault(
        'T1',
        `imports ${to}: ${other.folder} (floor ${other.floor}) lies above ${room.folder} (floor ${room.floor})`,
      )
    }
    if (room.strangers.some((stranger) => to.startsWith(`${stranger}/`))) {
      fault('T2', `imports ${to}: ${room.folder} and ${other.folder} are strangers`)
    }
  }
  return faults
}

function judgeIndexes(files: readonly SourceFile[], entries: readonly string[]): readonly Fault[] {
  const faults: Fault[] = []
  for (const file of files) {
    if (posix.basename(file.path) === 'index.ts' && !entries.includes(file.path)) {
      faults.push({ rule: 'T4', path: file.path, line: 1, text: 'an index.ts that package.json exports does not name' })
    }
    // Tests and examples stand outside: they may come in by the front door.
    if ((roomOf(file.path)?.floor ?? 0) >= 8) continue
    for (const found of file.imports) {
      const to = target(file, found)
      if (to !== undefined && posix.basename(to) === 'index.ts') {
        faults.push({
          rule: 'T4',
          path: file.path,
          line: found.line,
          text: `imports ${to}; import the file that owns the name`,
        })
      }
    }
  }
  return faults
}

/** A pure file may not reach `node:` by a chain of value imports either: the simulator would carry Node.js with it. */
function judgeRoadsToNode(files: readonly SourceFile[], byPath: ReadonlyMap<string, SourceFile>): readonly Fault[] {
  const faults: Fault[] = []
  for (const file of files) {
    if (roomOf(file.path)?.pure !== true) continue
    for (const found of file.imports) {
      const to = target(file, found)
      // Only the border is reported: what lies behind another pure file is that file's fault.
      if (found.typeOnly || to === undefined || roomOf(to)?.pure === true) continue
      const road = roadToNode(to, byPath)
      if (road === undefined) continue
      faults.push({
        rule: 'T5',
        path: file.path,
        line: found.line,
        text: `a pure room reaches Node.js: ${road.join(' → ')}`,
      })
    }
  }
  return faults
}

function roadToNode(start: string, byPath: ReadonlyMap<string, SourceFile>): readonly string[] | undefined {
  const seen = new Set([start])
  const waiting: (readonly string[])[] = [[start]]
  for (const road of waiting) {
    const file = byPath.get(road.at(-1) ?? '')
    if (file === undefined) continue
    for (const found of file.imports) {
      if (found.typeOnly) continue
      if (found.specifier.startsWith('node:')) return [...road, found.specifier]
      const to = target(file, found)
      if (to === undefined || seen.has(to)) continue
      seen.add(to)
      waiting.push([...road, to])
    }
  }
  return undefined
}

/** Follows the value imports of each core: however long the road, it stays in base and in the core's own folder. */
function judgeCores(files: readonly SourceFile[], byPath: ReadonlyMap<string, SourceFile>): readonly Fault[] {
  const faults: Fault[] = []
  for (const core of files.filter((file) => pureCores.includes(file.path))) {
    const folder = posix.dirname(core.path)
    const waiting = [core]
    const seen = new Set([core.path])
    for (const file of waiting) {
      for (const found of file.imports) {
        const to = target(file, found)
        if (found.typeOnly || (to !== undefined && seen.has(to))) continue
        if (to !== undefined && (posix.dirname(to) === folder || roomOf(to)?.folder === 'base')) {
          seen.add(to)
          const next = byPath.get(to)
          if (next !== undefined) waiting.push(next)
          continue
        }
        const text = `imports ${to ?? found.specifier}, and the pure core ${core.path} takes values from here`
        faults.push({ rule: 'T6', path: file.path, line: found.line, text })
      }
    }
  }
  return faults
}

/** Every knot of files that import each other is reported once, with its shortest circle. */
function judgeCircles(files: readonly SourceFile[], byPath: ReadonlyMap<string, SourceFile>): readonly Fault[] {
  const faults: Fault[] = []
  const reach = new Map(files.map((file) => [file.path, roadsFrom(file, byPath)]))
  const told = new Set<string>()
  for (const { path } of [...files].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    if (told.has(path) || reach.get(path)?.has(path) !== true) continue
    const knot = [...reach.keys()].filter((other) => reach.get(path)?.has(other) && reach.get(other)?.has(path))
    for (const member of knot) told.add(member)
    const circles = knot.map((member) => [member, ...(reach.get(member)?.get(member) ?? [])])
    const shortest = circles.reduce((best, circle) => (circle.length < best.length ? circle : best))
    const size = knot.length > shortest.length - 1 ? ` (in a knot of ${knot.length}: ${knot.sort().join(', ')})` : ''
    faults.push({ rule: 'T3', path, line: 1, text: `a circle: ${shortest.join(' → ')}${size}` })
  }
  return faults
}

/** The shortest road to every file that `start` reaches; itself included when there is a way back. */
function roadsFrom(start: SourceFile, byPath: ReadonlyMap<string, SourceFile>): ReadonlyMap<string, readonly string[]> {
  const roads = new Map<string, readonly string[]>()
  const waiting: { readonly file: SourceFile; readonly road: readonly string[] }[] = [{ file: start, road: [] }]
  for (const { file, road } of waiting) {
    for (const found of file.imports) {
      const to = target(file, found)
      const next = to === undefined ? undefined : byPath.get(to)
      if (to === undefined || next === undefined || roads.has(to)) continue
      roads.set(to, [...road, to])
      waiting.push({ file: next, road: [...road, to] })
    }
  }
  return roads
}
