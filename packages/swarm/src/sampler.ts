import type { Clock } from 'socket-signal'
import { MAX, MS } from './bounds.ts'

export interface SamplerHost {
  readonly clock: Clock
  random(): number
  /** Asks the server for others. */
  sample(): void
  /** Asks somebody who is no neighbour whether it is of the same mesh. */
  ask(id: string): void
  /** Whether somebody is neither connected nor on its way. */
  isFree(id: string): boolean
}

/** Whom the server names: some where more are wanted, and now and then one to tell whether the mesh has split. */
export class Sampler {
  readonly #host: SamplerHost
  /** Whom the server has named since the last check. */
  readonly #fresh: string[] = []
  #sampledAt = Number.NEGATIVE_INFINITY
  #pause: number = MS.sample
  #check: unknown

  constructor(host: SamplerHost) {
    this.#host = host
    this.#checkLater()
  }

  /** When the server may be asked again. */
  get next(): number {
    return this.#sampledAt + this.#pause
  }

  named(id: string): void {
    if (this.#fresh.length < MAX.near) this.#fresh.push(id)
  }

  /** Connections come about: if there are too few, others are asked for sooner. */
  hurry(): void {
    this.#pause = MS.sample
  }

  /** Asks for others, unless it has done so just now: ever later, as long as nothing comes of it. */
  sample(): void {
    const now = this.#host.clock.now()
    if (now < this.next) return
    this.#sampledAt = now
    this.#pause = Math.min(this.#pause * 2, MS.longestSample)
    this.#host.sample()
  }

  close(): void {
    this.#host.clock.clearTimeout(this.#check)
  }

  /** A mesh that has split looks whole from inside: only who is outside can tell. */
  #checkLater(): void {
    const { clock } = this.#host
    const pause = MS.check * (0.5 + this.#host.random())
    this.#check = clock.setTimeout(() => {
      const fresh = this.#fresh.filter(id => this.#host.isFree(id))
      const other = fresh[Math.floor(this.#host.random() * fresh.length)]
      this.#fresh.length = 0
      if (other) this.#host.ask(other)
      this.#host.sample() // Whom it gives is for the next time.
      this.#checkLater()
    }, pause)
  }
}
