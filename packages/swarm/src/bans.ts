import type { Clock } from 'socket-signal'
import { MAX } from './bounds.ts'

/** Who may not come in, and until when. Ids are keys of Maps. */
export class Bans {
  readonly #clock: Clock
  readonly #until = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  has(id: string): boolean {
    const until = this.#until.get(id)
    if (until === undefined) return false
    if (until > this.#clock.now()) return true
    this.#until.delete(id)
    return false
  }

  /** `ms`: for how long. */
  add(id: string, ms: number): void {
    this.#until.delete(id)
    this.#until.set(id, this.#clock.now() + ms)
    for (const oldest of this.#until.keys()) if (this.#until.size > MAX.bans) this.#until.delete(oldest)
  }

  delete(id: string): void {
    this.#until.delete(id)
  }
}
