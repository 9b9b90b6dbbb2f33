/**
 * Puts a run into the page that draws it: one file, which opens from disk, loads nothing and sends nothing.
 */
import type { PageModel } from './page-model.ts'

/** What the page is made of, as text. */
export interface PageParts {
  /** With `<!--style-->`, `<!--run-->` and `<!--script-->` where they belong. */
  readonly page: string
  readonly style: string
  readonly scripts: readonly string[]
}

export function htmlOf(model: PageModel, { page, style, scripts }: PageParts): string {
  const title = `${model.scenario} ${model.seed}`
  // Functions, for a replacement text may hold dollar signs that mean something.
  return page
    .replace('<!--title-->', () => escapeText(title))
    .replace('<!--style-->', () => `<style>\n${style}</style>`)
    .replace('<!--run-->', () => `<script type="application/json" id="run">${inlineJson(model)}</script>`)
    .replace('<!--script-->', () => scripts.map((script) => `<script>\n${script}</script>`).join('\n'))
}

/** Nothing in a value of the run may end the script element that it lies in. */
function inlineJson(value: unknown): string {
  return JSON.stringify(value)
    .replace(/</g, '\\u003c')
    .replace(/\u2028/g, '\\u2028')
    .replace(/\u2029/g, '\\u2029')
}

function escapeText(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;')
}
