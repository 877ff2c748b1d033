import { SignalError, type SocketSignalClient, toHex, topicFromName } from 'socket-signal'
import { Connections } from './connections.ts'
import type { Decision } from './decision.ts'
import type { Effect } from './effects.ts'
import { encodeInfo } from './info.ts'
import { Listeners } from './listeners.ts'
import { type Change, type Event, reduce } from './machine.ts'
import { Membership } from './membership.ts'
import { assertConnected, INITIAL, infoOf, type Machine, streamId } from './model.ts'
import { Reports } from './reports.ts'
import type { RoomOptions } from './room.ts'
import type { DisconnectReason, Message, NetworkMetrics, State, Stream } from './types.ts'
import { Waiters } from './waiters.ts'

/** Runs the machine: turns calls and news into events, and effects into deeds. */
export class Driver {
  readonly listeners = new Listeners()
  readonly reports: Reports
  readonly #options: RoomOptions
  readonly #waiters = new Waiters()
  #state: Machine = INITIAL
  #token: string | undefined
  #membership: Membership | undefined
  #connections: Connections | undefined
  /** Which call of `connect` it is; what an earlier one still does is in vain. */
  #attempt: object | undefined
  #connecting: Promise<void> | undefined
  #ending: Promise<void> | undefined
  #expiry: ReturnType<typeof setTimeout> | undefined

  constructor(options: RoomOptions) {
    this.#options = options
    this.#token = options.clientToken
    this.reports = new Reports({
      interval: options.reportInterval ?? 2000,
      read: (participantId, includeStreams) => this.#read(participantId, includeStreams),
      onreport: metrics => {
        this.listeners.queue('network_metrics_report', metrics)
        this.listeners.drain()
      }
    })
  }

  get state(): Machine {
    return this.#state
  }

