const MOST = 16_384

/** What was heard lately. A client that lost its connection may send again what was not answered, and had arrived. */
export class Heard {
  readonly #numbers = new Set<string>()
  readonly #inOrder: string[] = []
  #next = 0

  /** Whether the message of this number is heard for the first time. */
  isNew(number: string): boolean {
    if (this.#numbers.has(number)) return false
    this.#numbers.delete(this.#inOrder[this.#next] ?? '')
    this.#inOrder[this.#next] = number
    this.#next = (this.#next + 1) % MOST
    this.#numbers.add(number)
    return true
  }
}
