import {
  SignalError,
  type SocketSignalClient,
  type TokenSource,
  toHex,
  toKey,
  topicFromName,
  type Unsubscribe
} from 'socket-signal'
import { type Decision, readDecision } from './decision.ts'
import { assertInfo, decodeInfo, encodeInfo } from './info.ts'
import { Listeners } from './listeners.ts'
import { assertConnected, type Effect, type Event, reduce } from './machine.ts'
import { Mesh } from './mesh.ts'
import { Meter } from './meter.ts'
import { INITIAL, infoOf, type Machine, sentOf, streamId, wantsOf } from './model.ts'
import { Reports } from './reports.ts'
import { readTracks } from './tracks.ts'
import type { DisconnectReason, Message, NetworkMetrics, Room, State, Stream } from './types.ts'
import { Voices } from './voices.ts'
import { Waiters } from './waiters.ts'

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
  /** How long a connection stays over which neither of the two wants anything. Default: 30,000. Unit: ms. */
  idleTimeout?: number
  /** How often `network_metrics_report` comes. Default: 2,000. Unit: ms. */
  reportInterval?: number
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
  readonly #listeners = new Listeners()
  readonly #waiters = new Waiters()
  readonly #reports: Reports
  readonly #ids = new Map<string, Uint8Array>()
  #state: Machine = INITIAL
  #token: string | undefined
  #client: SocketSignalClient | undefined
  #topic: Uint8Array = new Uint8Array(32)
  #stops: Unsubscribe[] = []
  #mesh: Mesh | undefined
  #meter: Meter | undefined
  #voices: Voices | undefined
  /** Which call of `connect` it is; what an earlier one still does is in vain. */
  #attempt: object | undefined
  #connecting: Promise<void> | undefined
  #ending: Promise<void> | undefined
  #expiry: ReturnType<typeof setTimeout> | undefined
  #unheard = false
  #announced: Promise<void> = Promise.resolve()
  /** What is to be said next, and will be what we have then. */
  #announcing: Promise<void> | undefined

  constructor(options: RoomOptions) {
    this.#options = options
    this.#token = options.clientToken
    this.#reports = new Reports({
      interval: options.reportInterval ?? 2000,
      read: (participantId, includeStreams) => this.#read(participantId, includeStreams),
      onreport: metrics => {
        this.#listeners.queue('network_metrics_report', metrics)
        this.#listeners.drain()
      }
    })
    this.face = this.#face()
  }

  #face(): Room {
    const streamsOf = (participantId: string) => this.#streamsOf(participantId)
    return Object.freeze<Room>({
      id: toHex(globalThis.crypto.getRandomValues(new Uint8Array(16))),
      on: (event, callback) => this.#listeners.on(event, callback),
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
      updateStream: async (key, tracks) =>
        this.#dispatch({ type: 'update', key, tracks: readTracks(tracks) }),
      removeStream: async key => this.#dispatch({ type: 'remove', key }),
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
        for (const participantId of participantIds) this.#assertKnown(participantId)
        this.#reports.enable(participantIds, includeStreams)
      },
      disableNetworkMetricsReport: async participantIds => this.#reports.disable(participantIds),
      kick: async participantId => this.#moderate(participantId, { action: 'kick' }),
      censor: async (participantId, key, kind) =>
        this.#moderate(participantId, { action: 'censor', key, kind }),
      uncensor: async (participantId, key, kind) =>
        this.#moderate(participantId, { action: 'uncensor', key, kind })
    })
  }

  /** One event through the machine. Gives when the others have been told, if they are to be told. */
  #dispatch(event: Event): Promise<void> | undefined {
    const before = this.#state.view
    const { state, effects } = reduce(this.#state, event)
    this.#state = state
    const { view } = state
    if (view !== before) this.#listeners.queue('state_changed', view)
    let told: Promise<void> | undefined
    for (const effect of effects) told = this.#do(effect, view) ?? told
    this.#waiters.settle(id => {
      const wish = this.#state.wishes.get(id)
      return wish && !wish.pending
    })
    this.#voices?.sync()
    this.#listeners.drain()
    return told
  }

  #do(effect: Effect, view: State): Promise<void> | undefined {
    switch (effect.type) {
      case 'emit':
        this.#listeners.queue(effect.event, ...effect.args, view)
        return
      case 'announce':
        return this.#announce()
      case 'sync':
        this.#mesh?.sync(effect.participantId)
        return
      case 'drop':
        this.#ids.delete(effect.participantId)
        this.#reports.disable([effect.participantId])
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
    this.#connecting ??= this.#open()
    return this.#connecting
  }

  async #open(): Promise<void> {
    const attempt = {}
    this.#attempt = attempt
    const current = () => {
      if (this.#attempt !== attempt) throw notConnected('the room was disconnected')
    }
    this.#dispatch({ type: 'connect' })
    try {
      await this.#enter(current)
      this.#connecting = undefined
    } catch (error) {
      if (this.#attempt === attempt) await this.#end(codeOf(error))
      throw error
    }
  }

  /** `current` throws once this is not wanted any more. */
  async #enter(current: () => void): Promise<void> {
    const { client: given, room, name, context, credentials } = this.#options
    const topic = typeof room === 'string' ? await topicFromName(room) : room
    current()
    const token = credentials ?? this.#token
    const client = typeof given === 'function' ? given(token === undefined ? {} : { token }) : given
    this.#topic = topic
    this.#client = client
    this.#listen(client)
    await client.open()
    current()
    const id = toHex(client.id)
    this.#ids.set(id, client.id)
    const mesh = this.#createMesh(client)
    const meter = new Meter(mesh, () => this.#state.id)
    this.#mesh = mesh
    this.#meter = meter
    this.#voices = this.#createVoices(mesh, meter)
    this.#dispatch({ type: 'opened', id, name, context })
    await client.join(topic, { watch: true, info: encodeInfo(infoOf(this.#state)) })
    current()
    this.#dispatch({ type: 'connected' })
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
      idleTimeout: this.#options.idleTimeout ?? 30_000,
      onmedia: (participantId, media) => {
        this.#dispatch({ type: 'media', participantId, media })
      },
      onopen: () => this.#voices?.sync()
    })
  }

  #createVoices(mesh: Mesh, meter: Meter): Voices {
    const audible = () =>
      Object.values(this.#state.view.streams).some(
        ({ origin, audioTrack }) => origin === 'remote' && audioTrack
      )
    const speaking = () =>
      [...this.#state.own.values()].some(({ audio }) => audio) && mesh.open().next().done === false
    return new Voices({
      meter,
      needed: () => audible() || speaking(),
      onchange: (stream, on) => {
        const [participantId = '', ...key] = stream.split('/')
        this.#dispatch({ type: 'speaking', participantId, key: key.join('/'), on })
      }
    })
  }

  #listen(client: SocketSignalClient): void {
    const ours = ({ topic }: { topic: Uint8Array }) => toKey(topic) === toKey(this.#topic)
    const seen = (event: { topic: Uint8Array; id: Uint8Array; info?: unknown }) => {
      if (!ours(event)) return
      const participantId = toHex(event.id)
      const info = decodeInfo(event.info)
      // The topic may have members of another kind: they are in no room, and not dialed.
      if (!info) return void this.#dispatch({ type: 'left', participantId })
      this.#ids.set(participantId, event.id)
      this.#dispatch({ type: 'seen', participantId, info })
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
    const { status, id } = this.#state
    if (status !== 'connected') return
    // The socket's end may come before the word of the moderator, or without it.
    if (error.code === 'KICKED') return void this.#dispatch({ type: 'kicked', participantId: id })
    const expired = error.code === 'TOKEN_EXPIRED' && !this.#isRenewed
    if (willReconnect && !expired) this.#dispatch({ type: 'reconnecting', on: true })
    else void this.#end(codeOf(error))
  }

  /** Whether another than us gets new tokens: `credentials`, or a client that was made with tokens of its own. */
  get #isRenewed(): boolean {
    const { client, credentials } = this.#options
    return credentials !== undefined || (typeof client === 'function' && this.#token === undefined)
  }

  /** With nobody to get another token, the room ends with this one. */
  #expires(ms: number): void {
    if (this.#isRenewed || typeof this.#options.client !== 'function') return
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
    this.#client = this.#attempt = this.#connecting = undefined
    for (const stop of this.#stops.splice(0)) stop()
    clearTimeout(this.#expiry)
    this.#reports.disable()
    this.#voices?.close()
    this.#unheard = false
    this.#mesh?.close()
    this.#mesh = this.#meter = this.#voices = undefined
    // It has ended for us, however that goes.
    if (typeof this.#options.client === 'function') await client?.close().catch(() => {})
    else if (client?.status === 'open') await client.leave(this.#topic).catch(() => {})
    this.#ids.clear()
    this.#waiters.fail(notConnected(`the room is disconnected: ${reason}`))
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
  }

  /** Says to all what we have: one after the other, or a slow server would take an earlier word for the last. */
  #announce(): Promise<void> {
    if (this.#announcing) return this.#announcing
    const attempt = this.#attempt
    const said = this.#announced.then(async () => {
      this.#announcing = undefined
      const client = this.#client
      if (!client || this.#attempt !== attempt) throw notConnected('the room is not connected')
      this.#unheard = true
      await client.join(this.#topic, { watch: true, info: encodeInfo(infoOf(this.#state)) })
      if (this.#attempt === attempt) this.#unheard = false
    })
    this.#announcing = said
    this.#announced = said.catch(() => {})
    return said
  }

  async #subscribe(event: Extract<Event, { type: 'subscribe' | 'reconfigure' }>): Promise<void> {
    const { participantId, key } = event
    this.#dispatch(event)
    const id = streamId(event)
    if (!this.#state.wishes.get(id)?.pending) return
    const { subscribeTimeout = 15_000 } = this.#options
    await this.#waiters.wait(id, subscribeTimeout, () => {
      const cause = this.#mesh?.error(participantId)
      // What is not to be had is not asked for any more.
      if (event.type === 'subscribe' && this.#state.wishes.has(id))
        this.#dispatch({ type: 'unsubscribe', participantId, key })
      return new SignalError('TIMEOUT', `nothing has come within ${subscribeTimeout} ms`, { cause })
    })
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
    this.#listeners.queue('message_received', participantId, Object.freeze({ type, payload }), to, view)
    this.#listeners.drain()
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

  async #read(participantId: string, includeStreams: boolean): Promise<NetworkMetrics[string]> {
    const { meter } = this.#connected()
    const streams: NetworkMetrics[string]['streams'] = {}
    for (const key of includeStreams ? this.#streamsOf(participantId).keys() : [])
      streams[key] = await meter.stream(participantId, key)
    return { ...(await meter.network(participantId)), ...(includeStreams && { streams }) }
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
