import { SignalError, type SocketSignalClient, toHex, toKey, type Unsubscribe } from 'socket-signal'
import { type Decision, readDecision } from './decision.ts'
import { decodeInfo } from './info.ts'
import type { Event } from './machine.ts'
import type { Message } from './types.ts'

export interface MembershipOptions {
  client: SocketSignalClient
  topic: Uint8Array
  /** What is to be said of us when it is said. */
  info(): object
  onevent(event: Event): void
  /** `recipients`: null for a message to all. */
  onmessage(participantId: string, message: Message, recipients: string[] | null): void
  /** There is no socket any more. */
  onlost(willReconnect: boolean, error: SignalError): void
  /** A new token does not let us in. */
  onrefused(): void
  /** Unit: ms. */
  onexpiring(expiresIn: number): void
}

type Of = { topic: Uint8Array; id: Uint8Array }

/** A place in the room's topic, of one client: what the server says there, as events, and what is said to it. */
export class Membership {
  readonly client: SocketSignalClient
  readonly #options: MembershipOptions
  readonly #ids = new Map<string, Uint8Array>()
  readonly #stops: Unsubscribe[]
  #joined = false
  #closed = false
  #unheard = false
  #announced: Promise<void> = Promise.resolve()
  /** What is to be said next, and will be what we have then. */
  #announcing: Promise<void> | undefined

  constructor(options: MembershipOptions) {
    this.#options = options
    this.client = options.client
    this.#stops = this.#listen()
  }

  async join(): Promise<void> {
    const { client, topic, info } = this.#options
    this.#ids.set(toHex(client.id), client.id)
    await client.join(topic, { watch: true, info: info() })
    this.#joined = true
  }

  /** Gives the place up; the client stays open. A server that is away is told when it is back, and not waited for. */
  async leave(): Promise<void> {
    const { client, topic } = this.#options
    if (client.status !== 'open') return
    const left = client.leave(topic).catch(() => {})
    if (!client.connected) return
    let stop = () => {}
    const away = new Promise<void>(resolve => {
      stop = client.on('disconnected', () => resolve())
    })
    await Promise.race([left, away]).finally(stop)
  }

  /** Says to all what we have: one after the other, or a slow server would take an earlier word for the last. */
  announce(): Promise<void> {
    if (this.#announcing) return this.#announcing
    const said = this.#announced.then(async () => {
      this.#announcing = undefined
      if (this.#closed) throw new SignalError('NOT_CONNECTED', 'the room is not connected')
      this.#unheard = true
      await this.join()
      this.#unheard = false
    })
    this.#announcing = said
    this.#announced = said.catch(() => {})
    return said
  }

  /** `to`: one who is here; else all. */
  async publish(data: object, to?: string): Promise<void> {
    const { client, topic } = this.#options
    await client.publish(topic, data, to === undefined ? {} : { to: this.idOf(to) as Uint8Array })
  }

  async moderate(participantId: string, decision: Decision): Promise<void> {
    const { client, topic } = this.#options
    await client.moderate(topic, this.idOf(participantId) as Uint8Array, decision)
  }

  /** 32 bytes. */
  idOf(participantId: string): Uint8Array | undefined {
    return this.#ids.get(participantId)
  }

  forget(participantId: string): void {
    this.#ids.delete(participantId)
  }

  /** Hears and says nothing any more. */
  close(): void {
    this.#closed = true
    for (const stop of this.#stops.splice(0)) stop()
  }

  #listen(): Unsubscribe[] {
    const { client, onevent, onlost, onrefused, onexpiring } = this.#options
    const seen = (event: Of & { info?: unknown }) => this.#seen(event)
    const moved = (away: boolean) => (event: Of) => {
      if (this.#ours(event)) onevent({ type: 'moved', participantId: toHex(event.id), away })
    }
    return [
      client.on('peer-joined', seen),
      client.on('peer-updated', seen),
      client.on('peer-left', event => {
        if (this.#ours(event)) onevent({ type: 'left', participantId: toHex(event.id) })
      }),
      client.on('peer-away', moved(true)),
      client.on('peer-back', moved(false)),
      client.on('message', event => {
        if (this.#ours(event)) this.#heard(toHex(event.id), event.data, event.direct)
      }),
      client.on('moderated', event => {
        if (this.#ours(event)) this.#decided(toHex(event.id), readDecision(event.data))
      }),
      client.on('connected', (_again, { lost }) => {
        onevent({ type: 'reconnecting', on: false })
        // What was to be told may not have been; and what was decided meanwhile not heard.
        if (this.#joined && (this.#unheard || lost > 0)) this.announce().catch(() => {})
      }),
      client.on('disconnected', (willReconnect, { error }) => onlost(willReconnect, error)),
      client.on('connect-error', (error, willReconnect) => onlost(willReconnect, error)),
      client.on('leave', event => {
        if (this.#ours(event) && this.#joined) onrefused()
      }),
      client.on('token-expiring', ({ expiresIn }) => onexpiring(expiresIn))
    ]
  }

  #ours({ topic }: { topic: Uint8Array }): boolean {
    return toKey(topic) === toKey(this.#options.topic)
  }

  #seen(event: Of & { info?: unknown }): void {
    if (!this.#ours(event)) return
    const { onevent } = this.#options
    const participantId = toHex(event.id)
    const info = decodeInfo(event.info)
    // The topic may have members of another kind: they are in no room, and not dialed.
    if (!info) return onevent({ type: 'retired', participantId })
    this.#ids.set(participantId, event.id)
    onevent({ type: 'seen', participantId, info })
  }

  #heard(participantId: string, data: unknown, direct: boolean): void {
    const { type, payload, recipients } = Object(data)
    if (type !== 'text' || typeof payload !== 'string') return
    const named = Array.isArray(recipients) && recipients.every(id => typeof id === 'string')
    const to = direct ? (named ? recipients : [toHex(this.client.id)]) : null
    this.#options.onmessage(participantId, Object.freeze({ type, payload }), to)
  }

  #decided(participantId: string, decision: Decision | undefined): void {
    const { onevent } = this.#options
    if (decision?.action === 'kick') onevent({ type: 'kicked', participantId })
    else if (decision?.action === 'standing') {
      const censored = decision.censored.map(([participantId, key, kind]) => ({ participantId, key, kind }))
      onevent({ type: 'decisions', censored })
    } else if (decision) {
      const { action, key, kind } = decision
      onevent({ type: 'censored', participantId, key, kind, on: action === 'censor' })
    }
  }
}
