import { useState, useSyncExternalStore } from 'react'

/** Something that a component shows: one object until it changes. */
export class Store<T> {
  readonly #initial: T
  readonly #listeners = new Set<() => void>()
  #value: T

  constructor(initial: T) {
    this.#initial = initial
    this.#value = initial
  }

  readonly get = (): T => this.#value
  /** On a server, and until a page is hydrated, always the same. */
  readonly getInitial = (): T => this.#initial

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  set(value: T): void {
    this.#value = value
    for (const listener of [...this.#listeners]) listener()
  }

  reset(): void {
    if (this.#value !== this.#initial) this.set(this.#initial)
  }
}

/** What a component shows of a store of its own, and the store. */
export function useStore<T>(initial: T): [value: T, store: Store<T>] {
  const [store] = useState(() => new Store(initial))
  return [useSyncExternalStore(store.subscribe, store.get, store.getInitial), store]
}

/** StrictMode begins each effect, ends it and begins it again at once: what was ended before its turn never began. */
export function later(begin: (isOver: () => boolean) => () => void): () => void {
  let end: (() => void) | undefined
  let over = false
  queueMicrotask(() => {
    if (!over) end = begin(() => over)
  })
  return () => {
    over = true
    end?.()
  }
}
