import type { Clock } from './clock.ts'

/**
 * Lets the first of many through at once and gathers the others: after a flush the next one waits for the interval.
 * So nothing that happens alone waits for a timer.
 */
export class Batch {
  readonly #clock: Clock
  readonly #interval: number
  readonly #flush: () => void
  #timer: unknown
  #due = false

  constructor(clock: Clock, interval: number, flush: () => void) {
    this.#clock = clock
    this.#interval = interval
    this.#flush = flush
  }

  /** Flushes now, or when the interval since the last flush is over. */
  schedule(): void {
    if (this.#timer !== undefined) {
      this.#due = true
      return
    }
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined
      if (this.#due) this.schedule()
    }, this.#interval)
    this.#due = false
    this.#flush()
  }

  /** Forgets what is due. */
  end(): void {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#due = false
  }
}
