import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import {
  type Attachment,
  type AttachOptions,
  type Backplane,
  type HistoryBounds,
  type LookupAt,
  type Mailbox,
  type Past,
  type RecallOptions,
  type ReplyTo,
  toKey
} from 'socket-signal'
import type { Member } from './entry.ts'
import { History } from './history.ts'
import { Ids } from './ids.ts'
import { Inbox } from './inbox.ts'
import { Names } from './names.ts'
import { Result } from './note.ts'
import type { Place } from './place.ts'
import { Pulse, type Status } from './pulse.ts'
import { Registry } from './registry.ts'
import { Routes } from './routes.ts'
import { createStore, type RedisClient, type Store } from './store.ts'
import { Timers } from './timers.ts'
import { Told } from './told.ts'
import { Topics } from './topics.ts'
import { unavailable } from './trouble.ts'
import type { Listener } from './view.ts'

/** How to reach Redis, and how long to wait for it. */
export interface RedisBackplaneOptions {
  /** A client of ioredis or node-redis: one Redis, Sentinel or Cluster. It stays yours: close it after the backplane. */
  client: RedisClient
  /** A connection that is used for nothing else, of the same kind. Default: a duplicate of `client`, ended with the backplane. */
  subscriber?: RedisClient
  /** Begins all keys and channels. Servers with the same one are one. Default: `socket-signal:`. */
  prefix?: string
  /** How often this node says that it lives; after three it is dead. Default: 2,000. Unit: ms. */
  heartbeat?: number
  /** How long a command, or another node, may take. Default: 1,000. Unit: ms. */
  timeout?: number
  /**
   * What Redis keeps of the history of all topics, about: beyond it those are forgotten first in which nothing was said for the
   * longest. The same for all servers with one prefix. Default: 256 MiB. Unit: bytes.
   */
  historyBytes?: number
}

/** What a `RedisBackplane` tells of its Redis. */
export interface RedisBackplaneEvents {
  /** Redis is down, slow or has lost its data. What is on this node goes on. */
  degraded: [error: unknown]
  /** Redis is back, and knows all of this node again. */
  recovered: []
}

/** So many heartbeats, and everything is said again, in case Redis has lost it. */
const REFRESH = 30

/** Topics and mailboxes of several nodes, by way of Redis. */
export class RedisBackplane extends EventEmitter<RedisBackplaneEvents> implements Backplane {
  readonly #node = randomBytes(9).toString('base64url')
  readonly #store: Store
  readonly #pulse: Pulse
  readonly #registry: Registry
  readonly #routes: Routes
  readonly #topics: Topics
  readonly #ids: Ids
  readonly #history: History
  /** Who has an id on this node. */
  readonly #places = new Map<string, Place>()
  readonly #told: Told
  readonly #inbox: Inbox
  readonly #timers = new Timers()
  #closing: Promise<void> | undefined

