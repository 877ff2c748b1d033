import { SignalError } from 'socket-signal/errors'

/** Where it is kept which tickets were used. Several nodes share one, for instance with SET NX PXAT of Redis. */
export interface UsedTokens {
  /**
   * MUST say `true` to exactly one of all that ask for the same `jti`, as long as some server takes it: until
   * `takenUntil`, in ms as `Date.now()` has them.
   */
  use(jti: string, takenUntil: number): boolean | Promise<boolean>
}

/** How many tickets are remembered. */
export interface MemoryUsedTokensOptions {
  /** Default: 100,000. */
  max?: number
  /** The time in ms, for tests. Default: `Date.now`. */
  now?: () => number
}

/** In this process. When it is full it lets nobody in rather than forget a ticket that holds. */
export class MemoryUsedTokens implements UsedTokens {
  readonly #until = new Map<string, number>()
  readonly #max: number
  readonly #now: () => number

  constructor({ max = 100_000, now = Date.now }: MemoryUsedTokensOptions = {}) {
    this.#max = max
    this.#now = now
  }

  /** How many tickets are remembered, of which some may have ended. */
  get size(): number {
    return this.#until.size
  }

  /** Gives `false` for a ticket that was used. Throws OVERLOADED when it is full of tickets that hold. */
  use(jti: string, takenUntil: number): boolean {
    if (this.#until.has(jti)) return false
    if (this.#until.size >= this.#max) this.#forget()
    if (this.#until.size >= this.#max) throw new SignalError('OVERLOADED', 'too many tickets are remembered')
    this.#until.set(jti, takenUntil)
    return true
  }

  /** Forgets what has expired. */
  #forget(): void {
    const now = this.#now()
    for (const [jti, until] of this.#until) if (until < now) this.#until.delete(jti)
  }
}
