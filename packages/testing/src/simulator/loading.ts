/**
 * Clients load parts of the library when they open, which takes real time, and more or less of it each time. One at a
 * time does so, in the order in which they began, and virtual time waits; so it is as if it took none.
 */
export class Loading {
  #last: Promise<void> | undefined
  #count = 0

  /** Whether somebody loads. */
  get busy(): boolean {
    return this.#count > 0
  }

  /** Resolves when it is this one's turn, with what says that it is done. */
  async enter(): Promise<() => void> {
    const before = this.#last
    let leave = () => {}
    this.#count++
    this.#last = new Promise<void>(resolve => {
      leave = () => {
        leave = () => {}
        this.#count--
        resolve()
      }
    })
    await before
    return () => leave()
  }
}
