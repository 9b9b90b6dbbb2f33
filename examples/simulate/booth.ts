/**
 * A booth sells the numbers of its block, one by one. Two versions of it: the first looks right, passes every test in which
 * nothing crashes, and sells tickets twice.
 */
import { type ActorContext, type ActorDefinition, defineActor } from 'aspen'

export interface Block {
  next: number
  end: number
}

const hasty = {
  refill: (block: Block, taken: Block, ctx: ActorContext): void => {
    block.next = taken.next
    block.end = taken.end
    ctx.store.putValue('block', block)
  },
  /** The next number, or nothing when the block is sold out. */
  sell: (block: Block): number | undefined => {
    if (block.next >= block.end) return undefined
    block.next += 1
    return block.next - 1
  },
}

const careful: typeof hasty = {
  ...hasty,
  sell: (block: Block, _none?: unknown, ctx?: ActorContext): number | undefined => {
    const number = hasty.sell(block)
    // The answer waits until this is on disk, so no crash can make the booth forget what it sold.
    ctx?.store.putValue('block', block)
    return number
  },
}

function saved(ctx: ActorContext): Block {
  return (ctx.store.getValue('block') as Block | undefined) ?? { next: 0, end: 0 }
}

type Booth = ActorDefinition<null, Block, typeof hasty>
export const hastyBooth: Booth = defineActor(import.meta.url, {
  name: 'hastyBooth',
  init: saved,
  receive: hasty,
})
export const booth: Booth = defineActor(import.meta.url, { name: 'booth', init: saved, receive: careful })
