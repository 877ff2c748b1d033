import type { Backplane } from './backplane.ts'
import { toKey } from './bytes.ts'
import type { Clock } from './clock.ts'
import type { Connection } from './connection.ts'
import { SignalError } from './errors.ts'
import { PresenceFeed } from './presence.ts'

export interface FeedsOptions {
  backplane: Backplane
  clock: Clock
  /** Between two frames of one topic. Unit: ms. */
  interval: number
  /** Single peers that a connection may watch. */
  maxWatches: number
}

/** Who watches whom: a feed for each topic that somebody watches here, by its key, and none for the others. */
export class Feeds {
  readonly #options: FeedsOptions
  readonly #feeds = new Map<string, PresenceFeed>()
  /** Which feeds a connection is in, so that its end costs only its own. */
  readonly #watched = new Map<Connection, Set<string>>()

  constructor(options: FeedsOptions) {
    this.#options = options
  }

  get(key: string): PresenceFeed | undefined {
    return this.#feeds.get(key)
  }

  /** Those that a connection is in, by topic. */
  of(rpc: Connection): [key: string, feed: PresenceFeed][] {
    const keys = [...(this.#watched.get(rpc) ?? [])]
    return keys.flatMap(key => {
      const feed = this.#feeds.get(key)
      return feed ? [[key, feed] as [string, PresenceFeed]] : []
    })
  }

  /** Watches a topic. */
  add(rpc: Connection, topic: Uint8Array): void {
    this.#feed(rpc, topic).add(rpc)
  }

  /** Watches one peer of a topic. Whether it may is asked before: see `assertRoom`. */
  addOne(rpc: Connection, topic: Uint8Array, id: Uint8Array): void {
    this.#feed(rpc, topic).addOne(rpc, id)
  }

  /** Throws LIMIT_TOPICS where a connection watches as many single peers as it may. */
  assertRoom(rpc: Connection, topic: Uint8Array, id: Uint8Array): void {
    const { maxWatches } = this.#options
    let singles = this.get(toKey(topic))?.hasOne(rpc, id) ? -1 : 0
    for (const [, feed] of this.of(rpc)) singles += feed.singles(rpc)
    if (singles >= maxWatches)
      throw new SignalError('LIMIT_TOPICS', `a connection may watch ${maxWatches} single peers`)
  }

  /** Watches less of a topic: `remove` says what. */
  drop(rpc: Connection, topic: Uint8Array, remove: (feed: PresenceFeed) => void): void {
    const key = toKey(topic)
    const feed = this.#feeds.get(key)
    if (!feed) return
    remove(feed)
    if (!feed.has(rpc)) this.#watched.get(rpc)?.delete(key)
    this.#endIdle(key, feed)
  }

  /** Watches nothing any more. */
  forget(rpc: Connection): void {
    for (const [key, feed] of this.of(rpc)) {
      feed.forget(rpc)
      this.#endIdle(key, feed)
    }
    this.#watched.delete(rpc)
  }

  end(): void {
    for (const feed of this.#feeds.values()) feed.end()
    this.#feeds.clear()
  }

  #feed(rpc: Connection, topic: Uint8Array): PresenceFeed {
    const key = toKey(topic)
    const watched = this.#watched.get(rpc) ?? new Set()
    this.#watched.set(rpc, watched.add(key))
    let feed = this.#feeds.get(key)
    if (!feed) {
      const { backplane } = this.#options
      feed = new PresenceFeed(topic, listener => backplane.watch(topic, listener), this.#options)
      this.#feeds.set(key, feed)
    }
    return feed
  }

  #endIdle(key: string, feed: PresenceFeed): void {
    if (!feed.idle) return
    feed.end()
    this.#feeds.delete(key)
  }
}
