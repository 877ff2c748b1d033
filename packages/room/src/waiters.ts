import { SignalError } from 'socket-signal/errors'

interface Waiter {
  done(): void
  fail(error: unknown): void
}

/** Calls that wait until a subscription stands, by its stream. */
export class Waiters {
  readonly #all = new Map<string, Set<Waiter>>()

  /** Rejects with what `late` gives once so many ms have gone. */
  async wait(id: string, ms: number, late: () => unknown): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined
    const waiting = new Promise<void>((done, fail) => {
      const waiter = { done, fail }
      this.#all.set(id, (this.#all.get(id) ?? new Set()).add(waiter))
      timer = setTimeout(() => {
        this.#all.get(id)?.delete(waiter)
        fail(late())
      }, ms)
    })
    await waiting.finally(() => clearTimeout(timer))
  }

  /** Tells all how theirs stands. `standing`: undefined where nobody wants it any more. */
  settle(standing: (id: string) => boolean | undefined): void {
    for (const [id, waiters] of this.#all) {
      const stands = standing(id)
      if (stands === false) continue
      this.#all.delete(id)
      const gone = new SignalError('SUBSCRIPTION_ENDED', 'the stream, or the wish for it, has gone')
      for (const { done, fail } of waiters) stands ? done() : fail(gone)
    }
  }

  fail(error: unknown): void {
    const all = [...this.#all.values()]
    this.#all.clear()
    for (const waiters of all) for (const { fail } of waiters) fail(error)
  }
}
