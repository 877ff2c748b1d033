import { Bucket } from './bucket.ts'
import type { Clock } from './clock.ts'
import type { Limits } from './limits.ts'

/**
 * How fast one connection goes: the bucket of its frames, which every message visits, and what hangs on it. It is made
 * when something comes, and may be forgotten while it is idle.
 */
export class Rates extends Bucket {
  readonly #clock: Clock
  readonly #limits: Limits
  #joins: Bucket | undefined
  #messages: Bucket | undefined
  /** Since when it has been above its rate, and when it was last paused for that. */
  #excess: { since: number; pausedAt: number } | undefined

  constructor(clock: Clock, limits: Limits) {
    super(clock, limits.frameRate, limits.frameBurst)
    this.#clock = clock
    this.#limits = limits
  }

  get joins(): Bucket {
    const { joinRate, joinBurst } = this.#limits
    this.#joins ??= new Bucket(this.#clock, joinRate, joinBurst)
    return this.#joins
  }

  get messages(): Bucket {
    const { messageRate, messageBurst } = this.#limits
    this.#messages ??= new Bucket(this.#clock, messageRate, messageBurst)
    return this.#messages
  }

  /** Whether a pause for this debt would make one that has gone on for too long. Unit: ms. */
  exceeds(debt: number): boolean {
    const now = this.#clock.now()
    const { since, pausedAt } = this.#excess ?? { since: now, pausedAt: now }
    // A pause that follows closely on the last one is the same excess going on.
    this.#excess = { since: now - pausedAt > 1000 + debt ? now : since, pausedAt: now }
    return now - this.#excess.since > this.#limits.rateGrace
  }

  /** Whether one that is made anew is no different. */
  isIdle(now: number): boolean {
    const { pausedAt } = this.#excess ?? { pausedAt: Number.NEGATIVE_INFINITY }
    const all = [this, this.#joins, this.#messages]
    return now - pausedAt > this.#limits.rateGrace && all.every(bucket => bucket?.full ?? true)
  }
}
