/** Takes the code blocks out of the house's Markdown. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Snippet {
  /** Where it stands, e.g. `README.md:31`. */
  readonly at: string
  /** The file it becomes, without ending: a folder for each page, e.g. `README/31`, or `README/counter` for `file=counter.ts`. */
  readonly name: string
  readonly language: string
  /** What follows the language on the fence: `run` asks for the snippet to be run. */
  readonly words: readonly string[]
  readonly code: string
}

/** The guides, and every page at the top of the house. */
export function readPages(root: string): readonly { readonly path: string; readonly text: string }[] {
  const paths = readdirSync(root).filter((name) => name.endsWith('.md'))
  if (existsSync(join(root, 'docs'))) collect(root, 'docs', paths)
  return paths.sort().map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

function collect(root: string, folder: string, paths: string[]): void {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) collect(root, path, paths)
    else if (path.endsWith('.md')) paths.push(path)
  }
}

export function snippetsOf(path: string, text: string): readonly Snippet[] {
  const snippets: Snippet[] = []
  let open: { readonly line: number; readonly words: readonly string[]; readonly code: string[] } | undefined
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^\s*```(.*)$/.exec(line)
    if (fence === null) open?.code.push(line)
    else if (open === undefined) open = { line: index + 1, words: (fence[1] ?? '').trim().split(/\s+/), code: [] }
    else {
      const [language = '', ...words] = open.words
      snippets.push({
        at: `${path}:${open.line}`,
        name: `${path.replace(/\.md$/, '').replace(/[^\w-]/g, '-')}/${fileNameOf(words) ?? open.line}`,
        language,
        words,
        code: `${open.code.join('\n')}\n`,
      })
      open = undefined
    }
  }
  return snippets
}

/** A snippet may name its file, so that another one on the same page can import it. */
function fileNameOf(words: readonly string[]): string | undefined {
  return words.find((word) => word.startsWith('file='))?.replace(/^file=|\.ts$/g, '')
}
