import {
  Emitter,
  SignalError,
  type SocketSignalClient,
  toHex,
  toKey,
  topicFromName,
  type Unsubscribe
} from 'socket-signal'
import type { Kind } from 'socket-signal-token'
import { Access, type AccessOptions } from './access.ts'

/** What somebody published in a channel. */
export interface ChannelMessage {
  /** The name, as it was subscribed. */
  channel: string
  /** Of this message: as its publisher got it. */
  id: string
  /** Who published it: 64 hexadecimal digits. Signed, so that nobody else can say so. */
  memberId: string
  /** Any JSON. */
  content: unknown
  /** What else was published with it. */
  meta?: unknown
}

/** A message that the server has kept. */
export interface PastMessage extends ChannelMessage {
  /** When the server took it, by its clock. Unit: ms since 1970, with three decimals. */
  at: number
}

/** What of the past is asked for. */
export interface HistoryParams {
  /** Default: 50. At most 1,000, or what the server keeps. */
  limit?: number
  /** Only what was published before that: `at` of the oldest that you have. */
  before?: number
}

/** What channels of every namespace tell. */
export interface ChannelEvents {
  /** Somebody else published. */
  'message.received': [message: ChannelMessage]
  /** The socket has ended and is being opened again; subscriptions stay. */
  'session.reconnecting': [event: { error: SignalError }]
  /** It goes on. What was published meanwhile may be lost. */
  'session.reconnected': []
  /** A new token does not let us into it any more. */
  'channel.lost': [event: { channel: string }]
  /** The token ends in so many ms: see `updateToken`. With `credentials` it is renewed by itself. */
  'session.expiring': [event: { expiresIn: number }]
  /** It is over: by `disconnect()`, or with an error. */
  'session.disconnected': [event: { error?: SignalError }]
}

/** What is published, and where. */
export interface PublishParams {
  /** One that is subscribed. */
  channel: string
  /** Any JSON. With `meta` it fits into a message of the server, 16 KiB by default. */
  content: unknown
  /** Any JSON beside the content; not sent where it is absent. */
  meta?: unknown
  /** `false`: not for those who come later, for what is only good now. Default: `true`, for a server that keeps history. */
  keep?: boolean
}

/** `isJoined`: the server has said so. */
interface Subscription {
  name: string
  topic: Uint8Array
  joining: Promise<void>
  isJoined: boolean
}

const MAX_NAME = 240
const MAX_ID = 64

/** Channels of one namespace: what Chat and PubSub share. */
export abstract class Channels<
  Events extends ChannelEvents & { [K in keyof Events]: unknown[] }
