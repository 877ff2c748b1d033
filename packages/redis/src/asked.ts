/** How long somebody may take to answer a request. Unit: ms. */
const LONGEST_REQUEST = 60_000
/** Of one node. */
const MAX_ASKED = 200_000

/** Who asked, and under which number. */
export interface Request {
  key: string
  requestId: number
}

/** Requests that other nodes have taken: should one die, who waits for its answer must be told. */
export class Asked {
  readonly #nodes = new Map<string, Map<string, Request & { at: number }>>()

  add(node: string, { key, requestId }: Request): void {
    const asked = this.#nodes.get(node) ?? new Map()
    this.#nodes.set(node, asked)
    if (asked.size < MAX_ASKED) asked.set(`${key}${requestId}`, { key, requestId, at: performance.now() })
  }

  /** Gives all of a node, and forgets them. */
  take(node: string): Request[] {
    const asked = [...(this.#nodes.get(node)?.values() ?? [])]
    this.#nodes.delete(node)
    return asked
  }

  /** Forgets those that are too old to be answered. */
  sweep(): void {
    const old = performance.now() - LONGEST_REQUEST
    for (const [node, asked] of this.#nodes) {
      for (const [name, { at }] of asked) {
        if (at > old) break
        asked.delete(name)
      }
      if (asked.size === 0) this.#nodes.delete(node)
    }
  }
}
