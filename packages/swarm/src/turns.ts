import type { Clock } from 'socket-signal'
import { MS } from './bounds.ts'

/** When something is looked at anew: soon, but so often at most, and at a time that is known beforehand. */
export class Turns {
  readonly #clock: Clock
  readonly #onturn: () => void
  #due = false
  #soon: unknown
  #later: unknown
  #turnedAt = Number.NEGATIVE_INFINITY
  #closed = false

  constructor(clock: Clock, onturn: () => void) {
    this.#clock = clock
    this.#onturn = onturn
  }

  get due(): boolean {
    return this.#due
  }

  /** Behind what goes on now; where a turn has just been, when some time is over. */
  wake(): void {
    if (this.#due || this.#closed) return
    this.#due = true
    const pause = this.#turnedAt + MS.turn - this.#clock.now()
    if (pause > 0) this.#soon = this.#clock.setTimeout(() => this.#turn(), pause)
    else queueMicrotask(() => this.#turn())
  }

  /** And then, in place of what was said before. `at`: by the clock, or Infinity. */
  at(at: number): void {
    this.#clock.clearTimeout(this.#later)
    if (this.#closed || at === Number.POSITIVE_INFINITY) return
    this.#later = this.#clock.setTimeout(() => this.wake(), Math.max(at - this.#clock.now(), 1))
  }

  close(): void {
    this.#closed = true
    for (const timer of [this.#soon, this.#later]) this.#clock.clearTimeout(timer)
  }

  #turn(): void {
    if (this.#closed) return
    this.#due = false
    this.#turnedAt = this.#clock.now()
    this.#onturn()
  }
}
