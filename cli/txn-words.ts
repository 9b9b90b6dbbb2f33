/**
 * One line of a transaction as words. A word is bare, or quoted in the manner of Go: "..." with escapes, `...` as it is.
 * Keys and values are bytes, so words are too; they are carried as text with one character a byte (latin1), which lets
 * the same option parser read them that reads a command line.
 */
import { utf8 } from '../base/bytes.ts'

/** The text is no transaction: which line, what was wanted, what was found. */
export class TxnTextError extends Error {
  override readonly name = 'TxnTextError'
}

const simpleEscapes: ReadonlyMap<string, number> = new Map([
  ['a', 7],
  ['b', 8],
  ['f', 12],
  ['n', 10],
  ['r', 13],
  ['t', 9],
  ['v', 11],
  ['\\', 92],
  ['"', 34],
  ["'", 39],
])

/** Text with one character a byte, of text. */
export function byteText(text: string): string {
  return byteTextOf(utf8(text))
}

/** The bytes of text with one character a byte. */
export function bytesOfByteText(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

export interface Word {
  /** One character a byte. */
  readonly text: string
  /** From its first character on. */
  readonly quoted: boolean
}

/** Splits a line into words. A quote may start within a word, as in `--order="ASCEND"`. */
export function wordsOf(line: string): readonly Word[] {
  const words: Word[] = []
  let at = 0
  while (at < line.length) {
    if (isSpace(line[at])) {
      at += 1
      continue
    }
    let text = ''
    const quoted = line[at] === '"' || line[at] === '`'
    while (at < line.length && !isSpace(line[at])) {
      const quote = line[at]
      if (quote === '"' || quote === '`') {
        const part = quotedPart(line, at)
        text += part.text
        at = part.end
      } else {
        const character = String.fromCodePoint(line.codePointAt(at) as number)
        text += byteText(character)
        at += character.length
      }
    }
    words.push({ text, quoted })
  }
  return words
}

/** The quoted piece that starts at `start`, and where the line goes on after it. */
export function quotedPart(line: string, start: number): { readonly text: string; readonly end: number } {
  if (line[start] === '`') {
    const end = line.indexOf('`', start + 1)
    if (end < 0)
      throw new TxnTextError(`wanted a closing \` for the one at column ${start + 1}, found the end of the line`)
    return { text: byteText(line.slice(start + 1, end)), end: end + 1 }
  }
  let text = ''
  let at = start + 1
  while (at < line.length) {
    const character = String.fromCodePoint(line.codePointAt(at) as number)
    if (character === '"') return { text, end: at + 1 }
    if (character === '\\') {
      const escaped = escapeAt(line, at)
      text += escaped.text
      at = escaped.end
    } else {
      text += byteText(character)
      at += character.length
    }
  }
  throw new TxnTextError(`wanted a closing " for the one at column ${start + 1}, found the end of the line`)
}

function escapeAt(line: string, start: number): { readonly text: string; readonly end: number } {
  const kind = line[start + 1] ?? ''
  const simple = simpleEscapes.get(kind)
  if (simple !== undefined) return { text: String.fromCharCode(simple), end: start + 2 }
  const byte = /^\\(?:x([0-9a-fA-F]{2})|([0-3][0-7]{2}))/.exec(line.slice(start, start + 4))
  if (byte !== null) {
    const code = byte[1] === undefined ? Number.parseInt(byte[2] as string, 8) : Number.parseInt(byte[1], 16)
    return { text: String.fromCharCode(code), end: start + 4 }
  }
  const rune = /^\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/.exec(line.slice(start, start + 10))
  const code = Number.parseInt(rune?.[1] ?? rune?.[2] ?? '', 16)
  // Half of a surrogate pair is no character, so it has no UTF-8.
  if (rune !== null && code <= 0x10_ffff && !(code >= 0xd800 && code <= 0xdfff)) {
    return { text: byteText(String.fromCodePoint(code)), end: start + rune[0].length }
  }
  throw new TxnTextError(
    `wanted an escape such as \\n, \\" or \\x00 at column ${start + 1}, found ${JSON.stringify(line.slice(start, start + 2))}`,
  )
}

function isSpace(character: string | undefined): boolean {
  return character === ' ' || character === '\t' || character === '\r'
}

function byteTextOf(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}
