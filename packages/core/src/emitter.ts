/** What `on` and `once` give back: call it and the listener is not called again. */
export type Unsubscribe = () => void

interface Listener<Args extends unknown[]> {
  (...args: Args): unknown
  /** What `once` was given, by which `off` knows it. */
  original?: (...args: Args) => unknown
}

/**
 * Typed events. A listener that throws, or whose promise rejects, is reported by `_onListenerError`
 * and never changes what the emitter was doing.
 */
export abstract class Emitter<Events extends { [K in keyof Events]: unknown[] }> {
  readonly #listeners: { [K in keyof Events]?: Set<Listener<Events[K]>> } = Object.create(null)

  /** Calls the listener with each event of this name. Given twice, it is called once. */
  on<K extends keyof Events>(event: K, listener: (...args: Events[K]) => void): Unsubscribe {
    const set = this.#listeners[event] ?? new Set()
    this.#listeners[event] = set.add(listener)
    return () => void set.delete(listener)
  }

  /** Calls the listener with the next event of this name, and no more. */
  once<K extends keyof Events>(event: K, listener: (...args: Events[K]) => void): Unsubscribe {
    const once: Listener<Events[K]> = (...args) => {
      this.off(event, once)
      return listener(...args)
    }
    once.original = listener
    return this.on(event, once)
  }

  /** Takes a listener off, given to `on` or `once`; harmless when it is not there. */
  off<K extends keyof Events>(event: K, listener: (...args: Events[K]) => void): void {
    const listeners = this.#listeners[event]
    for (const each of listeners ?? []) {
      if (each === listener || each.original === listener) listeners?.delete(each)
    }
  }

  /** Calls the listeners in the order in which they came. What they throw is reported, not thrown. */
  protected emit<K extends keyof Events>(event: K, ...args: Events[K]): void {
    for (const listener of [...(this.#listeners[event] ?? [])]) {
      try {
        const result = listener(...args)
        if (result instanceof Promise) result.catch(error => this._onListenerError(error, event))
      } catch (error) {
        this._onListenerError(error, event)
      }
    }
  }

  /** Called with what a listener threw. Default: `console.error`. */
  protected _onListenerError(error: unknown, event: keyof Events): void {
    console.error(`socket-signal: a listener of '${String(event)}' threw`, error)
  }
}