  /** One event through the machine. Gives when the others have been told, if they are to be told. */
  dispatch(event: Event): Promise<void> | undefined {
    const before = this.#state.view
    const { state, effects } = reduce(this.#state, event)
    this.#state = state
    const { view } = state
    if (view !== before) this.listeners.queue('state_changed', view)
    let told: Promise<void> | undefined
    for (const effect of effects) told = this.#do(effect, view) ?? told
    this.#waiters.settle(id => {
      const wish = this.#state.wishes.get(id)
      return wish && !wish.pending
    })
    this.#connections?.listen()
    this.listeners.drain()
    return told
  }

  #do(effect: Effect, view: State): Promise<void> | undefined {
    switch (effect.type) {
      case 'emit':
        this.listeners.queue(effect.event, ...effect.args, view)
        return
      case 'announce':
        return this.#membership?.announce() ?? Promise.reject(ending())
      case 'sync':
        this.#connections?.sync(effect.participantId)
        return
      case 'drop':
        this.#membership?.forget(effect.participantId)
        this.reports.disable([effect.participantId])
        this.#connections?.drop(effect.participantId)
        return
      case 'end':
        void this.#end(effect.reason)
        return
      default:
        return effect satisfies never
    }
  }

  async connect(): Promise<void> {
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
    this.dispatch({ type: 'connect' })
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
    const { client: given, room, name, context, credentials, idleTimeout = 30_000 } = this.#options
    const topic = typeof room === 'string' ? await topicFromName(room) : room
    current()
    const token = credentials ?? this.#token
    const client = typeof given === 'function' ? given(token === undefined ? {} : { token }) : given
    const membership = this.#createMembership(client, topic)
    this.#membership = membership
    await client.open()
    current()
    this.#connections = new Connections({
      client,
      topic,
      state: () => this.#state,
      idOf: participantId => membership.idOf(participantId),
      idleTimeout,
      onevent: event => void this.dispatch(event)
    })
    this.dispatch({ type: 'opened', id: toHex(client.id), name, context })
    await membership.join()
    current()
    this.dispatch({ type: 'connected' })
  }

  #createMembership(client: SocketSignalClient, topic: Uint8Array): Membership {
    return new Membership({
      client,
      topic,
      info: () => encodeInfo(infoOf(this.#state)),
      onevent: event => {
        this.dispatch(event)
        if (event.type === 'moved' && !event.away) this.#connections?.retry(event.participantId)
      },
      onmessage: (participantId, message, recipients) => {
        if (this.#state.status !== 'connected') return
        this.listeners.queue('message_received', participantId, message, recipients, this.#state.view)
        this.listeners.drain()
      },
      onlost: (willReconnect, error) => this.#lost(willReconnect, error),
      onrefused: () => void this.#end('FORBIDDEN'),
      onexpiring: expiresIn => this.#expires(expiresIn)
    })
  }

  #lost(willReconnect: boolean, error: SignalError): void {
    const { status, id } = this.#state
    if (status !== 'connected') return
    // The socket's end may come before the word of the moderator, or without it.
    if (error.code === 'KICKED') return void this.dispatch({ type: 'kicked', participantId: id })
    const expired = error.code === 'TOKEN_EXPIRED' && !this.#isRenewed
    if (willReconnect && !expired) this.dispatch({ type: 'reconnecting', on: true })
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

  async updateToken(token: string): Promise<void> {
    assertConnected(this.#state)
    await this.#membership?.client.updateToken(token)
    this.#token = token
    clearTimeout(this.#expiry)
  }

  async disconnect(): Promise<void> {
    const { status } = this.#state
    if (status === 'connecting' || status === 'connected') {
      this.dispatch({ type: 'disconnect' })
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
    const membership = this.#membership
    const connections = this.#connections
    this.#membership = this.#connections = this.#attempt = this.#connecting = undefined
    membership?.close()
    clearTimeout(this.#expiry)
    this.reports.disable()
    connections?.close()
    // It has ended for us, however that goes.
    if (typeof this.#options.client === 'function') await membership?.client.close().catch(() => {})
    else await membership?.leave().catch(() => {})
    this.#waiters.fail(notConnected(`the room is disconnected: ${reason}`))
    this.dispatch({ type: 'ended', reason })
  }

  async addStream(key: string, tracks: Change): Promise<void> {
    const told = this.dispatch({ type: 'add', key, tracks })
    try {
      await told
    } catch (error) {
      if (this.#state.own.has(key)) this.dispatch({ type: 'remove', key })?.catch(() => {})
      throw error
    }
    this.dispatch({ type: 'announced', key })
  }

  async subscribe(event: Extract<Event, { type: 'subscribe' | 'reconfigure' }>): Promise<void> {
    const { participantId, key } = event
    this.dispatch(event)
    const id = streamId(event)
    if (!this.#state.wishes.get(id)?.pending) return
    const { subscribeTimeout = 15_000 } = this.#options
    await this.#waiters.wait(id, subscribeTimeout, () => {
      const cause = this.#connections?.error(participantId)
      // What is not to be had is not asked for any more.
      if (event.type === 'subscribe' && this.#state.wishes.has(id))
        this.dispatch({ type: 'unsubscribe', participantId, key })
      return new SignalError('TIMEOUT', `nothing has come within ${subscribeTimeout} ms`, { cause })
    })
  }

  async sendMessage(message: Message, recipients?: readonly string[]): Promise<void> {
    assertConnected(this.#state)
    const { type, payload } = Object(message)
    if (type !== 'text' || typeof payload !== 'string')
      throw new TypeError("a message is { type: 'text', payload: text }")
    const { membership } = this.connected()
    if (!recipients) return membership.publish({ type, payload })
    for (const participantId of recipients) this.assertKnown(participantId)
    const others = [...new Set(recipients)].filter(id => id !== this.#state.id)
    await Promise.all(others.map(id => membership.publish({ type, payload, recipients }, id)))
  }

  async moderate(participantId: string, decision: Decision): Promise<void> {
    const { membership } = this.connected()
    this.assertKnown(participantId)
    await membership.moderate(participantId, decision)
  }

  async #read(participantId: string, includeStreams: boolean): Promise<NetworkMetrics[string]> {
    const { connections } = this.connected()
    const streams: NetworkMetrics[string]['streams'] = {}
    for (const key of includeStreams ? this.streamsOf(participantId).keys() : [])
      streams[key] = await connections.stats(participantId, key)
    return { ...(await connections.network(participantId)), ...(includeStreams && { streams }) }
  }

  streamsOf(participantId: string): Map<string, Stream> {
    const { participants, streams } = this.#state.view
    const ids = Object.hasOwn(participants, participantId) ? participants[participantId]?.streams : {}
    return new Map(Object.entries(ids ?? {}).map(([key, id]) => [key, streams[id] as Stream]))
  }

  connected(): { membership: Membership; connections: Connections } {
    assertConnected(this.#state)
    const [membership, connections] = [this.#membership, this.#connections]
    if (membership && connections) return { membership, connections }
    throw ending()
  }

  assertKnown(participantId: string): void {
    assertConnected(this.#state)
    if (Object.hasOwn(this.#state.view.participants, participantId)) return
    throw new SignalError('UNKNOWN_PARTICIPANT', `nobody of the id '${participantId}' is here`)
  }
}

function ending(): SignalError {
  return notConnected('the room is being disconnected')
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
