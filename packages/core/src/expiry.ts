import type { Limits } from './limits.ts'

/** Between the first two notices that a token runs out. Unit: ms. */
const GAP = 1000

/** The end of a token, of which its client is told before, each time after twice as long: what fetches a new one may fail. */
export class Expiry {
  readonly #at: number
  readonly #grace: number
  #noticeAt: number
  #gap = GAP

  /** `left`: how long it still holds. Unit: ms. */
  constructor(now: number, left: number, { tokenNotice, tokenGrace }: Limits) {
    this.#at = now + left
    this.#grace = tokenGrace
    this.#noticeAt = this.#at - Math.min(tokenNotice, left / 2)
  }

  /** Whether its grace is over as well. */
  isOver(now: number): boolean {
    return now >= this.#at + this.#grace
  }

  /** When it is time to tell: how much is left, in whole ms. */
  notice(now: number): number | undefined {
    if (now < this.#noticeAt) return undefined
    this.#noticeAt = now + this.#gap
    this.#gap *= 2
    return Math.max(Math.round(this.#at - now), 0)
  }
}
