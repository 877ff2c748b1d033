import { Activity } from './activity.ts'
import type { Meter } from './meter.ts'

export interface VoicesOptions {
  meter: Meter
  /** Whether there is anybody to listen to. */
  needed(): boolean
  /** `stream`: participant and key. */
  onchange(stream: string, speaking: boolean): void
}

/** How often is listened. Unit: ms. */
const LISTEN = 200

/** Listens who speaks, as long as somebody can be heard. */
export class Voices {
  readonly #options: VoicesOptions
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(options: VoicesOptions) {
    this.#options = options
  }

  /** Begins or ends to listen, as it is needed now. */
  sync(): void {
    if (!this.#options.needed()) return this.close()
    if (this.#timer !== undefined) return
    const { meter, onchange } = this.#options
    const activity = new Activity()
    let reading = false
    const timer = setInterval(async () => {
      if (reading) return
      reading = true
      const levels = await meter.levels().catch(() => new Map<string, number>()) // A connection that has just ended.
      reading = false
      if (timer !== this.#timer) return
      for (const [stream, speaking] of activity.listen(levels, performance.now())) onchange(stream, speaking)
    }, LISTEN)
    this.#timer = timer
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