> extends Emitter<Events> {
  /** By topic. */
  readonly #subscriptions = new Map<string, Subscription>()
  readonly #access: Access
  readonly #namespace: string
  #client: SocketSignalClient | undefined
  #opening: Promise<SocketSignalClient> | undefined
  #stops: Unsubscribe[] = []
  #closed = false

  constructor(options: AccessOptions, namespace: Kind & ('chat' | 'pubsub'), where: string) {
    super()
    this.#namespace = namespace
    this.#access = new Access(options, [namespace, 'subscriber'], where)
  }

  /**
   * Subscribes to channels, all or none; gives those that are subscribed then. Rejects with TOKEN_INVALID for a token of
   * another namespace, FORBIDDEN for a channel that the token does not name, LIMIT_TOPICS.
   */
  async subscribe(channels: string | readonly string[]): Promise<{ channels: string[] }> {
    const names = [channels].flat().map(assertName)
    const client = await this.#open()
    const added: string[] = []
    try {
      for (const name of names) {
        const topic = await this.#topic(name)
        if (this.#closed) throw ended()
        let known = this.#subscriptions.get(toKey(topic))
        if (!known) {
          known = this.#add(client, topic, name)
          added.push(name)
        }
        await known.joining
      }
    } catch (error) {
      for (const name of added) await this.#forget(client, name, true)
      throw error
    }
    return { channels: this.#channels }
  }

  /** Unsubscribes from channels; those that are not subscribed are harmless. Gives those that stay. */
  async unsubscribe(channels: string | readonly string[]): Promise<{ channels: string[] }> {
    const names = [channels].flat().map(assertName)
    const client = await this.#open()
    for (const name of names) await this.#forget(client, name)
    return { channels: this.#channels }
  }

  /**
   * Publishes to everybody else in a channel; resolves when the server has taken it. Rejects with FORBIDDEN for a token
   * that only reads, NOT_JOINED, TOO_LARGE, RATE_LIMITED.
   */
  async publish({
    channel,
    content,
    meta,
    keep = true
  }: PublishParams): Promise<{ channel: string; id: string }> {
    const topic = this.#subscribed(channel)
    if (content === undefined) throw new TypeError('content must be JSON')
    const id = toHex(globalThis.crypto.getRandomValues(new Uint8Array(16)))
    const client = await this.#open()
    await client.publish(topic, { id, content, ...(meta !== undefined && { meta }) }, { keep })
    return { channel, id }
  }

  /**
   * What was published in a channel before, the latest of it, the oldest first; our own is there as well. None: there is
   * none before `before`. Rejects with UNSUPPORTED where the server keeps no history, NOT_JOINED, FORBIDDEN.
   */
  async history(
    channel: string,
    { limit, before }: HistoryParams = {}
  ): Promise<{ messages: PastMessage[] }> {
    const topic = this.#subscribed(channel)
    const client = await this.#open()
    const past = await client.history(topic, {
      ...(limit !== undefined && { limit }),
      ...(before !== undefined && { before })
    })
    const messages = past.flatMap(({ id, data, at }) => {
      const message = readMessage(data)
      return message ? [{ channel, memberId: toHex(id), ...message, at }] : []
    })
    return { messages }
  }

  /** A new token in place of the last one, on the open socket or for the one to come. Rejects with TOKEN_INVALID. */
  async updateToken(token: string): Promise<void> {
    if (this.#closed) throw ended()
    await this.#access.replace(token, async () => {
      const client = await this.#opening?.catch(() => undefined) // Told by whoever opens it.
      await client?.updateToken(token)
    })
  }

  /** Ends it for good. May be called twice, and at any time. */
  async disconnect(): Promise<void> {
    const ended = this.#closed
    this.#closed = true
    await this.#end(this.#client)
    if (!ended) this.#tell('session.disconnected', {})
  }

  /** Our id in channels: 64 hexadecimal digits. Throws CLOSED before the first `subscribe`. */
  get memberId(): string {
    if (this.#client) return toHex(this.#client.id)
    throw new SignalError('CLOSED', 'the id is known after subscribe()')
  }

  /** Joins the topic of a channel. */
  protected abstract _join(client: SocketSignalClient, topic: Uint8Array, channel: string): Promise<void>
  /** A channel is not subscribed any more. */
  protected _left(_channel: string): void {}
  /** Listens to what else the client tells; `channelOf` knows topics of ours alone. */
  protected _listen(
    _client: SocketSignalClient,
    _channelOf: (event: { topic: Uint8Array }) => string | undefined
  ): Unsubscribe[] {
    return []
  }

  /** A client, and the topic of a channel. Rejects with NOT_JOINED. */
  protected async _of(channel: string): Promise<{ client: SocketSignalClient; topic: Uint8Array }> {
    const topic = this.#subscribed(channel)
    return { client: await this.#open(), topic }
  }

  /** What others are to call us, as the token says. */
  protected _name = ''

  get #channels(): string[] {
    return [...this.#subscriptions.values()].map(({ name }) => name)
  }

  /** At once: what is published in one turn leaves in its order. */
  #subscribed(channel: string): Uint8Array {
    const wanted = assertName(channel)
    const known = [...this.#subscriptions.values()].find(({ name }) => name === wanted)
    if (known) return known.topic
    throw new SignalError('NOT_JOINED', 'subscribe to the channel first')
  }

  #topic(channel: string): Promise<Uint8Array> {
    return topicFromName(`${this.#namespace}:${channel}`)
  }

  #add(client: SocketSignalClient, topic: Uint8Array, name: string): Subscription {
    const joining = this._join(client, topic, name).then(() => {
      added.isJoined = true
    })
    const added: Subscription = { name, topic, joining, isJoined: false }
    this.#subscriptions.set(toKey(topic), added)
    return added
  }

  async #forget(client: SocketSignalClient, channel: string, unsure = false): Promise<void> {
    const topic = await this.#topic(channel)
    if (!this.#subscriptions.delete(toKey(topic))) return
    this._left(channel)
    const leaving = client.leave(topic)
    if (unsure)
      leaving.catch(() => {}) // It was perhaps never joined.
    else await leaving
  }

  #open(): Promise<SocketSignalClient> {
    if (this.#closed) return Promise.reject(ended())
    this.#opening ??= this.#connect().catch(error => {
      this.#opening = undefined // Another try is another client.
      throw error
    })
    return this.#opening
  }

  async #connect(): Promise<SocketSignalClient> {
    const claims = await this.#access.claims()
    this._name = claims.name ?? ''
    if (this.#closed) throw ended()
    const client = this.#access.client(this.#access.token)
    this.#client = client
    try {
      await client.open()
      if (this.#closed) throw ended()
    } catch (error) {
      await this.#end(client)
      throw error
    }
    this.#follow(client)
    return client
  }

  #follow(client: SocketSignalClient): void {
    const channelOf = ({ topic }: { topic: Uint8Array }) => this.#subscriptions.get(toKey(topic))?.name
    this.#stops = [
      client.on('message', event => {
        const channel = channelOf(event)
        // What is said to us alone is said in no channel: the others would not know of it.
        const message = channel === undefined || event.direct ? undefined : readMessage(event.data)
        if (channel !== undefined && message)
          this.#tell('message.received', { channel, memberId: toHex(event.id), ...message })
      }),
      client.on('connected', again => again && this.#tell('session.reconnected')),
      client.on('disconnected', (willReconnect, { error }) => this.#lost(willReconnect, error)),
      client.on('connect-error', (error, willReconnect) => willReconnect || this.#lost(false, error)),
      client.on('token-expiring', event => this.#tell('session.expiring', event)),
      client.on('leave', event => {
        const lost = this.#subscriptions.get(toKey(event.topic))
        if (!lost?.isJoined) return // It was left by us; perhaps it is being joined again.
        this.#subscriptions.delete(toKey(event.topic))
        this._left(lost.name)
        this.#tell('channel.lost', { channel: lost.name })
      }),
      ...this._listen(client, channelOf)
    ]
  }

  #lost(willReconnect: boolean, error: SignalError): void {
    if (willReconnect) return this.#tell('session.reconnecting', { error })
    if (this.#closed) return
    this.#closed = true
    this.#end(this.#client).catch(() => {}) // It has ended all the same.
    this.#tell('session.disconnected', { error })
  }

  async #end(client: SocketSignalClient | undefined): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop()
    const subscriptions = [...this.#subscriptions.values()]
    this.#subscriptions.clear()
    for (const { name } of subscriptions) this._left(name)
    if (client && this.#access.owns) await client.close()
    else if (client?.status === 'open')
      for (const { topic } of subscriptions) client.leave(topic).catch(() => {}) // It ends, perhaps.
  }

  /** What each kind of channels has in common. */
  #tell<E extends keyof ChannelEvents>(event: E, ...args: ChannelEvents[E]): void {
    this.emit(event, ...(args as unknown as Events[E]))
  }
}

function ended(): SignalError {
  return new SignalError('CLOSED', 'it was disconnected', { retryable: false })
}

function assertName(name: unknown): string {
  if (typeof name === 'string' && name.length > 0 && name.length <= MAX_NAME) return name
  throw new TypeError(`a channel is a name of 1 to ${MAX_NAME} characters`)
}

/** Others may publish anything. */
function readMessage(data: unknown): Pick<ChannelMessage, 'id' | 'content' | 'meta'> | undefined {
  const { id, content, meta } = Object(data)
  if (typeof id !== 'string' || id.length > MAX_ID || content === undefined) return undefined
  return { id, content, ...(meta !== undefined && { meta }) }
}
