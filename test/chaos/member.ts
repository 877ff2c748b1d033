import { type SignalError, toKey } from 'socket-signal'
import type { SocketSignalWebsocketClient } from 'socket-signal-websocket'

/** That many topics. */
export function topicsOf(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, at) => new Uint8Array(32).fill(at + 1))
}

/** A client, the topics that it is in, and whom it has been told of in each. */
export class Member {
  readonly client: SocketSignalWebsocketClient
  readonly wants = new Set<Uint8Array>()
  readonly view = new Map<Uint8Array, Set<string>>()
  #busy = Promise.resolve()

  constructor(client: SocketSignalWebsocketClient, topics: readonly Uint8Array[]) {
    this.client = client
    const viewOf = (topic: Uint8Array) => this.view.get(topics[(topic[0] as number) - 1] as Uint8Array)
    client.on('peer-joined', ({ topic, id }) => void viewOf(topic)?.add(toKey(id)))
    client.on('peer-left', ({ topic, id }) => void viewOf(topic)?.delete(toKey(id)))
  }

  /** Joins, or leaves, one after the other, however long the server can't be reached. */
  toggle(topic: Uint8Array): Promise<void> {
    this.#busy = this.#busy.then(() => (this.wants.delete(topic) ? this.#leave(topic) : this.#join(topic)))
    return this.#busy
  }

  async #leave(topic: Uint8Array): Promise<void> {
    this.view.delete(topic)
    await this.#insist(() => this.client.leave(topic))
  }

  async #join(topic: Uint8Array): Promise<void> {
    this.wants.add(topic)
    await this.#insist(() => {
      this.view.set(topic, new Set())
      return this.client.join(topic, { watch: true })
    })
  }

  async #insist(ask: () => Promise<unknown>): Promise<void> {
    const late = (error: unknown) => {
      if ((error as SignalError).code !== 'TIMEOUT') throw error
      return 'late'
    }
    while ((await ask().catch(late)) === 'late');
  }

  explain(all: readonly Member[]): string {
    const at = (id: string) => all.findIndex(({ client }) => toKey(client.id) === id)
    return [...this.wants]
      .map(topic => {
        const sees = this.view.get(topic) as Set<string>
        const should = all.filter(other => other !== this && other.wants.has(topic))
        const missing = should.filter(({ client }) => !sees.has(toKey(client.id)))
        const extra = [...sees].filter(id => !should.some(({ client }) => toKey(client.id) === id))
        return `${at(toKey(this.client.id))} in ${topic[0]}: misses ${missing.map(other => all.indexOf(other))}, has too many: ${extra.map(at)}`
      })
      .join('; ')
  }

  /** Whom it sees too much or too little. */
  wrong(all: readonly Member[]): boolean {
    return [...this.wants].some(topic => {
      const should = all.filter(other => other !== this && other.wants.has(topic))
      const sees = this.view.get(topic) as Set<string>
      return sees.size !== should.length || !should.every(({ client }) => sees.has(toKey(client.id)))
    })
  }
}
