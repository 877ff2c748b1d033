import type { NetworkMetrics } from './types.ts'

export interface ReportsOptions {
  /** Unit: ms. */
  interval: number
  read(participantId: string, includeStreams: boolean): Promise<NetworkMetrics[string]>
  onreport(metrics: NetworkMetrics): void
}

/** Tells how the ways to some participants are, again and again. */
export class Reports {
  readonly #options: ReportsOptions
  /** Whether with their streams. */
  readonly #wanted = new Map<string, boolean>()
  #timer: ReturnType<typeof setInterval> | undefined
  #reading = false

  constructor(options: ReportsOptions) {
    this.#options = options
  }

  enable(participantIds: readonly string[], includeStreams: boolean): void {
    for (const participantId of participantIds) this.#wanted.set(participantId, includeStreams)
    // One that runs goes on as it does: who asks again and again must not put it off for ever.
    if (this.#wanted.size > 0) this.#timer ??= setInterval(() => void this.#report(), this.#options.interval)
  }

  /** Of all, if nobody is named. */
  disable(participantIds: readonly string[] = [...this.#wanted.keys()]): void {
    for (const participantId of participantIds) this.#wanted.delete(participantId)
    if (this.#wanted.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  async #report(): Promise<void> {
    if (this.#reading) return
    this.#reading = true
    const metrics: NetworkMetrics = {}
    for (const [participantId, includeStreams] of [...this.#wanted]) {
      const read = await this.#options.read(participantId, includeStreams).catch(() => undefined) // Has just ended.
      if (read) metrics[participantId] = read
    }
    this.#reading = false
    // Reading takes a while: who is not asked for any more is left out.
    for (const id of Object.keys(metrics)) if (!this.#wanted.has(id)) delete metrics[id]
    if (Object.keys(metrics).length > 0) this.#options.onreport(metrics)
  }
}
