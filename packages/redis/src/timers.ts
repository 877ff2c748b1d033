/** Calls later, as long as it is not closed. */
export class Timers {
  readonly #running = new Set<NodeJS.Timeout>()
  #isClosed = false

  after(ms: number, work: () => void): void {
    if (this.#isClosed) return
    const timer = setTimeout(() => {
      this.#running.delete(timer)
      work()
    }, ms)
    this.#running.add(timer)
  }

  /** So long after the last time is over. */
  every(ms: number, work: () => Promise<void>): void {
    this.after(ms, () => void work().finally(() => this.every(ms, work)))
  }

  close(): void {
    this.#isClosed = true
    for (const timer of this.#running) clearTimeout(timer)
    this.#running.clear()
  }
}
