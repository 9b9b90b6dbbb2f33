/** The flight recorder of one thread, behind what the host may ask of it. */
import type { Executor } from '../../kernel/executor.ts'
import { FlightRecorder, type Parentage, type RecordingOrigin } from '../../kernel/flight-recorder.ts'
import type { RecentDeliveries } from '../../kernel/recent-deliveries.ts'
import type { FlightControl, RecordingLimits } from './control.ts'

/** A supervisor that pauses before a restart does so for two seconds at most, unless its spec says more. */
const startWithinMs = 15_000

export class FlightDeck implements FlightControl {
  readonly #recorder: FlightRecorder
  readonly #recent: RecentDeliveries

  constructor(executor: Executor, recent: RecentDeliveries, origin: RecordingOrigin) {
    this.#recorder = new FlightRecorder(executor, origin)
    this.#recent = recent
  }

  parentOf(name: string): Parentage {
    const found = this.#recorder.parentOf(name)
    // The ref of an actor of this thread is an object of the kernel: as data it may travel.
    return found.type === 'child' ? { type: 'child', parent: { ...found.parent } } : found
  }

  supervises(id: number): boolean {
    return this.#recorder.supervises(id)
  }

  async beginRecording(name: string, limits: RecordingLimits): Promise<string | undefined> {
    let timer: NodeJS.Timeout | undefined
    const refusal = await new Promise<string | undefined>((resolve) => {
      const refused = this.#recorder.begin(name, limits, () => resolve(undefined))
      if (refused !== undefined) resolve(refused)
      else
        timer = setTimeout(
          () => resolve(`actor '${name}' did not start anew within ${startWithinMs} ms`),
          startWithinMs,
        )
    })
    clearTimeout(timer)
    // One that was recorded already goes on being recorded, by whoever began.
    if (timer !== undefined && refusal !== undefined) this.#recorder.end(name)
    return refusal
  }

  endRecording(name: string): Uint8Array | undefined {
    return this.#recorder.end(name)
  }

  recent(name: string | undefined, linesMax: number): readonly string[] {
    return this.#recent.lines(name, linesMax)
  }
}
