/** Runs so many at once, the others in the order in which they came; with 1, each when the one before it is done. */
export class Limiter {
  readonly #turns: (() => void)[] = []
  #running = 0
  #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  get limit(): number {
    return this.#limit
  }

  set limit(limit: number) {
    this.#limit = limit
    this.#next()
  }

  /** How many wait for their turn. */
  get waiting(): number {
    return this.#turns.length
  }

  /** Does the work when its turn comes, never before this call has returned. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    await new Promise<void>(turn => {
      this.#turns.push(turn)
      this.#next()
    })
    try {
      return await work()
    } finally {
      this.#running--
      this.#next()
    }
  }

  /** Forgets who waits. */
  clear(): void {
    this.#turns.length = 0
  }

  #next(): void {
    for (; this.#running < this.#limit && this.#turns.length > 0; this.#running++) this.#turns.shift()?.()
  }
}
