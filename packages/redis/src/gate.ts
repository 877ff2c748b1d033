const AT_ONCE = 256

/**
 * Lets some through at once, the others behind them in order: when thousands come or go in one moment, a command's deadline
 * is for Redis, not for what this node has to say before it.
 */
export class Gate {
  readonly #waiting: (() => void)[] = []
  /** How many of those have gone through. */
  #gone = 0
  #inside = 0

  /** At once where there is room, so that what is called first goes first. */
  run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#inside < AT_ONCE) return this.#enter(work)
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => void this.#enter(work).then(resolve, reject))
    })
  }

  #enter<T>(work: () => Promise<T>): Promise<T> {
    this.#inside++
    return work().finally(() => {
      this.#inside--
      this.#next()
    })
  }

  #next(): void {
    const next = this.#waiting[this.#gone]
    if (!next) return
    this.#gone++
    if (this.#gone === this.#waiting.length) {
      this.#waiting.length = 0
      this.#gone = 0
    }
    next()
  }
}
