/**
 * Takes the name of a raft or replica actor that is no more, removes everything it kept in the store, and ends. Its name
 * is free again when that is durable, so whoever bears it next begins with nothing.
 */
import { emptyBytes } from '../../base/bytes.ts'
import type { ActorContext, ActorDefinition } from '../../runtime/kernel/actor.ts'
import { defineActor } from '../../runtime/kernel/actor.ts'

export const groupEraser: ActorDefinition<null, null, (state: null, message: null, ctx: ActorContext) => unknown> =
  defineActor(import.meta.url, {
    name: 'group-eraser',
    exportName: 'groupEraser',
    init: (ctx): null => {
      ctx.store.deleteRange(emptyBytes, undefined)
      ctx.log.drop()
      ctx.stop()
      return null
    },
    receive: (_state: null, _message: null, _ctx: ActorContext): undefined => undefined,
  })
