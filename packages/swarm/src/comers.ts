import type { Clock } from 'socket-signal'
import { MS } from './bounds.ts'

/** Who was let in and has not come yet: each holds a place for a while. */
export class Comers {
  readonly #clock: Clock
  readonly #comers = new Map<string, { until: number; needy: boolean }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#comers.size
  }

  /** Each with whether it needs a place. */
  get all(): { id: string; needy: boolean }[] {
    return [...this.#comers].map(([id, { needy }]) => ({ id, needy }))
  }

  /** When the next one is waited for no longer. */
  get next(): number {
    return Math.min(...[...this.#comers.values()].map(({ until }) => until))
  }

  has(id: string): boolean {
    return this.#comers.has(id)
  }

  add(id: string, needy: boolean): void {
    this.#comers.set(id, { until: this.#clock.now() + MS.coming, needy })
  }

  delete(id: string): boolean {
    return this.#comers.delete(id)
  }

  /** Forgets those who have taken too long. */
  expire(): void {
    const now = this.#clock.now()
    for (const [id, { until }] of this.#comers) if (until <= now) this.#comers.delete(id)
  }
}
