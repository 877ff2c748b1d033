import {
  SignalError,
  type SocketSignalClient,
  type TokenSource,
  toHex,
  toKey,
  topicFromName,
  type Unsubscribe
} from 'socket-signal'
import { Activity } from './activity.ts'
import { type Decision, readDecision } from './decision.ts'
import { assertInfo, decodeInfo, encodeInfo } from './info.ts'
import { assertConnected, type Effect, type Event, reduce } from './machine.ts'
import { Mesh } from './mesh.ts'
import { Meter } from './meter.ts'
import { INITIAL, infoOf, type Machine, sentOf, streamId, wantsOf } from './model.ts'
import { readTracks } from './tracks.ts'
import type { DisconnectReason, Events, Message, NetworkMetrics, Room, State, Stream } from './types.ts'

export interface RoomOptions {
  /**
   * Makes a client for each `connect()`, with the token it is given; the room closes it. Or a client of yours, which stays
   * open; its topic belongs to the room all the same.
   */
  client: SocketSignalClient | ((options: { token?: string | TokenSource }) => SocketSignalClient)
  /** Its name (`topicFromName`), or 32 bytes. */
  room: string | Uint8Array
  /** What others are to call us. */
  name?: string
  /** What else others are to know. Up to 512 characters. */
  context?: string
  /** The first token, for a client that the room makes. `updateClientToken` replaces it. */
  clientToken?: string
  /** Gets tokens, and new ones in time, in place of `clientToken`: `credentials(provider)` of socket-signal-token. */
  credentials?: TokenSource
  /** How long `addSubscription` and `updateSubscription` may take. Default: 15,000. Unit: ms. */
  subscribeTimeout?: number
  /** How often `network_metrics_report` comes. Default: 2,000. Unit: ms. */
  reportInterval?: number
}

/** How often is listened who speaks. Unit: ms. */
const LISTEN = 200

interface Waiter {
  done(): void
  fail(error: unknown): void
}

/** A place in a room, not connected yet. */
export function createRoom(options: RoomOptions): Room {
  const { room } = options
  assertInfo(options)
  if (typeof room === 'string' ? room.length === 0 : !(room instanceof Uint8Array && room.length === 32))
    throw new TypeError('room must be a name, or 32 bytes')
  return new Driver(options).face
}

/** Runs the machine: turns calls and news into events, and effects into deeds. */
class Driver {
  readonly face: Room
  readonly #options: RoomOptions
  readonly #listeners = new Map<keyof Events, Set<(...args: never[]) => void>>()
  readonly #ids = new Map<string, Uint8Array>()
  readonly #waiters = new Map<string, Set<Waiter>>()
  readonly #reported = new Map<string, boolean>()
  readonly #queue: (() => void)[] = []
  #state: Machine = INITIAL
  #token: string | undefined
  #client: SocketSignalClient | undefined
  #topic: Uint8Array = new Uint8Array(32)
  #stops: Unsubscribe[] = []
  #mesh: Mesh | undefined
  #meter: Meter | undefined
  #connecting: Promise<void> | undefined
  #ending: Promise<void> | undefined
  #listening: ReturnType<typeof setInterval> | undefined
  #reporting: ReturnType<typeof setInterval> | undefined
  #expiry: ReturnType<typeof setTimeout> | undefined
  #unheard = false
  #draining = false

  constructor(options: RoomOptions) {
    this.#options = options
    this.#token = options.clientToken
    this.face = this.#face()
  }