  constructor({
    client,
    subscriber,
    prefix = 'socket-signal:',
    heartbeat = 2000,
    timeout = 1000,
    historyBytes = 256 * 1024 * 1024
  }: RedisBackplaneOptions) {
    super()
    assertTime(heartbeat, 'heartbeat')
    assertTime(timeout, 'timeout')
    if (!Number.isSafeInteger(historyBytes) || historyBytes < 1)
      throw new TypeError('historyBytes must be a whole number above 0')
    const names = new Names(prefix)
    const node = this.#node
    const onmessage = (message: Buffer) => this.#inbox.receive(message)
    this.#store = createStore({
      ...{ client, subscriber },
      onbreak: event => {
        if (this.#pulse.isReady) this.#pulse.degrade(new Error(`a connection to Redis was lost (${event})`))
      }
    })
    this.#pulse = new Pulse({
      ...{ store: this.#store, names, node, heartbeat, timeout, onmessage },
      announce: () => this.#announce(true),
      onready: () => this.#recovered(),
      ondegraded: error => this.#degraded(error),
      ondeath: dead => this.#bury(dead)
    })
    const ttl = 3 * REFRESH * heartbeat
    const common = { pulse: this.#pulse, names, node, onmalformed: () => void this.#inbox.malformed++ }
    this.#registry = new Registry({ ...common, ttl })
    this.#told = new Told({ ...common, onmessage })
    this.#history = new History({ ...common, most: historyBytes })
    const shared = { pulse: this.#pulse, registry: this.#registry, places: this.#places, node }
    this.#topics = new Topics({ ...shared, onother: (key, epoch) => this.#ids.lose(key, epoch) })
    this.#ids = new Ids({
      ...{ ...shared, topics: this.#topics, timeout },
      after: (ms, work) => this.#timers.after(ms, work)
    })
    this.#routes = new Routes({
      ...{ node, timeout },
      find: key => this.#registry.holder(key),
      deliver: (key, frame, replyTo) => this.#inbox.deliver(key, frame, replyTo) === Result.taken,
      relay: (to, message) => this.#pulse.relay(to, message),
      onunanswered: (key, requestId) => this.#places.get(key)?.mailbox.unanswered?.(requestId)
    })
    this.#inbox = new Inbox({
      ...{ node, pulse: this.#pulse, places: this.#places, told: this.#told },
      ...{ routes: this.#routes, topics: this.#topics, ids: this.#ids }
    })
    this.#timers.every(REFRESH * heartbeat, () => this.#refresh())
  }

  /** `ready`: other nodes can be reached. */
  get status(): Status {
    return this.#pulse.status
  }

  /** How long the last heartbeat took to Redis and back. Unit: ms. */
  get latency(): number {
    return this.#pulse.latency
  }

  /**
   * Connects; called by itself when the first socket comes. Resolves when the backplane is usable, or is known to be
   * degraded: then it goes on trying.
   */
  async open(): Promise<void> {
    await this.#pulse.open()
  }

  attach(id: Uint8Array, options: AttachOptions, mailbox: Mailbox): Attachment | Promise<Attachment> {
    return this.#ids.attach(id, options, mailbox)
  }

  lookup(topic: Uint8Array, options: LookupAt): Promise<Member[]> {
    return this.#topics.lookup(topic, options)
  }

  find(topic: Uint8Array, id: Uint8Array): Member | undefined | Promise<Member | undefined> {
    return this.#topics.find(topic, id)
  }

  watch(topic: Uint8Array, listener: Listener): () => void {
    return this.#topics.watch(topic, listener)
  }

  send(to: Uint8Array, frame: Uint8Array, replyTo?: ReplyTo): boolean | Promise<boolean> {
    const place = this.#places.get(toKey(to))
    if (place) return place.mailbox.deliver(frame, replyTo)
    if (!this.#pulse.isReady) return Promise.reject(unavailable('the backplane is degraded'))
    return this.#routes.send(to, frame, replyTo)
  }

  publish(topic: Uint8Array, frame: Uint8Array, except: Uint8Array): number | Promise<number> {
    return this.#topics.publish(topic, frame, except)
  }

  async keep(topic: Uint8Array, frame: Uint8Array, bounds: HistoryBounds): Promise<void> {
    await this.#history.keep(topic, frame, bounds)
  }

  /** Rejects with BACKPLANE_UNAVAILABLE while Redis can't be reached: what this node would know is not all. */
  async recall(topic: Uint8Array, options: RecallOptions): Promise<Past[]> {
    return this.#history.recall(topic, options)
  }

  /** Tells all other nodes something, at most 64 KiB: at once, or when this one, or they, are back at Redis. */
  tell(note: Uint8Array): Promise<void> {
    return this.#told.tell(note)
  }

  listen(listener: (note: Uint8Array, late: boolean) => void): () => void {
    return this.#told.listen(listener)
  }

  /** How many other nodes live. */
  get nodes(): number {
    return this.#pulse.nodes.length
  }

  /** How much came from Redis and was ignored, because no node says or keeps such a thing. */
  get malformed(): number {
    return this.#inbox.malformed
  }

  /** `history`: of all nodes, as this one counted it last, if it has kept any: a second ago at most where it has just now. */
  stats(): { topics: number; mailboxes: number; watches: number; history: number } {
    return {
      topics: this.#topics.count,
      mailboxes: this.#places.size,
      watches: this.#topics.watches,
      history: this.#history.total
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#timers.close()
    this.#ids.close()
    this.#routes.flush()
    await this.#history.close()
    if (this.#pulse.isReady) await this.#registry.done()
    await this.#pulse.close()
    this.#routes.fail(unavailable('the backplane is closed'))
    this.#ids.fail()
    await this.#store.close()
  }

  /** A node is dead, and who was there has left. */
  #bury(node: string): void {
    this.#topics.bury(node)
    this.#routes.ondeath(node)
  }

  // Coming and going of Redis.

  #degraded(error: unknown): void {
    this.#routes.fail(unavailable('the backplane is degraded', error))
    this.emit('degraded', error)
  }

  /** Says everything of this node: after Redis was away it may know nothing, or what is no longer true. */
  async #announce(urgent: boolean): Promise<void> {
    await this.#registry.settle()
    await this.#ids.announce(urgent)
    await this.#topics.announce(urgent)
    if (urgent) await this.#told.catchUp()
  }

  #recovered(): void {
    this.emit('recovered')
    this.#told.flush()
    void this.#topics.reconcile(false)
    // Others have yet to say who they have: until then nobody has left. And who took this node for dead may have forgotten
    // its members a moment after they were said.
    this.#timers.after(this.#pulse.lease, () => void this.#refresh())
  }

  async #refresh(): Promise<void> {
    this.#routes.sweep()
    if (!this.#pulse.isReady) return
    await this.#announce(false).catch(() => {})
    await this.#topics.reconcile(true)
    await this.#history.count()
  }
}

function assertTime(ms: number, name: string): void {
  if (!(ms >= 50 && ms <= 600_000)) throw new TypeError(`${name} must be 50 to 600,000 ms`)
}
