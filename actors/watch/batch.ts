/**
 * Responses on their way between threads: an event that many watchers of a stream are told travels once, and is named by its
 * place. On the other side they all share it again.
 */
import type { SessionBatch, WatchEvent, WatchResponse } from './messages.ts'

export function packBatch(responses: readonly WatchResponse[]): SessionBatch {
  const places = new Map<WatchEvent, number>()
  const placeOf = (event: WatchEvent): number => {
    const known = places.get(event)
    if (known !== undefined) return known
    places.set(event, places.size)
    return places.size - 1
  }
  const packed = responses.map((response) =>
    response.type === 'events' ? { ...response, events: response.events.map(placeOf) } : response,
  )
  return { type: 'batch', events: [...places.keys()], responses: packed }
}

export function unpackBatch({ events, responses }: SessionBatch): WatchResponse[] {
  return responses.map((response) =>
    response.type === 'events'
      ? { ...response, events: response.events.map((place) => events[place] as WatchEvent) }
      : response,
  )
}