  #face(): Room {
    const streamsOf = (participantId: string) => this.#streamsOf(participantId)
    return Object.freeze<Room>({
      id: toHex(globalThis.crypto.getRandomValues(new Uint8Array(16))),
      on: (event, callback) => this.#on(event, callback),
      connect: () => this.#connect(),
      disconnect: () => this.#disconnect(),
      updateClientToken: token => this.#updateToken(token),
      getState: () => this.#state.view,
      getLocalParticipant: () => {
        const local = this.#state.view.participants[this.#state.id]
        if (!local) throw notConnected('there is no local participant before connect()')
        return local
      },
      getLocalStreams: () => Object.freeze(Object.fromEntries(streamsOf(this.#state.id))),
      addStream: (key, tracks) => this.#addStream(key, tracks),
      updateStream: async (key, tracks) => this.#tell({ type: 'update', key, tracks: readTracks(tracks) }),
      removeStream: async key => this.#tell({ type: 'remove', key }),
      addSubscription: async (participantId, key, config) =>
        this.#subscribe({ type: 'subscribe', participantId, key, config: Object(config) }),
      updateSubscription: async (participantId, key, config) =>
        this.#subscribe({ type: 'reconfigure', participantId, key, config: Object(config) }),
      removeSubscription: async (participantId, key) => {
        this.#dispatch({ type: 'unsubscribe', participantId, key })
      },
      getParticipantStreams: streamsOf,
      getParticipantsStreams: streamsOf,
      getParticipantStream: (participantId, key) => streamsOf(participantId).get(key),
      getWebRTCStatsForStream: async (participantId, key) => {
        if (!streamsOf(participantId).has(key))
          throw new SignalError('UNKNOWN_STREAM', `there is no stream '${key}'`)
        return this.#connected().meter.stream(participantId, key)
      },
      sendMessage: async (message, recipients) => this.#sendMessage(message, recipients),
      enableNetworkMetricsReport: async (participantIds, { includeStreams = false } = {}) => {
        for (const participantId of participantIds) {
          this.#assertKnown(participantId)
          this.#reported.set(participantId, includeStreams)
        }
        this.#report()
      },
      disableNetworkMetricsReport: async participantIds => {
        for (const participantId of participantIds ?? [...this.#reported.keys()])
          this.#reported.delete(participantId)
        this.#report()
      },
      kick: async participantId => this.#moderate(participantId, { action: 'kick' }),
      censor: async (participantId, key, kind) =>
        this.#moderate(participantId, { action: 'censor', key, kind }),
      uncensor: async (participantId, key, kind) =>
        this.#moderate(participantId, { action: 'uncensor', key, kind })
    })
  }

  #on<E extends keyof Events>(event: E, callback: Events[E]): Unsubscribe {
    const set = this.#listeners.get(event) ?? new Set()
    this.#listeners.set(event, set)
    // A function of its own: given twice, it is called twice, and each is taken away alone.
    const listener = (...args: never[]) => (callback as (...args: never[]) => void)(...args)
    set.add(listener)
    return () => void set.delete(listener)
  }

  /** What a listener throws is reported, and changes nothing. */
  #emit(event: keyof Events, ...args: unknown[]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      if (!this.#listeners.get(event)?.has(listener)) continue
      try {
        listener(...(args as never[]))
      } catch (error) {
        console.error(`socket-signal-room: a listener of '${event}' threw`, error)
      }
    }
  }

  /** One event through the machine. Gives when the others have been told, if they are to be told. */
  #dispatch(event: Event): Promise<void> | undefined {
    const before = this.#state.view
    const { state, effects } = reduce(this.#state, event)
    this.#state = state
    const { view } = state
    if (view !== before) this.#queue.push(() => this.#emit('state_changed', view))
    let told: Promise<void> | undefined
    for (const effect of effects) told = this.#do(effect, view) ?? told
    this.#settle()
    this.#drain()
    return told
  }

  /** Listeners hear of one event after the other, also of those that their own calls bring about. */
  #drain(): void {
    if (this.#queue.length === 0 || this.#draining) return
    this.#draining = true
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) next()
    this.#draining = false
  }

