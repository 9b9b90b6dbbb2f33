/**
 * A group's name may be used again when the group is gone, and a member that was away meanwhile still holds, and speaks
 * for, the old bearer of it. So a group has a number beside its name, which grows with every group ever made:
 *
 *   A13  nothing of one group reaches another of the same name: neither what a store holds nor what a peer says
 */
import { emptyBytes } from '../../base/bytes.ts'
import type { ActorContext } from '../../runtime/kernel/actor.ts'

/** Of groups whose names are never used again. */
export const onlyLineage = 0

/** Removes what another bearer of the name left in this actor's store, and notes whose it is now. True when there was any. */
export function claimStore(ctx: ActorContext, id: number): boolean {
  const kept = ctx.store.getValue('lineage') as number | undefined
  if (kept === id || (kept === undefined && id === onlyLineage)) return false
  // What was written without a number was made for this group: a snapshot that was restored, say.
  const foreign = kept !== undefined
  if (foreign) ctx.store.deleteRange(emptyBytes, undefined)
  ctx.store.putValue('lineage', id)
  return foreign
}

/** One text for name and number, where a text must stand for a group; names hold no `#`. */
export function lineageKey(group: string, id: number): string {
  return id === onlyLineage ? group : `${group}#${id}`
}

export function readLineageKey(key: string): { readonly group: string; readonly id: number } {
  const at = key.lastIndexOf('#')
  return at < 0 ? { group: key, id: onlyLineage } : { group: key.slice(0, at), id: Number(key.slice(at + 1)) }
}
