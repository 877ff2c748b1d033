import { MS } from './bounds.ts'

/** Of which part of a mesh a peer is: the smallest id that it is connected with, and how often that one has beaten. */
export interface Root {
  id: string
  beat: number
}

const REMEMBERED = 32
/** The last count that is believed of oneself: what comes behind it must have room. */
const LAST = 2 ** 32 - 2 ** 24

/**
 * Tells whether two peers are of the same mesh: each part agrees on its smallest id, as bridges agree on theirs
 * (IEEE 802.1D); a count that only that peer raises shows that it is still there.
 */
export class Component {
  readonly #self: string
  readonly #now: () => number
  /** Higher after a restart than before, so that it is believed. */
  #count = Math.floor(Date.now() / 1000)
  #foreign: Root | undefined
  #heardAt = 0
  /** Counts beyond which a root that has gone would be believed again. */
  readonly #past = new Map<string, number>()

  constructor(self: string, now: () => number) {
    this.#self = self
    this.#now = now
  }

  get root(): Root {
    const root = this.#foreign
    if (root && this.#now() - this.#heardAt <= MS.root) return root
    if (root) this.#retire(root)
    return { id: this.#self, beat: this.#count }
  }

  /** Time passes. */
  beat(): void {
    this.#count++
  }

  /** A neighbour says which its root is. */
  hear({ id, beat }: Root): void {
    const root = this.root
    // Of an earlier start, by a clock that was set back since: behind it nobody would believe what comes now.
    if (id === this.#self && beat < LAST) this.#count = Math.max(this.#count, beat)
    if (id >= this.#self || id > root.id || beat <= (this.#past.get(id) ?? -1)) return
    if (id === root.id && beat <= root.beat) return
    this.#foreign = { id, beat }
    this.#heardAt = this.#now()
  }

  #retire({ id, beat }: Root): void {
    this.#foreign = undefined
    this.#past.delete(id)
    this.#past.set(id, beat)
    for (const oldest of this.#past.keys()) if (this.#past.size > REMEMBERED) this.#past.delete(oldest)
  }
}
