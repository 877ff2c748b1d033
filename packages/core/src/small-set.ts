/** A set that mostly holds one thing: as long as it does, it takes an eighth of a `Set`. Not for `undefined`. */
export class SmallSet<T> implements Iterable<T> {
  #one: T | undefined
  #many: Set<T> | undefined

  get size(): number {
    return this.#many?.size ?? (this.#one === undefined ? 0 : 1)
  }

  has(value: T): boolean {
    return this.#many?.has(value) ?? (value !== undefined && this.#one === value)
  }

  add(value: T): this {
    if (this.#many) this.#many.add(value)
    else if (this.#one === undefined) this.#one = value
    else if (this.#one !== value) {
      this.#many = new Set([this.#one, value])
      this.#one = undefined
    }
    return this
  }

  delete(value: T): boolean {
    if (this.#many) return this.#many.delete(value)
    const known = this.has(value)
    if (known) this.#one = undefined
    return known
  }

  *[Symbol.iterator](): Iterator<T> {
    if (this.#many) yield* this.#many
    else if (this.#one !== undefined) yield this.#one
  }
}
