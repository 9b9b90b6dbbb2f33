/**
 * Reads the pages of a data file that nobody writes, without mapping it: what is damaged is then a sentence and not a
 * signal. Pages are asked for in ascending order, many at a time, so that a disk reads forward.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { StoreCorrupt } from '../../ports/store.ts'
import { headerBytes, type Page, pageBytes } from './page-format.ts'

const windowPages = 64
/** Reading a page for nothing costs less than another call. */
const gapPagesMax = 4

/** What is wrong with a page, in one sentence: the file, the page, what should be there and what is. */
export function refusal(path: string, page: number, what: string, wanted: unknown, present: unknown): StoreCorrupt {
  return new StoreCorrupt(`${path}, page ${page}: wanted ${what} ${String(wanted)}, but found ${String(present)}`)
}

export class PageFile {
  readonly path: string
  /** Whole pages in the file. */
  readonly pages: number
  readonly #file: number
  readonly #window: Uint8Array
  readonly #header: Uint8Array
  #run: Uint8Array

  constructor(path: string) {
    this.path = path
    this.#file = openSync(path, 'r')
    this.pages = Math.floor(fstatSync(this.#file).size / pageBytes)
    this.#window = new Uint8Array(Math.min(windowPages, this.pages) * pageBytes)
    this.#header = new Uint8Array(headerBytes)
    this.#run = new Uint8Array(0)
  }

  /** Shows each page of `numbers`, which ascend. What it shows is overwritten after `visit` has returned. */
  sweep(numbers: readonly number[], visit: (page: Page, index: number) => void): void {
    const view = new DataView(this.#window.buffer)
    let index = 0
    while (index < numbers.length) {
      const first = numbers[index] as number
      let last = index
      while (last + 1 < numbers.length && this.#near(first, numbers[last] as number, numbers[last + 1] as number)) {
        last += 1
      }
      this.#read(this.#window, first, ((numbers[last] as number) - first + 1) * pageBytes)
      for (; index <= last; index++) {
        const number = numbers[index] as number
        visit({ number, bytes: this.#window, view, at: (number - first) * pageBytes }, index)
      }
    }
  }

  /** The header of one page. Overwritten by the next call. */
  header(number: number): Page {
    this.#read(this.#header, number, headerBytes)
    return { number, bytes: this.#header, view: new DataView(this.#header.buffer), at: 0 }
  }

  /** The first `length` bytes behind the header of `number`. Overwritten by the next call. */
  behind(number: number, length: number): Uint8Array {
    const wanted = headerBytes + length
    if (this.#run.length < wanted) this.#run = new Uint8Array(wanted)
    this.#read(this.#run, number, wanted)
    return this.#run.subarray(headerBytes, wanted)
  }

  close(): void {
    closeSync(this.#file)
  }

  #near(first: number, from: number, to: number): boolean {
    return to - from <= gapPagesMax && to - first < windowPages
  }

  #read(into: Uint8Array, number: number, bytes: number): void {
    let done = 0
    while (done < bytes) {
      const read = readSync(this.#file, into, done, bytes - done, number * pageBytes + done)
      if (read === 0) {
        throw refusal(this.path, number, 'bytes', bytes, `the end of the file after ${done}`)
      }
      done += read
    }
  }
}
