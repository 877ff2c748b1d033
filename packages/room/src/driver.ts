import { SignalError } from 'socket-signal/errors'
import type { Connections } from './connections.ts'
import type { Decision } from './decision.ts'
import type { Effect } from './effects.ts'
import { Listeners } from './listeners.ts'
import { type Change, type Event, reduce } from './machine.ts'
import type { Membership } from './membership.ts'
import {
  assertConnected,
  INITIAL,
  type Machine,
  notConnected,
  streamId,
  unknownParticipant
} from './model.ts'
import { Reports } from './reports.ts'
import type { RoomOptions } from './room.ts'
import { reasonOf, Stay } from './stay.ts'
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
  /** Of the latest `connect`; what an earlier one still does is in vain. */
  #stay: Stay | undefined
  #connecting: Promise<void> | undefined
  #ending: Promise<void> | undefined

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
    this.#stay?.connections?.listen()
    this.listeners.drain()
    return told
  }

  #do(effect: Effect, view: State): Promise<void> | undefined {
    switch (effect.type) {
      case 'emit':
        this.listeners.queue(effect.event, ...effect.args, view)
        return
      case 'announce':
        return this.#stay?.membership?.announce() ?? Promise.reject(notConnected('disconnecting'))
      case 'sync':
        this.#stay?.connections?.mesh.sync(effect.participantId)
        return
      case 'drop':
        this.#stay?.membership?.forget(effect.participantId)
        this.#stay?.connections?.mesh.drop(effect.participantId)
        this.reports.disable([effect.participantId])
        return
      case 'end':
        void this.#end(effect.reason)
        return
      default:
        return effect satisfies never
    }
  }

  async connect(): Promise<void> {
    if (this.#state.status === 'connected' && !this.#ending) return
    this.#connecting ??= this.#open()
    return this.#connecting
  }

  async #open(): Promise<void> {
    const stay = this.#createStay()
    this.#stay = stay
    // Who disconnects meanwhile, or ended this before it began, has the last word.
    const assertWanted = () => {
      if (this.#stay !== stay) throw notConnected('disconnected')
    }
    try {
      if (this.#ending) await this.#ending
      assertWanted()
      this.dispatch({ type: 'connect' })
      await stay.enter()
      stay.assertOpen()
      this.#connecting = undefined
      this.dispatch({ type: 'connected' })
    } catch (error) {
      assertWanted()
      await this.#end(reasonOf(error))
      throw error
    }
  }

  #createStay(): Stay {
    return new Stay({
      room: this.#options,
      token: this.#token,
      state: () => this.#state,
      onevent: event => void this.dispatch(event),
      onmessage: (...args) => {
        if (this.#state.status !== 'connected') return
        this.listeners.queue('message_received', ...args, this.#state.view)
        this.listeners.drain()
      },
      onend: reason => void this.#end(reason)
    })
  }

  async updateToken(token: string): Promise<void> {
    await this.connected().stay.updateToken(token)
    this.#token = token
  }

  async disconnect(): Promise<void> {
    const { status } = this.#state
    // What was to follow an end that is under way is not wanted any more.
    if (this.#ending) this.#stay = this.#connecting = undefined
    if (status === 'connecting' || status === 'connected') {
      this.dispatch({ type: 'disconnect' })
      void this.#end('left')
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
    const stay = this.#stay
    this.#stay = this.#connecting = undefined
    const closed = stay?.close()
    this.reports.disable()
    // At once: closing may take a while, and nothing comes of what is waited for.
    this.#waiters.fail(notConnected(`disconnected: ${reason}`))
    await closed
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
      const cause = this.#stay?.connections?.mesh.error(participantId)
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
    const { meter } = this.connected().connections
    const streams: NetworkMetrics[string]['streams'] = {}
    for (const key of includeStreams ? this.streamsOf(participantId).keys() : [])
      streams[key] = await meter.stream(participantId, key)
    return { ...(await meter.network(participantId)), ...(includeStreams && { streams }) }
  }

  streamsOf(participantId: string): Map<string, Stream> {
    const { participants, streams } = this.#state.view
    const ids = Object.hasOwn(participants, participantId) ? participants[participantId]?.streams : {}
    return new Map(Object.entries(ids ?? {}).map(([key, id]) => [key, streams[id] as Stream]))
  }

  /** Throws NOT_CONNECTED, also while the room ends. */
  connected(): { stay: Stay; membership: Membership; connections: Connections } {
    assertConnected(this.#state)
    const stay = this.#stay
    if (stay?.membership && stay.connections)
      return { stay, membership: stay.membership, connections: stay.connections }
    throw notConnected('disconnecting')
  }

  assertKnown(participantId: string): void {
    this.connected()
    if (Object.hasOwn(this.#state.view.participants, participantId)) return
    throw unknownParticipant(participantId)
  }
}
