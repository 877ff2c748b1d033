/** What keys and channels are called. A mailbox has one slot of a cluster, a topic another. */
export class Names {
  readonly nodes: string
  /** What was told to all nodes. */
  readonly told: string
  /** What is kept of topics: which by when, and what each weighs. */
  readonly weights: [topics: string, weights: string]
  /** Every node's channel begins so. */
  readonly channel: string
  readonly #prefix: string

  constructor(prefix: string) {
    assertPrefix(prefix)
    this.#prefix = prefix
    this.nodes = `${prefix}{nodes}`
    this.told = `${prefix}{told}`
    this.weights = [`${prefix}{history}:t`, `${prefix}{history}:w`]
    this.channel = `${prefix}node:`
  }

  /** All that is said to one node goes through one slot, so that it stays in order. */
  slot(node: string): string {
    return `${this.#prefix}{node:${node}}`
  }

  mailbox(id: string): string {
    return `${this.#prefix}{m:${base64url(id)}}`
  }

  /** Its members, and the nodes that have to do with it. */
  topic(topic: string): [members: string, nodes: string] {
    const tag = `${this.#prefix}{t:${base64url(topic)}}`
    return [`${tag}:m`, `${tag}:n`]
  }

  /** What is kept of its messages, and how many bytes that is. */
  history(topic: string): [kept: string, size: string] {
    const tag = `${this.#prefix}{t:${base64url(topic)}}`
    return [`${tag}:h`, `${tag}:s`]
  }
}

/** Braces would say which slot a key has. */
export function assertPrefix(prefix: unknown): void {
  if (typeof prefix === 'string' && /^[\w:./-]{0,64}$/.test(prefix)) return
  throw new TypeError('prefix must be up to 64 letters, digits or any of _ : . / -')
}

function base64url(key: string): string {
  return Buffer.from(key, 'latin1').toString('base64url')
}
