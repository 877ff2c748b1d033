import { type SignalError, type SocketSignalClient, toHex, topicFromName } from 'socket-signal'
import { Connections } from './connections.ts'
import { encodeInfo } from './info.ts'
import type { Event } from './machine.ts'
import { Membership } from './membership.ts'
import { infoOf, type Machine, notConnected } from './model.ts'
import type { RoomOptions } from './room.ts'
import type { DisconnectReason, Message } from './types.ts'

export interface StayOptions {
  room: RoomOptions
  /** The latest, for a client that is made. */
  token: string | undefined
  state(): Machine
  onevent(event: Event): void
  onmessage(participantId: string, message: Message, recipients: readonly string[] | null): void
  /** It is over, and is to be closed. */
  onend(reason: DisconnectReason): void
}

/** One stay in the room, from `connect()` to its end: a client, its place in the topic, its connections, its token. */
export class Stay {
  readonly #options: StayOptions
  #membership: Membership | undefined
  #connections: Connections | undefined
  /** The latest that we were given, if any. */
  #token: string | undefined
  #expiry: ReturnType<typeof setTimeout> | undefined
  #closed = false
  /** What the client ended with while we were on our way. */
  #failure: SignalError | undefined

  constructor(options: StayOptions) {
    this.#options = options
    this.#token = options.token
  }

  /** Once there is a client. */
  get membership(): Membership | undefined {
    return this.#membership
  }

  /** Once that is open. */
  get connections(): Connections | undefined {
    return this.#connections
  }

  /** Opens the client and joins. Rejects with NOT_CONNECTED when it was closed meanwhile. */
  async enter(): Promise<void> {
    const { room: options, state, onevent } = this.#options
    const { client: given, room, name, context, credentials, idleTimeout = 30_000 } = options
    const topic = typeof room === 'string' ? await topicFromName(room) : room
    this.assertOpen()
    const token = credentials ?? this.#token
    const client = typeof given === 'function' ? given(token === undefined ? {} : { token }) : given
    const membership = this.#createMembership(client, topic)
    this.#membership = membership
    await client.open()
    this.assertOpen()
    this.#connections = new Connections({
      client,
      topic,
      state,
      idOf: participantId => membership.idOf(participantId),
      idleTimeout,
      onevent
    })
    onevent({ type: 'opened', id: toHex(client.id), name, context })
    await membership.join()
  }

  async updateToken(token: string): Promise<void> {
    await this.#membership?.client.updateToken(token)
    this.#token = token
    clearTimeout(this.#expiry)
  }

  /** Hears, says and carries nothing any more. Resolves when the server knows, however that goes. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#expiry)
    this.#membership?.close()
    this.#connections?.close()
    const isOurs = typeof this.#options.room.client === 'function'
    const left = isOurs ? this.#membership?.client.close() : this.#membership?.leave()
    await left?.catch(() => {})
  }

  #createMembership(client: SocketSignalClient, topic: Uint8Array): Membership {
    const { state, onevent, onmessage, onend } = this.#options
    return new Membership({
      client,
      topic,
      info: () => encodeInfo(infoOf(state())),
      onevent: event => {
        onevent(event)
        if (event.type === 'moved' && !event.away) this.#connections?.mesh.retry(event.participantId)
      },
      onmessage,
      onlost: (willReconnect, error) => this.#lost(willReconnect, error),
      onrefused: () => onend('FORBIDDEN'),
      onexpiring: expiresIn => this.#expires(expiresIn)
    })
  }

  #lost(willReconnect: boolean, error: SignalError): void {
    const { state, onevent, onend } = this.#options
    const { status, id } = state()
    if (status !== 'connected') {
      if (!willReconnect) this.#failure = error
      return
    }
    // The socket's end may come before the word of the moderator, or without it.
    if (error.code === 'KICKED') return onevent({ type: 'kicked', participantId: id })
    const expired = error.code === 'TOKEN_EXPIRED' && !this.#isRenewed
    if (willReconnect && !expired) onevent({ type: 'reconnecting', on: true })
    else onend(reasonOf(error))
  }

  /** Whether another than us gets new tokens: `credentials`, or a client that was made with tokens of its own. */
  get #isRenewed(): boolean {
    const { client, credentials } = this.#options.room
    return credentials !== undefined || (typeof client === 'function' && this.#token === undefined)
  }

  /** With nobody to get another token, the stay ends with this one. */
  #expires(ms: number): void {
    if (this.#isRenewed || typeof this.#options.room.client !== 'function') return
    clearTimeout(this.#expiry)
    this.#expiry = setTimeout(() => this.#options.onend('token_expired'), ms)
  }

  /** Throws NOT_CONNECTED when it was closed, or what its client ended with: that may come right behind the server's yes. */
  assertOpen(): void {
    if (this.#closed) throw notConnected('disconnected')
    if (this.#failure) throw this.#failure
  }
}

/** What a room is disconnected by, when it failed with this. */
export function reasonOf(error: unknown): DisconnectReason {
  const { code } = Object(error)
  if (code === 'KICKED') return 'kicked'
  if (code === 'TOKEN_EXPIRED') return 'token_expired'
  return typeof code === 'string' ? code : 'INTERNAL'
}
