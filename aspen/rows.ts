/**
 * Three actors that bear the name of another while it is moved between threads: each sees exactly the rows of the actor
 * whose name it has, in the store of the thread where it stands. All answers wait for durability, as everything does.
 */
import { emptyBytes } from '../base/bytes.ts'
import type { ActorContext, ActorDefinition } from '../runtime/kernel/actor.ts'
import { defineActor } from '../runtime/kernel/actor.ts'

export type Row = readonly [key: Uint8Array, value: Uint8Array]

/** Rows a message: enough to be worth it, few enough that a mailbox never holds much. */
const rowsPerChunk = 256

export const rowsReader: ActorDefinition<
  null,
  null,
  { readonly read: (state: null, after: Uint8Array | null, ctx: ActorContext) => readonly Row[] }
> = defineActor(import.meta.url, {
  name: 'rows-reader',
  exportName: 'rowsReader',
  init: (): null => null,
  receive: {
    /** The rows after a key (null: from the first on). */
    read: (_state: null, after: Uint8Array | null, ctx: ActorContext): readonly Row[] => {
      // No key lies between another and the same with a zero byte more.
      const from = after === null ? emptyBytes : Uint8Array.from([...after, 0])
      return ctx.store.range(from, undefined, { limit: rowsPerChunk })
    },
  },
})

export const rowsWriter: ActorDefinition<
  null,
  null,
  { readonly write: (state: null, rows: readonly Row[], ctx: ActorContext) => void }
> = defineActor(import.meta.url, {
  name: 'rows-writer',
  exportName: 'rowsWriter',
  init: (ctx): null => {
    // What an earlier move that was cut short left here is stale (H2).
    ctx.store.deleteRange(emptyBytes, undefined)
    return null
  },
  receive: {
    write: (_state: null, rows: readonly Row[], ctx: ActorContext): void => {
      for (const [key, value] of rows) ctx.store.put(key, value)
    },
  },
})

export const rowsEraser: ActorDefinition<null, null, { readonly done: (state: null) => boolean }> = defineActor(
  import.meta.url,
  {
    name: 'rows-eraser',
    exportName: 'rowsEraser',
    init: (ctx): null => {
      ctx.store.deleteRange(emptyBytes, undefined)
      return null
    },
    receive: { done: (_state: null): boolean => true },
  },
)
