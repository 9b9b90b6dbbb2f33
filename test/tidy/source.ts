/**
 * Reads TypeScript just far enough to judge it: what is code, what is comment, what is text, and what is imported.
 *
 * A small scanner of our own, because the compiler of this house ships no API and a tool built on another compiler may
 * see no file at all and call that a success.
 */

export interface SourceFile {
  /** Relative to the root of the house, with slashes. */
  readonly path: string
  readonly text: string
  /** The text with the contents of comments and strings blanked: same length, same lines. */
  readonly code: string
  readonly imports: readonly Import[]
}

export interface Import {
  readonly specifier: string
  /** A type import leaves no trace in the compiled file. */
  readonly typeOnly: boolean
  readonly line: number
}

/** Scans one file. */
export function readSource(path: string, text: string): SourceFile {
  const code = blank(text)
  return { path, text, code, imports: findImports(text, code) }
}

export function lineAt(text: string, offset: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line += 1
  return line
}

// `import a from '…'`, `import '…'`, `export { a } from '…'`, `export * from '…'`: between the word and the text stand
// only names, braces, stars and commas, so no declaration can be taken for one.
const statement =
  /\b(?:import|export)\b(?<type>\s+type\b(?!\s*from\b|\s*,))?(?<names>[\w\s{},*$]*?\bfrom)?\s*(?<quote>['"])/g
const dynamic = /\bimport\s*\(\s*(?<quote>['"])/g

function findImports(text: string, code: string): readonly Import[] {
  const found: Import[] = []
  for (const pattern of [statement, dynamic]) {
    for (const match of code.matchAll(pattern)) {
      const quote = match.groups?.['quote'] ?? "'"
      const from = match.index + match[0].length
      const specifier = text.slice(from, code.indexOf(quote, from))
      found.push({ specifier, typeOnly: match.groups?.['type'] !== undefined, line: lineAt(text, match.index) })
    }
  }
  return found.sort((a, b) => a.line - b.line)
}

/** What the scanner is inside of. A template counts the braces of its `${}`, so that it knows where it goes on. */
interface Template {
  depth: number
}

/** Replaces the contents of comments, strings, templates and regular expressions by spaces; line breaks stay. */
function blank(text: string): string {
  let out = ''
  let at = 0
  const templates: Template[] = []
  const drop = (end: number): void => {
    out += text.slice(at, end).replace(/[^\n]/g, ' ')
    at = end
  }
  const keep = (end: number): void => {
    out += text.slice(at, end)
    at = end
  }
  while (at < text.length) {
    const two = text.slice(at, at + 2)
    const one = two.charAt(0)
    const innermost = templates.at(-1)
    if (two === '//') drop(endOr(text.indexOf('\n', at), text))
    else if (two === '/*') drop(endOr(text.indexOf('*/', at + 2) + 2, text, 1))
    else if (one === "'" || one === '"') {
      keep(at + 1)
      drop(endOfString(text, at, one))
      keep(Math.min(at + 1, text.length))
    } else if (one === '`' || (one === '}' && innermost?.depth === 0)) {
      if (one === '}') templates.pop()
      keep(at + 1)
      const end = endOfTemplatePart(text, at)
      drop(end)
      if (text.startsWith('${', at)) templates.push({ depth: 0 })
      keep(Math.min(at + (text.startsWith('${', at) ? 2 : 1), text.length))
    } else if (one === '/' && startsRegExp(out)) {
      keep(at + 1)
      drop(endOfRegExp(text, at))
    } else {
      if (innermost !== undefined && one === '{') innermost.depth += 1
      if (innermost !== undefined && one === '}') innermost.depth -= 1
      keep(at + 1)
    }
  }
  return out
}

function endOr(end: number, text: string, least = 0): number {
  return end <= least ? text.length : end
}

function endOfString(text: string, at: number, quote: string): number {
  let end = at
  while (end < text.length && text.charAt(end) !== quote && text.charAt(end) !== '\n')
    end += text.charAt(end) === '\\' ? 2 : 1
  return Math.min(end, text.length)
}

function endOfTemplatePart(text: string, at: number): number {
  let end = at
  while (end < text.length && text.charAt(end) !== '`' && !text.startsWith('${', end))
    end += text.charAt(end) === '\\' ? 2 : 1
  return Math.min(end, text.length)
}

function endOfRegExp(text: string, at: number): number {
  let inClass = false
  for (let end = at; end < text.length; end += 1) {
    const character = text.charAt(end)
    if (character === '\n') return end
    if (character === '\\') end += 1
    else if (character === '[') inClass = true
    else if (character === ']') inClass = false
    else if (character === '/' && !inClass) return end
  }
  return text.length
}

/** A slash divides after a value, and opens a regular expression after anything else. */
function startsRegExp(before: string): boolean {
  const trimmed = before.trimEnd()
  if (/\b(?:return|case|typeof|in|of)$/.test(trimmed)) return true
  return trimmed === '' || !/[\w$)\]'"`}]$/.test(trimmed)
}
