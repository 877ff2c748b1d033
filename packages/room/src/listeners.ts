import type { Unsubscribe } from 'socket-signal'
import type { Events } from './types.ts'

/** Who listens to a room. They hear of one event after the other, also of those that their own calls bring about. */
export class Listeners {
  readonly #all = new Map<keyof Events, Set<(...args: never[]) => unknown>>()
  readonly #queue: (() => void)[] = []
  #draining = false

  on<E extends keyof Events>(event: E, callback: Events[E]): Unsubscribe {
    if (typeof callback !== 'function') throw new TypeError('callback must be a function')
    const set = this.#all.get(event) ?? new Set()
    this.#all.set(event, set)
    // A function of its own: given twice, it is called twice, and each is taken away alone.
    const listener = (...args: never[]) => (callback as (...args: never[]) => unknown)(...args)
    set.add(listener)
    return () => void set.delete(listener)
  }

  /** Told with the next `drain`. */
  queue(event: keyof Events, ...args: unknown[]): void {
    this.#queue.push(() => this.#tell(event, args))
  }

  drain(): void {
    if (this.#draining) return
    this.#draining = true
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) next()
    this.#draining = false
  }

  /** What a listener throws, or its promise rejects with, is reported and changes nothing. */
  #tell(event: keyof Events, args: unknown[]): void {
    const set = this.#all.get(event)
    const report = (error: unknown) =>
      console.error(`socket-signal-room: a listener of '${event}' threw`, error)
    for (const listener of [...(set ?? [])]) {
      if (!set?.has(listener)) continue
      try {
        const result = listener(...(args as never[]))
        if (result instanceof Promise) result.catch(report)
      } catch (error) {
        report(error)
      }
    }
  }
}
