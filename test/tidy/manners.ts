/**
 * Judges single files: what one may not say, and what each must begin with.
 *
 *   T8   every file begins with a comment that says what it is for
 *   T9   no word that promises work for later
 *   T10  product code writes to no console
 *   T11  a pure room names nothing that reads the world: no date, no dice, no promise, no timer
 */

import type { Fault } from './layers.ts'
import { forbiddenInPureRooms, roomOf } from './rooms.ts'
import { lineAt, type SourceFile } from './source.ts'

// Taken apart, so that this file does not contain what it looks for.
const promises = new RegExp(`\\b(?:${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX'].join('|')})\\b`)

export function judgeManners(files: readonly SourceFile[]): readonly Fault[] {
  return files.flatMap((file) => [...judgeHeader(file), ...judgeWords(file)])
}

function judgeHeader({ path, text }: SourceFile): readonly Fault[] {
  // The name of a test file and the titles in it say what it is for.
  if (path.startsWith('test/') && path.endsWith('.test.ts')) return []
  const start = text.replace(/^#![^\n]*\n/, '').trimStart()
  if (start.startsWith('/**') || start.startsWith('//')) return []
  return [{ rule: 'T8', path, line: 1, text: 'begins without a comment that says what it is for' }]
}

function judgeWords(file: SourceFile): readonly Fault[] {
  const faults: Fault[] = []
  const look = (rule: string, where: string, pattern: RegExp, text: string): void => {
    const match = pattern.exec(where)
    if (match !== null) faults.push({ rule, path: file.path, line: lineAt(where, match.index), text })
  }
  look('T9', file.text, promises, 'promises work for later; do it, or write it down where it will be read')
  const room = roomOf(file.path)
  if (room !== undefined && !['bench', 'test', 'examples'].includes(room.folder)) {
    look('T10', file.code, /\bconsole\s*\./, 'writes to the console')
  }
  if (room?.pure === true) {
    for (const { pattern, name, instead } of forbiddenInPureRooms) {
      look('T11', file.code, pattern, `a pure room names ${name}; use ${instead}`)
    }
  }
  return faults
}