  #do(effect: Effect, view: State): Promise<void> | undefined {
    switch (effect.type) {
      case 'emit':
        this.#queue.push(() => this.#emit(effect.event, ...effect.args, view))
        return
      case 'announce':
        return this.#announce()
      case 'sync':
        this.#mesh?.sync(effect.participantId)
        return
      case 'drop':
        this.#ids.delete(effect.participantId)
        this.#reported.delete(effect.participantId)
        this.#mesh?.drop(effect.participantId)
        return
      case 'end':
        void this.#end(effect.reason)
        return
      default:
        return effect satisfies never
    }
  }

  async #connect(): Promise<void> {
    if (this.#ending) await this.#ending
    if (this.#state.status === 'connected') return
    this.#connecting ??= this.#open().finally(() => {
      this.#connecting = undefined
    })
    return this.#connecting
  }

  async #open(): Promise<void> {
    const { client, room, name, context, credentials } = this.#options
    this.#dispatch({ type: 'connect' })
    try {
      this.#topic = typeof room === 'string' ? await topicFromName(room) : room
      const token = credentials ?? this.#token
      const own = typeof client === 'function' ? client(token === undefined ? {} : { token }) : client
      this.#client = own
      this.#listen(own)
      await own.open()
      const id = toHex(own.id)
      this.#ids.set(id, own.id)
      this.#mesh = this.#createMesh(own)
      this.#meter = new Meter(this.#mesh, () => this.#state.id)
      this.#dispatch({ type: 'opened', id, name, context })
      await own.join(this.#topic, { watch: true, info: encodeInfo(infoOf(this.#state)) })
      if (this.#client !== own) throw notConnected('the room was disconnected')
      this.#dispatch({ type: 'connected' })
    } catch (error) {
      await this.#end(codeOf(error))
      throw error
    }
  }

  #createMesh(client: SocketSignalClient): Mesh {
    return new Mesh({
      client,
      topic: this.#topic,
      idOf: participantId =>
        this.#state.members.has(participantId) ? this.#ids.get(participantId) : undefined,
      wanted: () => new Set([...this.#state.wishes.values()].map(({ participantId }) => participantId)),
      wants: participantId => wantsOf(this.#state, participantId),
      sent: key => sentOf(this.#state, key),
      onmedia: (participantId, media) => {
        this.#dispatch({ type: 'media', participantId, media })
        this.#listenForVoices()
      },
      onopen: () => this.#listenForVoices()
    })
  }

  #listen(client: SocketSignalClient): void {
    const ours = ({ topic }: { topic: Uint8Array }) => toKey(topic) === toKey(this.#topic)
    const seen = (event: { topic: Uint8Array; id: Uint8Array; info?: unknown }) => {
      if (!ours(event)) return
      const participantId = toHex(event.id)
      this.#ids.set(participantId, event.id)
      this.#dispatch({ type: 'seen', participantId, info: decodeInfo(event.info) })
      this.#listenForVoices()
    }
    const moved = (away: boolean) => (event: { topic: Uint8Array; id: Uint8Array }) => {
      if (!ours(event)) return
      this.#dispatch({ type: 'moved', participantId: toHex(event.id), away })
      if (!away) this.#mesh?.retry(toHex(event.id))
    }
    this.#stops = [
      client.on('peer-joined', seen),
      client.on('peer-updated', seen),
      client.on('peer-left', event => {
        if (ours(event)) this.#dispatch({ type: 'left', participantId: toHex(event.id) })
      }),
      client.on('peer-away', moved(true)),
      client.on('peer-back', moved(false)),
      client.on('message', event => {
        if (ours(event)) this.#heard(toHex(event.id), event.data, event.direct)
      }),
      client.on('moderated', event => {
        if (ours(event)) this.#decided(toHex(event.id), readDecision(event.data))
      }),
      client.on('connected', (_again, { lost }) => {
        this.#dispatch({ type: 'reconnecting', on: false })
        // What was to be told may not have been; and what was decided meanwhile not heard.
        if (this.#state.status === 'connected' && (this.#unheard || lost > 0))
          this.#announce().catch(() => {})
      }),
      client.on('disconnected', (willReconnect, { error }) => this.#lost(willReconnect, error)),
      client.on('connect-error', (error, willReconnect) => this.#lost(willReconnect, error)),
      client.on('leave', event => {
        // The new token does not let us in.
        if (ours(event) && this.#state.status === 'connected') void this.#end('FORBIDDEN')
      }),
      client.on('token-expiring', ({ expiresIn }) => this.#expires(expiresIn))
    ]
  }

  #lost(willReconnect: boolean, error: SignalError): void {
    const { status } = this.#state
    if (status !== 'connected') return
    const expired = error.code === 'TOKEN_EXPIRED' && !this.#options.credentials
    if (willReconnect && !expired) this.#dispatch({ type: 'reconnecting', on: true })
    else void this.#end(codeOf(error))
  }

  /** With nobody to get another token, the room ends with this one. */
  #expires(ms: number): void {
    if (this.#options.credentials || typeof this.#options.client !== 'function') return
    clearTimeout(this.#expiry)
    this.#expiry = setTimeout(() => void this.#end('token_expired'), ms)
  }

  async #updateToken(token: string): Promise<void> {
    assertConnected(this.#state)
    await this.#client?.updateToken(token)
    this.#token = token
    clearTimeout(this.#expiry)
  }

  async #disconnect(): Promise<void> {
    const { status } = this.#state
    if (status === 'connecting' || status === 'connected') {
      this.#dispatch({ type: 'disconnect' })
      await this.#end('left')
    }
    await this.#ending
  }

  #end(reason: DisconnectReason): Promise<void> {
    this.#ending ??= this.#close(reason).finally(() => {
      this.#ending = undefined
    })
    return this.#ending
  }

  async #close(reason: DisconnectReason): Promise<void> {
    const client = this.#client
    this.#client = undefined
    for (const stop of this.#stops.splice(0)) stop()
    clearInterval(this.#listening)
    clearInterval(this.#reporting)
    clearTimeout(this.#expiry)
    this.#listening = this.#reporting = undefined
    this.#reported.clear()
    this.#unheard = false
    this.#mesh?.close()
    this.#mesh = this.#meter = undefined
    if (typeof this.#options.client === 'function') await client?.close()
    else if (client?.status === 'open') await client.leave(this.#topic).catch(() => {}) // It has ended all the same.
    this.#ids.clear()
    for (const id of [...this.#waiters.keys()])
      this.#fail(id, notConnected(`the room is disconnected: ${reason}`))
    this.#dispatch({ type: 'ended', reason })
  }

  async #addStream(key: string, tracks: Parameters<typeof readTracks>[0]): Promise<void> {
    const told = this.#dispatch({ type: 'add', key, tracks: readTracks(tracks) })
    try {
      await told
    } catch (error) {
      if (this.#state.own.has(key)) this.#dispatch({ type: 'remove', key })?.catch(() => {})
      throw error
    }
    this.#dispatch({ type: 'announced', key })
    this.#listenForVoices()
  }

  async #tell(event: Event): Promise<void> {
    await this.#dispatch(event)
    this.#listenForVoices()
  }

  /** Says to all what we have. */
  async #announce(): Promise<void> {
    const client = this.#client
    if (!client) throw notConnected('the room is not connected')
    this.#unheard = true
    await client.join(this.#topic, { watch: true, info: encodeInfo(infoOf(this.#state)) })
    this.#unheard = false
  }

  async #subscribe(event: Extract<Event, { type: 'subscribe' | 'reconfigure' }>): Promise<void> {
    const { participantId, key } = event
    this.#dispatch(event)
    const id = streamId(event)
    if (!this.#state.wishes.get(id)?.pending) return
    const { subscribeTimeout = 15_000 } = this.#options
    let timer: ReturnType<typeof setTimeout> | undefined
    const waiting = new Promise<void>((done, fail) => {
      const waiter = { done, fail }
      this.#waiters.set(id, (this.#waiters.get(id) ?? new Set()).add(waiter))
      timer = setTimeout(() => {
        const cause = this.#mesh?.error(participantId)
        fail(new SignalError('TIMEOUT', `nothing has come within ${subscribeTimeout} ms`, { cause }))
        this.#waiters.get(id)?.delete(waiter)
        // What is not to be had is not asked for any more.
        if (event.type === 'subscribe' && this.#state.wishes.has(id))
          this.#dispatch({ type: 'unsubscribe', participantId, key })
      }, subscribeTimeout)
    })
    await waiting.finally(() => clearTimeout(timer))
  }

  /** Tells those who wait for subscriptions how these stand. */
  #settle(): void {
    for (const [id, waiters] of this.#waiters) {
      const wish = this.#state.wishes.get(id)
      if (wish?.pending) continue
      if (!wish)
        this.#fail(id, new SignalError('SUBSCRIPTION_ENDED', 'the stream, or the wish for it, has gone'))
      else for (const { done } of waiters) done()
      this.#waiters.delete(id)
    }
  }

  #fail(id: string, error: SignalError): void {
    for (const { fail } of this.#waiters.get(id) ?? []) fail(error)
    this.#waiters.delete(id)
  }

  async #sendMessage(message: Message, recipients?: readonly string[]): Promise<void> {
    assertConnected(this.#state)
    const { type, payload } = Object(message)
    if (type !== 'text' || typeof payload !== 'string')
      throw new TypeError("a message is { type: 'text', payload: text }")
    const { client } = this.#connected()
    if (!recipients) return client.publish(this.#topic, { type, payload })
    for (const participantId of recipients) this.#assertKnown(participantId)
    const data = { type, payload, recipients }
    const send = (id: string) => client.publish(this.#topic, data, { to: this.#ids.get(id) as Uint8Array })
    await Promise.all([...new Set(recipients)].filter(id => id !== this.#state.id).map(send))
  }

  #heard(participantId: string, data: unknown, direct: boolean): void {
    const { type, payload, recipients } = Object(data)
    if (this.#state.status !== 'connected' || type !== 'text' || typeof payload !== 'string') return
    const named = Array.isArray(recipients) && recipients.every(id => typeof id === 'string')
    const to = direct ? Object.freeze(named ? [...recipients] : [this.#state.id]) : null
    const { view } = this.#state
    this.#queue.push(() =>
      this.#emit('message_received', participantId, Object.freeze({ type, payload }), to, view)
    )
    this.#drain()
  }

  #decided(participantId: string, decision: Decision | undefined): void {
    if (decision?.action === 'kick') this.#dispatch({ type: 'kicked', participantId })
    else if (decision?.action === 'standing') {
      const censored = decision.censored.map(([participantId, key, kind]) => ({ participantId, key, kind }))
      this.#dispatch({ type: 'decisions', censored })
    } else if (decision) {
      const { action, key, kind } = decision
      this.#dispatch({ type: 'censored', participantId, key, kind, on: action === 'censor' })
    }
  }

  async #moderate(participantId: string, decision: Decision): Promise<void> {
    const { client } = this.#connected()
    this.#assertKnown(participantId)
    await client.moderate(this.#topic, this.#ids.get(participantId) as Uint8Array, decision)
  }

  /** Listens who speaks as long as somebody can be heard. */
  #listenForVoices(): void {
    const { view, id } = this.#state
    const audible = Object.values(view.streams).some(
      ({ origin, audioTrack }) => origin === 'remote' && audioTrack
    )
    const speaking =
      [...this.#state.own.values()].some(({ audio }) => audio) && this.#mesh?.open().next().done === false
    const listen = this.#meter !== undefined && (audible || speaking)
    if (!listen) {
      clearInterval(this.#listening)
      this.#listening = undefined
    }
    if (!listen || this.#listening !== undefined) return
    const activity = new Activity()
    const meter = this.#meter as Meter
    this.#listening = setInterval(async () => {
      const levels = await meter.levels().catch(() => new Map<string, number>()) // A connection that has just ended.
      if (meter !== this.#meter) return
      for (const [stream, on] of activity.listen(levels, Date.now())) {
        const [participantId = id, ...key] = stream.split('/')
        this.#dispatch({ type: 'speaking', participantId, key: key.join('/'), on })
      }
    }, LISTEN)
  }

  #report(): void {
    clearInterval(this.#reporting)
    this.#reporting = undefined
    const { meter } = this.#reported.size > 0 ? this.#connected() : {}
    if (!meter) return
    this.#reporting = setInterval(async () => {
      const metrics: NetworkMetrics = {}
      for (const [participantId, includeStreams] of this.#reported) {
        const streams: NetworkMetrics[string]['streams'] = {}
        for (const key of includeStreams ? this.#streamsOf(participantId).keys() : [])
          streams[key] = await meter.stream(participantId, key)
        metrics[participantId] = {
          ...(await meter.network(participantId)),
          ...(includeStreams && { streams })
        }
      }
      if (this.#meter === meter && this.#reported.size > 0) this.#emit('network_metrics_report', metrics)
    }, this.#options.reportInterval ?? 2000)
  }

  #streamsOf(participantId: string): Map<string, Stream> {
    const { participants, streams } = this.#state.view
    const ids = Object.hasOwn(participants, participantId) ? participants[participantId]?.streams : {}
    return new Map(Object.entries(ids ?? {}).map(([key, id]) => [key, streams[id] as Stream]))
  }

  #connected(): { client: SocketSignalClient; meter: Meter } {
    assertConnected(this.#state)
    return { client: this.#client as SocketSignalClient, meter: this.#meter as Meter }
  }

  #assertKnown(participantId: string): void {
    assertConnected(this.#state)
    if (Object.hasOwn(this.#state.view.participants, participantId)) return
    throw new SignalError('UNKNOWN_PARTICIPANT', `nobody of the id '${participantId}' is here`)
  }
}

function notConnected(words: string): SignalError {
  return new SignalError('NOT_CONNECTED', words)
}

function codeOf(error: unknown): DisconnectReason {
  const { code } = Object(error)
  if (code === 'KICKED') return 'kicked'
  if (code === 'TOKEN_EXPIRED') return 'token_expired'
  return typeof code === 'string' ? code : 'INTERNAL'
}
