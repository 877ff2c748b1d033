import type { Clock } from 'socket-signal'

/** One process's view of a clock. When the process is killed its timers die with it. */
export class MortalClock implements Clock {
  readonly #clock: Clock
  readonly #timers = new Set<unknown>()
  #dead = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Timers that were set and neither fired nor cleared. */
  get pending(): number {
    return this.#timers.size
  }

  now(): number {
    return this.#clock.now()
  }

  setTimeout(callback: () => void, ms: number): unknown {
    if (this.#dead) return undefined
    const timer = this.#clock.setTimeout(() => {
      this.#timers.delete(timer)
      callback()
    }, ms)
    this.#timers.add(timer)
    return timer
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer)
    this.#clock.clearTimeout(timer)
  }

  kill(): void {
    this.#dead = true
    for (const timer of this.#timers) this.clearTimeout(timer)
  }
}
