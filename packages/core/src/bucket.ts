import type { Clock } from './clock.ts'

/** A token bucket: `rate` a second, `burst` at once. It may go into debt, which says how long to wait. */
export class Bucket {
  readonly #clock: Clock
  readonly #rate: number
  readonly #burst: number
  /** In thousandths, as `#at` is in whole ms: to V8, numbers that are not small and whole are objects. */
  #tokens: number
  #at: number

  constructor(clock: Clock, rate: number, burst: number) {
    this.#clock = clock
    this.#rate = rate
    this.#burst = burst * 1000
    this.#tokens = this.#burst
    this.#at = Math.floor(clock.now())
  }

  /** Whether it holds all that it can: one that is made anew is no different. */
  get full(): boolean {
    this.#refill()
    return this.#tokens >= this.#burst
  }

  /** Takes one if there is one. */
  take(): boolean {
    this.#refill()
    if (this.#tokens < 1000) return false
    this.#tokens -= 1000
    return true
  }

  /** Takes `tokens`, in debt if need be. Gives the time until the debt is paid, 0 without one. Unit: ms. */
  force(tokens = 1): number {
    this.#refill()
    this.#tokens -= tokens * 1000
    return this.#tokens >= 0 ? 0 : this.wait(0)
  }

  /** The time until there are `tokens`. Unit: ms. */
  wait(tokens = 1): number {
    return Math.max(0, Math.ceil((tokens * 1000 - this.#tokens) / this.#rate))
  }

  #refill(): void {
    const now = Math.floor(this.#clock.now())
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#rate)
    this.#at = now
  }
}
