/**
 * JSON documents one after another, out of text that comes in pieces: a stream of requests is written so, and of a single
 * request what follows the first document is nobody's business.
 *
 * Numbers are handed on as they were written, as text behind a mark: a lease's id has 63 bits, and a JavaScript number
 * would round it.
 */

/** Before the digits of a number. No text that means something to us begins with it. */
export const numberMark = '\u0000'

const numberForm = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/** A document that is not JSON, or is too large. The sentence is for the caller. */
export class DocumentError extends Error {
  override readonly name = 'DocumentError'
}

export class Documents {
  readonly #charactersMax: number
  #text = ''
  /** Where the present document begins, and how far it is read. */
  #start = 0
  #at = 0
  #depth = 0
  /** What the present document begins with, once it has begun. */
  #form: 'none' | 'nested' | 'string' | 'word' = 'none'

  /** @param charactersMax - Of one document. */
  constructor(charactersMax: number) {
    this.#charactersMax = charactersMax
  }

  /** @throws {DocumentError} The present document is too large. */
  push(text: string): void {
    this.#text = this.#text.slice(this.#start) + text
    this.#at -= this.#start
    this.#start = 0
    if (this.#text.length > this.#charactersMax) throw new DocumentError('the document is too large')
  }

  /**
   * The next document that is complete, undefined when there is none.
   *
   * @param last - Nothing more will come.
   * @throws {DocumentError} It is not JSON, or not complete though it must be.
   */
  next(last: boolean): { readonly value: unknown } | undefined {
    const end = this.#end(last)
    if (end === undefined) {
      if (last && this.#form !== 'none') throw new DocumentError('unexpected EOF')
      return undefined
    }
    const document = this.#text.slice(this.#start, end)
    this.#start = end
    this.#at = end
    this.#form = 'none'
    return { value: parse(document) }
  }

  /** Where the present document ends. */
  #end(last: boolean): number | undefined {
    const text = this.#text
    while (this.#at < text.length) {
      const character = text[this.#at] as string
      if (this.#form === 'word') {
        if (/[\s{}[\]",]/.test(character)) return this.#at
        this.#at += 1
        continue
      }
      if (character === '"') {
        const end = endOfString(text, this.#at)
        // Read again from its beginning when there is more.
        if (end === undefined) {
          if (this.#form === 'none') this.#form = 'string'
          return undefined
        }
        this.#at = end
        if (this.#depth === 0) return end
        continue
      }
      this.#at += 1
      if (character === '{' || character === '[') {
        this.#form = 'nested'
        this.#depth += 1
      } else if (character === '}' || character === ']') {
        this.#depth = Math.max(0, this.#depth - 1)
        if (this.#depth === 0) return this.#at
      } else if (this.#form === 'none') {
        if (/\s/.test(character)) this.#start = this.#at
        else this.#form = 'word'
      }
    }
    return last && this.#form === 'word' ? this.#at : undefined
  }
}

/** Behind the closing quote of the string that begins at `at`. */
function endOfString(text: string, at: number): number | undefined {
  for (let quote = text.indexOf('"', at + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let slashes = 0
    while (text[quote - 1 - slashes] === '\\') slashes += 1
    if (slashes % 2 === 0) return quote + 1
  }
  return undefined
}

function parse(document: string): unknown {
  try {
    return JSON.parse(markNumbers(document))
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown
    throw new DocumentError(`not a JSON document: ${whyNot(document)}`)
  }
}

/** The engine's own reason names places in the marked text, which the caller has never seen. */
function whyNot(document: string): string {
  try {
    JSON.parse(document)
  } catch (thrown) {
    return (thrown as Error).message
  }
  return 'malformed'
}

function markNumbers(document: string): string {
  const pieces: string[] = []
  let copied = 0
  for (let at = 0; at < document.length; ) {
    const code = document.charCodeAt(at)
    if (code === 0x22) {
      at = endOfString(document, at) ?? document.length
      continue
    }
    if (code === 0x2d || (code >= 0x30 && code <= 0x39)) {
      numberForm.lastIndex = at
      const number = numberForm.exec(document)?.[0]
      if (number !== undefined) {
        pieces.push(document.slice(copied, at), `"\\u0000${number}"`)
        at += number.length
        copied = at
        continue
      }
    }
    at += 1
  }
  pieces.push(document.slice(copied))
  return pieces.join('')
}
