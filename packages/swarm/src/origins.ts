import { MAX } from './bounds.ts'

interface Origin {
  /** When the sender began, as it says: a session that is older than the latest is one that is played back. */
  began: number
  session: string
  seen: Set<number>
  /** Up to here everything counts as seen. */
  floor: number
}

/** Which broadcasts have come: each is taken once, in whatever order and however often they come. */
export class Origins {
  readonly #origins = new Map<string, Origin>()

  /** Whether it came before, or is of an earlier start, as far as is known. */
  has(id: string, session: string, began: number, seq: number): boolean {
    const origin = this.#origins.get(id)
    if (!origin) return false
    if (origin.session !== session) return began <= origin.began
    return seq <= origin.floor || origin.seen.has(seq)
  }

  /** When the latest start of somebody was that is known. Unit: ms. */
  began(id: string): number {
    return this.#origins.get(id)?.began ?? 0
  }

  /** Whether it is new. It counts as seen from here on. `began`: unit ms. */
  accept(id: string, session: string, began: number, seq: number): boolean {
    let origin = this.#origins.get(id)
    if (origin && origin.session !== session) {
      if (began <= origin.began) return false
      origin = undefined
    }
    origin ??= { began, session, seen: new Set(), floor: 0 }
    this.#origins.delete(id)
    this.#origins.set(id, origin)
    for (const oldest of this.#origins.keys()) {
      if (this.#origins.size <= MAX.origins) break
      this.#origins.delete(oldest)
    }
    const { seen, floor } = origin
    if (seq <= floor || seen.has(seq)) return false
    seen.add(seq)
    while (seen.has(origin.floor + 1)) seen.delete(++origin.floor)
    if (seen.size > MAX.numbers) {
      origin.floor = Math.min(...seen)
      seen.delete(origin.floor)
    }
    return true
  }
}
